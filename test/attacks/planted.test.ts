import { afterAll, beforeAll, expect, it } from "vitest";
import { SWEEP_MS, sliceOf, sweepSize } from "../helpers/sweep.js";
import { promises } from "./attack.js";
import { levels } from "./levels.js";
import { defects } from "./planted/defects.js";
import { openWorkshop, type Workshop } from "./planted/workshop.js";

/** An ordinary run plants a few of them. */
const SLICE = 4;
const possible = defects.filter(({ level = 1 }) => levels.includes(level));
const chosen = sliceOf(possible, sweepSize(possible.length, SLICE));

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
}, SWEEP_MS);
afterAll(() => workshop.close());

it.each(levels.map((level) => [level]))(
  "notices nothing at level %i where nothing is planted",
  { timeout: SWEEP_MS },
  async (level) => {
    const here = chosen.filter((defect) => (defect.level ?? 1) === level);
    const all = [...new Set(here.flatMap(({ caughtBy }) => caughtBy))];
    const tried = all.length === 0 ? [] : await workshop.try(undefined, all, level);
    expect(tried.length).toBe(all.length);
    expect(tried.filter(({ breaches }) => breaches.length > 0)).toEqual([]);
  },
);

it.each(chosen)("notices when $name", { timeout: SWEEP_MS }, async (defect) => {
  const tried = await workshop.try(defect, defect.caughtBy, defect.level ?? 1);
  const noticed = tried.flatMap(({ breaches }) => breaches.filter(({ promise }) => promise in promises));
  expect(noticed).not.toEqual([]);
});
