import { TIMEOUT_MAX_MS } from "../core/limits.js";
import type { RunStatus } from "../core/run.js";
import type { KeptBlob, RunRow, Store } from "../stores/store.js";
import { hashesIn } from "./bundle.js";

/** Only these may go: whatever still runs, waits or was never begun stays. */
export const FINISHED: readonly RunStatus[] = ["completed", "failed"];
/** How long the runs of a host are kept is its own business: it may still read them, here or in its own table. */
const OURS = { statuses: FINISHED, mirrored: false };
/** Who has just finished a run is about to look at it. */
const KEPT_AFTER_END_MS = 3_600_000;
/** A blob is put before the event that names it is appended: a judge's log before its other commands and the base's. */
const UNNAMED_BLOB_MS = 2 * TIMEOUT_MAX_MS;
const PAGE = 1_000;

/** The oldest finished runs beyond `keep` of them; none that ended within the hour, and none that cannot be read. */
export const surplusRuns = async (store: Store, keep: number, nowMs: number): Promise<readonly RunRow[]> => {
  const surplus: RunRow[] = [];
  for await (const row of behindNewest(store, keep)) {
    const ended = nowMs - Date.parse(row.updatedAt) >= KEPT_AFTER_END_MS;
    if (ended && row.quarantine === null) surplus.push(row);
  }
  return surplus.reverse();
};

async function* behindNewest(store: Store, keep: number): AsyncGenerator<RunRow> {
  const kept = keep === 0 ? [] : await store.list({ ...OURS, limit: keep });
  if (kept.length < keep) return;
  for (let last = kept.at(-1); ; ) {
    const after = last === undefined ? {} : { afterRunId: last.runId };
    const page = await store.list({ ...OURS, limit: PAGE, ...after });
    yield* page;
    last = page.at(-1);
    if (page.length < PAGE) return;
  }
}

/** Blobs that no event of any run names. */
export const unnamedBlobs = async (store: Store, nowMs: number): Promise<readonly KeptBlob[]> => {
  const unnamed = new Map<string, KeptBlob>();
  for (const blob of await store.listBlobs())
    if (nowMs - blob.writtenAtMs >= UNNAMED_BLOB_MS) unnamed.set(blob.hash, blob);
  for (let position = 0; unnamed.size > 0; ) {
    const rows = await store.feed(position, PAGE);
    for (const { payload } of rows) for (const hash of hashesIn(payload)) unnamed.delete(hash);
    position = rows.at(-1)?.position ?? position;
    if (rows.length < PAGE) break;
  }
  return [...unnamed.values()];
};
