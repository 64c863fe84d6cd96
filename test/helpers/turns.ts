import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { EffectContext, ListedCheckpoint, RunLedger, VersionedAgent } from "../../src/index.js";
import { sample } from "./bench.js";
import { aborted, began } from "./driving.js";
import { PLAN_OF_LIVES } from "./lives.js";
import type { Sample } from "./project.js";

/** Agents that end turns, each life of them in a ledger that is opened anew. */

/** What a life does; one that answers nothing is cut off then, as by a worker that is told to stop. */
export type Life = (effects: EffectContext) => Promise<string | undefined>;

export const shopOf = (settings = "{}\n"): Promise<Sample> =>
  sample({ "a.txt": "1\n", "runledger.yaml": settings });

/** The attempt's next life; answers how it was driven. */
export const lifeOf = async (
  shop: Sample,
  life: Life,
  agent: Omit<VersionedAgent, "work"> = { version: "1" },
) => {
  const stop = new AbortController();
  const work: VersionedAgent["work"] = async (task, effects) => {
    const said = await life(effects);
    if (said !== undefined) return said;
    stop.abort();
    await aborted(task.signal);
    return "";
  };
  return inLedger(shop, { coder: { work, ...agent } }, async (app, runId) => app.drive(runId, stop.signal));
};

/** With the one run of the shop, which is begun when there is none. */
export const inLedger = async <T>(
  shop: Sample,
  agents: Parameters<Sample["open"]>[0],
  act: (app: RunLedger, runId: string) => Promise<T>,
): Promise<T> => {
  const app = await shop.open(agents);
  try {
    const [first] = await app.list({ limit: 1 });
    return await act(app, first?.runId ?? (await began(app, PLAN_OF_LIVES)));
  } finally {
    await app.close();
  }
};

export const checkpointsIn = (shop: Sample): Promise<readonly ListedCheckpoint[]> =>
  inLedger(shop, {}, (app, runId) => app.checkpoints(runId));

const dataOf = (shop: Sample): string => join(shop.place, "data");

/** Changes what lies in a store behind everybody's back; null takes it away. */
export const spoil = async (
  shop: Sample,
  { id, keptIn }: ListedCheckpoint,
  change: ((bytes: Buffer) => Buffer) | null,
): Promise<void> => {
  if (keptIn === "file") {
    const runId = await inLedger(shop, {}, async (_app, only) => only);
    const file = join(dataOf(shop), "checkpoints", runId, id);
    const bytes = await readFile(file);
    return writeFile(file, change === null ? "" : change(bytes));
  }
  const db = new Database(join(dataOf(shop), "ledger.db"));
  try {
    const bytes = db.prepare("SELECT bytes FROM checkpoints WHERE id = ?").pluck().get(id) as Buffer;
    if (change === null) db.prepare("DELETE FROM checkpoints WHERE id = ?").run(id);
    else db.prepare("UPDATE checkpoints SET bytes = ? WHERE id = ?").run(change(bytes), id);
  } finally {
    db.close();
  }
};

/** One bit of it, in the middle. */
export const flipped = (bytes: Buffer): Buffer => {
  const changed = Buffer.from(bytes);
  const at = changed.length >> 1;
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
};
