import { afterAll, beforeAll, expect, it } from "vitest";
import { SWEEP_MS, sliceOf, sweepSize } from "../helpers/sweep.js";
import { promises } from "./attack.js";
import { families } from "./catalogue.js";
import { defects } from "./planted/defects.js";
import { openWorkshop, type Workshop } from "./planted/workshop.js";

/** An ordinary run plants a few of them. */
const SLICE = 4;
const chosen = sliceOf(defects, sweepSize(defects.length, SLICE));

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
}, SWEEP_MS);
afterAll(() => workshop.close());

it("names attacks that there are", () => {
  const names = new Set(
    Object.values(families)
      .flat()
      .map(({ name }) => name),
  );
  expect(defects.flatMap(({ caughtBy }) => caughtBy).filter((name) => !names.has(name))).toEqual([]);
});

it("notices nothing where nothing is planted", { timeout: SWEEP_MS }, async () => {
  const all = [...new Set(chosen.flatMap(({ caughtBy }) => caughtBy))];
  const tried = await workshop.try(undefined, all);
  expect(tried.length).toBe(all.length);
  expect(tried.filter(({ breaches }) => breaches.length > 0)).toEqual([]);
});

it.each(chosen)("notices when $name", { timeout: SWEEP_MS }, async (defect) => {
  const tried = await workshop.try(defect, defect.caughtBy);
  const noticed = tried.flatMap(({ breaches }) => breaches.filter(({ promise }) => promise in promises));
  expect(noticed).not.toEqual([]);
});
