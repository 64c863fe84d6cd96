import { describe, expect, test } from "vitest";
import { readJestReport } from "../../../validators/reports/jest.js";
import { recorded, summary } from "./recorded.js";

const inFile = ["adds", "later", "todo", "group > inner", "group > bad"];

describe("the JSON report of Vitest and Jest", () => {
  test("written by Vitest names every test below its file", () => {
    expect(summary(readJestReport(recorded("vitest.json"), "/room"))).toEqual({
      passed: 2,
      failed: 1,
      skipped: 2,
      broken: ["test/broken.test.mjs", "test/empty.test.mjs", "test/exit.test.mjs"],
      ids: inFile.map((title) => `test/a.test.mjs > ${title}`),
    });
  });

  test("written by Jest names every test below its file", () => {
    expect(summary(readJestReport(recorded("jest.json"), "/room"))).toEqual({
      passed: 3,
      failed: 1,
      skipped: 2,
      broken: ["test/broken.test.js", "test/empty.test.js"],
      ids: expect.arrayContaining([
        ...inFile.map((title) => `test/a.test.js > ${title}`),
        "test/b.test.js > b",
      ]),
    });
  });

  test.each(["", "{", "null", "[]", '{"testResults":[{"name":1}]}'])("is unreadable as %j", (text) => {
    expect(readJestReport(text, "/room")).toBeUndefined();
  });

  test("takes a status it does not know for one that did not run", () => {
    const file = {
      name: "/room/a",
      status: "passed",
      assertionResults: [{ title: "t", status: "constructor" }],
    };
    expect(summary(readJestReport(JSON.stringify({ testResults: [file] }), "/room"))).toMatchObject({
      skipped: 1,
    });
  });

  test("tells what passed only on a second try, as Jest counts it and as Vitest shows it", () => {
    const cases = [
      { title: "jest", status: "passed", failureMessages: [], invocations: 2 },
      { title: "vitest", status: "passed", failureMessages: ["no"] },
      { title: "sure", status: "passed", failureMessages: [], invocations: 1 },
      { title: "bad", status: "failed", failureMessages: ["no"], invocations: 3 },
    ];
    const file = { name: "/room/a", status: "passed", assertionResults: cases };
    const report = readJestReport(JSON.stringify({ testResults: [file] }), "/room");
    expect(report?.tests.map(({ retried }) => retried)).toEqual([true, true, undefined, undefined]);
  });

  test.each(["NaN", "Infinity", "-1", "1e999", '"many"', "null", "{}"])(
    "counts tests itself, whatever it says of their number: %s",
    (number) => {
      const text = `{"numTotalTests":${number},"numFailedTests":${number},"success":true,"testResults":[{"name":"/room/a","status":"passed","assertionResults":[{"title":"t","status":"failed"}]}]}`;
      const found = summary(readJestReport(text, "/room"));
      expect(found === undefined || found.failed === 1).toBe(true);
    },
  );
});
