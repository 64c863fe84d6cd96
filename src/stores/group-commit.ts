/** How one batch of a group ended; a refused one leaves the others as they are. */
export type Outcome<Done> = { readonly done: Done } | { readonly refused: unknown };

export type GroupCommit<Batch, Done> = {
  /** Settles after the commit that carries the batch. */
  readonly add: (batch: Batch) => Promise<Done>;
  /** Commits everything that waits, now. */
  readonly drain: () => void;
};

/**
 * Many runs share one sync: whatever arrives in one turn of the event loop goes into one commit. A group is bounded, and
 * whoever comes too late for it waits for the next one; nobody is dropped. What waits is bounded too: who finds it full
 * stands still while a group is written. A commit that throws refuses its whole group.
 */
export const groupCommit = <Batch, Done>(
  commit: (group: readonly Batch[]) => readonly Outcome<Done>[],
  bytesOf: (batch: Batch) => number,
): GroupCommit<Batch, Done> => {
  const waiting: Waiting<Batch, Done>[] = [];
  let waitingBytes = 0;
  let scheduled = false;
  const commitNext = (): void => {
    const group = waiting.splice(0, GROUP_BATCHES);
    for (const { bytes } of group) waitingBytes -= bytes;
    settle(group, commit);
  };
  const isFullFor = (bytes: number): boolean =>
    waiting.length >= WAITING_BATCHES || (waiting.length > 0 && waitingBytes + bytes > WAITING_BYTES);
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      commitNext();
      if (waiting.length > 0) schedule();
    });
  };
  return {
    add: (batch) =>
      new Promise((resolve, reject) => {
        const bytes = bytesOf(batch);
        while (isFullFor(bytes)) commitNext();
        waitingBytes += bytes;
        waiting.push({ batch, bytes, resolve, reject });
        schedule();
      }),
    drain: () => {
      while (waiting.length > 0) commitNext();
    },
  };
};

/** The event loop stands still while a group is written; this many take about as long as a few syncs. */
const GROUP_BATCHES = 256;

/**
 * A program that appends without waiting for an answer is faster than any disk. Many groups' worth, so that whoever does
 * wait never meets the limit, and few enough to be small beside a program: its memory stays, and it goes at the disk's pace.
 */
const WAITING_BATCHES = 4_096;
const WAITING_BYTES = 16 * 1024 * 1024;

type Waiting<Batch, Done> = {
  readonly batch: Batch;
  readonly bytes: number;
  readonly resolve: (done: Done) => void;
  readonly reject: (error: unknown) => void;
};

const settle = <Batch, Done>(
  group: readonly Waiting<Batch, Done>[],
  commit: (group: readonly Batch[]) => readonly Outcome<Done>[],
): void => {
  if (group.length === 0) return;
  try {
    const outcomes = commit(group.map(({ batch }) => batch));
    for (const [index, { resolve, reject }] of group.entries()) {
      const outcome = outcomes[index];
      if (outcome !== undefined && "done" in outcome) resolve(outcome.done);
      else reject(outcome?.refused);
    }
  } catch (error) {
    for (const { reject } of group) reject(error);
  }
};
