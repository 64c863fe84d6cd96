import { KeptIn } from "../../core/checkpoints.js";
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

/** Whoever thinned them out may have been killed before their bytes were gone. */
export const sweep = async (
  ledger: Ledger,
  stores: CheckpointStores,
  dryRun: boolean,
): Promise<CheckpointSpace> => {
  let [checkpoints, checkpointBytes] = [0, 0];
  for await (const { runId, seal, quarantine } of allRuns(ledger)) {
    if (seal === "erased" || seal === "locked" || quarantine !== null) continue;
    const sizes = await sizesOf(stores, runId);
    if (spaceOf(sizes).checkpoints === 0) continue;
    const thinned = await thinnedOf(ledger, runId);
    for (const place of KeptIn.options) {
      const left = [...sizes[place]].filter(([id]) => thinned.has(id));
      checkpoints += left.length;
      checkpointBytes += left.reduce((sum, [, bytes]) => sum + bytes, 0);
      if (left.length === 0 || dryRun) continue;
      await stores[place].remove(
        runId,
        left.map(([id]) => id),
      );
    }
  }
  return { checkpoints, checkpointBytes };
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
const thinnedOf = async (ledger: Ledger, runId: string): Promise<ReadonlySet<string>> => {
  const thinned = new Set<string>();
  for (let after = 0; ; ) {
    const events = await ledger.events(runId, after, READ_BATCH);
    for (const event of events)
      if (event.type === "checkpoints_thinned") for (const id of event.payload.ids) thinned.add(id);
    if (events.length === 0) return thinned;
    after += events.length;
  }
};
