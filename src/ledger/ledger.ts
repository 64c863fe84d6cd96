import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { type Caller, Command } from "../core/commands.js";
import type { DecideContext, Rules } from "../core/decide/guards.js";
import { type Decision, decide, isCreating } from "../core/decide/index.js";
import { misfit } from "../core/defects.js";
import { type ErrorCode, isLedgerError, LedgerError } from "../core/errors.js";
import type { StoredEvent } from "../core/events.js";
import { requireVisible } from "../core/fit-keys.js";
import type { Redactor } from "../core/redact.js";
import type { Source } from "../core/reported.js";
import type { Run } from "../core/run.js";
import { usualRecord } from "../core/usual-record.js";
import type {
  AppendBatch,
  ListQuery,
  NewEventRow,
  NewMirror,
  Origin,
  RunCipher,
  RunRow,
  Store,
} from "../stores/store.js";
import type { Credentials } from "./credentials.js";
import { outsideFacts } from "./facts.js";
import { asAppended, fromRow, GENESIS_HASH, toRows } from "./journal.js";
import { businessKeysOf, isTakenFor, keyOf, requireFitKeys } from "./keys.js";
import { knownRuns } from "./known.js";
import { createObservers, type Observer, untilChanged } from "./observers.js";
import { projectionAfter, projectionOf } from "./projection.js";
import { readEvents, readFeed } from "./reading.js";
import { absent } from "./removal.js";
import { requireRunId } from "./run-id.js";
import { withoutSecrets } from "./secrets-gate.js";
import { type Known, toSnapshot } from "./snapshot.js";

export type SubmitOptions = Pick<DecideContext, "endsOnly"> & {
  /** The same key answers with the first answer. */
  readonly idempotencyKey?: string;
  /** Epoch of the speaker's lease; the store refuses the append when the lease is not current. */
  readonly epoch?: number;
  /** With a run that a host drives: the host's own name for it, kept in the same append. */
  readonly mirror?: NewMirror;
  /** Keeps what the events name beside the journal: done when something was decided and is about to be appended, never for a refusal. */
  readonly keep?: () => Promise<unknown>;
};

export type Submitted = { readonly run: Run; readonly events: readonly StoredEvent[] };
/** A whole run on its way in: rows whose chain holds, what they add up to, and what was decided on its arrival. */
export type Arrived = {
  readonly run: Run;
  readonly rows: readonly NewEventRow[];
  /** Of a sealed run. */
  readonly cipher: RunCipher | null;
  readonly origin: Origin | null;
};

/** The durable record: every change goes through `submit`, every reader sees the fold of the journal. */
export interface Ledger {
  readonly rules: Rules;
  /** The clock that commands and their events are stamped with. */
  now(): string;
  readonly store: Store;
  /** For the few who keep words beside the journal. */
  readonly redactor: Redactor;
  /** A credential for in-process callers; see credentials.ts. */
  issue(caller: Caller): Caller;
  /** The caller itself when this ledger issued it; throws `access_denied` for a look-alike. */
  check(caller: Caller): Caller;
  /** Load, decide, append, evolve, tell observers. Throws LedgerError when refused; then nothing was appended. */
  submit(runId: string, command: Command, caller: Caller, options?: SubmitOptions): Promise<Submitted>;
  /** The run as of now when this key was answered before; asked by those who must do work before they can submit. */
  answered(
    runId: string,
    command: Command,
    caller: Caller,
    idempotencyKey?: string,
  ): Promise<Run | undefined>;
  /** The run as of now, also when another process wrote to it. Throws `run_not_found`. */
  load(runId: string): Promise<Run>;
  /** Events of a run with a seq above `afterSeq`, chain checked. */
  events(runId: string, afterSeq: number, limit: number): Promise<readonly StoredEvent[]>;
  /**
   * Takes in a run that was decided elsewhere, its events as they are; one that a host drives under its host's name for it
   * too. Throws `run_exists`.
   */
  adopt(arrived: Arrived): Promise<Run>;
  /** Events of all runs by global position. */
  feed(afterPosition: number, limit: number): Promise<readonly StoredEvent[]>;
  list(query: ListQuery): Promise<readonly RunRow[]>;
  /**
   * Called after each append of this process, in order; with `runId` after those to that run, and when a child of it is born.
   * Answers with the way to stop it.
   */
  observe(observer: Observer, runId?: string): () => void;
  /**
   * Resolves when the run has a seq above `afterSeq`, whoever wrote it, or after `timeoutMs`. Events of this process that do not
   * matter to whoever waits are slept through.
   */
  changed(
    runId: string,
    afterSeq: number,
    timeoutMs: number,
    signal?: AbortSignal,
    matters?: (event: StoredEvent) => boolean,
  ): Promise<void>;
}

