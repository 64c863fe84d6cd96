import { isTerminal, type Run } from "../../core/run.js";
import type { CheckpointStore, Store } from "../../stores/store.js";
import { type CheckpointParts, checkCheckpoint, type SignedEvent } from "../checkpoints/read.js";
import { eventAt } from "./event-at.js";
import type { Add } from "./flaws.js";

export type CheckpointSources = {
  readonly file: CheckpointStore;
  /** Null where the ledger has none. */
  readonly key: () => Promise<Uint8Array | null>;
};

/** Each as its signature says, and none taken out from between two others. */
export const checkCheckpoints = async (
  store: Store,
  run: Run,
  events: readonly SignedEvent[],
  { sources, add }: { readonly sources: CheckpointSources; readonly add: Add },
): Promise<void> => {
  const { runId, forkedFrom } = run;
  const own = events.filter(({ seq }) => seq > (forkedFrom?.seq ?? 0));
  // Those of another ledger were signed with its key, and stayed there.
  if (own.length === 0 || (await store.originOf(runId)) !== undefined) return;
  const kept = new Set(run.keptCheckpoints.map(({ id }) => id));
  const parts: CheckpointParts = {
    stores: { sqlite: store.checkpoints, file: sources.file, memory: gone },
    key: sources.key,
    eventAt: (id, seq) => eventAt(store, id, seq),
    isKept: async (_runId, id) => kept.has(id),
  };
  let previous: string | null = null;
  for (const event of own) {
    const { id, keptIn, previousSeal, seal } = event.payload;
    const at = { runId, seq: event.seq };
    if (previousSeal !== previous)
      add("checkpoint", `${id} follows another one than was signed before it.`, at);
    previous = seal;
    const checked = await checkCheckpoint(parts, event);
    if ("content" in checked) continue;
    // What only a process remembered is gone with it, and of a run that is over nobody needs any.
    if (checked.lack === "thinned") continue;
    if (checked.lack === "gone" && (keptIn === "memory" || isTerminal(run))) continue;
    add("checkpoint", `${id} ${checked.why}.`, at);
  }
};

const gone: CheckpointStore = {
  put: async () => undefined,
  get: async () => undefined,
  sizes: async () => new Map(),
  remove: async () => undefined,
  removeRun: async () => undefined,
};
