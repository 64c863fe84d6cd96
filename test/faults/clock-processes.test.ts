import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sample } from "../helpers/bench.js";
import { figure } from "../helpers/figures.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { randomFrom, SWEEP_MS, sweepSeed, sweepSize } from "../helpers/sweep.js";
import { clockIn, noClock } from "./lab/clock.js";

/** Processes whose every clock jumps, SQLite's too, while they work on a real ledger. */

const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
const JUMPS = [1, SECOND_MS, 1_500, HOUR_MS, DAY_MS + HOUR_MS, YEAR_MS, 10 * YEAR_MS].flatMap((ms) => [
  ms,
  -ms,
]);

let folder: string;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "runledger-clock-"));
  if (noClock === undefined) ({ env } = clockIn(folder));
});
afterAll(() => rm(folder, { recursive: true }));

const clocked = async <T>(what: string, place: string, jumps: readonly number[], more = {}): Promise<T> => {
  const script = join(import.meta.dirname, "lab/clocked.ts");
  const argv = ["--import", "tsx", script, what, place, JSON.stringify(jumps)];
  const { stdout } = await promisify(execFile)(process.execPath, argv, {
    env: { ...process.env, ...more, ...env },
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(stdout) as T;
};

/** As many as jumped, and those that did not come to this. */
const counted = <T extends { jump: number }>(
  seen: readonly T[],
  wanted: (jump: number) => Omit<T, "jump">,
) => {
  const wrong = seen.filter(({ jump, ...found }) => JSON.stringify(found) !== JSON.stringify(wanted(jump)));
  figure("clocks", seen.length, wrong.length, "jumps of leases");
  expect(wrong).toEqual([]);
  expect(seen).toHaveLength(JUMPS.length);
};

describe.skipIf(noClock !== undefined)(
  `a clock that jumps (skipped where: ${noClock ?? "never here"})`,
  () => {
    it("takes no run from a holder that lives: it writes on, renews its lease, and nobody else has it", async () => {
      type Seen = { jump: number; written: string; kept: boolean; lost: boolean; other: number | null };
      const seen = await clocked<Seen[]>("holder", await temporaryFolder(), JUMPS);
      counted(seen, () => ({ written: "done", kept: true, lost: false, other: null }));
    });

    it("keeps no run for a holder that is dead: whoever comes next has it at once", async () => {
      type Seen = { jump: number; before: number | null; isFromIt: boolean };
      const seen = await clocked<Seen[]>("dead", await temporaryFolder(), JUMPS);
      counted(seen, () => ({ before: null, isFromIt: true }));
    });

    it("keeps no run for years for a holder elsewhere: what no lease is given is not believed", async () => {
      const seen = await clocked<{ jump: number; taken: boolean }[]>(
        "elsewhere",
        await temporaryFolder(),
        JUMPS,
      );
      // Who died before its clock was put back by less than a day cannot be told from who was just given so much.
      counted(seen, (jump) => ({ taken: jump >= HOUR_MS || jump < HOUR_MS - DAY_MS }));
    });

    it("keeps no run longer than its time for a holder elsewhere that beat once after the jump, however wide that was", async () => {
      const seen = await clocked<{ jump: number; early: boolean; taken: boolean }[]>(
        "beaten",
        await temporaryFolder(),
        JUMPS,
      );
      counted(seen, () => ({ early: false, taken: true }));
    });

    it(
      "after each event of a run, there and back: effects are done once, timers fire once and when they are due",
      async () => {
        const next = randomFrom(sweepSeed);
        const wrong: string[] = [];
        let jumped = 0;
        for (let lives = sweepSize(30, 2); lives > 0; lives -= 1) {
          const jumps = Array.from({ length: 40 }, () => JUMPS[Math.floor(next() * JUMPS.length)] ?? 0);
          const lived = await oneLife(jumps);
          jumped += lived.jumps;
          wrong.push(...wrongIn(lived).map((one) => `${one}: ${JSON.stringify(jumps)}`));
        }
        figure("clocks", jumped, wrong.length, "jumps after events");
        expect(wrong).toEqual([]);
      },
      SWEEP_MS,
    );
  },
);

type Told = {
  readonly seq: number;
  readonly type: string;
  readonly at: string;
  readonly payload: { readonly stepId?: string; readonly position?: number; readonly dueAt?: string };
};
type Lived = {
  readonly told: readonly Told[];
  readonly calls: readonly string[];
  readonly jumps: number;
  readonly status: string;
  readonly flaws: readonly unknown[];
};

const oneLife = async (jumps: readonly number[]): Promise<Lived> => {
  const shop = await sample({
    "a.txt": "1\n",
    "runledger.yaml": "runLedger: { workspaceIsolation: false }\n",
  });
  const home = { RUNLEDGER_HOME: join(shop.place, "data"), XDG_STATE_HOME: join(shop.place, "state") };
  const lived = await clocked<Lived>("lives", shop.place, jumps, home);
  await shop.dispose();
  return lived;
};

const CALLS = ["a first", "a second", "b first", "b second"];

const wrongIn = ({ told, calls, status, flaws }: Lived): readonly string[] => {
  const timers = told.filter(({ type }) => type === "timer_armed" || type === "timer_fired");
  const early = timers.filter(({ type, at, payload }) => {
    const armed = timers.find((one) => one.type === "timer_armed" && one.payload.stepId === payload.stepId);
    return type === "timer_fired" && !(String(armed?.payload.dueAt) <= at);
  });
  const dense = told.every(({ seq }, index) => seq === index + 1);
  return [
    ...(status === "completed" ? [] : [`it is ${status} after ${told.at(-1)?.type}`]),
    ...([...calls].sort().join() === CALLS.join() ? [] : [`it did ${calls.join()}`]),
    ...(timers.length === 4 ? [] : [`timers: ${timers.map(({ type }) => type).join()}`]),
    ...early.map(({ payload }) => `the timer of ${payload.stepId} fired early`),
    ...(dense ? [] : ["its events have gaps"]),
    ...flaws.map((flaw) => JSON.stringify(flaw)),
  ];
};
