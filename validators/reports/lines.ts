import { isRecord, parseJson, type TestCase, type TestReport } from "./report.js";

/**
 * The report that our own reporters write (for node:test and unittest, which have none that names every test):
 * JSON lines `{id, file, outcome}` and `{broken}`, and `{end: true}` last, without which the run did not end.
 */
export const readLinesReport = (text: string): TestReport | undefined => {
  const lines = text.split("\n").filter((line) => line !== "");
  const rows = lines.map(parseJson).filter(isRecord);
  if (rows.length < lines.length || rows.at(-1)?.end !== true) return undefined;
  return {
    tests: rows.filter(isCase).map(({ id, file, outcome }) => ({ id, file, outcome })),
    brokenFiles: rows.map((row) => row.broken).filter((file) => typeof file === "string"),
  };
};

const isCase = (row: object): row is TestCase =>
  "id" in row &&
  "file" in row &&
  "outcome" in row &&
  ["passed", "failed", "skipped"].includes(String(row.outcome));
