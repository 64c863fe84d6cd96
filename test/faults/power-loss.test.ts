import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../../src/core/canonical.js";
import { fromRow } from "../../src/ledger/journal.js";
import { openStore } from "../../src/stores/open.js";
import { figure } from "../helpers/figures.js";
import { randomFrom, SWEEP_MS, sliceOf, sweepSeed, sweepSize, wholeSweeps } from "../helpers/sweep.js";
import { type Expected, expectedOf, flawsIn, journalLines, wrongAfterwards } from "./lab/outcome.js";
import { type State, type Step, statesOf } from "./lab/power.js";
import { PATCH, STORY } from "./lab/story.js";
import { type Lab, noStrace, openLab } from "./lab/straced.js";
import { EFFECTS_FILE } from "./lab/telling.js";
import { stepsIn, TRACING } from "./lab/trace.js";

/** How many states are drawn at each step beside those that are always there. */
const DRAWN = 40;
/** All of a state is looked at by `verify`, and somebody goes on from it, in one of so many. */
const VERIFIED_EVERY = 10;
const GONE_ON_EVERY = 200;

let lab: Lab;
let expected: Expected;
let traced: { readonly steps: readonly Step[]; readonly folders: ReadonlySet<number> };
beforeAll(async () => {
  if (noStrace !== undefined) return;
  lab = await openLab();
  const place = await lab.newPlace();
  const { code, acknowledged } = await lab.tell(place, TRACING, "opening often");
  expect([code, acknowledged.length]).toEqual([0, STORY.length]);
  traced = stepsIn(await lab.logOf(place), place);
  expected = await expectedOf(place);
}, SWEEP_MS);
afterAll(() => lab?.remove());

const allStates = (steps: readonly Step[], random = DRAWN): readonly State[] =>
  statesOf(steps, traced.folders, { random, draw: randomFrom(sweepSeed) });

/** Writes what the disk holds when the power is back. */
const laid = async (place: string, { files, acknowledged }: State): Promise<void> => {
  await rm(place, { recursive: true, force: true });
  await mkdir(place);
  const all = [...files()].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path, bytes] of all)
    if (bytes === null) await mkdir(join(place, path), { recursive: true });
    else await writeFile(join(place, path), bytes);
  // The world does not forget what was done to it; whoever goes on asks it.
  const done = expected.effects.map((name) => `${name}\n`).join("");
  if (acknowledged > INTENDED) await writeFile(join(place, EFFECTS_FILE), done);
};

const INTENDED = STORY.findIndex(({ command }) => command.type === "record_effects");

const PATCHED = STORY.findIndex(
  ({ command }) => command.type === "propose_step_result" && command.capture.patch !== null,
);

/** Everything acknowledged is there, and what is there is how the journal began. */
const wrongIn = async (place: string, state: State): Promise<readonly string[]> => {
  await laid(place, state);
  const store = await openStore(join(place, "ledger"));
  try {
    const rows = (await store.feed(0, 10_000)).map((row) => fromRow(row, null));
    const journal = await journalLines(store);
    const kept = STORY.slice(0, state.acknowledged);
    const lost = kept.filter(({ runId, seq }) => !rows.some((row) => row.runId === runId && row.seq === seq));
    const patch = state.acknowledged > PATCHED ? await store.getBlob(sha256(PATCH)) : PATCH;
    return [
      ...lost.slice(0, 1).map(({ runId, seq }) => `event ${seq} of "${runId}" was acknowledged, and is lost`),
      ...(journal.join() === expected.journal.slice(0, journal.length).join()
        ? []
        : ["the journal is another"]),
      ...(patch === undefined ? ["a blob that an acknowledged event names is lost"] : []),
    ];
  } finally {
    await store.close();
  }
};

const tried = async (states: readonly State[]): Promise<readonly string[]> => {
  const place = await lab.newPlace();
  const faults: string[] = [];
  for (const [index, state] of states.entries()) {
    try {
      const wrong = [...(await wrongIn(place, state))];
      if (index % VERIFIED_EVERY === 0)
        wrong.push(...(await flawsIn(place)).map(({ message }) => `verify: ${message}`));
      if (index % GONE_ON_EVERY === 1) wrong.push(...(await wrongAfterwards(place, expected)));
      faults.push(...wrong.map((one) => `${state.told}: ${one}`));
    } catch (error) {
      faults.push(`${state.told}: ${error}`);
    }
  }
  return faults;
};

describe.skipIf(noStrace !== undefined)(
  `a loss of power (seed ${sweepSeed}; skipped where: ${noStrace ?? "never here"})`,
  () => {
    it(
      "at every write, with what was not synced lost, kept, torn and in any order: nothing acknowledged is lost",
      async () => {
        const all = allStates(traced.steps);
        const states = sliceOf(all, sweepSize(all.length, 400));
        const faults = await tried(states);
        figure("power", states.length, faults.length);
        expect(faults).toEqual([]);
        expect(all.length).toBeGreaterThanOrEqual(50_000);
        if (wholeSweeps) expect(states).toHaveLength(all.length);
      },
      SWEEP_MS,
    );

    it.each<[string, (steps: readonly Step[]) => readonly Step[]]>([
      ["never synced its log", (steps) => steps.filter(({ kind }) => kind !== "sync")],
      ["never synced its folders", (steps) => steps.filter(({ kind }) => kind !== "sync folder")],
      ["acknowledged before its last sync", early],
      ["wrote its anchor before its commit was synced", anchoredEarly],
    ])(
      "is seen to do harm where a process %s",
      async (_what, planted) => {
        const states = allStates(planted(traced.steps), 2);
        expect((await tried(sliceOf(states, 120))).length).toBeGreaterThan(0);
      },
      SWEEP_MS,
    );
  },
);

/** Each acknowledgement comes before the sync that it should have waited for. */
function early(steps: readonly Step[]): readonly Step[] {
  const moved = [...steps];
  for (const [at, step] of steps.entries()) {
    if (step.kind !== "acknowledged") continue;
    const sync = moved.slice(0, at).findLastIndex(({ kind }) => kind === "sync");
    moved.splice(at, 1);
    moved.splice(sync, 0, step);
  }
  return moved;
}

/** Each record of the anchor comes before the sync of its commit. */
function anchoredEarly(steps: readonly Step[]): readonly Step[] {
  const moved = [...steps];
  for (const [at, step] of steps.entries()) {
    if (step.kind !== "write" || !step.bytes.subarray(0, 4).equals(Buffer.from("rl1 "))) continue;
    const sync = moved.slice(0, at).findLastIndex(({ kind }) => kind === "sync");
    moved.splice(at, 1);
    moved.splice(sync, 0, step);
  }
  return moved;
}
