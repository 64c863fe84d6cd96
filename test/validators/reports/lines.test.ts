import { describe, expect, test } from "vitest";
import { readLinesReport } from "../../../validators/reports/lines.js";

const passing = '{"id":"a > b","file":"a","outcome":"passed"}\n';

describe("the report of our own reporters", () => {
  test("has tests, broken files and an end", () => {
    expect(readLinesReport(`${passing}{"broken":"c","file":"c"}\n{"end":true}\n`)).toEqual({
      tests: [{ id: "a > b", file: "a", outcome: "passed" }],
      brokenFiles: ["c"],
    });
  });

  test.each([
    ["nothing", ""],
    ["no end, as when the runner was killed", passing],
    ["something after the end", `{"end":true}\n${passing}`],
    ["a line that is no JSON", `garbage\n${passing}{"end":true}\n`],
  ])("is unreadable with %s", (_, text) => {
    expect(readLinesReport(text)).toBeUndefined();
  });
});
