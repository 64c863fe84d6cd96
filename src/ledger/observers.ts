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
  const call = async (): Promise<void> => observer(events, run);
  call().catch((error: unknown) =>
    process.emitWarning(
      error instanceof Error ? error : `An observer of the ledger failed: ${String(error)}`,
    ),
  );
};

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
    const observer: Observer = (events, run) => {
      if (run.runId === runId && run.seq > afterSeq && events.some(matters)) done();
    };
    const look = (): void =>
      void store.runRow(runId).then((row) => {
        if (row !== undefined && row.lastSeq > afterSeq) done();
      }, done);
    const poll = setInterval(look, POLL_MS);
    const limitTimer = setTimeout(done, timeoutMs);
    observers.add(observer);
    signal?.addEventListener("abort", done);
    if (signal?.aborted === true) done();
    else look();
  });
