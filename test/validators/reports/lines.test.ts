import { describe, expect, test } from "vitest";
import { readLinesReport } from "../../../validators/reports/lines.js";

const key = "k";
const rows = (...all: readonly object[]): string =>
  all.map((row) => `${JSON.stringify({ key, ...row })}\n`).join("");
const passing = { id: "a > b", file: "a", outcome: "passed" };
const end = { end: true };

describe("the report of our own reporters", () => {
  test("has tests, broken files and an end", () => {
    expect(readLinesReport(rows(passing, { broken: "c", file: "c" }, end), key)).toEqual({
      tests: [passing],
      brokenFiles: ["c"],
    });
  });

  test("tells of a second try, and of nothing it does not know", () => {
    const again = { ...passing, retried: true };
    expect(
      readLinesReport(rows({ ...again, more: 1 }, { ...passing, retried: "yes" }, end), key)?.tests,
    ).toEqual([again, passing]);
  });

  test.each([
    ["nothing", ""],
    ["no end, as when the runner was killed", rows(passing)],
    ["something after the end", rows(end, passing)],
    ["a line that is no JSON", `garbage\n${rows(passing, end)}`],
    ["a row without the key", `${JSON.stringify(passing)}\n${rows(end)}`],
    ["a row with another key", rows({ ...passing, key: "K" }, end)],
    ["two ends, of which one is forged", rows(passing, end, { id: "x", file: "x", outcome: "failed" }, end)],
    ["a last line that was cut off", rows(passing, end).slice(0, -3)],
  ])("is unreadable with %s", (_, text) => {
    expect(readLinesReport(text, key)).toBeUndefined();
  });
});