/** A decision on a run that somebody else changes at the same moment is taken again, this often. */
const CONFLICTS_MAX = 60;
/** Who was overtaken waits a random while, longer each time, or two processes in step would starve one of them. */
const BACKOFF_MAX_MS = 64;

export const openLedger = (options: {
  readonly store: Store;
  readonly rules: Rules;
  readonly credentials: Credentials;
  /** Takes secrets out of everything that is submitted, before it is decided on. */
  readonly redactor: Redactor;
  /** ISO 8601, UTC, milliseconds. */
  readonly now: () => string;
}): Ledger => {
  const { store, rules, credentials, now, redactor } = options;
  const { known, remember, remembered } = knownRuns(store);
  const observers = createObservers();
  const queues = new Map<string, Promise<unknown>>();

  /**
   * Undefined when it must be done again, on the run as of now: somebody else appended meanwhile, or `memory` (the run as
   * we know it, without a look at the store) was refused or had nothing to do. What is appended needs no such look: the
   * store takes it only on top of what it was decided on.
   */
  const attempt = async (
    runId: string,
    command: Command,
    caller: Caller,
    submitOptions: SubmitOptions,
    memory: Known | undefined,
  ): Promise<Submitted | undefined> => {
    const before = memory ?? (await known(runId));
    const at = now();
    const { endsOnly } = submitOptions;
    const { counted, ...outside } = await outsideFacts({ runId, command, caller, at }, store, known);
    const decision = decided(memory !== undefined, () =>
      decide(command, before?.run, { caller, at, rules, ...outside, ...(endsOnly && { endsOnly }) }, runId),
    );
    if (decision === undefined) return undefined;
    // A key is used up also by a command that changes nothing: another command may not come under its name later.
    if (decision.events.length === 0 && submitOptions.idempotencyKey === undefined)
      return { run: decision.run, events: [] };
    if (decision.events.length > 0) await submitOptions.keep?.();
    const events = await unlessOvertaken(command, before, () =>
      append(store, runId, before, { ...decision, counted }, command, caller, submitOptions),
    );
    if (events === undefined) return undefined;
    if (events.length === 0) return { run: decision.run, events };
    remember(runId, { run: decision.run, hash: events.at(-1)?.hash ?? GENESIS_HASH });
    observers.tell(events, decision.run);
    return { run: decision.run, events };
  };

  const submit: Ledger["submit"] = async (runId, input, unchecked, submitOptions = {}) => {
    const caller = credentials.check(unchecked);
    const command = withoutSecrets(redactor, parsed(input), { caller, ...submitOptions });
    requireFitKeys(command);
    if (isCreating(command)) requireRunId(runId);
    const once = async (memory: Known | undefined): Promise<Submitted | undefined> => {
      const earlier = await answered(store, runId, command, caller, submitOptions);
      if (earlier !== undefined) return { run: await load(earlier.runId), events: earlier.events };
      return attempt(runId, command, caller, submitOptions, memory);
    };
    return inTurn(queues, runId, () => untilDone(runId, remembered(runId), once));
  };

  const load: Ledger["load"] = async (runId) => {
    const current = await known(runId);
    if (current !== undefined) return current.run;
    throw await absent(store, runId);
  };

  return {
    rules,
    now,
    store,
    redactor,
    issue: credentials.issue,
    check: credentials.check,
    submit,
    answered: async (runId, command, unchecked, idempotencyKey) => {
      const caller = credentials.check(unchecked);
      const asked = withoutSecrets(redactor, parsed(command), { caller });
      const options = idempotencyKey === undefined ? {} : { idempotencyKey };
      const earlier = await answered(store, runId, asked, caller, options);
      return earlier === undefined ? undefined : load(earlier.runId);
    },
    load,
    events: (runId, afterSeq, count) => readEvents(store, runId, afterSeq, count),
    adopt: async (arrived) => {
      const { run, hash, events } = await take(store, arrived);
      remember(run.runId, { run, hash });
      observers.tell(events, run);
      return run;
    },
    feed: (afterPosition, count) => readFeed(store, afterPosition, count),
    list: (query) => store.list(query),
    observe: observers.add,
    changed: (runId, afterSeq, timeoutMs, signal, matters) =>
      untilChanged(store, observers, { runId, afterSeq, timeoutMs, signal, matters }),
  };
};

