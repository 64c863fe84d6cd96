import { setImmediate as nextTurn } from "node:timers/promises";
import { LedgerError } from "../../core/errors.js";
import { workedStep } from "../../core/race.js";
import { findStep, isActive, type Run, type WorkedStep } from "../../core/run.js";
import type { WaitCall } from "../../core/waits.js";
import type { Ledger } from "../../ledger/ledger.js";
import { underEither } from "../../pev/under-either.js";
import { type AttemptName, answered, childTold, OVER, type RecordedEffect } from "./recorded.js";

type Outcome = NonNullable<RecordedEffect["outcome"]>;

/** The waits of one life of an attempt, and whether anything else is left to do. */
export interface Waits {
  /** A call that goes on: as long as one does, nobody leaves. */
  busy<T>(work: () => Promise<T>): Promise<T>;
  /** A call that was over at once. */
  moved(): void;
  /** Resolves when it is over, if that comes while the life goes on. */
  until(wait: WaitCall): Promise<Outcome>;
  /** Nobody waits for it any more; it rejects with `reason`, when there is one, and stays as it is otherwise. */
  letGo(position: number, reason?: unknown): void;
  /** Nothing of the agent is under way, and it waits for nothing. */
  isIdle(): boolean;
  /** Rejects every call of an agent that has left. */
  requireHere(): void;
  /** The agent has ended. Answers the positions it waits for when it has left before. */
  close(): readonly number[];
}

export type WaitsOptions = {
  readonly ledger: Ledger;
  readonly of: AttemptName;
  readonly signal: AbortSignal;
  /** Everything recorded so far is on the disk when it resolves. */
  readonly flush: () => Promise<void>;
  /** Nothing is left to do but to wait: tells the agent to end. */
  readonly leave: () => void;
};

/** What the waits of an agent that has left reject with, so that its `finally` blocks let go of what it holds. */
class Suspended extends Error {
  override readonly name = "Suspended";
  constructor() {
    super("The attempt waits; its agent is called again when it goes on.");
  }
}

/** What is due so soon is waited for in place: calling an agent again takes about as long. */
const SHORT_MS = 500;
/** Of other processes' answers an agent that is still at work hears at the latest after this long. */
const LOOK_MS = 1_000;

type Pending = {
  readonly wait: WaitCall;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
};

/** Those that are waited for. One that lost before it came here is not: nobody would wake for it, and nobody could leave. */
const createPending = () => {
  const pending = new Map<number, Pending>();
  const released = new Map<number, unknown>();
  const release = ({ reject }: Pending, reason: unknown): void => {
    if (reason !== undefined) reject(reason);
  };
  return {
    pending,
    enter: (one: Pending): boolean => {
      const { position } = one.wait;
      if (released.has(position)) release(one, released.get(position));
      else pending.set(position, one);
      return pending.has(position);
    },
    letGo: (position: number, reason?: unknown): void => {
      const one = pending.get(position);
      released.set(position, reason);
      pending.delete(position);
      if (one !== undefined) release(one, reason);
    },
  };
};

