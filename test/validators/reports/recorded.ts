import { readFileSync } from "node:fs";
import { countsOf, type TestReport } from "../../../validators/reports/report.js";
import { fixturePath } from "../../helpers/local-room.js";

/** What a real tool wrote once, with the folder it ran in replaced by /room. */
export const recorded = (name: string): string => readFileSync(fixturePath(`reports/${name}`), "utf8");

/** The parts that a test compares; undefined for an unreadable report. */
export const summary = (report: TestReport | undefined) =>
  report && { ...countsOf(report), broken: report.brokenFiles, ids: report.tests.map(({ id }) => id) };
