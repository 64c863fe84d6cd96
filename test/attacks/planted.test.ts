import { afterAll, beforeAll, expect, it } from "vitest";
import { SWEEP_MS, sliceOf, sweepSize } from "../helpers/sweep.js";
import { type Level, promises } from "./attack.js";
import { levels } from "./levels.js";
import { defects } from "./planted/defects.js";
import { type Defect, openWorkshop, type Workshop } from "./planted/workshop.js";

/** An ordinary run plants a few of them. */
const SLICE = 4;
const levelOf = ({ level = 1 }: Defect): Level => level;
const possible = defects.filter((defect) => levels.includes(levelOf(defect)));
const chosen = sliceOf(possible, sweepSize(possible.length, SLICE));

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
}, SWEEP_MS);
afterAll(() => workshop.close());

it.each([...new Set(chosen.map(levelOf))].map((level) => [level]))(
  "notices nothing at level %i where nothing is planted",
  { timeout: SWEEP_MS },
  async (level) => {
    const here = chosen.filter((defect) => levelOf(defect) === level);
    const all = [...new Set(here.flatMap(({ caughtBy }) => caughtBy))];
    const tried = await workshop.try(undefined, all, level);
    expect(tried.length).toBe(all.length);
    expect(tried.filter(({ breaches }) => breaches.length > 0)).toEqual([]);
  },
);

it.each(chosen)("notices when $name", { timeout: SWEEP_MS }, async (defect) => {
  const tried = await workshop.try(defect, defect.caughtBy, levelOf(defect));
  const noticed = tried.flatMap(({ breaches }) => breaches.filter(({ promise }) => promise in promises));
  expect(noticed).not.toEqual([]);
});
