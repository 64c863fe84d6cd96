import { lstat, readdir, readFile, readlink, realpath } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { isWithin } from "../core/within.js";

/** Several times the dependencies of a large project. */
const ENTRIES_MAX = 1_000_000;
/** These files have a few lines; a larger `.pth` holds the weights of a model. */
const POINTER_BYTES_MAX = 65_536;

/**
 * Copied dependencies must not lead back into the user's checkout: through an editable install its code would be judged
 * instead of the proposal's, and through a link it would be written. Says what is wrong; null when nothing is.
 */
export const wayBack = async (copy: string, projectDir: string): Promise<string | null> => {
  if (!(await lstat(copy)).isDirectory()) return null;
  const projects = [projectDir, await realpath(projectDir)];
  const folders = [copy];
  let seen = 0;
  for (const folder of folders) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      seen += 1;
      if (seen > ENTRIES_MAX) return `it has more than ${ENTRIES_MAX} entries`;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      const leads = entry.isSymbolicLink() ? linkLeads : entry.isFile() ? pointerOf(entry.name) : undefined;
      if (leads !== undefined && (await leads(path, projects)))
        return `${relative(copy, path)} leads back into ${projectDir}; ${MENDING}`;
    }
  }
  return null;
};

const MENDING = "install without --editable and without absolute links, or install in workspace.setup";

type Leads = (path: string, projects: readonly string[]) => Promise<boolean>;

/** A relative link leads, in the copy, to the copy or to the tree around it. */
const linkLeads: Leads = async (path, projects) => {
  const target = await readlink(path);
  if (!isAbsolute(target)) return false;
  return isWithinOne(target, projects) || isWithinOne(await realpath(target).catch(() => target), projects);
};

/** How to read a file by which Python finds modules elsewhere. */
const pointerOf = (name: string): Leads | undefined => {
  if (name === "direct_url.json") return editableLeads;
  return name.endsWith(".pth") || name.endsWith(".egg-link") ? linesLead : undefined;
};

/** What pip and its like wrote down of an install; one that was not editable has been copied. */
const editableLeads: Leads = async (path, projects) => {
  const text = await textOf(path);
  const [, url] = /"url"\s*:\s*"(file:[^"]*)"/.exec(text) ?? [];
  return /"editable"\s*:\s*true/.test(text) && url !== undefined && isWithinOne(fileURLToPath(url), projects);
};

/** A line is a folder, or Python code that names one. */
const linesLead: Leads = async (path, projects) => {
  const text = await textOf(path);
  return projects.some((project) =>
    text
      .split(project)
      .slice(1)
      .some((rest) => rest === "" || /^[/\s"']/.test(rest)),
  );
};

const textOf = async (path: string): Promise<string> =>
  (await lstat(path)).size > POINTER_BYTES_MAX ? "" : readFile(path, "utf8");

const isWithinOne = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => isWithin(path, folder));