const parsed = (input: Command): Command => {
  const usual = usualRecord(input);
  if (usual !== undefined) return usual;
  const result = Command.safeParse(input);
  if (result.success) return result.data;
  throw misfit("the command", result.error.issues, input);
};

// Commands on one run of this process wait for each other instead of colliding in the store, and leave a gap between
// them in which another ledger on the same file gets a word in.
const inTurn = async <T>(
  queues: Map<string, Promise<unknown>>,
  runId: string,
  work: () => Promise<T>,
): Promise<T> => {
  const former = queues.get(runId);
  const turn = former === undefined ? work() : former.then(nextTurn, nextTurn).then(work);
  queues.set(runId, turn);
  try {
    return await turn;
  } finally {
    if (queues.get(runId) === turn) queues.delete(runId);
  }
};

const untilDone = async (
  runId: string,
  memory: Known | undefined,
  once: (memory: Known | undefined) => Promise<Submitted | undefined>,
): Promise<Submitted> => {
  for (let conflicts = 0; conflicts <= CONFLICTS_MAX; conflicts += 1) {
    const from = conflicts === 0 ? memory : undefined;
    const done = await once(from);
    if (done !== undefined) return done;
    // A memory that is old is no reason to wait.
    if (from === undefined) await sleep(Math.random() * Math.min(2 ** conflicts, BACKOFF_MAX_MS));
  }
  throw new LedgerError("seq_conflict", `Run "${runId}" changes too fast to decide on it.`, {
    hint: "Try again.",
  });
};

/** Undefined for what a remembered run refuses or finds done already: it may not be so any more. */
const decided = (fromMemory: boolean, decideNow: () => Decision): Decision | undefined => {
  if (!fromMemory) return decideNow();
  try {
    const decision = decideNow();
    return decision.events.length === 0 ? undefined : decision;
  } catch (error) {
    if (isLedgerError(error)) return undefined;
    throw error;
  }
};

// The store refused because of what another process wrote or took out meanwhile: read it, and decide again.
const OVERTAKEN: readonly ErrorCode[] = [
  "seq_conflict",
  "run_exists",
  "run_not_found",
  "idempotency_key_reused",
];

/** Who records a side effect learns that somebody was faster as a fact, and not as a refusal. */
const isTold = (error: LedgerError, { type }: Command): boolean =>
  error.code === "effect_key_used" && type === "record_event";

const unlessOvertaken = async <T>(
  command: Command,
  before: Known | undefined,
  work: () => Promise<T>,
): Promise<T | undefined> => {
  try {
    return await work();
  } catch (error) {
    if (!isLedgerError(error) || !(OVERTAKEN.includes(error.code) || isTold(error, command))) throw error;
    // The name of a run that was taken out, and of one that a host has already, stays taken, however often it is tried.
    if (before === undefined && ("removedAt" in error.details || "hostId" in error.details)) throw error;
    return undefined;
  }
};

