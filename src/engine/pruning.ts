import { isLedgerError, LedgerError } from "../core/errors.js";
import { nextActions } from "../core/next.js";
import { readBundle } from "../ledger/bundle.js";
import type { CheckpointManager } from "../ledger/checkpoints/checkpoints.js";
import { doubtsOf } from "../ledger/doubts.js";
import { COUNTED_FOR_MS } from "../ledger/gate-facts.js";
import {
  blobShares,
  bytesOf,
  type Finished,
  finishedRuns,
  type Retention,
  unnamedBlobs,
} from "../ledger/housekeeping.js";
import type { Ledger } from "../ledger/ledger.js";
import { leavingOrigin } from "../ledger/left-origin.js";
import type { KeptReceipts } from "../ledger/receipts.js";
import { dropRun } from "../pev/objects.js";
import type { Project } from "../pev/project.js";
import { holdsCommits } from "../pev/transfer.js";
import { disposeWorkspaces } from "../pev/workspaces.js";
import type { RunRow } from "../stores/store.js";
import { leftBehind } from "./left-behind.js";
import { removeLogs } from "./logs.js";

export type PruningParts = {
  readonly ledger: Ledger;
  readonly project: Project;
  readonly logFolder: string;
  /** Nobody goes on with a finished run. */
  readonly checkpoints: Pick<
    CheckpointManager,
    "forget" | "spaceOf" | "findLeft" | "removeLeft" | "blockedKeys"
  >;
  readonly receipts: KeptReceipts;
  /** Where runs go before they are removed. */
  readonly archive: {
    write(
      runId: string,
      lines: AsyncIterable<string>,
      check: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
    ): Promise<string>;
  };
  /** What finished runs stay within when nobody says another limit. */
  readonly retention: Retention;
  /** ISO 8601, UTC, milliseconds. */
  readonly now: () => string;
  readonly exportRun: (runId: string) => AsyncIterable<string>;
};

export type Pruning = {
  /** Of these three: where one is given, only those that are given count, and the settings do not. 0 keeps none. */
  readonly keep?: number;
  readonly olderThanMs?: number;
  readonly maxBytes?: number;
  readonly dryRun?: boolean;
  /** Output stays for a later cleaning: to find what no run names any more, the whole journal is read. */
  readonly leaveBlobs?: boolean;
  /** Ends it between two runs. */
  readonly signal?: AbortSignal;
  /** Told of each run that would go, and why it cannot; without it, a warning of the process says so. */
  readonly onStays?: (runId: string, why: LedgerError) => void;
};

export type PrunedRun = {
  readonly runId: string;
  readonly goal: string;
  /** The limit that it was beyond. */
  readonly beyond: "count" | "age" | "size";
  /** Of its events in the database, about. */
  readonly bytes: number;
  /** Of its checkpoints, which go with it. */
  readonly checkpointBytes: number;
  readonly archive: string | null;
};

/** What went; with a dry run, what would go. */
export type Pruned = {
  readonly runs: readonly PrunedRun[];
  /** Of all their events. */
  readonly journalBytes: number;
  /** Of all their checkpoints. */
  readonly checkpointBytes: number;
  /** Pieces of output that no run names any more, and that have not been touched for two days. */
  readonly blobs: number;
  readonly blobBytes: number;
  /** By which the database's file became smaller; null when nobody can say beforehand. */
  readonly fileBytes: number | null;
};

/** So much less than the limit is left, or every run to come would have to make room again. */
const ROOM = 0.1;

export const pruneRuns = async (parts: PruningParts, pruning: Pruning = {}): Promise<Pruned> => {
  const { store } = parts.ledger;
  const { dryRun = false, leaveBlobs = false } = pruning;
  const retention = limitsOf(pruning, parts.retention);
  const nowMs = Date.parse(parts.now());
  const finished = await finishedRuns(store, retention, nowMs);
  const excess = await excessOf(parts, retention, finished);
  const runs = await removeRuns(parts, pruning, finished, excess);
  const looks = dryRun || excess !== undefined || (!leaveBlobs && runs.length > 0);
  const gone = new Set(dryRun ? runs.map(({ runId }) => runId) : []);
  const blobs = looks ? await unnamedBlobs(store, nowMs, gone) : [];
  if (!dryRun) for (const blob of blobs) await store.removeBlob(blob);
  return {
    runs,
    journalBytes: runs.reduce((sum, { bytes }) => sum + bytes, 0),
    checkpointBytes: runs.reduce((sum, { checkpointBytes }) => sum + checkpointBytes, 0),
    blobs: blobs.length,
    blobBytes: bytesOf(blobs),
    fileBytes: dryRun ? null : (await store.giveBack()).fileBytes,
  };
};

const limitsOf = ({ keep, olderThanMs, maxBytes }: Pruning, settings: Retention): Retention => {
  if (keep === undefined && olderThanMs === undefined && maxBytes === undefined) return settings;
  const keptForMs = olderThanMs ?? null;
  return {
    keep: keep ?? null,
    completedForMs: keptForMs,
    failedForMs: keptForMs,
    maxBytes: maxBytes ?? null,
  };
};

/** How much must go, and how much output goes with each run. What is free in the file counts for nothing: rows will take it. */
type Excess = { readonly bytes: number; readonly blobsOf: ReadonlyMap<string, number> };

