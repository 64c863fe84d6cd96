import { randomBytes } from "node:crypto";
import { digestOf } from "../../core/canonical.js";
import {
  followFacts,
  pendingProposals,
  suggestedAction,
  unresolvedApprovals,
} from "../../core/checkpoint-facts.js";
import {
  type AgentMetrics,
  type CheckpointContent,
  type CheckpointOf,
  type CheckpointReason,
  KeptIn,
  noMetrics,
  type PassedOverTold,
  type SignedCheckpoint,
  type TrackedFacts,
} from "../../core/checkpoints.js";
import type { Caller } from "../../core/commands.js";
import { isLedgerError, LedgerError } from "../../core/errors.js";
import type { StoredEvent } from "../../core/events.js";
import { blockedIntentKeys } from "../../core/intents.js";
import * as limit from "../../core/limits.js";
import { passedOverIn } from "../../core/passed-over.js";
import { named, workedStep, workedSteps } from "../../core/race.js";
import { findStep, type Run, type WorkedStep } from "../../core/run.js";
import { hasTracking, trackedPacket } from "../../core/tracked-facts.js";
import { tampered } from "../journal.js";
import { isKeyTaken } from "../keys.js";
import { CACHED_RUNS, READ_BATCH } from "../known.js";
import type { Ledger } from "../ledger.js";
import { packed, writeBytes } from "./bytes.js";
import {
  type CheckpointParts,
  type CheckpointStores,
  checkCheckpoint,
  isSigned,
  type SignedEvent,
} from "./read.js";
import { type Restored, restore, restoreRun } from "./restore.js";
import { signatureOf } from "./sign.js";
import {
  type CheckpointSpace,
  findLeft,
  type LeftCheckpoints,
  removeLeft,
  sizesOf,
  spaceOf,
} from "./space.js";

/** What an agent says at the end of a turn. */
export type TurnTold = {
  readonly turn: number;
  readonly calls: number;
  /** As JSON tells it. */
  readonly workingMemory: CheckpointContent["workingMemory"];
  readonly metrics?: Partial<AgentMetrics>;
  readonly suggestedNextAction?: string;
};

export type SignRequest = {
  readonly reason: CheckpointReason;
  readonly of: CheckpointOf | null;
  /** Without it, what its last checkpoint remembers. */
  readonly told?: TurnTold;
  /** Of a run that nobody here works on: what its client says of it. */
  readonly suggestedNextAction?: string;
};

type SubmitAs = { readonly caller: Caller; readonly epoch?: number };

export type ListedCheckpoint = Omit<SignedCheckpoint, "seal" | "previousSeal" | "journalHash"> & {
  readonly signature: string;
  /** The event that says it was signed. */
  readonly seq: number;
  readonly at: string;
  readonly holds: boolean;
  /** It was not needed any more, and is kept no longer. */
  readonly thinned: boolean;
  /** Why it does not hold, in words that follow its id. */
  readonly why: string | null;
  /** It did not hold when its attempt went on: why, in such words, and the event that says so. */
  readonly passedOver: { readonly why: string; readonly seq: number } | null;
  /** As it is stored, packed; null when it is not there. */
  readonly bytes: number | null;
};

/** Takes, keeps and checks the checkpoints of runs (seed 001). */
export interface CheckpointManager {
  sign(runId: string, request: SignRequest, as: SubmitAs): Promise<SignedCheckpoint>;
  /** Of every attempt under way that has a memory; without any, of the run itself. */
  signRun(runId: string, reason: CheckpointReason, as: SubmitAs): Promise<readonly SignedCheckpoint[]>;
  /** In the order of the journal. */
  list(runId: string): Promise<readonly ListedCheckpoint[]>;
  restore(runId: string, step: WorkedStep): Promise<Restored>;
  /** Of a run that its client drives: the newest that holds, or that one. Throws `checkpoint_not_found` for one of another run. */
  restoreRun(run: Run, checkpointId?: string): Promise<Restored>;
  /** What its client recorded, as of now. */
  trackedFacts(run: Run): Promise<TrackedFacts>;
  /** How much of a run is kept. */
  spaceOf(runId: string): Promise<CheckpointSpace>;
  /** What a crash left of those that were thinned out. */
  findLeft(): Promise<LeftCheckpoints>;
  removeLeft(left: LeftCheckpoints): Promise<void>;
  /** Of a run that goes for good, or into its archive. */
  forget(runId: string): Promise<void>;
  /** Business keys of effects that happened, or may have, as of now: all of them. */
  blockedKeys(run: Run): Promise<ReadonlySet<string>>;
}