/** A fork tells what its run told, so it is sealed where that is. */
const cipherOf = (
  store: Store,
  runId: string,
  before: Known | undefined,
  command: Command,
): RunCipher | null => {
  if (before !== undefined) return store.seals.of(runId);
  return command.type === "fork_run" ? store.seals.forNew(runId, command.from) : store.seals.forNew(runId);
};

const append = async (
  store: Store,
  runId: string,
  before: Known | undefined,
  { events, run, counted }: Decision & { readonly counted: AppendBatch["counted"] | undefined },
  command: Command,
  caller: Caller,
  { epoch, idempotencyKey, mirror }: SubmitOptions,
): Promise<readonly StoredEvent[]> => {
  const lastHash = before?.hash ?? GENESIS_HASH;
  const cipher = cipherOf(store, runId, before, command);
  const rows = toRows(events, lastHash, cipher);
  const snapshot = toSnapshot({ run, hash: rows.at(-1)?.hash ?? lastHash }, before?.run.seq ?? 0);
  const appended = await store.append({
    runId,
    expectedSeq: before?.run.seq ?? 0,
    events: rows,
    projection: projectionAfter(events, run, before?.run),
    updatedAt: run.updatedAt,
    cipher,
    ...(epoch === undefined ? {} : { epoch }),
    ...businessKeysOf(command, before?.run, events),
    ...(counted === undefined ? {} : { counted }),
    ...(idempotencyKey === undefined ? {} : { key: keyOf(runId, command, caller, idempotencyKey) }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(mirror === undefined || before !== undefined ? {} : { mirror }),
  });
  return asAppended(events, appended);
};

/** In one append, so that a run is either here whole or not at all. */
const take = async (
  store: Store,
  { run, rows, cipher, origin }: Arrived,
): Promise<Known & { readonly events: readonly StoredEvent[] }> => {
  requireRunId(run.runId);
  const hash = rows.at(-1)?.hash ?? GENESIS_HASH;
  const snapshot = toSnapshot({ run, hash }, 0);
  const appended = await store.append({
    runId: run.runId,
    expectedSeq: 0,
    events: rows,
    projection: projectionOf(run),
    updatedAt: run.updatedAt,
    cipher,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(origin === null ? {} : { origin }),
    ...(run.source === null ? {} : { mirror: mirrorOf(run.source) }),
  });
  return { run, hash, events: appended.map((row) => fromRow(row, cipher)) };
};

const mirrorOf = ({ projection, hostId, createdAt }: Source): NewMirror => ({
  projection,
  hostId,
  createdAt,
});

const answered = async (
  store: Store,
  runId: string,
  command: Command,
  caller: Caller,
  { idempotencyKey }: SubmitOptions,
): ReturnType<typeof answeredUnder> => {
  if (idempotencyKey === undefined) return undefined;
  const earlier = await answeredUnder(store, keyOf(runId, command, caller, idempotencyKey));
  // One of before is answered, however it looks.
  if (earlier === undefined) requireVisible(idempotencyKey);
  return earlier;
};

const answeredUnder = async (
  store: Store,
  { scope, key, digest }: ReturnType<typeof keyOf>,
): Promise<{ runId: string; events: readonly StoredEvent[] } | undefined> => {
  const row = await store.findKey(scope, key);
  if (row === undefined) return undefined;
  if (isTakenFor(store, row, digest) === false)
    throw new LedgerError("idempotency_key_reused", `The key "${key}" was used for another command.`, {
      hint: "Use a new key for a new command.",
    });
  const events = await readEvents(store, row.runId, row.firstSeq - 1, row.lastSeq - row.firstSeq + 1);
  return { runId: row.runId, events };
};
