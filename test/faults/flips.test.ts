import { expect, test } from "vitest";
import { temporaryFolder } from "../helpers/ledgers.js";
import {
  behindTheBack,
  columnsOf,
  flippedOneByOne,
  namesPlace,
  someFlips,
  storied,
  verified,
} from "./damaged.js";

/** Some bits of every column; more of them are tried by test/sweeps/flips.test.ts. */
const PER_COLUMN = 3;

test("A ledger that nobody touched is as it was written, and all of it was looked at", async () => {
  const folder = await temporaryFolder();
  await storied(folder);
  expect(await verified(folder)).toEqual({
    ...{ runs: 3, events: 114, snapshots: 2, keys: 3, blobs: 2 },
    anchor: { state: "holds", position: 114, later: 0 },
    passedOver: [],
    ...{ checkpoints: 0, receipts: 0, flaws: [], flawsInAll: 0, unread: [], unreadInAll: 0 },
  });
  expect(await verified(folder, "run_1")).toMatchObject({ runs: 1, keys: 1, blobs: 2, flawsInAll: 0 });
});

test("A flipped bit in any column of events, runs, snapshots and keys is found, and its place named", async () => {
  const folder = await temporaryFolder();
  await storied(folder);
  const [columns, flips] = behindTheBack(folder, (db) => {
    const { size } = columnsOf(db);
    return [size, someFlips(db, size * PER_COLUMN)];
  });
  const unseen: string[] = [];
  let tried = 0;
  for await (const [one, { flaws }] of flippedOneByOne(folder, flips)) {
    tried += 1;
    if (!namesPlace(flaws, one)) unseen.push(JSON.stringify({ ...one, flaws }));
  }
  expect(unseen).toEqual([]);
  expect(columns).toBe(34);
  expect(tried).toBeGreaterThan(columns * PER_COLUMN * 0.8);
});