export type CheckpointManagerOptions = {
  readonly ledger: Ledger;
  readonly stores: CheckpointStores;
  readonly keepIn: KeptIn;
  readonly key: () => Promise<Uint8Array>;
  readonly versionOf: (agent: string) => string | null;
};

type Followed = { readonly facts: ReturnType<typeof followFacts>; seq: number; hash: string };

export const createCheckpoints = (options: CheckpointManagerOptions): CheckpointManager => {
  const { ledger, stores, key } = options;
  const eventAt = async (runId: string, seq: number): Promise<StoredEvent | undefined> =>
    (await ledger.events(runId, seq - 1, 1))[0];
  const isKept = async (runId: string, id: string): Promise<boolean> =>
    (await ledger.load(runId)).keptCheckpoints.some((kept) => kept.id === id);
  const parts: CheckpointParts = { stores, key, eventAt, isKept };
  const follow = follower(ledger);
  const inTurn = oneAtATime();
  const sign: CheckpointManager["sign"] = (runId, request, as) =>
    inTurn(runId, () => untilNotOvertaken(() => signNow({ options, parts, follow }, runId, request, as)));
  const signedOnes = async function* (runId: string): AsyncGenerator<SignedEvent> {
    for (let after = 0; ; ) {
      const events = await ledger.events(runId, after, READ_BATCH);
      for (const event of events) if (isSigned(event)) yield event;
      if (events.length === 0) return;
      after += events.length;
    }
  };
  return {
    sign,
    signRun: async (runId, reason, as) => {
      const remembering = rememberedAttempts(await ledger.load(runId));
      const of = remembering.length === 0 ? [null] : remembering;
      const signed: SignedCheckpoint[] = [];
      for (const one of of) signed.push(await sign(runId, { reason, of: one }, as));
      return signed;
    },
    list: async (runId) => {
      const run = await ledger.load(runId);
      const passedOver = passedOverIn(run);
      const listed: ListedCheckpoint[] = [];
      const sizes = await sizesOf(stores, runId);
      for await (const event of signedOnes(runId)) {
        if (event.seq <= (run.forkedFrom?.seq ?? 0)) continue;
        const checked = await checkCheckpoint(parts, event);
        const { seal: signature, previousSeal: _previous, journalHash: _hash, ...told } = event.payload;
        const { why, lack } = "why" in checked ? checked : { why: null, lack: null };
        const bytes = sizes[told.keptIn].get(told.id) ?? null;
        const { seq, at } = event;
        listed.push({
          ...told,
          signature,
          seq,
          at,
          holds: why === null,
          thinned: lack === "thinned",
          why,
          passedOver: whyThen(passedOver.get(told.id), told.id),
          bytes,
        });
      }
      return listed;
    },
    restore: (runId, step) => restore(parts, runId, step),
    restoreRun: (run, checkpointId) => restoreRun(parts, run, checkpointId),
    trackedFacts: (run) => inTurn(run.runId, async () => (await follow(run)).facts.tracked()),
    spaceOf: async (runId) => spaceOf(await sizesOf(stores, runId)),
    findLeft: () => findLeft(ledger, stores),
    removeLeft: (left) => removeLeft(stores, left),
    forget: async (runId) => {
      for (const store of Object.values(stores)) await store.removeRun(runId);
    },
    // In the same queue as signing: both read on in one object, and two at a time would take the same events twice.
    blockedKeys: (run) => inTurn(run.runId, async () => blockedNow(ledger, run, (await follow(run)).facts)),
  };
};

/** What another run had is free here as soon as it is free in the ledger; of a run that was brought, nobody here knows. */
const blockedNow = async (
  { store }: Ledger,
  run: Run,
  facts: Followed["facts"],
): Promise<ReadonlySet<string>> => {
  const recorded = facts.blockedKeys();
  const keys = new Set([...recorded, ...blockedIntentKeys(run)]);
  if ((await store.originOf(run.runId)) !== undefined) return keys;
  const skipped = facts.skippedKeys();
  const intents = run.intents.filter(({ status }) => status !== "skipped");
  const own = new Set(blockedIntentKeys({ intents }));
  for (const key of keys) {
    const isOwn = own.has(key) || (recorded.has(key) && !skipped.has(key));
    if (!isOwn && !(await isKeyTaken(store, key))) keys.delete(key);
  }
  return keys;
};

