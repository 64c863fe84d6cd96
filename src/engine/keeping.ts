import { blobsNamed } from "../core/blobs-named.js";
import type { Caller, Command } from "../core/commands.js";
import { requireRole } from "../core/decide/guards.js";
import { decide } from "../core/decide/index.js";
import { LedgerError } from "../core/errors.js";
import { isActive, type Run } from "../core/run.js";
import { shellWord } from "../core/shell-word.js";
import { interruptionOf } from "../core/tracked-commands.js";
import { type ReadBundle, readBundle, writeBundle } from "../ledger/bundle.js";
import { bytesOf, FINISHED, unnamedBlobs } from "../ledger/housekeeping.js";
import { toRows } from "../ledger/journal.js";
import type { Ledger } from "../ledger/ledger.js";
import { newRunId } from "../ledger/run-id.js";
import { type Draft, leftDrafts, registerDraft, removeDraft } from "../pev/drafts.js";
import { forgetUnknownRuns } from "../pev/leftovers.js";
import { dropRun } from "../pev/objects.js";
import { removeFolder } from "../pev/private-folder.js";
import { unusedSetups } from "../pev/setup-cache.js";
import {
  type CommitsArrived,
  nameCommits,
  packRun,
  shareCommits,
  tidyStore,
  unpackRun,
} from "../pev/transfer.js";
import { disposeWorkspaces, runsWithWorkspaces } from "../pev/workspaces.js";
import type { Rotated, SealFacts } from "../stores/store.js";
import { type Erased, type Erasing, eraseRun } from "./erasing.js";
import { loggedRuns, removeLogs } from "./logs.js";
import { type Pruned, type Pruning, type PruningParts, pruneRuns } from "./pruning.js";
import { type Relative, relativesOf } from "./relatives.js";

type KeepingOptions = Omit<PruningParts, "exportRun">;

/** What is done with whole runs, beside driving them. */
export interface Keeping {
  /** A new run that goes on from the past of another one, whatever became of that. */
  fork(caller: Caller, forking: Forking): Promise<Run>;
  /** One run as a portable bundle, JSON Lines; that of a sealed run brings its key along. */
  exportRun(runId: string): AsyncIterable<string>;
  /** Where a file in `folder` with all of that is written until it is whole; when this process dies on the way, the next one here removes it. */
  draft(runId: string, folder: string): Promise<Draft>;
  /** Takes a bundle in: all of it, its chain as it is, or nothing. A run that was running is paused. */
  importRun(caller: Caller, chunks: AsyncIterable<Uint8Array>): Promise<Imported>;
  /** Archives and removes finished runs beyond the limits that are given, or those of the settings. */
  prune(pruning?: Pruning): Promise<Pruned>;
  /**
   * Destroys the key of a finished, sealed run, and all that lies beside its journal: its chain stays, and nobody can read it
   * again. For people. Throws `run_not_finished`, `run_not_sealed`.
   */
  erase(caller: Caller, runId: string, erasing?: Erasing): Promise<Erased>;
  /**
   * Runs here that may hold what this one told, or that told it: its forks, its source, its parent and its children, and theirs.
   * Reads one event of every run.
   */
  relatives(runId: string): Promise<readonly Relative[]>;
  /** Where the root key is, and how many runs are sealed. */
  keys(): Promise<SealFacts>;
  /** A new root and a new key of the ledger; what is sealed stays as it is. For people. */
  rotateKeys(caller: Caller): Promise<Rotated>;
  /** Removes what no run needs any more: blobs, workspaces and logs, copies of set-ups, git objects, free pages of the file. */
  collectGarbage(options?: Collecting): Promise<Collected>;
}

