import { KeptIn } from "../../core/checkpoints.js";
import { isLedgerError } from "../../core/errors.js";
import { READ_BATCH } from "../known.js";
import type { Ledger } from "../ledger.js";
import type { CheckpointStores } from "./read.js";

/** So many checkpoints, and their bytes as they are stored. */
export type CheckpointSpace = { readonly checkpoints: number; readonly checkpointBytes: number };

type Sizes = Readonly<Record<KeptIn, ReadonlyMap<string, number>>>;

export const sizesOf = async ({ sqlite, file, memory }: CheckpointStores, runId: string): Promise<Sizes> => ({
  sqlite: await sqlite.sizes(runId),
  file: await file.sizes(runId),
  memory: await memory.sizes(runId),
});

export const spaceOf = (sizes: Sizes): CheckpointSpace => {
  const bytes = KeptIn.options.flatMap((place) => [...sizes[place].values()]);
  return { checkpoints: bytes.length, checkpointBytes: bytes.reduce((sum, one) => sum + one, 0) };
};

/** Runs looked at together. */
const PAGE = 1_000;

/** Of a run that was thinned out, and is still there. */
type Left = { readonly runId: string; readonly place: KeptIn; readonly ids: readonly string[] };

export type LeftCheckpoints = CheckpointSpace & {
  readonly left: readonly Left[];
  /** Runs whose journal cannot be read: nobody knows what is thinned out of them, so all that they have stays. */
  readonly unread: readonly string[];
};

/** Whoever thinned them out may have been killed before their bytes were gone. */
export const findLeft = async (ledger: Ledger, stores: CheckpointStores): Promise<LeftCheckpoints> => {
  let [checkpoints, checkpointBytes] = [0, 0];
  const left: Left[] = [];
  const unread: string[] = [];
  for await (const { runId, seal, quarantine } of allRuns(ledger)) {
    if (seal === "erased" || seal === "locked") continue;
    const sizes = await sizesOf(stores, runId);
    if (spaceOf(sizes).checkpoints === 0) continue;
    const thinned = quarantine === null ? await thinnedOf(ledger, runId) : undefined;
    if (thinned === undefined) {
      unread.push(runId);
      continue;
    }
    for (const place of KeptIn.options) {
      const those = [...sizes[place]].filter(([id]) => thinned.has(id));
      if (those.length === 0) continue;
      left.push({ runId, place, ids: those.map(([id]) => id) });
      checkpoints += those.length;
      checkpointBytes += those.reduce((sum, [, bytes]) => sum + bytes, 0);
    }
  }
  return { checkpoints, checkpointBytes, left, unread };
};

export const removeLeft = async (stores: CheckpointStores, { left }: LeftCheckpoints): Promise<void> => {
  for (const { runId, place, ids } of left) await stores[place].remove(runId, ids);
};

async function* allRuns({ store }: Ledger) {
  for (let last: string | undefined; ; ) {
    const page = await store.list({ limit: PAGE, ...(last !== undefined && { afterRunId: last }) });
    yield* page;
    last = page.at(-1)?.runId;
    if (page.length < PAGE) return;
  }
}

// One that no event names yet may be about to be named: only what the journal says is thinned out may go.
const thinnedOf = async (ledger: Ledger, runId: string): Promise<ReadonlySet<string> | undefined> => {
  const thinned = new Set<string>();
  try {
    for (let after = 0; ; ) {
      const events = await ledger.events(runId, after, READ_BATCH);
      for (const event of events)
        if (event.type === "checkpoints_thinned") for (const id of event.payload.ids) thinned.add(id);
      if (events.length === 0) return thinned;
      after += events.length;
    }
  } catch (error) {
    if (UNREADABLE.some((code) => isLedgerError(error, code))) return undefined;
    throw error;
  }
};

/** What one journal may be, while all others are well. */
const UNREADABLE = ["event_unreadable", "journal_tampered", "key_unavailable"] as const;
