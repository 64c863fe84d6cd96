import type { StoredEvent } from "../core/events.js";
import type { Run } from "../core/run.js";
import type { Store } from "../stores/store.js";

export type Observer = (events: readonly StoredEvent[], run: Run) => void;

/** Other processes' appends are noticed by looking, this often; our own at once. */
const POLL_MS = 200;

export const tellAll = (observers: ReadonlySet<Observer>, events: readonly StoredEvent[], run: Run): void => {
  for (const observer of [...observers]) notify(observer, events, run);
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
  observers: Set<Observer>,
  { runId, afterSeq, timeoutMs, signal, matters = () => true }: Awaiting,
): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearInterval(poll);
      clearTimeout(limitTimer);
      observers.delete(observer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    /** Whoever works on hundreds of runs must not look at each again for every effect of its own agents. */
    let heardSeq = afterSeq;
    const observer: Observer = (events, run) => {
      if (run.runId !== runId || run.seq <= heardSeq) return;
      // What lies between is another process's, and nobody here has heard of it.
      const isNext = events[0]?.seq === heardSeq + 1;
      heardSeq = run.seq;
      if (!isNext || events.some(matters)) done();
    };
    const look = (): void =>
      void store.end(runId).then((end) => {
        if (end !== undefined && end.lastSeq > heardSeq) done();
      }, done);
    const poll = setInterval(look, POLL_MS);
    const limitTimer = setTimeout(done, timeoutMs);
    observers.add(observer);
    signal?.addEventListener("abort", done);
    if (signal?.aborted === true) done();
    else look();
  });
