import { randomUUID } from "node:crypto";
import { lstat, mkdir, realpath, rename } from "node:fs/promises";
import { join } from "node:path";
import type { ProvisionRecord } from "../core/verdict.js";
import { wallSentence } from "../core/walls.js";
import { ignoreExisting, removeFolder } from "./private-folder.js";
import type { ProcessEnd } from "./sandbox.js";
import { partsOf } from "./tree-files.js";
import { wayBack } from "./way-back.js";
import { type IncludedFile, type Inclusion, layIncluded } from "./worktree-include.js";

/** Dependencies of a large project are copied and installed within this, or something hangs. */
export const PROVISION_MS = 600_000;

/** Where whoever reads that it failed looks first. */
export const PROVISION_HINT =
  "Mend .worktreeinclude in your checkout, or workspace.setup and workspace.share in runledger.yaml.";

export type Provisioning = {
  /** The folder that is made usable. */
  readonly tree: string;
  /** The user's checkout: shared paths come from there and never from what an agent left. */
  readonly projectDir: string;
  /** What the list in the checkout names; see worktree-include.ts. */
  readonly included: Inclusion;
  /** Commands run in the tree, as argv. */
  readonly setup: readonly (readonly string[])[];
  /** Paths relative to both folders. */
  readonly share: readonly string[];
  /** In a room what an agent left at a shared path is replaced; in its own workspace it is kept. */
  readonly whenPresent: "replace" | "keep";
  /** For all of it together. */
  readonly timeoutMs: number;
  /** For copies, by a program of ours that sees both folders. */
  readonly run: RunFor;
  /** For the commands, which are held as a validator is. */
  readonly runHeld: RunFor;
};

type RunFor = (argv: readonly string[], timeoutMs: number) => Promise<ProcessEnd>;

/**
 * Dependencies come from the trusted side, so that a proposal cannot bring its own test runner. Copied, not linked: through
 * a link a validator would write into the user's checkout. Stops at the first failure, which `what` then explains.
 */
export const provision = async (input: Provisioning): Promise<readonly ProvisionRecord[]> => {
  const until = performance.now() + input.timeoutMs;
  const within =
    (run: RunFor): Run =>
    (argv) =>
      run(argv, Math.ceil(until - performance.now()));
  const [run, runHeld] = [within(input.run), within(input.runHeld)];
  const tasks = [
    ...includeTask(input),
    ...input.share.map((path) => ({ what: `copy ${path}`, perform: () => copyShared(input, path, run) })),
    ...input.setup.map((argv) => ({
      what: argv.join(" "),
      perform: async () => problemOf(await runHeld(argv)),
    })),
  ];
  const records: ProvisionRecord[] = [];
  for (const { what, perform } of tasks) {
    const startedAt = performance.now();
    const problem = await perform();
    const durationMs = Math.round(performance.now() - startedAt);
    records.push({
      what: problem === null ? what : `${what}: ${problem}`,
      outcome: problem === null ? "done" : "failed",
      durationMs,
    });
    if (problem !== null) break;
  }
  return records;
};

/** `cp` copies 9,000 files in a third of the time that Node needs, and can be stopped. */
export const copyCommand = (source: string, target: string): readonly string[] => {
  const reflink = process.platform === "linux" ? ["--reflink=auto"] : [];
  return ["cp", "-a", ...reflink, "--", source, target];
};

type Run = (argv: readonly string[]) => Promise<ProcessEnd>;

/** What went wrong in one sentence; null when nothing did. */
type Problem = string | null;

/** Local settings come first: what is installed after them may read them. */
const includeTask = (input: Provisioning) => {
  const { files, problem } = input.included;
  if (problem === null && files.length === 0) return [];
  const what = `copy what .worktreeinclude names (${files.length} ${files.length === 1 ? "file" : "files"})`;
  return [{ what, perform: async () => problem ?? (await copyIncluded(input, files)) }];
};

const copyIncluded = async (
  { tree, projectDir }: Provisioning,
  files: readonly IncludedFile[],
): Promise<Problem> => {
  for (const file of files) {
    const folder = await makeFolders(tree, file.path.split("/").slice(0, -1));
    const problem =
      folder === undefined
        ? `the tree has something else where the folder of ${file.path} should be`
        : await layIncluded(projectDir, file, folder);
    if (problem !== null) return problem;
  }
  return null;
};

const copyShared = async (input: Provisioning, path: string, run: Run): Promise<Problem> => {
  const parts = partsOf(path);
  const name = parts?.at(-1);
  if (parts === undefined || name === undefined) return "it is not a path inside the project";
  const source = await realpath(join(input.projectDir, ...parts)).catch(() => undefined);
  if (source === undefined) return `it does not exist in ${input.projectDir}`;
  const parent = await makeFolders(input.tree, parts.slice(0, -1));
  if (parent === undefined) return "the tree has something else where its folder should be";
  const target = join(parent, name);
  if (await exists(target)) {
    if (input.whenPresent === "keep") return null;
    await removeFolder(target);
  }
  return copyWhole(input, source, target, run);
};

/** Makes what is missing, and never goes through a link: those in the tree were made by an agent. */
const makeFolders = async (tree: string, parts: readonly string[]): Promise<string | undefined> => {
  let at = tree;
  for (const part of parts) {
    at = join(at, part);
    await mkdir(at).catch(ignoreExisting);
    if (!(await lstat(at)).isDirectory()) return undefined;
  }
  return at;
};

const exists = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined)) !== undefined;

/** Half a copy never gets the name, and neither does one that would judge the user's checkout instead of the tree. */
const copyWhole = async (
  { projectDir }: Provisioning,
  source: string,
  target: string,
  run: Run,
): Promise<Problem> => {
  const draft = `${target}.${randomUUID()}`;
  const copied = problemOf(await run(copyCommand(source, draft)));
  const problem = copied ?? (await wayBack(draft, projectDir));
  if (problem === null) await rename(draft, target);
  else await removeFolder(draft);
  return problem;
};

const problemOf = (end: ProcessEnd): Problem => {
  if (end.notFound) return "the program is not on the PATH";
  if (end.wall !== null) return `it ${wallSentence(end.wall)}`;
  if (end.timedOut) return "the time limit was reached";
  if (end.exitCode === 0) return null;
  if (end.noSpace) return "the disk is full";
  const lastLine = end.tail.trim().split("\n").at(-1) || "it said nothing";
  return `${end.exitCode === null ? `ended by ${end.signal}` : `exit ${end.exitCode}`}: ${lastLine}`;
};
