import type { TestCase, TestReport } from "./report.js";

/**
 * What `cargo test` prints with stderr joined in (the names of the test binaries go there). Undefined unless every
 * binary that began also told its result, and told as many tests as it listed.
 */
export const readCargoReport = (text: string): TestReport | undefined => {
  const tests: TestCase[] = [];
  let binary = "";
  let listed: TestCase[] | undefined;
  let groups = 0;
  for (const line of text.split(/\r?\n/)) {
    const named = binaryOf(line);
    if (named !== undefined) binary = named;
    if (/^running \d+ tests?$/.test(line)) {
      if (listed !== undefined) return undefined;
      listed = [];
    }
    const test = caseOf(line, binary);
    if (test !== undefined) listed?.push(test);
    const told = resultOf(line);
    if (told === undefined) continue;
    if (listed?.length !== told) return undefined;
    tests.push(...listed);
    listed = undefined;
    groups += 1;
  }
  return groups === 0 || listed !== undefined ? undefined : { tests, brokenFiles: [] };
};

/** Crate and source, without the hash that a new compiler or flag would change. */
const binaryOf = (line: string): string | undefined => {
  const text = line.trim();
  if (text.startsWith("Doc-tests ")) return `${text.slice("Doc-tests ".length)} documentation`;
  const parenthesis = text.lastIndexOf(" (");
  if (!text.startsWith("Running ") || parenthesis < 0 || !text.endsWith(")")) return undefined;
  const source = text.slice("Running ".length, parenthesis).replace(/^unittests /, "");
  const crate =
    text
      .slice(parenthesis + 2, -1)
      .split(/[\\/]/)
      .at(-1) ?? "";
  return `${crate.replace(/-[0-9a-f]{16}$/, "")} ${source}`;
};

const caseOf = (line: string, file: string): TestCase | undefined => {
  const [, name, end = ""] = /^test (.+?) \.\.\. (ok|FAILED|ignored)(?:, .*)?$/.exec(line) ?? [];
  const outcome = outcomes[end];
  if (name === undefined || outcome === undefined) return undefined;
  // A documentation test is known by its item; its line moves with every edit above it.
  return { id: `${file} ${name.replace(/ \(line \d+\)/, "")}`, file, outcome };
};

const outcomes: Readonly<Record<string, TestCase["outcome"]>> = {
  ok: "passed",
  FAILED: "failed",
  ignored: "skipped",
};

const resultOf = (line: string): number | undefined => {
  const told = /^test result: \S+ (\d+) passed; (\d+) failed; (\d+) ignored;/.exec(line);
  return told === null ? undefined : Number(told[1]) + Number(told[2]) + Number(told[3]);
};
