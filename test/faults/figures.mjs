// The fault lab whole, and a table of what it has counted beside what it is to reach; ends non-zero where something fails or is missed.
// Usage: npm run test:faults [-- FILE ...]   RUNLEDGER_FIGURES=FILE to gather them over several runs
// Where files are named, only what they count is judged, and not how much of it: another file may count the rest of a row. Of a file that ran several times, its last run counts.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What is counted, and how much of it there is to be at least (or at most); nothing of it may be wrong. */
const ROWS = [
  ["kills", "kill -9 at calls that write: lost or doubled", { least: 2_000 }],
  ["power", "states after a loss of power: acknowledged and lost", { least: 50_000 }],
  ["refused", "syncs and writes that fail, full disks: acknowledged and lost", { least: 500 }],
  ["flips", "flipped bits: not found, or not located", { least: 4_000 }],
  ["put back", "files put back, cut off, swapped: not found, or not located", { least: 20 }],
  ["lives", "simulated lives: promises broken", { least: 5_000 }],
  ["effects", "effects × kill points × policies: not once for their key", { least: 600 }],
  ["children", "kills of who drives a run and its child: wrong ends", { least: 100 }],
  ["turns", "kills in agents' turns: done again, or another result", { least: 16 }],
  ["orchestrators", "blows against orchestrators: wrong ends", { least: 300 }],
  ["prunes", "kills while pruning: lost or half gone", { least: 40 }],
  ["schedules", "kills of who begins runs by the clock: begun twice or never", { least: 20 }],
  ["clocks", "jumps of the clock: early, twice, lost", { least: 200 }],
  ["upgrades", "ledgers of released schemas: changed", { least: 4 }],
  ["events", "events in one run", { least: 51_200 }],
  ["replay", "milliseconds to replay 100,000 events, cold", { most: 5_000 }],
];
const SWEEPS = ["cuts", "flips", "kills", "prune-kills", "schedules"];
const FILES = ["test/faults", ...SWEEPS.map((name) => `test/sweeps/${name}.test.ts`)];

const asked = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "runledger-figures-"));
const file = process.env.RUNLEDGER_FIGURES ?? join(folder, "figures");
const vitest = spawn("npx", ["vitest", "run", ...(asked.length === 0 ? FILES : asked)], {
  stdio: "inherit",
  env: {
    ...process.env,
    RUNLEDGER_FULL_TESTS: "1",
    RUNLEDGER_FIGURES: file,
    RUNLEDGER_FIGURES_RUN: randomUUID(),
  },
});
const [code] = await once(vitest, "exit");
const kept = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n").map(JSON.parse) : [];
rmSync(folder, { recursive: true });
const lastRunOf = new Map(kept.map(({ by, run }) => [by, run]));
const figures = kept.filter(({ by, run }) => lastRunOf.get(by) === run);

const reached = (of, { least = 0, most }) => {
  const seen =
    most === undefined
      ? of.reduce((sum, one) => sum + one.seen, 0)
      : Math.max(0, ...of.map((one) => one.seen));
  const wrong = of.reduce((sum, one) => sum + one.wrong, 0);
  const isEnough = of.length > 0 && (asked.length > 0 || seen >= least);
  return { seen, wrong, isMet: isEnough && seen <= (most ?? seen) && wrong === 0 };
};
const number = (value) => value.toLocaleString("en").padStart(8);
console.log("\n    seen   wrong       aim");
let [judged, missed] = [0, 0];
for (const [row, what, aim] of ROWS) {
  const of = figures.filter((one) => one.row === row);
  if (asked.length > 0 && of.length === 0) continue;
  const { seen, wrong, isMet } = reached(of, aim);
  const limit = aim.least === undefined ? `≤${number(aim.most)}` : `≥${number(aim.least)}`;
  const verdict = of.length === 0 ? "not seen" : isMet ? "" : "missed";
  console.log(`${number(seen)}${number(wrong)} ${limit}  ${what}${verdict && `: ${verdict}`}`);
  judged += 1;
  missed += isMet ? 0 : 1;
}
console.log(
  missed === 0 ? "every aim is reached" : `${missed} of ${judged} aims are missed or were not seen`,
);
process.exit(code === 0 && missed === 0 ? 0 : 1);
