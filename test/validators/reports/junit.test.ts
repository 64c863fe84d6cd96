import { describe, expect, test } from "vitest";
import { readPytestReport, readSurefireReport } from "../../../validators/reports/junit.js";
import { recorded, summary } from "./recorded.js";

describe("the XML report of pytest", () => {
  test("names every test by file, class and parameters", () => {
    expect(summary(readPytestReport(recorded("pytest.xml")))).toEqual({
      passed: 5,
      failed: 2,
      skipped: 2,
      broken: ["tests/test_broken.py"],
      ids: [
        "tests.test_a test_adds",
        "tests.test_a test_later",
        "tests.test_a test_x",
        "tests.test_a test_p[<x>]",
        'tests.test_a test_p[b"]]',
        "tests.test_a.TestC test_m",
        "tests.test_a.T test_u",
        "tests.test_a test_td",
        "tests.test_a test_td",
      ].map((id) => `tests/test_a.py ${id}`),
    });
  });

  test("is unreadable when it was cut off anywhere before its end", () => {
    const whole = recorded("pytest.xml").trimEnd();
    for (let length = 0; length < whole.length - "</testsuite></testsuites>".length; length += 7) {
      expect(readPytestReport(whole.slice(0, length))).toBeUndefined();
    }
  });

  test("is read in time that grows with its length only, whatever stands in it", () => {
    const hostile = ["<testcase >", "<![CDATA[", '<testcase a="', "<!--"].map((piece) =>
      piece.repeat(200_000),
    );
    for (const text of hostile)
      expect(readPytestReport(`<testsuites>${text}</testsuites>`)?.tests ?? []).toEqual([]);
  });
});

describe("the XML report of Surefire", () => {
  test("tells passed from skipped", () => {
    const ids = ["s.ATest.adds", "s.ATest.later"];
    const expected = { passed: 1, failed: 0, skipped: 1, broken: [], ids };
    expect(summary(readSurefireReport(recorded("TEST-s.ATest.xml")))).toEqual(expected);
  });

  test("takes a class whose set-up fails for one whose tests are unknown", () => {
    const expected = { passed: 0, failed: 0, skipped: 0, broken: ["s.BTest"], ids: [] };
    expect(summary(readSurefireReport(recorded("TEST-s.BTest.xml")))).toEqual(expected);
  });

  test("is not misled by what tests print", () => {
    const expected = { passed: 0, failed: 1, skipped: 0, broken: [], ids: ["s.CTest.bad"] };
    expect(summary(readSurefireReport(recorded("TEST-s.CTest.xml")))).toEqual(expected);
    const inData = recorded("TEST-s.CTest.xml").replace(
      /(<system-out>)[\s\S]*(<\/system-out>)/,
      '$1<![CDATA[<testcase name="fake" classname="s.Fake"/></testcase>]]>$2',
    );
    expect(summary(readSurefireReport(inData))).toEqual(expected);
  });
});
