import { copyFile, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../src/stores/open.js";
import { storied, verified } from "../faults/damaged.js";
import { figure } from "../helpers/figures.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { SWEEP_MS, sliceOf, sweepSize } from "../helpers/sweep.js";
import { batchOf } from "../stores/batches.js";

const [DATABASE, LOG, ANCHOR] = ["ledger.db", "ledger.db-wal", "ledger.anchor"];
/** So many appends stay in the log: SQLite moves them into the database after about two hundred. */
const APPENDS = 60;
const HALF_PAGE_BYTES = 2_048;
const LOG_HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 2 * HALF_PAGE_BYTES;

const upTo = (end: number, step: number, from = 0): readonly number[] =>
  Array.from({ length: Math.ceil((end - from) / step) }, (_, index) => from + index * step);

const copied = async (from: string, to: string, ...names: readonly string[]): Promise<void> => {
  for (const name of names) await copyFile(join(from, name), join(to, name));
};

/** What opening says, and what `verify` names. */
const told = async (folder: string) => {
  const opening = await openStore(folder).then(
    (store) => store.close().then(() => "opened"),
    ({ code }) => String(code),
  );
  const found = await verified(folder).then(
    ({ flaws }) => flaws.map(({ kind, message }) => `${kind}: ${message}`),
    ({ code }) => [String(code)],
  );
  return { opening, found };
};

it(
  "A database and its log of any earlier moment, and a log cut off anywhere, are refused and named",
  async () => {
    const folder = await temporaryFolder();
    const moments: string[] = [];
    const store = await openStore(folder);
    for (let seq = 0; seq < APPENDS; seq += 1) {
      await store.append(batchOf("a", seq));
      const moment = await temporaryFolder();
      await copied(folder, moment, DATABASE, LOG);
      moments.push(moment);
    }
    const { size } = await stat(join(folder, LOG));
    for (const end of upTo(size, FRAME_BYTES / 2, LOG_HEADER_BYTES)) {
      const cut = await temporaryFolder();
      await copied(folder, cut, DATABASE, LOG);
      await truncate(join(cut, LOG), Math.floor(end));
      moments.push(cut);
    }
    const now = moments[APPENDS - 1] ?? "";
    await store.close();
    const earlier = sliceOf(moments, sweepSize(moments.length, 30)).filter((moment) => moment !== now);
    const unseen: string[] = [];
    for (const moment of earlier) {
      await copied(folder, moment, ANCHOR);
      const { opening, found } = await told(moment);
      // Cut off before the ledger had its name it is nobody's.
      const isNamed = found.some((flaw) =>
        /^anchor: .* (ends at position \d+, and 60 |is that of another)/.test(flaw),
      );
      if (opening !== "ledger_behind" || !isNamed) unseen.push(`${moment}: ${opening}: ${found.join()}`);
    }
    figure("put back", earlier.length, unseen.length, "put back, and logs cut off");
    expect(unseen).toEqual([]);
  },
  SWEEP_MS,
);

it(
  "A database cut off anywhere is noticed",
  async () => {
    const whole = await temporaryFolder();
    await storied(whole);
    const { length } = await readFile(join(whole, DATABASE));
    const ends = sliceOf(upTo(length, HALF_PAGE_BYTES), sweepSize(length, 12));
    const unseen: string[] = [];
    for (const end of ends) {
      const folder = await temporaryFolder();
      await copied(whole, folder, DATABASE, ANCHOR);
      await truncate(join(folder, DATABASE), end);
      const { found } = await told(folder);
      if (found.length === 0) unseen.push(`cut off at ${end} of ${length}`);
    }
    figure("put back", ends.length, unseen.length, "databases cut off");
    expect(unseen).toEqual([]);
  },
  SWEEP_MS,
);