const whyThen = (told: PassedOverTold | undefined, id: string): ListedCheckpoint["passedOver"] => {
  const one = told?.broken.find((broken) => broken.id === id);
  return told === undefined || one === undefined ? null : { why: one.why, seq: told.seq };
};

const rememberedAttempts = (run: Run): readonly CheckpointOf[] =>
  run.steps
    .flatMap(workedSteps)
    .filter(({ state, effects }) => state.status === "in_progress" && effects.checkpoint !== null)
    .map((step) => ({ stepId: step.spec.id, ...named(step), attempt: step.attempt }));

/** Reads on from where it stopped; the facts are of exactly the events that the run was folded from. */
const follower = (ledger: Ledger) => {
  const runs = new Map<string, Followed>();
  return async (run: Run): Promise<Followed> => {
    const { runId } = run;
    const known = runs.get(runId);
    const followed =
      known !== undefined && known.seq <= run.seq ? known : { facts: followFacts(run), seq: 0, hash: "" };
    while (followed.seq < run.seq) {
      const count = Math.min(READ_BATCH, run.seq - followed.seq);
      const events = await ledger.events(runId, followed.seq, count);
      if (events.length === 0) {
        // Asked for on and on they would never come: it was taken out meanwhile, which this throws, or its end is damaged.
        await ledger.load(runId);
        throw tampered(runId, followed.seq + 1);
      }
      for (const event of events) {
        followed.facts.take(event);
        followed.seq = event.seq;
        followed.hash = event.hash;
      }
    }
    runs.delete(runId);
    runs.set(runId, followed);
    const [oldest] = runs.keys();
    // As many as are kept of the runs themselves: with fewer, a ledger of that many would read whole journals at each turn.
    if (runs.size > CACHED_RUNS && oldest !== undefined) runs.delete(oldest);
    return followed;
  };
};

const oneAtATime = () => {
  const last = new Map<string, Promise<unknown>>();
  return async <T>(runId: string, work: () => Promise<T>): Promise<T> => {
    const turn = (last.get(runId) ?? Promise.resolve()).then(work, work);
    last.set(runId, turn);
    try {
      return await turn;
    } finally {
      if (last.get(runId) === turn) last.delete(runId);
    }
  };
};

/** Another process that takes checkpoints of the same run is one person at a terminal: a few tries are enough. */
const OVERTAKEN_MAX = 10;

const untilNotOvertaken = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let tried = 1; ; tried += 1)
    try {
      return await work();
    } catch (error) {
      if (!isLedgerError(error, "checkpoint_overtaken") || tried >= OVERTAKEN_MAX) throw error;
    }
};

type Signing = {
  readonly options: CheckpointManagerOptions;
  readonly parts: CheckpointParts;
  readonly follow: (run: Run) => Promise<Followed>;
};

/** The bytes come first: what the journal names is there, and what it does not name is nothing. */
const signNow = async (
  signing: Signing,
  runId: string,
  request: SignRequest,
  { caller, epoch }: SubmitAs,
): Promise<SignedCheckpoint> => {
  const { ledger, stores, keepIn, key } = signing.options;
  const run = await ledger.load(runId);
  const { reason, of } = request;
  const step = of === null ? null : stepOf(run, of);
  const last = step?.effects.checkpoint ?? null;
  const before = last === null ? null : await contentAt(signing.parts, runId, last.seq);
  const { facts, hash } = await signing.follow(run);
  const content = contentOf(signing.options, { run, step, before, facts }, request);
  const isDue = last === null || last.depth + 1 >= limit.CHECKPOINT_FULL_EVERY;
  const { full, text } = packed(content, isDue ? null : before);
  const id = `ckpt_${randomBytes(8).toString("hex")}`;
  const unsigned = {
    ...{ id, reason, of, agentVersion: content.agentVersion, turn: content.turn, calls: content.calls },
    ...{ eventLogPosition: run.seq, journalHash: hash, contentHash: digestOf(content), keptIn: keepIn, full },
    ...{ former: last?.seq ?? null, previousSeal: run.checkpoint?.signature ?? null },
  };
  const checkpoint = { ...unsigned, seal: signatureOf(await key(), runId, unsigned) };
  await writeBytes(stores[keepIn], { runId, id }, text);
  const options = epoch === undefined ? {} : { epoch };
  const command = { type: "seal_checkpoint", checkpoint } as const;
  const { events } = await ledger.submit(runId, command, caller, options).catch(async (error: unknown) => {
    await stores[keepIn].remove(runId, [id]);
    throw error;
  });
  for (const event of events)
    if (event.type === "checkpoints_thinned") await removeThinned(stores, run, event.payload.ids);
  return checkpoint;
};

