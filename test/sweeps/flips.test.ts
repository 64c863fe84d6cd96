import { expect, it } from "vitest";
import { behindTheBack, flippedOneByOne, namesPlace, someFlips, storied } from "../faults/damaged.js";
import { figure } from "../helpers/figures.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { SWEEP_MS, sweepSize } from "../helpers/sweep.js";

const FLIPS = sweepSize(20_000, 800);

it(
  `of ${FLIPS} flipped bits in events, runs, snapshots and keys each is found, and its place named`,
  async () => {
    const folder = await temporaryFolder();
    await storied(folder);
    const flips = behindTheBack(folder, (db) => someFlips(db, FLIPS));
    const unseen: string[] = [];
    let tried = 0;
    for await (const [one, { flaws }] of flippedOneByOne(folder, flips)) {
      tried += 1;
      if (!namesPlace(flaws, one)) unseen.push(JSON.stringify({ ...one, flaws }));
    }
    figure("flips", tried, unseen.length);
    expect(unseen).toEqual([]);
    expect(tried).toBeGreaterThan(FLIPS * 0.8);
  },
  SWEEP_MS,
);
