import type { Caller } from "../core/commands.js";
import { requireRole } from "../core/decide/guards.js";
import { decide } from "../core/decide/index.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import type { Run } from "../core/run.js";
import { type ReadBundle, readBundle, writeBundle } from "../ledger/bundle.js";
import { FINISHED, surplusRuns, unnamedBlobs } from "../ledger/housekeeping.js";
import { toRows } from "../ledger/journal.js";
import type { Ledger } from "../ledger/ledger.js";
import { newRunId } from "../ledger/run-id.js";
import { dropRun } from "../pev/objects.js";
import { removeFolder } from "../pev/private-folder.js";
import type { Project } from "../pev/project.js";
import { unusedSetups } from "../pev/setup-cache.js";
import {
  type CommitsArrived,
  holdsCommits,
  nameCommits,
  packRun,
  shareCommits,
  tidyStore,
  unpackRun,
} from "../pev/transfer.js";
import { disposeWorkspaces, runsWithWorkspaces } from "../pev/workspaces.js";
import type { RunRow } from "../stores/store.js";
import { loggedRuns, removeLogs } from "./logs.js";

type KeepingOptions = {
  readonly ledger: Ledger;
  readonly project: Project;
  readonly logFolder: string;
  /** Where runs go before they are removed. */
  readonly archive: {
    write(
      runId: string,
      lines: AsyncIterable<string>,
      check: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
    ): Promise<string>;
  };
  /** Finished runs that are kept when nobody says how many; 0 keeps all. */
  readonly maxRunHistory: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly now: () => string;
};

/** What is done with whole runs, beside driving them. */
export interface Keeping {
  /** A new run that goes on from the past of another one, whatever became of that. */
  fork(caller: Caller, forking: Forking): Promise<Run>;
  /** One run as a portable bundle, JSON Lines. */
  exportRun(runId: string): AsyncIterable<string>;
  /** Takes a bundle in: all of it, its chain as it is, or nothing. A run that was running is paused. */
  importRun(caller: Caller, chunks: AsyncIterable<Uint8Array>): Promise<Imported>;
  /** Archives and removes finished runs beyond `keep`, `maxRunHistory` when not given. */
  prune(options?: Partial<Pruning>): Promise<readonly Pruned[]>;
  /** Removes what no run needs any more: blobs, workspaces and logs, copies of set-ups, git objects. */
  collectGarbage(options?: { readonly dryRun?: boolean }): Promise<Collected>;
}

export const createKeeping = (options: KeepingOptions): Keeping => ({
  fork: (caller, forking) => forkRun(options, caller, forking),
  exportRun: (runId) => exportRun(options, runId),
  importRun: (caller, chunks) => importRun(options, caller, chunks),
  prune: async ({ keep, dryRun = false, onStays = warnOf } = {}) => {
    // Zero in the settings: all stay. Only who says it here keeps none.
    if (keep === undefined && options.maxRunHistory === 0) return [];
    return pruneRuns(options, { keep: keep ?? options.maxRunHistory, dryRun, onStays });
  },
  collectGarbage: ({ dryRun = false } = {}) => collectGarbage(options, { dryRun }),
});

const warnOf: Pruning["onStays"] = (runId, why) =>
  process.emitWarning(`Run ${runId} could not be archived: ${why.message}`);

export type Forking = {
  readonly runId: string;
  /** The last event to take over; without it, the last after which the run could still go on. */
  readonly seq?: number;
  readonly idempotencyKey?: string;
};

export type Imported = {
  readonly run: Run;
  /** False when the very same run was here already. */
  readonly arrived: boolean;
  readonly commits: CommitsArrived;
};

export type Pruning = {
  readonly keep?: number;
  readonly dryRun: boolean;
  /** Told of each run that would go, and why it cannot; without it, a warning of the process says so. */
  readonly onStays: (runId: string, why: LedgerError) => void;
};

export type Pruned = { readonly runId: string; readonly goal: string; readonly archive: string | null };

