import { hostRunOf } from "../core/mirror.js";
import type { HostRun } from "../core/reported.js";
import { differences, recordsOf, toldOf } from "./drift.js";
import type { Mirrors } from "./mirrors.js";
import type { Projection } from "./projection.js";
import { repairedRecord } from "./repair.js";

export type Replayed = {
  /** Which side was taken as the truth. */
  readonly truth: "projection" | "ledger";
  readonly checked: number;
  /** Host ids of the runs that were brought up to the truth, or taken in. */
  readonly repaired: readonly string[];
  /** Host ids of the runs in which something that a person explained was left as it is; the rest of such a run is repaired. */
  readonly explained: readonly string[];
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

/** What was done about one run. */
type Repair = { readonly changed: boolean; readonly explained: boolean };

const takeIn = async (mirrors: Mirrors, record: HostRun): Promise<Repair> => {
  const known = await mirrors.read(record.id);
  const { explained } = await sorted(mirrors, record, known);
  const repaired = repairedRecord(known, record, explained);
  if (repaired === undefined) return { changed: false, explained: true };
  const { run, changed } = await mirrors.make(repaired, "update");
  await mirrors.mark(run, null);
  return { changed, explained: explained.length > 0 };
};

const putBack = async (projection: Projection, mirrors: Mirrors, runId: string): Promise<Repair> => {
  const run = await mirrors.load(runId);
  const record = hostRunOf(run);
  if (record === undefined) return { changed: false, explained: false };
  let repair: Repair;
  try {
    const known = await projection.read(record.id);
    const { explained, behind } = await sorted(mirrors, known, record);
    const repaired = behind ? repairedRecord(known, record, explained) : undefined;
    if (repaired !== undefined) await projection.save(repaired);
    repair = { changed: repaired !== undefined, explained: explained.length > 0 };
  } catch (error) {
    await mirrors.mark(run, error);
    throw error;
  }
  const newer = await mirrors.mark(run, null);
  if (newer === undefined) return repair;
  const again = await putBack(projection, mirrors, runId);
  return { changed: again.changed || repair.changed, explained: again.explained };
};

/** What is to stay, and whether there is anything else. */
const sorted = async (mirrors: Mirrors, projection: HostRun | undefined, ledger: HostRun | undefined) => {
  const told = await toldOf(mirrors, differences(projection && mirrors.asKept(projection), ledger));
  const explained = told.filter((drift) => drift.explained !== null);
  return { explained, behind: explained.length < told.length };
};

const tally = (truth: Replayed["truth"]) => {
  const repaired: string[] = [];
  const explained: string[] = [];
  const failed: { id: string | null; error: unknown }[] = [];
  let checked = 0;
  const fail = (id: string | null, error: unknown): void => void failed.push({ id, error });
  return {
    fail,
    one: async (id: string, repair: () => Promise<Repair>): Promise<void> => {
      checked += 1;
      try {
        const done = await repair();
        if (done.changed) repaired.push(id);
        if (done.explained) explained.push(id);
      } catch (error) {
        fail(id, error);
      }
    },
    result: (): Replayed => ({ truth, checked, repaired, explained, failed }),
  };
};
