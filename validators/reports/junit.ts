import type { TestCase, TestReport } from "./report.js";

// Surefire's XML, one file per class. A class that fails before its tests has a case without a method's name.
export const readSurefireReport = (xml: string): TestReport | undefined => {
  const cases = casesOf(xml);
  if (cases === undefined) return undefined;
  const isBroken = ({ name, classname, outcome }: JunitCase) =>
    outcome === "failed" && ["", "initializationError", classname].includes(name);
  return {
    tests: cases
      .filter((one) => !isBroken(one))
      .map(({ classname, name, outcome, retried }) => ({
        id: `${classname}.${name}`,
        file: classname,
        outcome,
        ...(retried ? { retried } : {}),
      })),
    brokenFiles: cases.filter(isBroken).map(({ classname }) => classname),
  };
};

type JunitCase = {
  readonly name: string;
  readonly classname: string;
  readonly outcome: TestCase["outcome"];
  readonly retried: boolean;
};

// Read piece by piece and without backtracking, for code under test could write this file and try to hang its judge.
const casesOf = (xml: string): readonly JunitCase[] | undefined => {
  // What tests print comes as character data and may look like a report itself.
  const text = without(without(xml, "<![CDATA[", "]]>"), "<!--", "-->").trimEnd();
  const [head = "", ...pieces] = text.split(/<testcase\b/);
  // Only a suite without tests may close itself; any other end means that the file was cut off.
  const isWhole = /<\/testsuites?>$/.test(text.slice(-20)) || (pieces.length === 0 && text.endsWith("/>"));
  if (!head.includes("<testsuite") || !isWhole) return undefined;
  const cases = pieces.map(caseOf);
  return cases.every((one) => one !== undefined) ? cases : undefined;
};

const without = (text: string, open: string, close: string): string => {
  const [head = "", ...pieces] = text.split(open);
  const afterClose = (piece: string) => piece.slice(piece.indexOf(close) + close.length);
  return head + pieces.map((piece) => (piece.includes(close) ? afterClose(piece) : "")).join("");
};

/** Attributes, then either `/>` or a body that is closed. */
const caseOf = (piece: string): JunitCase | undefined => {
  const [, attributes, slash] = /^((?:\s+[\w:.-]+="[^"]*")*)\s*(\/?)>/.exec(piece) ?? [];
  if (attributes === undefined) return undefined;
  const end = piece.indexOf("</testcase>");
  if (slash === "" && end < 0) return undefined;
  const body = slash === "" ? piece.slice(0, end) : "";
  const values = new Map(
    [...attributes.matchAll(/([\w:.-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
  );
  return {
    name: unescaped(values.get("name") ?? ""),
    classname: unescaped(values.get("classname") ?? ""),
    outcome: /<(failure|error)\b/.test(body) ? "failed" : /<skipped\b/.test(body) ? "skipped" : "passed",
    // With rerunFailingTestsCount Surefire keeps what the failed tries said.
    retried: /<flaky(Failure|Error)\b/.test(body),
  };
};

const unescaped = (text: string): string =>
  text.replace(/&(lt|gt|quot|apos|amp);/g, (entity, name: string) => entities[name] ?? entity);

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