export const createKeeping = (options: KeepingOptions): Keeping => ({
  fork: (caller, forking) => forkRun(options, caller, forking),
  exportRun: (runId) => exportRun(options, runId, true),
  draft: async (runId, folder) => {
    const { places } = options.project;
    for (const left of await leftDrafts(places)) await removeDraft(places, left);
    return registerDraft(places, runId, folder);
  },
  importRun: (caller, chunks) => importRun(options, caller, chunks),
  prune: (pruning) =>
    pruneRuns({ ...options, exportRun: (runId) => exportRun(options, runId, false) }, pruning),
  erase: (caller, runId, erasing) => eraseRun(options, caller, runId, erasing),
  relatives: (runId) => relativesOf(options.ledger, runId),
  keys: async () => options.ledger.store.seals.facts(),
  rotateKeys: async (caller) => {
    requireRole(options.ledger.check(caller), "rotate keys", "human");
    return options.ledger.store.seals.rotate();
  },
  collectGarbage: (collecting) => collectGarbage(options, collecting),
});

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
  /** Which one came with it; null where none did. */
  readonly receipt: { readonly ledgerId: string; readonly keyId: string } | null;
};

export type Collecting = {
  readonly dryRun?: boolean;
  /** The database's file is written anew, as small as it can be; refused while anybody drives a run. */
  readonly vacuum?: boolean;
};

/** What was of no use any more; with a dry run, what would go. */
export type Collected = {
  readonly blobs: number;
  readonly blobBytes: number;
  /** Finished or removed runs whose workspaces went. */
  readonly workspaces: readonly string[];
  /** Removed or erased runs whose logs went. */
  readonly logs: readonly string[];
  /** Copies of what set-up made that nobody used for a week, and their bytes. */
  readonly setups: number;
  readonly setupBytes: number;
  /** Checkpoints that were thinned out, and whose bytes a crash left. */
  readonly checkpoints: number;
  readonly checkpointBytes: number;
  /** Runs whose journal could not be read: all of their checkpoints stay. */
  readonly unread: readonly string[];
  /** Bundles that a killed export left unfinished. */
  readonly drafts: number;
  /** Bytes by which the private git store became smaller; null when nobody can say beforehand. */
  readonly storeBytes: number | null;
  /** The same of the database's file. */
  readonly fileBytes: number | null;
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
  await shareBlobs(ledger, { runId, seq: seq ?? Number.POSITIVE_INFINITY }, forkId);
  await shareCommits(project.store, runId, forkId);
  try {
    const key = idempotencyKey === undefined ? {} : { idempotencyKey };
    return (await ledger.submit(forkId, command, caller, key)).run;
  } catch (error) {
    if (project.store !== null) await dropRun(project.store, forkId);
    throw error;
  }
};

/** What is sealed for a run only that run can open: a fork gets its own of what is named up to the event that it begins at. */
const shareBlobs = async (
  { store, events }: KeepingOptions["ledger"],
  { runId, seq }: { readonly runId: string; readonly seq: number },
  forkId: string,
): Promise<void> => {
  if (store.seals.keepAhead(forkId, runId) === null) return;
  const shared = new Set<string>();
  for (let after = 0; after < seq; ) {
    const page = await events(runId, after, Math.min(PAGE, seq - after));
    for (const hash of page.flatMap(blobsNamed)) {
      if (shared.has(hash)) continue;
      shared.add(hash);
      const bytes = await store.getBlob(hash, runId);
      if (bytes !== undefined) await store.putBlob(bytes, forkId);
    }
    after += page.length;
    if (page.length < PAGE) return;
  }
};

/** So many events at a time. */
const PAGE = 250;

