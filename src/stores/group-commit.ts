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
 * whoever comes too late for it waits for the next one; nobody is dropped. A commit that throws refuses its whole group.
 */
export const groupCommit = <Batch, Done>(
  commit: (group: readonly Batch[]) => readonly Outcome<Done>[],
): GroupCommit<Batch, Done> => {
  const waiting: Waiting<Batch, Done>[] = [];
  let scheduled = false;
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      settle(waiting.splice(0, GROUP_BATCHES), commit);
      if (waiting.length > 0) schedule();
    });
  };
  return {
    add: (batch) =>
      new Promise((resolve, reject) => {
        waiting.push({ batch, resolve, reject });
        schedule();
      }),
    drain: () => {
      while (waiting.length > 0) settle(waiting.splice(0, GROUP_BATCHES), commit);
    },
  };
};

/** The event loop stands still while a group is written; this many take about as long as a few syncs. */
const GROUP_BATCHES = 256;

type Waiting<Batch, Done> = {
  readonly batch: Batch;
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
