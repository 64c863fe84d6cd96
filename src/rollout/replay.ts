import { hostRunOf } from "../core/mirror.js";
import type { HostRun } from "../core/reported.js";
import { differences, recordsOf } from "./drift.js";
import type { Mirrors } from "./mirrors.js";
import type { Projection } from "./projection.js";

export type Replayed = {
  /** Which side was taken as the truth. */
  readonly truth: "projection" | "ledger";
  readonly checked: number;
  /** Host ids of the runs that were brought up to the truth, or taken in. */
  readonly repaired: readonly string[];
  /** A null id: the host's table could not be listed. */
  readonly failed: readonly { readonly id: string | null; readonly error: unknown }[];
};

/** Shadow: the ledger becomes what the host's table says, as far as a journal can still become it. */
export const replayIntoLedger = async (projection: Projection, mirrors: Mirrors): Promise<Replayed> => {
  const done = tally("projection");
  for await (const record of recordsOf(projection)) await done.one(record.id, () => takeIn(mirrors, record));
  return done.result();
};

/**
 * From write-through on: the host's table becomes what the ledger says. A run that only the host has was there before the
 * ledger was; it is taken in, because the ledger says nothing else about it.
 */
export const replayIntoProjection = async (projection: Projection, mirrors: Mirrors): Promise<Replayed> => {
  const done = tally("ledger");
  for await (const { hostId, runId } of mirrors.rows())
    await done.one(hostId, () => putBack(projection, mirrors, runId));
  try {
    for await (const record of recordsOf(projection))
      if ((await mirrors.find(record.id)) === undefined)
        await done.one(record.id, () => takeIn(mirrors, record));
  } catch (error) {
    // A table that cannot be listed must not stop what was repaired from counting.
    done.fail(null, error);
  }
  return done.result();
};

const takeIn = async (mirrors: Mirrors, record: HostRun): Promise<boolean> => {
  const { run, changed } = await mirrors.make(record, "update");
  await mirrors.mark(run, null);
  return changed;
};

const putBack = async (projection: Projection, mirrors: Mirrors, runId: string): Promise<boolean> => {
  const run = await mirrors.load(runId);
  const record = hostRunOf(run);
  if (record === undefined) return false;
  let behind: boolean;
  try {
    behind = differences(await projection.read(record.id), record).length > 0;
    if (behind) await projection.save(record);
  } catch (error) {
    await mirrors.mark(run, error);
    throw error;
  }
  const newer = await mirrors.mark(run, null);
  return newer === undefined ? behind : (await putBack(projection, mirrors, runId)) || behind;
};

const tally = (truth: Replayed["truth"]) => {
  const repaired: string[] = [];
  const failed: { id: string | null; error: unknown }[] = [];
  let checked = 0;
  const fail = (id: string | null, error: unknown): void => void failed.push({ id, error });
  return {
    fail,
    one: async (id: string, repair: () => Promise<boolean>): Promise<void> => {
      checked += 1;
      try {
        if (await repair()) repaired.push(id);
      } catch (error) {
        fail(id, error);
      }
    },
    result: (): Replayed => ({ truth, checked, repaired, failed }),
  };
};
