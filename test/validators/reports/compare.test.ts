import { describe, expect, test } from "vitest";
import { lostTests, newlySkippedTests } from "../../../validators/reports/compare.js";
import type { TestCase, TestReport } from "../../../validators/reports/report.js";

const report = (
  outcomes: Readonly<Record<string, TestCase["outcome"]>>,
  brokenFiles: string[] = [],
): TestReport => ({
  tests: Object.entries(outcomes).map(([id, outcome]) => ({ id, file: id.split(" ")[0] ?? "", outcome })),
  brokenFiles,
});

describe("a report compared with that of the base", () => {
  test("has lost what ran at the base, passed or failed, and is absent now", () => {
    const base = report({ "a 1": "passed", "a 2": "failed", "a 3": "skipped", "a 4": "passed" });
    expect(lostTests(base, report({ "a 4": "passed" }))).toEqual(["a 1", "a 2"]);
  });

  test("has lost a file that could not be loaded at the base and runs no test now", () => {
    const base = report({ "a 1": "passed" }, ["b", "c"]);
    expect(lostTests(base, report({ "a 1": "passed", "b 1": "skipped", "c 1": "passed" }))).toEqual(["b"]);
  });

  test("names what ran at the base and is skipped now", () => {
    const base = report({ "a 1": "passed", "a 2": "failed", "a 3": "skipped" });
    const now = report({ "a 1": "skipped", "a 2": "skipped", "a 3": "skipped", "a 4": "skipped" });
    expect(newlySkippedTests(base, now)).toEqual(["a 1", "a 2"]);
    expect(lostTests(base, now)).toEqual([]);
  });

  test("may have new tests and fewer skipped ones", () => {
    const base = report({ "a 1": "skipped" });
    const now = report({ "a 1": "passed", "b 1": "passed" });
    expect([...lostTests(base, now), ...newlySkippedTests(base, now)]).toEqual([]);
  });
});