async function* exportRun(
  { ledger, project, now, receipts }: KeepingOptions,
  runId: string,
  withKey: boolean,
): AsyncGenerator<string> {
  if ((await ledger.store.runRow(runId)) === undefined) await ledger.load(runId);
  const commits = await packRun(project.store, runId);
  const receipt = await receipts.toBring(runId);
  yield* writeBundle(ledger.store, runId, { commits, receipt, at: now(), withKey });
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
  const { store } = ledger;
  const { forArrival: cipherFor, keepArrival: keep } = store.seals;
  const { version } = options.receipts;
  const bundle = await readBundle(chunks, { putBlob: store.putBlob, cipherFor, version, keep });
  const known = await sameRun(ledger, bundle);
  const went = known === undefined ? await wentFrom(options, bundle) : undefined;
  if (known === undefined && went === undefined) refuseOwnIntents(ledger, bundle);
  const git = gitOf(bundle);
  const commits = await unpackRun(project, bundle.run.runId, git);
  const { ledgerId } = bundle.header;
  const takeReceipt = async (): Promise<Imported["receipt"]> => {
    if (bundle.receipt === undefined) return null;
    return options.receipts.takeIn(bundle.receipt, ledgerId);
  };
  // It may have been killed between the two.
  if (known !== undefined) return { run: known, arrived: false, commits, receipt: await takeReceipt() };
  const { run, rows } = onArrival(options, caller, bundle);
  const origin = went === "own" ? null : { ledgerId, importedAt: options.now() };
  const adopted = await ledger.adopt({ run, rows, origin, cipher: bundle.cipher });
  // Until it was here, whoever cleaned up took its refs for those of a run that was refused.
  if (commits === "here" && git !== undefined && project.store !== null)
    await nameCommits(project.store, run.runId, git);
  return { run: adopted, arrived: true, commits, receipt: await takeReceipt() };
};

const gitOf = ({ commits }: ReadBundle) => commits && { ...commits, pack: Buffer.from(commits.pack) };

/** The run itself when it is here; another one of that name is no business of the bundle's. */
const sameRun = async (ledger: Ledger, { header, run }: ReadBundle): Promise<Run | undefined> => {
  const { runId } = run;
  if ((await ledger.store.runRow(runId)) === undefined) return undefined;
  const [last] = await ledger.store.read(runId, header.events - 1, 1);
  const origin = (await ledger.store.originOf(runId))?.ledgerId ?? ledger.store.ledgerId;
  // Whose run it is decides whose receipt it gets, and a bundle is anybody's word.
  if (last?.hash === header.lastHash && origin !== header.ledgerId)
    throw new LedgerError(
      "run_exists",
      `Run "${runId}" is of ledger ${origin}, and the bundle says otherwise.`,
      {
        hint: `Export it there again; nothing was taken from this one, which says ledger ${header.ledgerId}.`,
      },
    );
  if (last?.hash === header.lastHash) return ledger.load(runId);
  throw new LedgerError("run_exists", `There is a run "${runId}" here already, with another history.`, {
    hint: "One of the two was changed; `runledger journal` shows the one that is here.",
  });
};

/**
 * As what this ledger took out this very run: its own, or one that had come here; undefined where nothing here tells whose it was. A
 * bundle is anybody's word, also of whose run it is: nothing in it is signed. So the way through an archive makes no run our own
 * that was not, and none another ledger's. Throws `run_exists`.
 */
const wentFrom = async (
  { ledger: { store }, receipts }: Pick<KeepingOptions, "ledger" | "receipts">,
  { header, run }: ReadBundle,
): Promise<"own" | "come" | undefined> => {
  const { runId } = run;
  const removal = await store.removalOf(runId);
  if (removal === undefined) return undefined;
  const { lastSeq, lastHash, removedAt, archive } = removal;
  const refused = (because: string) =>
    new LedgerError("run_exists", `Run "${runId}" was removed at ${removedAt}, ${because}.`, {
      hint:
        archive === null ? "It was not archived." : `Bring it back: runledger import ${shellWord(archive)}`,
      details: { runId, ...removal },
    });
  if (lastSeq !== header.events || lastHash !== header.lastHash)
    throw refused(`where it ended at event ${lastSeq}; this is another one`);
  const left = await store.leftOrigin(runId);
  const isNamed = header.ledgerId === store.ledgerId;
  // Ledgers of before noted no origin. Where that is all there is, its receipt says whose it was.
  const of = left?.ledgerId ?? (await receipts.signerOf(runId));
  if (of !== undefined && of !== header.ledgerId)
    throw refused(`as one of ledger ${of}, and the bundle says otherwise`);
  if (left !== undefined) return "come";
  return isNamed ? "own" : undefined;
};

