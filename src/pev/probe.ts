import { join } from "node:path";
import type { Project } from "./project.js";
import { userGit } from "./user-git.js";

/** Paths named before "and so on". */
const PATHS_NAMED = 5;

// What a run would find in the user's repository, in one sentence; throws LedgerError where it would be refused.
export const probeRepository = async ({ folder, store, ownFiles }: Project): Promise<string> => {
  if (store === null) return "not needed without workspace isolation";
  const git = await userGit(folder);
  const head = (await git.run(["rev-parse", "--short", "HEAD"])).trim();
  const status = await git.run(["status", "--porcelain", "-z", "--no-renames"]);
  const changed = status
    .split("\0")
    .filter(Boolean)
    .map((line) => line.slice(3))
    .filter((path) => !ownFiles.includes(join(git.topLevel, path)));
  if (changed.length === 0) return `${git.topLevel} at ${head}, clean`;
  const named = changed.slice(0, PATHS_NAMED);
  const rest = changed.length > PATHS_NAMED ? ` and ${changed.length - PATHS_NAMED} more` : "";
  return `${git.topLevel} at ${head}, with uncommitted changes (${named.join(", ")}${rest}); a run starts from a commit`;
};
