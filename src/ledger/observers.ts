import type { StoredEvent } from "../core/events.js";
import type { Run } from "../core/run.js";
import type { Store } from "../stores/store.js";

export type Observer = (events: readonly StoredEvent[], run: Run) => void;

/** Other processes' appends are noticed by looking, this often; our own at once. */
const POLL_MS = 200;

/** Those of every run, and those of one: where hundreds are at work, an event of one is not told to whoever drives another. */
export type Observers = {
  /** Answers with the way to stop it. `runId`: of that run alone, and of the births of its children. */
  add(observer: Observer, runId?: string): () => void;
  tell(events: readonly StoredEvent[], run: Run): void;
};

export const createObservers = (): Observers => {
  const ofAll = new Set<Observer>();
  const ofRuns = new Map<string, Set<Observer>>();
  const tellThose = (those: Set<Observer> | undefined, events: readonly StoredEvent[], run: Run): void => {
    if (those !== undefined) for (const observer of [...those]) notify(observer, events, run);
  };
  return {
    add: (observer, runId) => {
      const those = runId === undefined ? ofAll : (ofRuns.get(runId) ?? new Set());
      if (runId !== undefined) ofRuns.set(runId, those);
      those.add(observer);
      return () => {
        those.delete(observer);
        if (runId !== undefined && those.size === 0 && ofRuns.get(runId) === those) ofRuns.delete(runId);
      };
    },
    tell: (events, run) => {
      tellThose(ofAll, events, run);
      tellThose(ofRuns.get(run.runId), events, run);
      const isBorn = run.parent !== null && events[0]?.type === "run_created";
      if (isBorn) tellThose(ofRuns.get(run.parent.runId), events, run);
    },
  };
};

// What is appended is appended, whatever becomes of those who watch; their failure is told, not hidden.
const notify = (observer: Observer, events: readonly StoredEvent[], run: Run): void => {
  try {
    const told: unknown = observer(events, run);
    if (told instanceof Promise) told.catch(warn);
  } catch (error) {
    warn(error);
  }
};

const warn = (error: unknown): void =>
  process.emitWarning(error instanceof Error ? error : `An observer of the ledger failed: ${String(error)}`);

type Awaiting = {
  readonly runId: string;
  readonly afterSeq: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly matters?: ((event: StoredEvent) => boolean) | undefined;
};

export const untilChanged = (
  store: Store,
  observers: Pick<Observers, "add">,
  { runId, afterSeq, timeoutMs, signal, matters = () => true }: Awaiting,
): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearInterval(poll);
      clearTimeout(limitTimer);
      forget();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    /** Whoever works on hundreds of runs must not look at each again for every effect of its own agents. */
    let heardSeq = afterSeq;
    const observer: Observer = (events, run) => {
      // Its children are born beside it.
      if (run.runId !== runId || run.seq <= heardSeq) return;
      // What lies between is another process's, and nobody here has heard of it.
      const isNext = events[0]?.seq === heardSeq + 1;
      heardSeq = run.seq;
      if (!isNext || events.some(matters)) done();
    };
    /** A store may answer without waiting for anything: who waits in a loop would keep this process from all else. */
    const doneSoon = (): void => void setImmediate(done);
    const look = (): void =>
      void store.end(runId).then((end) => {
        if (end !== undefined && end.lastSeq > heardSeq) doneSoon();
      }, doneSoon);
    const poll = setInterval(look, POLL_MS);
    const limitTimer = setTimeout(done, timeoutMs);
    const forget = observers.add(observer, runId);
    signal?.addEventListener("abort", done);
    if (signal?.aborted === true) doneSoon();
    else look();
  });