/** Whatever such a bundle says of this ledger's policy and people would count here, and the keys of its intents were never taken. */
const refuseOwnIntents = ({ store }: Ledger, { run }: ReadBundle): void => {
  const own = run.intents.find(({ ledgerId }) => ledgerId === store.ledgerId);
  if (own === undefined) return;
  throw new LedgerError(
    "bundle_invalid",
    `Intent "${own.intentId}" of the bundle says that this ledger decided on it, and nothing here vouches for that.`,
    {
      hint: "Nothing was taken in. A ledger of its own can read it: import it with RunLedger in another project.",
      details: { intentId: own.intentId },
    },
  );
};

const onArrival = (
  { ledger, now }: KeepingOptions,
  caller: Caller,
  { run, rows, header, cipher }: ReadBundle,
): Pick<ReadBundle, "run" | "rows"> => {
  // Of a run that a host drives nobody here would go on with anything.
  if (!isActive(run) || run.source !== null) return { run, rows };
  const reason = `Imported from ledger ${header.ledgerId}; resume it to go on here.`;
  const context = { caller, at: now(), rules: ledger.rules };
  const paused = decide(pausing(run, caller, reason), run, context, run.runId);
  return { run: paused.run, rows: [...rows, ...toRows(paused.events, header.lastHash, cipher)] };
};

/** Of a run that its client records, the client stayed where it came from. */
const pausing = ({ tracked }: Run, { name }: Caller, reason: string): Command =>
  tracked === null ? { type: "pause_run", reason } : interruptionOf(name, reason);

const collectGarbage = async (
  { ledger, project, logFolder, now, checkpoints }: KeepingOptions,
  { dryRun = false, vacuum = false }: Collecting = {},
): Promise<Collected> => {
  const { store } = ledger;
  const blobs = await unnamedBlobs(store, Date.parse(now()));
  const workspaces = await runsThat(await runsWithWorkspaces(project), async (runId) => {
    const status = (await store.runRow(runId))?.status;
    return status === undefined || FINISHED.includes(status);
  });
  // Whoever erased one may have been killed before all that lies beside its journal was gone.
  const gone = async (runId: string) =>
    (await store.removalOf(runId)) !== undefined || (await store.runRow(runId))?.seal === "erased";
  const logs = await runsThat(await loggedRuns(logFolder), gone);
  const setups = await unusedSetups(project.cacheFolder, Date.parse(now()));
  const setupBytes = setups.reduce((sum, { bytes }) => sum + bytes, 0);
  const left = await checkpoints.findLeft();
  const drafts = await leftDrafts(project.places);
  const found = {
    checkpoints: left.checkpoints,
    checkpointBytes: left.checkpointBytes,
    unread: left.unread,
    blobs: blobs.length,
    blobBytes: bytesOf(blobs),
    workspaces,
    logs,
    setups: setups.length,
    setupBytes,
    drafts: drafts.length,
  };
  if (dryRun) return { ...found, storeBytes: null, fileBytes: null };
  // First what may be refused.
  const { fileBytes } = await (vacuum ? store.compact() : store.giveBack());
  await checkpoints.removeLeft(left);
  for (const blob of blobs) await store.removeBlob(blob);
  for (const runId of workspaces) await disposeWorkspaces(project, runId);
  // Whoever collects is told what is gone, and not what is about to go.
  if (workspaces.length > 0) await project.disposal.settle();
  for (const runId of logs) await removeLogs(logFolder, runId);
  for (const draft of drafts) await removeDraft(project.places, draft);
  for (const { path } of setups) await removeFolder(path);
  await forgetUnknownRuns(ledger, project);
  return { ...found, storeBytes: project.store === null ? 0 : await tidyStore(project.store), fileBytes };
};

const runsThat = async (
  runIds: readonly string[],
  fits: (runId: string) => Promise<boolean>,
): Promise<readonly string[]> => {
  const chosen: string[] = [];
  for (const runId of runIds) if (await fits(runId)) chosen.push(runId);
  return chosen;
};
