import { isRecord, parseJson, type TestCase, type TestReport } from "./report.js";

// Jest's JSON, which Vitest writes as well; root is cut off the file names, for every room lies somewhere else.
export const readJestReport = (text: string, root: string): TestReport | undefined => {
  const report = parseJson(text);
  if (!isRecord(report) || !Array.isArray(report.testResults)) return undefined;
  const files = report.testResults.map((file) => readFile(file, root));
  if (!files.every((file) => file !== undefined)) return undefined;
  return {
    tests: files.flatMap(({ tests }) => tests),
    brokenFiles: files.filter(({ broken }) => broken).map(({ name }) => name),
  };
};

type FileReport = { readonly name: string; readonly broken: boolean; readonly tests: readonly TestCase[] };

const readFile = (file: unknown, root: string): FileReport | undefined => {
  if (!isRecord(file) || typeof file.name !== "string" || !Array.isArray(file.assertionResults)) {
    return undefined;
  }
  const name = file.name.startsWith(`${root}/`) ? file.name.slice(root.length + 1) : file.name;
  const tests = file.assertionResults.map((test) => caseOf(name, test));
  return { name, broken: file.status === "failed" && tests.length === 0, tests };
};

const caseOf = (file: string, test: unknown): TestCase => {
  const { ancestorTitles, title, status, failureMessages, invocations } = isRecord(test) ? test : {};
  const titles = [...(Array.isArray(ancestorTitles) ? ancestorTitles : []), title];
  const outcome = outcomeOf(status);
  // Jest counts its tries; Vitest keeps what the failed ones said.
  const failures = Array.isArray(failureMessages) ? failureMessages.length : 0;
  const retried = outcome === "passed" && (failures > 0 || Number(invocations) > 1);
  return { id: [file, ...titles].join(" > "), file, outcome, ...(retried ? { retried } : {}) };
};

/** The other words (pending, skipped, todo, disabled) mean that it did not run. */
const outcomeOf = (status: unknown): TestCase["outcome"] =>
  status === "passed" || status === "failed" ? status : "skipped";