/** What was of no use any more; with a dry run, what would go. */
export type Collected = {
  readonly blobs: number;
  readonly blobBytes: number;
  /** Finished or removed runs whose workspaces went. */
  readonly workspaces: readonly string[];
  /** Removed runs whose logs went. */
  readonly logs: readonly string[];
  /** Copies of what set-up made that nobody used for a week, and their bytes. */
  readonly setups: number;
  readonly setupBytes: number;
  /** Bytes by which the private git store became smaller; null when nobody can say beforehand. */
  readonly storeBytes: number | null;
};

// A run begins again from its past, under a name of its own. Its commits are named first: a fork without them is no use.
const forkRun = async (
  { ledger, project }: KeepingOptions,
  caller: Caller,
  { runId, seq, idempotencyKey }: Forking,
): Promise<Run> => {
  const command = { type: "fork_run", from: runId, seq: seq ?? null } as const;
  const forkId = newRunId();
  const earlier = await ledger.answered(forkId, command, caller, idempotencyKey);
  if (earlier !== undefined) return earlier;
  await ledger.load(runId);
  await shareCommits(project.store, runId, forkId);
  try {
    const key = idempotencyKey === undefined ? {} : { idempotencyKey };
    return (await ledger.submit(forkId, command, caller, key)).run;
  } catch (error) {
    if (project.store !== null) await dropRun(project.store, forkId);
    throw error;
  }
};

async function* exportRun({ ledger, project, now }: KeepingOptions, runId: string): AsyncGenerator<string> {
  if ((await ledger.store.runRow(runId)) === undefined) await ledger.load(runId);
  const commits = await packRun(project.store, runId);
  yield* writeBundle(ledger.store, runId, { commits, at: now() });
}