const excessOf = async (
  { ledger: { store } }: PruningParts,
  { maxBytes }: Retention,
  finished: readonly Finished[],
): Promise<Excess | undefined> => {
  if (maxBytes === null) return undefined;
  const blobs = await store.listBlobs();
  const total = (await store.space()).usedBytes + bytesOf(blobs);
  if (total <= maxBytes) return undefined;
  const order = inTurn(finished).map(({ row }) => row.runId);
  // Output of the last two days goes later; it counts as gone, or more runs would have to go for it.
  const { ofRun, ofNone } = await blobShares(store, blobs, order);
  return { bytes: total - Math.floor(maxBytes * (1 - ROOM)) - ofNone, blobsOf: ofRun };
};

/** Those that go anyway come first: they may be enough. */
const inTurn = (finished: readonly Finished[]): readonly Finished[] => [
  ...finished.filter(({ beyond }) => beyond !== null),
  ...finished.filter(({ beyond }) => beyond === null),
];

/** Archived and read back first, then removed: whatever fails in between, a run is in one of the two places. */
const removeRuns = async (
  parts: PruningParts,
  { dryRun = false, signal, onStays = warnOf }: Pruning,
  finished: readonly Finished[],
  excess: Excess | undefined,
): Promise<readonly PrunedRun[]> => {
  const { store } = parts.ledger;
  const pruned: PrunedRun[] = [];
  let left = excess?.bytes ?? 0;
  for (const { row, beyond } of inTurn(finished)) {
    if (signal?.aborted === true || (beyond === null && left <= 0)) break;
    const { runId, goal } = row;
    try {
      // Nobody can read what an erased one says of itself; it was finished, and nothing may be due for it.
      if (row.seal === "erased" ? row.runnable : !(await isFree(parts, runId))) continue;
      if (row.seal !== "erased" && !(await canComeBack(parts, runId))) continue;
      if (await isCounted(parts, runId)) continue;
      const bytes = await store.bytesOf(runId);
      const { checkpointBytes } = await parts.checkpoints.spaceOf(runId);
      const archive = dryRun ? null : await archiveAndRemove(parts, row);
      pruned.push({ runId, goal, beyond: beyond ?? "size", bytes, checkpointBytes, archive });
      left -= bytes + (excess?.blobsOf.get(runId) ?? 0);
    } catch (error) {
      // One run that cannot be read or archived keeps no other from going; a store that cannot write does.
      if (!isLedgerError(error) || ["store_unavailable", "no_space"].includes(error.code)) throw error;
      // Another process cleans up too, and was faster.
      if (error.code !== "run_not_found") onStays(runId, error);
    }
  }
  return pruned;
};

const warnOf: NonNullable<Pruning["onStays"]> = (runId, why) =>
  process.emitWarning(`Run ${runId} could not be archived: ${why.message}`);

// Who waits for it, or is to be cancelled with it, could not find it any more; and its children name it.
const isFree = async ({ ledger }: PruningParts, runId: string): Promise<boolean> => {
  const run = await ledger.load(runId);
  if (nextActions(run).length > 0) return false;
  // Nobody could say any more whether it happened, and its key would stay taken for ever.
  if ((await doubtsOf(ledger.store, run)).length > 0) return false;
  const parent = run.parent === null ? undefined : await ledger.store.runRow(run.parent.runId);
  return parent === undefined || parent.status === "completed" || parent.status === "failed";
};

/** Limits of policies count what was proposed in the events that are here: without them an agent could go on as if it had not. */
const isCounted = ({ ledger, now }: PruningParts, runId: string): Promise<boolean> =>
  ledger.store.letThroughSince(runId, new Date(Date.parse(now()) - COUNTED_FOR_MS).toISOString());

// An archive is all that will be left. Of a run whose commits are not here, an earlier one may be all that has them.
const canComeBack = async ({ ledger, project }: PruningParts, runId: string): Promise<boolean> =>
  (await ledger.load(runId)).base === null || (await holdsCommits(project.store, runId));

const archiveAndRemove = async (parts: PruningParts, row: RunRow): Promise<string | null> => {
  const { ledger, project, logFolder, now, checkpoints, receipts } = parts;
  const { runId, lastHash } = row;
  // Nobody can read an erased one: there is nothing to archive.
  const file = row.seal === "erased" ? null : await archived(parts, row);
  // One that was erased has left it before.
  const left = file === null ? {} : { left: await leftBehind(checkpoints, await ledger.load(runId)) };
  const cameFrom = file === null ? undefined : await leavingOrigin(ledger.store, row);
  const come = cameFrom === undefined ? {} : { cameFrom };
  // Without its journal nobody could make it any more.
  if (file !== null) await receipts.ensure(runId);
  await checkpoints.forget(runId);
  await ledger.store.remove(runId, { lastHash, removedAt: now(), archive: file, ...left, ...come });
  if (project.store !== null) await dropRun(project.store, runId);
  await disposeWorkspaces(project, runId);
  await removeLogs(logFolder, runId);
  return file;
};

const archived = (
  { ledger, archive, exportRun, receipts }: PruningParts,
  { runId, lastHash }: RunRow,
): Promise<string> =>
  archive.write(runId, exportRun(runId), async (bytes) => {
    const { header } = await readBundle(bytes, {
      putBlob: async () => {},
      cipherFor: ledger.store.seals.forArrival,
      version: receipts.version,
    });
    if (header.lastHash !== lastHash)
      throw new LedgerError("seq_conflict", `Run "${runId}" changed while it was archived.`);
  });
