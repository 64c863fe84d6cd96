import type { Attack } from "./attack.js";
import { gaming } from "./families/gaming.js";
import { git } from "./families/git.js";
import { paths } from "./families/paths.js";
import { processes } from "./families/processes.js";
import { roles } from "./families/roles.js";
import { secrets } from "./families/secrets.js";

/** Every attack, by family. */
export const families: Readonly<Record<string, readonly Attack[]>> = {
  gaming,
  git,
  paths,
  processes,
  secrets,
  roles,
};
