import { isRecord, parseJson, type TestCase, type TestReport } from "./report.js";

/**
 * The report that our own reporters write (for node:test, pytest and unittest): JSON lines `{id, file, outcome, retried?}` and
 * `{broken}`, and `{end: true}` last, without which the run did not end. A row without the key was written by somebody else,
 * and then no row is worth anything.
 */
export const readLinesReport = (text: string, key: string): TestReport | undefined => {
  const lines = text.split("\n").filter((line) => line !== "");
  const rows = lines.map(parseJson).filter(isRecord);
  const ours = rows.length === lines.length && rows.every((row) => row.key === key);
  if (!ours || rows.at(-1)?.end !== true || rows.filter(({ end }) => end === true).length > 1)
    return undefined;
  return {
    tests: rows.filter(isCase).map(caseOf),
    brokenFiles: rows.map((row) => row.broken).filter((file) => typeof file === "string"),
  };
};

const caseOf = ({ id, file, outcome, retried }: TestCase): TestCase => ({
  id,
  file,
  outcome,
  ...(retried === true ? { retried } : {}),
});

const isCase = (row: object): row is TestCase =>
  "id" in row &&
  "file" in row &&
  "outcome" in row &&
  ["passed", "failed", "skipped"].includes(String(row.outcome));
