import { expect, test } from "vitest";
import { createDeliveries } from "../../src/engine/notify/deliveries.js";
import { writeBundle } from "../../src/ledger/bundle.js";
import { createCheckpoints } from "../../src/ledger/checkpoints/checkpoints.js";
import { unnamedBlobs } from "../../src/ledger/housekeeping.js";
import { READ_BATCH } from "../../src/ledger/known.js";
import { wholeHistory } from "../../src/ledger/reading.js";
import { memoryCheckpoints } from "../../src/stores/checkpoints.js";
import type { Store } from "../../src/stores/store.js";
import { behindTheBack } from "../faults/damaged.js";
import { create, note, orchestrator, planOf, stepSpec } from "../helpers/cast.js";
import { AT } from "../helpers/given.js";
import { openedIn, openedOn, temporaryFolder } from "../helpers/ledgers.js";

/** A store answers without waiting for anything: who asks it in a loop must not keep this process from all else. */

const plan = planOf([stepSpec("a")]);

/** How often others had their turn by now. */
const counting = () => {
  let turns = 0;
  let next: NodeJS.Immediate;
  const count = (): void => {
    turns += 1;
    next = setImmediate(count);
  };
  next = setImmediate(count);
  return { turns: () => turns, stop: () => clearImmediate(next) };
};

test("whoever waits again and again for what has happened lets others have their turn", async () => {
  const { ledger, tell } = await openedIn(":memory:");
  await tell("run_1", create(plan));
  const others = counting();
  for (let waited = 0; waited < 20; waited += 1) await ledger.changed("run_1", 0, 50_000);
  expect(others.turns()).toBeGreaterThan(10);
  const before = others.turns();
  for (let waited = 0; waited < 20; waited += 1)
    await ledger.changed("run_1", 2, 50_000, AbortSignal.abort());
  expect(others.turns() - before).toBeGreaterThan(10);
  others.stop();
});

test("a run whose list row tells of more than there is is damaged, also where it is remembered", async () => {
  const folder = await temporaryFolder();
  const { ledger, tell, store } = await openedIn(folder);
  await tell("run_1", create(plan));
  expect((await ledger.load("run_1")).seq).toBe(2);
  behindTheBack(folder, (db) => db.exec("UPDATE runs SET last_seq = 9"));
  await expect(ledger.load("run_1")).rejects.toMatchObject({ code: "journal_tampered", details: { seq: 3 } });
  expect((await store.runRow("run_1"))?.quarantine).toMatchObject({ seq: 3 });
});

test("a checkpoint of a remembered run whose last events are gone is refused, and nobody looks for them for ever", async () => {
  const folder = await temporaryFolder();
  const { ledger, tell } = await openedIn(folder);
  await tell("run_1", create(plan));
  await tell("run_1", note("k", "v"));
  const memory = memoryCheckpoints();
  let asked = 0;
  const events: typeof ledger.events = (...which) => {
    asked += 1;
    if (asked > 20) throw new Error("it asks on and on");
    return ledger.events(...which);
  };
  const manager = createCheckpoints({
    ledger: { ...ledger, events },
    stores: { memory, sqlite: memory, file: memory },
    keepIn: "memory",
    key: async () => new Uint8Array(32),
    versionOf: () => "1",
  });
  behindTheBack(folder, (db) => db.exec("DELETE FROM events WHERE seq = 3"));
  const signing = manager.sign(
    "run_1",
    { reason: "demand", of: null },
    { caller: ledger.issue(orchestrator) },
  );
  await expect(signing).rejects.toMatchObject({ code: "journal_tampered", details: { seq: 3 } });
});

test("whoever reads the whole journal for what it names lets others have their turn behind each page", async () => {
  const { store, tell } = await openedIn(":memory:");
  await tell("run_1", create(plan));
  const [row] = await store.feed(0, 1);
  const pages = 10;
  const long: Store = {
    ...store,
    listBlobs: async () => [{ hash: "f".repeat(64), bytes: 1, writtenAtMs: 0 }],
    feed: async (after, limit) =>
      after >= pages * limit || row === undefined
        ? []
        : Array.from({ length: limit }, (_, at) => ({ ...row, position: after + at + 1 })),
  };
  const others = counting();
  expect(await unnamedBlobs(long, Date.now())).toHaveLength(1);
  expect(others.turns()).toBeGreaterThanOrEqual(pages - 1);
  others.stop();
});

test("whoever reads a long journal, or comes to tell people of it, lets others have their turn behind each page", async () => {
  const { ledger, store, tell } = await openedIn(":memory:");
  await tell("run_1", create(plan));
  for (let written = 0; written < 4 * READ_BATCH; written += 1) await tell("run_1", note("k", `${written}`));
  const others = counting();
  await openedOn({ ...store, readSnapshot: async () => undefined }).ledger.load("run_1");
  expect(others.turns()).toBeGreaterThanOrEqual(4);
  const loaded = others.turns();
  expect(await wholeHistory(store, "run_1")).toHaveLength(4 * READ_BATCH + 2);
  expect(others.turns() - loaded).toBeGreaterThanOrEqual(4);
  const whole = others.turns();
  const without = { commits: undefined, receipt: undefined, at: AT, withKey: false };
  for await (const line of writeBundle(store, "run_1", without)) expect(line).not.toBe("");
  // Its pages are four times as long.
  expect(others.turns() - whole).toBeGreaterThanOrEqual(2);
  const read = others.turns();
  const target = { name: "t", events: [], settingsMs: 0, timeoutMs: 1, tell: () => expect.unreachable() };
  await createDeliveries(ledger).pass([target], 0, new AbortController().signal);
  expect(others.turns() - read).toBeGreaterThanOrEqual(2);
  others.stop();
});
