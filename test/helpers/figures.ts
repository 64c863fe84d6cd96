import { appendFileSync } from "node:fs";
import { afterEach, expect } from "vitest";
import { wholeSweeps } from "./sweep.js";

/** The rows of the table in test/faults/figures.mjs. */
export type FigureRow =
  | "kills"
  | "power"
  | "refused"
  | "flips"
  | "put back"
  | "lives"
  | "effects"
  | "children"
  | "turns"
  | "orchestrators"
  | "prunes"
  | "schedules"
  | "clocks"
  | "upgrades"
  | "events"
  | "replay";

/**
 * How much was tried and how much of it was wrong, for the table that `npm run test:faults` ends with: it names a file for it in
 * RUNLEDGER_FIGURES, and the run in RUNLEDGER_FIGURES_RUN. What is said of one row adds up, but for what is to be at most so much;
 * of a test file that ran several times the last run counts.
 */
export const figure = (row: FigureRow, seen: number, wrong: number, what: string = row): void => {
  if (wholeSweeps) console.log(`${what}: ${seen}, ${wrong} wrong`);
  keep(row, seen, wrong);
};

/** Each test of this file, or of this `describe`, counts as one. */
export const figureOfEach = (row: FigureRow): void => {
  afterEach(({ task }) => keep(row, 1, task.result?.state === "fail" ? 1 : 0));
};

const keep = (row: FigureRow, seen: number, wrong: number): void => {
  const { RUNLEDGER_FIGURES: file, RUNLEDGER_FIGURES_RUN: run } = process.env;
  if (file === undefined) return;
  const told = { row, seen, wrong, run, by: expect.getState().testPath };
  appendFileSync(file, `${JSON.stringify(told)}\n`);
};