/**
 * They are thinned out since the journal says so. What a crash leaves of them, or a store that fails to delete, is found by the
 * next cleaning: the new one is signed all the same.
 */
const removeThinned = async (
  stores: CheckpointStores,
  { runId, keptCheckpoints }: Run,
  thinnedIds: readonly string[],
): Promise<void> => {
  const thinned = new Set(thinnedIds);
  for (const place of KeptIn.options) {
    const gone = keptCheckpoints.filter(({ id, keptIn }) => keptIn === place && thinned.has(id));
    if (gone.length === 0) continue;
    const ids = gone.map(({ id }) => id);
    await stores[place].remove(runId, ids).catch(() => undefined);
  }
};

const contentAt = async (
  parts: CheckpointParts,
  runId: string,
  seq: number,
): Promise<CheckpointContent | null> => {
  const event = await parts.eventAt(runId, seq);
  const checked = isSigned(event) ? await checkCheckpoint(parts, event) : undefined;
  return checked !== undefined && "content" in checked ? checked.content : null;
};

type Known = {
  readonly run: Run;
  readonly step: WorkedStep | null;
  /** What the attempt's last checkpoint holds; null when it does not hold, or there is none. */
  readonly before: CheckpointContent | null;
  readonly facts: Followed["facts"];
};

const contentOf = (
  { ledger, versionOf }: CheckpointManagerOptions,
  { run, step, before, facts }: Known,
  { of, told, suggestedNextAction }: SignRequest,
): CheckpointContent => {
  const memory = told ?? before ?? { turn: 0, calls: 0, workingMemory: null };
  const version = (): string | null => (step === null ? null : versionOf(step.spec.ownerAgent));
  return {
    ...{ version: 1, runId: run.runId, of, turn: memory.turn, calls: memory.calls },
    // A memory that is only taken over is still that of whoever left it.
    agentVersion: told === undefined && before !== null ? before.agentVersion : version(),
    eventLogPosition: run.seq,
    workingMemory: memory.workingMemory,
    pendingProposals: pendingProposals(run),
    ...facts.told(),
    metrics: { ...(before?.metrics ?? noMetrics), ...told?.metrics },
    unresolvedApprovals: unresolvedApprovals(run),
    ...suggestionOf(
      ledger,
      run,
      told ?? (before?.agentSuggested ? before : suggestedNextAction ? { suggestedNextAction } : {}),
    ),
    createdAt: ledger.now(),
    ...(hasTracking(run) && { tracked: trackedPacket(run, facts.tracked(), ledger.store.ledgerId) }),
  };
};

/** What the agent said last holds until its next turn; what the run itself suggests is only true of this moment. */
const suggestionOf = (
  { redactor }: Ledger,
  run: Run,
  { suggestedNextAction }: Pick<TurnTold, "suggestedNextAction">,
): Pick<CheckpointContent, "suggestedNextAction" | "agentSuggested"> =>
  suggestedNextAction === undefined
    ? { suggestedNextAction: suggestedAction(run) }
    : {
        suggestedNextAction: redactor.text(suggestedNextAction).slice(0, limit.NEXT_ACTION_CHARS),
        agentSuggested: true,
      };

const stepOf = (run: Run, { stepId, candidate, attempt }: CheckpointOf): WorkedStep => {
  const step = findStep(run, stepId);
  const worked = step === undefined ? undefined : workedStep(step, candidate);
  if (worked?.attempt === attempt) return worked;
  throw new LedgerError("step_not_in_progress", `Attempt ${attempt} of "${stepId}" is not under way.`);
};
