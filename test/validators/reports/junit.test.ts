import { describe, expect, test } from "vitest";
import { readSurefireReport } from "../../../validators/reports/junit.js";
import { recorded, summary } from "./recorded.js";

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

  test("tells what passed only on a second try", () => {
    const text =
      '<testsuite><testcase classname="s.A" name="moody"><flakyFailure message="no"/></testcase><testcase classname="s.A" name="sure"/></testsuite>';
    expect(readSurefireReport(text)?.tests).toMatchObject([
      { id: "s.A.moody", outcome: "passed", retried: true },
      { id: "s.A.sure", outcome: "passed" },
    ]);
  });

  test("is unreadable when it was cut off anywhere before its end", () => {
    const whole = recorded("TEST-s.CTest.xml").trimEnd();
    for (let length = 0; length < whole.length - "</testsuite>".length; length += 7) {
      expect(readSurefireReport(whole.slice(0, length))).toBeUndefined();
    }
  });

  test("is read in time that grows with its length only, whatever stands in it", () => {
    const hostile = ["<testcase >", "<![CDATA[", '<testcase a="', "<!--"].map((piece) =>
      piece.repeat(200_000),
    );
    for (const text of hostile)
      expect(readSurefireReport(`<testsuites>${text}</testsuites>`)?.tests ?? []).toEqual([]);
  });
});
