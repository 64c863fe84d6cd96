import { describe, expect, test } from "vitest";
import { goTail, readGoReport } from "../../../validators/reports/go.js";
import { recorded, summary } from "./recorded.js";

const events = (...rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join("\n");
const begun = { Action: "start", Package: "p" };
const lastWord = { Action: "output", Package: "p", Output: "PASS\n" };
const ended = { Action: "pass", Package: "p" };

describe("the report of go test", () => {
  test("names every test and subtest, and packages that do not compile", () => {
    expect(summary(readGoReport(recorded("go.jsonl")))).toEqual({
      passed: 2,
      failed: 1,
      skipped: 1,
      broken: ["sample.test/adder/broken"],
      ids: ["TestAdd", "TestAdd/small", "TestAdd/skip_me", "TestBad"].map(
        (name) => `sample.test/adder ${name}`,
      ),
    });
  });

  test("is unreadable when a package passed without the last word of its tests", () => {
    expect(readGoReport(events(begun, ended))).toBeUndefined();
    expect(readGoReport(events(begun, lastWord, ended))).toEqual({ tests: [], brokenFiles: [] });
  });

  test("is unreadable when a package did not end, and when there is none", () => {
    expect(readGoReport(events(begun, lastWord))).toBeUndefined();
    expect(readGoReport("ok  \tp\t0.1s\n")).toBeUndefined();
  });

  test("counts a test that began and never ended as failed", () => {
    const report = readGoReport(
      events(begun, { Action: "run", Package: "p", Test: "TestX" }, lastWord, ended),
    );
    expect(report?.tests).toEqual([{ id: "p TestX", file: "p", outcome: "failed" }]);
  });

  const ran = (test: string, end: string) => [
    { Action: "run", Package: "p", Test: test },
    { Action: end, Package: "p", Test: test },
  ];
  const skips = { Action: "skip", Package: "p", Test: "TestA" };

  test.each([
    ["a test that began twice", "began TestA twice", [...ran("TestA", "pass"), ...ran("TestA", "pass")]],
    ["a test that ended twice", "ended TestA twice", [...ran("TestA", "fail"), ran("TestA", "pass")[1]]],
    ["a test that passed and was then skipped", "ended TestA twice", [...ran("TestA", "pass"), skips]],
    ["a test that never began", "ended TestA, which had not begun", [skips]],
    ["a package that goes on after its end", "was told of after its end", [ended, ...ran("TestA", "pass")]],
    ["a package that ends twice", "was told of after its end", [ended]],
  ])("contradicts itself with %s", (_what, said, rows) => {
    const report = readGoReport(events(begun, ...(rows as object[]), lastWord, ended));
    expect(report?.contradiction).toBe(`By its report, package p ${said}.`);
  });

  test("counts a test that failed and passed as failed, and honest packages contradict nothing", () => {
    const both = readGoReport(
      events(begun, ...ran("TestA", "fail"), ...ran("TestA", "pass"), lastWord, ended),
    );
    expect(both?.tests).toMatchObject([{ outcome: "failed" }]);
    expect(readGoReport(recorded("go.jsonl"))?.contradiction).toBeUndefined();
    const mixed = events(begun, { ...begun, Package: "q" }, ...ran("TestA", "pass"), lastWord, ended);
    const other = [
      { ...lastWord, Package: "q" },
      { ...ended, Package: "q" },
    ];
    expect(readGoReport(`${mixed}\n${events(...other)}`)?.contradiction).toBeUndefined();
  });

  test("is shown to people as what the failed tests printed", () => {
    const tail = goTail(recorded("go.jsonl"));
    expect(tail).toContain("adder_test.go:11: no");
    expect(tail).toContain("undefined: undefined");
    expect(tail).not.toContain("TestAdd/small");
  });

  test("is cut to whole lines at its end", () => {
    const output = `${"ö".repeat(3)}\n`.repeat(2_000);
    const tail = goTail(events({ Action: "output", Package: "p", Output: output }));
    expect(Buffer.byteLength(tail)).toBeLessThanOrEqual(8_192);
    expect(new Set(tail.trimEnd().split("\n"))).toEqual(new Set(["ööö"]));
  });
});
