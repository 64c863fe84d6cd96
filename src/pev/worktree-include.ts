import { type BigIntStats, constants } from "node:fs";
import { copyFile, lstat, readlink, symlink } from "node:fs/promises";
import { dirname, isAbsolute, join, posix } from "node:path";
import { firstAndMore } from "../core/and-more.js";
import { isLedgerError } from "../core/errors.js";
import { isWithin } from "../core/within.js";
import { type UserGit, userGit } from "./user-git.js";

/** In the top folder of the checkout, in the words of .gitignore; agents' tools that make worktrees read the same file. */
export const INCLUDE_FILE = ".worktreeinclude";
/** Local settings are a few files; installed packages come by workspace.share, which copies them faster. */
const FILES_MAX = 1_000;
const BYTES_MAX = 67_108_864;

export type IncludedFile = {
  /** From the top of the checkout. */
  readonly path: string;
  /** Another one when somebody wrote it. */
  readonly mark: string;
};

/** What the user's checkout gives to fresh trees beside its commits; `problem` says in one sentence why it gives nothing. */
export type Inclusion = { readonly files: readonly IncludedFile[]; readonly problem: string | null };

type Checkout = {
  /** The user's checkout: the list and the files come from there as they are now, never from an agent's tree. */
  readonly projectDir: string;
  /** Our own files in it, absolute; they are nobody's settings. */
  readonly ownFiles: readonly string[];
};

// Files that git ignores and that the list names. All of them or none: half of somebody's settings is worse than no answer.
export const findIncluded = async (checkout: Checkout): Promise<Inclusion> => {
  const list = await lstat(join(checkout.projectDir, INCLUDE_FILE)).catch(() => undefined);
  if (list === undefined) return NOTHING;
  if (!list.isFile()) return { files: [], problem: `${INCLUDE_FILE} is no regular file` };
  try {
    return await measured(checkout, (await matchedFiles(checkout)).ignored);
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    return { files: [], problem: error.message };
  }
};

/** Matched and not ignored: the commits have them, or nobody. For whoever expects them to be copied. */
export const unignoredMatches = async (checkout: Checkout): Promise<readonly string[]> =>
  (await matchedFiles(checkout)).others;

/**
 * Lays one where a tree has nothing. What the tree has is what is judged, or an agent's own work. Answers in one sentence
 * what went wrong, null when nothing did; `folder` is the one it belongs into.
 */
export const layIncluded = async (
  projectDir: string,
  { path }: IncludedFile,
  folder: string,
): Promise<string | null> => {
  const source = join(projectDir, path);
  const target = join(folder, posix.basename(path));
  try {
    const facts = await lstat(source);
    if (facts.isSymbolicLink()) await symlink(await readlink(source), target);
    else await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") return `${path} could not be copied (${code})`;
  }
  return null;
};

/** Lines of a .gitignore that name exactly these paths. */
export const exactPatterns = (paths: readonly string[]): string =>
  paths.map((path) => `/${path.replace(/[\\*?[\]!# ]/g, "\\$&")}\n`).join("");

const NOTHING: Inclusion = { files: [], problem: null };

type Matched = { readonly ignored: readonly string[]; readonly others: readonly string[] };

/** Git reads both files, so that each line means what it means there. */
const matchedFiles = async ({ projectDir, ownFiles }: Checkout): Promise<Matched> => {
  const user = await userGit(projectDir);
  const list = `--exclude-from=${join(user.topLevel, INCLUDE_FILE)}`;
  const listed = await user.run(["ls-files", "--others", "--ignored", list, "-z"]);
  const untracked = listed.split("\0").filter((path) => path !== "" && !isOwn(projectDir, path, ownFiles));
  const ignored = await ignoredOf(user, untracked);
  return {
    ignored: untracked.filter((path) => ignored.has(path)).sort(),
    others: untracked.filter((path) => !ignored.has(path)).sort(),
  };
};

const isOwn = (projectDir: string, path: string, ownFiles: readonly string[]): boolean =>
  path.split("/").some((name) => OWN_NAMES.has(name.toLowerCase())) ||
  ownFiles.some((own) => isWithin(join(projectDir, path), own));

const OWN_NAMES: ReadonlySet<string> = new Set([".git", ".runledger"]);

const ignoredOf = async (user: UserGit, paths: readonly string[]): Promise<ReadonlySet<string>> => {
  if (paths.length === 0) return new Set();
  // "./" keeps a leading colon from being read as pathspec magic; exit code 1 says that none is ignored.
  const { stdout } = await user.plumbing.run(["check-ignore", "--stdin", "-z"], {
    workTree: user.topLevel,
    input: paths.map((path) => `./${path}\0`).join(""),
    okExitCodes: [0, 1],
  });
  return new Set(
    stdout
      .split("\0")
      .filter(Boolean)
      .map((path) => path.slice(2)),
  );
};

const measured = async ({ projectDir }: Checkout, paths: readonly string[]): Promise<Inclusion> => {
  const refused = (problem: string): Inclusion => ({ files: [], problem });
  if (paths.length > FILES_MAX)
    return refused(
      `it names ${paths.length} files, more than ${FILES_MAX}: ${firstAndMore(paths)}; ${MENDING}`,
    );
  const files: IncludedFile[] = [];
  let bytes = 0;
  for (const path of paths) {
    const source = join(projectDir, path);
    const facts = await lstat(source, { bigint: true }).catch(() => undefined);
    const problem = facts === undefined ? "is gone" : await unfitFor(source, path, facts);
    if (facts === undefined || problem !== null) return refused(`${path} ${problem}`);
    bytes += Number(facts.size);
    files.push({ path, mark: `${facts.ino} ${facts.ctimeNs}` });
  }
  if (bytes > BYTES_MAX)
    return refused(
      `its files have ${bytes} bytes, more than ${BYTES_MAX}: ${firstAndMore(paths)}; ${MENDING}`,
    );
  return { files, problem: null };
};

const MENDING = "copy whole folders by workspace.share";

const unfitFor = async (source: string, path: string, facts: BigIntStats): Promise<string | null> => {
  if (path.includes("\uFFFD")) return "has a name that is not UTF-8";
  if (path.endsWith("/")) return "is a repository of its own";
  if (facts.isFile()) return null;
  if (!facts.isSymbolicLink()) return "is neither a file nor a link";
  const target = await readlink(source);
  const inside = !isAbsolute(target) && !posix.join(dirname(path), target).startsWith("..");
  return inside ? null : `is a link that leaves the checkout, to ${JSON.stringify(target)}`;
};