// What comes from elsewhere is checked whole before anything of it counts, and goes on here only when somebody says so:
// its own ledger may still be at work on it.
const importRun = async (
  options: KeepingOptions,
  caller: Caller,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Imported> => {
  const { ledger, project } = options;
  ledger.check(caller);
  requireRole(caller, "import a run", "orchestrator", "human");
  const bundle = await readBundle(chunks, (bytes) => ledger.store.putBlob(bytes));
  const known = await sameRun(ledger, bundle);
  const git = gitOf(bundle);
  const commits = await unpackRun(project, bundle.run.runId, git);
  if (known !== undefined) return { run: known, arrived: false, commits };
  const { ledgerId } = bundle.header;
  const elsewhere = ledgerId !== ledger.store.ledgerId;
  const { run, rows } = onArrival(options, caller, bundle);
  const origin = elsewhere ? { ledgerId, importedAt: options.now() } : null;
  const adopted = await ledger.adopt({ run, rows, origin });
  // Until it was here, whoever cleaned up took its refs for those of a run that was refused.
  if (commits === "here" && git !== undefined && project.store !== null)
    await nameCommits(project.store, run.runId, git);
  return { run: adopted, arrived: true, commits };
};

const gitOf = ({ commits }: ReadBundle) => commits && { ...commits, pack: Buffer.from(commits.pack) };

/** The run itself when it is here; another one of that name is no business of the bundle's. */
const sameRun = async (ledger: Ledger, { header, run }: ReadBundle): Promise<Run | undefined> => {
  const { runId } = run;
  if ((await ledger.store.runRow(runId)) === undefined) return undefined;
  const [last] = await ledger.store.read(runId, header.events - 1, 1);
  if (last?.hash === header.lastHash) return ledger.load(runId);
  throw new LedgerError("run_exists", `There is a run "${runId}" here already, with another history.`, {
    hint: "One of the two was changed; `runledger journal` shows the one that is here.",
  });
};

const onArrival = (
  { ledger, now }: KeepingOptions,
  caller: Caller,
  { run, rows, header }: ReadBundle,
): Pick<ReadBundle, "run" | "rows"> => {
  // Of a run that a host drives nobody here would go on with anything.
  if (run.state.status !== "running" || run.source !== null) return { run, rows };
  const reason = `Imported from ledger ${header.ledgerId}; resume it to go on here.`;
  const context = { caller, at: now(), rules: ledger.rules };
  const paused = decide({ type: "pause_run", reason }, run, context, run.runId);
  return { run: paused.run, rows: [...rows, ...toRows(paused.events, header.lastHash)] };
};

/** Archived and read back first, then removed: whatever fails in between, a run is in one of the two places. */
const pruneRuns = async (
  options: KeepingOptions,
  { keep, dryRun, onStays }: Pruning & { readonly keep: number },
): Promise<readonly Pruned[]> => {
  const { ledger, now } = options;
  const pruned: Pruned[] = [];
  for (const row of await surplusRuns(ledger.store, keep, Date.parse(now())))
    try {
      if (!(await canComeBack(options, row.runId))) continue;
      const archive = dryRun ? null : await archiveAndRemove(options, row);
      pruned.push({ runId: row.runId, goal: row.goal, archive });
    } catch (error) {
      // One run that cannot be read or archived keeps no other from going; a store that stopped does.
      if (!isLedgerError(error) || error.code === "store_unavailable") throw error;
      onStays(row.runId, error);
    }
  return pruned;
};

// An archive is all that will be left. Of a run whose commits are not here, an earlier one may be all that has them.
const canComeBack = async ({ ledger, project }: KeepingOptions, runId: string): Promise<boolean> =>
  (await ledger.load(runId)).base === null || (await holdsCommits(project.store, runId));

const archiveAndRemove = async (options: KeepingOptions, row: RunRow): Promise<string> => {
  const { ledger, project, archive, logFolder, now } = options;
  const { runId, lastHash } = row;
  const file = await archive.write(runId, exportRun(options, runId), async (bytes) => {
    const { header } = await readBundle(bytes, async () => {});
    if (header.lastHash !== lastHash)
      throw new LedgerError("seq_conflict", `Run "${runId}" changed while it was archived.`);
  });
  await ledger.store.remove(runId, { lastHash, removedAt: now(), archive: file });
  if (project.store !== null) await dropRun(project.store, runId);
  await disposeWorkspaces(project, runId);
  await removeLogs(logFolder, runId);
  return file;
};

const collectGarbage = async (
  { ledger, project, logFolder, now }: KeepingOptions,
  { dryRun }: { readonly dryRun: boolean },
): Promise<Collected> => {
  const { store } = ledger;
  const blobs = await unnamedBlobs(store, Date.parse(now()));
  const workspaces = await runsThat(await runsWithWorkspaces(project), async (runId) => {
    const status = (await store.runRow(runId))?.status;
    return status === undefined || FINISHED.includes(status);
  });
  const gone = async (runId: string) => (await store.removalOf(runId)) !== undefined;
  const logs = await runsThat(await loggedRuns(logFolder), gone);
  const blobBytes = blobs.reduce((sum, { bytes }) => sum + bytes, 0);
  const setups = await unusedSetups(project.cacheFolder, Date.parse(now()));
  const setupBytes = setups.reduce((sum, { bytes }) => sum + bytes, 0);
  const found = { blobs: blobs.length, blobBytes, workspaces, logs, setups: setups.length, setupBytes };
  if (dryRun) return { ...found, storeBytes: null };
  for (const blob of blobs) await store.removeBlob(blob);
  for (const runId of workspaces) await disposeWorkspaces(project, runId);
  for (const runId of logs) await removeLogs(logFolder, runId);
  for (const { path } of setups) await removeFolder(path);
  return { ...found, storeBytes: project.store === null ? 0 : await tidyStore(project.store) };
};

const runsThat = async (
  runIds: readonly string[],
  fits: (runId: string) => Promise<boolean>,
): Promise<readonly string[]> => {
  const chosen: string[] = [];
  for (const runId of runIds) if (await fits(runId)) chosen.push(runId);
  return chosen;
};
