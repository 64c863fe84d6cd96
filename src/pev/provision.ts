import { randomUUID } from "node:crypto";
import { realpath, rename } from "node:fs/promises";
import { join } from "node:path";
import type { ProvisionRecord } from "../core/verdict.js";
import { wallSentence } from "../core/walls.js";
import { copyCommand, isThere, makeFolders } from "./copying.js";
import type { Git } from "./git.js";
import { listTree } from "./objects.js";
import { removeFolder } from "./private-folder.js";
import type { ProcessEnd } from "./sandbox.js";
import { type Making, openSetupCache, type SetupCache } from "./setup-cache.js";
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
  /** Where copies of what set-up makes are kept; null when none are. */
  readonly cache: SetupCache | null;
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
  const records: ProvisionRecord[] = [];
  for await (const perform of tasksOf(input, within(input.run), within(input.runHeld))) {
    const startedAt = performance.now();
    const done = await perform();
    const durationMs = Math.round(performance.now() - startedAt);
    if (done === undefined) continue;
    const { what, problem } = done;
    if (problem === null) records.push({ what, outcome: "done", durationMs });
    else records.push({ what: `${what}: ${problem}`, outcome: "failed", durationMs });
    if (problem !== null) break;
  }
  return records;
};

type Run = (argv: readonly string[]) => Promise<ProcessEnd>;

/** Undefined when there is nothing to tell. */
type Task = () => Promise<{ readonly what: string; readonly problem: Problem } | undefined>;

/** Local settings come first: what is installed after them may read them. */
async function* tasksOf(input: Provisioning, run: Run, runHeld: Run): AsyncGenerator<Task, void> {
  const { included, share, setup, cache } = input;
  if (included.problem !== null || included.files.length > 0) yield () => layFiles(input);
  for (const path of share)
    yield async () => ({ what: `copy ${path}`, problem: await copyShared(input, path, run) });
  const install = setup.map(
    (argv): Task =>
      async () => ({ what: argv.join(" "), problem: problemOf(await runHeld(argv)) }),
  );
  if (cache === null || install.length === 0) yield* install;
  else yield* cachedSetup(setup, cache, install, run);
}

/** One copy does for all commands of set-up; without one they run, and where nobody but the user wrote the tree it is kept. */
async function* cachedSetup(
  setup: Provisioning["setup"],
  cache: SetupCache,
  install: readonly Task[],
  run: Run,
): AsyncGenerator<Task, void> {
  let making: Making | undefined;
  yield async () => {
    making = await cache.enter(run);
    const all = setup.map((argv) => argv.join(" ")).join("; ");
    return making === undefined ? { what: `${all} (from the cache)`, problem: null } : undefined;
  };
  if (making === undefined) return;
  try {
    yield* install;
    const { keep } = making;
    yield async () => ({ what: `cache: ${await keep(run)}`, problem: null });
  } finally {
    making.end();
  }
}

/** What went wrong in one sentence; null when nothing did. */
type Problem = string | null;

const layFiles = async (input: Provisioning) => {
  const { files, problem } = input.included;
  const what = `copy what .worktreeinclude names (${files.length} ${files.length === 1 ? "file" : "files"})`;
  return { what, problem: problem ?? (await copyIncluded(input, files)) };
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
  if (await isThere(target)) {
    if (input.whenPresent === "keep") return null;
    await removeFolder(target);
  }
  return copyWhole(input, source, target, run);
};

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

/** What both kinds of trees know of their surroundings. */
type CacheInput = Pick<Provisioning, "tree" | "setup" | "included"> & {
  readonly store: Git;
  /** What was laid out there, and the commit the user began with. */
  readonly commit: string;
  readonly userBase: string | null;
  readonly cache: readonly string[];
  readonly cacheFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly passEnv: readonly string[];
  readonly signal: AbortSignal;
};

/** Null where nothing is to be kept. */
export const cacheFor = async (input: CacheInput): Promise<SetupCache | null> => {
  const { store, commit, userBase, cache, setup, included, ...same } = input;
  if (cache.length === 0 || setup.length === 0) return null;
  return openSetupCache({
    ...same,
    setup,
    paths: cache,
    entries: await listTree(store, commit),
    laid: included.files.map(({ path, mark }) => `${path} ${mark}`),
    isBase: commit === userBase,
  });
};
