/**
 * Where the bytes of checkpoints lie. It keeps them and knows nothing of them: whether they are what was signed, the
 * journal tells.
 */
export interface CheckpointStore {
  /** Durable when it resolves. An id is used once. */
  put(name: CheckpointName, bytes: Uint8Array): Promise<void>;
  get(name: CheckpointName): Promise<Uint8Array | undefined>;
  /** Bytes of each that is there, as it is kept. */
  sizes(runId: string): Promise<ReadonlyMap<string, number>>;
  /** At once; nothing for those that are not there. */
  remove(runId: string, ids: readonly string[]): Promise<void>;
  /** All of a run. */
  removeRun(runId: string): Promise<void>;
}

export type CheckpointName = { readonly runId: string; readonly id: string };