export const createWaits = (options: WaitsOptions): Waits => {
  const { ledger, of, signal, flush, leave } = options;
  const { pending, enter, letGo } = createPending();
  let working = 0;
  /** Counts what the agent does: who has done something since may have more to do. */
  let moves = 0;
  let watching = false;
  let left: readonly number[] | null = null;
  let closed = false;
  let wake = new AbortController();

  const isOver = (): boolean => closed || left !== null || signal.aborted;
  const rejectAll = (reason: unknown): void => {
    for (const one of pending.values()) one.reject(reason);
    pending.clear();
  };

  const settle = async (run: Run): Promise<boolean> => {
    const over = await overIn(ledger, of, run, pending);
    for (const { one, outcome } of over) {
      pending.delete(one.wait.position);
      one.resolve(outcome);
    }
    return over.length > 0;
  };

  const watch = async (): Promise<void> => {
    while (!isOver() && pending.size > 0) {
      wake = new AbortController();
      const seen = moves;
      // Whoever was answered may have more to do, and says so in this turn.
      await nextTurn();
      if (working === 0) await flush();
      const run = await ledger.load(of.runId);
      if (isOver() || (await settle(run))) continue;
      if (moves !== seen) continue;
      if (working === 0 && pending.size > 0 && !isDueSoon(ledger, of, run, pending)) {
        left = [...pending.keys()];
        leave();
        rejectAll(new Suspended());
        return;
      }
      await underEither([wake.signal, signal], (either) =>
        ledger.changed(of.runId, run.seq, LOOK_MS, either),
      );
    }
    if (signal.aborted) rejectAll(signal.reason);
  };

  const look = (): void => {
    wake.abort();
    if (watching) return;
    watching = true;
    watch()
      .catch(rejectAll)
      .finally(() => {
        watching = false;
        if (pending.size > 0 && !isOver()) look();
      });
  };

  const moved = (): void => {
    moves += 1;
    if (working === 0 && pending.size > 0) look();
  };

  return {
    busy: async (work) => {
      working += 1;
      moves += 1;
      try {
        return await work();
      } finally {
        working -= 1;
        moved();
      }
    },
    moved,
    until: (wait) =>
      new Promise((resolve, reject) => {
        moves += 1;
        if (enter({ wait, resolve, reject })) look();
      }),
    isIdle: () => working === 0 && pending.size === 0,
    letGo,
    requireHere: () => {
      if (left !== null) throw new Suspended();
      signal.throwIfAborted();
    },
    close: () => {
      closed = true;
      wake.abort();
      return left ?? [];
    },
  };
};

const stepOf = (run: Run, { stepId, candidate, attempt }: AttemptName): WorkedStep | undefined => {
  const step = findStep(run, stepId);
  const worked = step === undefined ? undefined : workedStep(step, candidate);
  return worked?.attempt === attempt && worked.state.status === "in_progress" ? worked : undefined;
};

const overIn = async (
  ledger: Ledger,
  of: AttemptName,
  run: Run,
  pending: ReadonlyMap<number, Pending>,
): Promise<readonly { readonly one: Pending; readonly outcome: Outcome }[]> => {
  const waited = [...pending.values()];
  const settled = await Promise.all(waited.map(({ wait }) => outcomeOf(ledger, of, run, wait)));
  return waited.flatMap((one, index) => {
    const outcome = settled[index];
    return outcome === undefined || !pending.has(one.wait.position) ? [] : [{ one, outcome }];
  });
};

/** Undefined while it is open, and of an attempt that has ended, whose agent is about to be told so. */
const outcomeOf = async (
  ledger: Ledger,
  of: AttemptName,
  run: Run,
  { kind, position }: WaitCall,
): Promise<Outcome | undefined> => {
  const step = stepOf(run, of);
  if (step === undefined) return undefined;
  const found = step.effects.waits.find((one) => one.position === position);
  if (found === undefined) return kind === "timer" ? OVER : undefined;
  const end = found.kind === "timer" ? null : found.kind === "promise" ? found.resolved : found.finished;
  if (end === null) return undefined;
  const [event] = await ledger.events(of.runId, end.seq - 1, 1);
  if (event?.type === "promise_resolved") return answered(event.payload.outcome);
  if (event?.type === "child_finished") return childTold(event.payload);
  throw new LedgerError("journal_tampered", `Event ${end.seq} of run "${of.runId}" is not there.`);
};

const isDueSoon = (
  ledger: Ledger,
  of: AttemptName,
  run: Run,
  pending: ReadonlyMap<number, Pending>,
): boolean => {
  // Of a run that stands still no timer fires.
  if (!isActive(run)) return false;
  const now = Date.parse(ledger.now());
  const waits = stepOf(run, of)?.effects.waits ?? [];
  return waits.some(
    (wait) => wait.kind === "timer" && pending.has(wait.position) && Date.parse(wait.dueAt) <= now + SHORT_MS,
  );
};
