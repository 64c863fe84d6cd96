import type { TestCounts } from "../../src/core/verdict.js";

export type TestCase = {
  /** The same test has the same id at the base and now; it holds no absolute path and no line number. */
  readonly id: string;
  /** What the runner loads as one piece: a file, a package, a test binary, a class. */
  readonly file: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** It passed only when the runner tried it again. */
  readonly retried?: true;
};

/** What a runner says of its own run. */
export type TestReport = {
  readonly tests: readonly TestCase[];
  /** Files that could not be loaded, so that nobody knows their tests. */
  readonly brokenFiles: readonly string[];
  /** What no honest run can have said, in one sentence. */
  readonly contradiction?: string;
};

export const countsOf = ({ tests }: TestReport): TestCounts => {
  const count = (outcome: TestCase["outcome"]) => tests.filter((test) => test.outcome === outcome).length;
  return { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
};

export const idsWith = ({ tests }: TestReport, outcome: TestCase["outcome"]): readonly string[] =>
  tests.filter((test) => test.outcome === outcome).map(({ id }) => id);

/** One outcome for each name: of tests that share it, a failed one counts before one that passed, and that before a skipped one. */
export const outcomesOf = ({ tests }: TestReport): ReadonlyMap<string, TestCase["outcome"]> => {
  const outcomes = new Map<string, TestCase["outcome"]>();
  for (const { id, outcome } of tests) {
    const known = outcomes.get(id);
    if (known === undefined || RANKS[outcome] > RANKS[known]) outcomes.set(id, outcome);
  }
  return outcomes;
};

const RANKS: Readonly<Record<TestCase["outcome"], number>> = { skipped: 0, passed: 1, failed: 2 };

// The room keeps a base report as an unknown value; a shape it does not have is as good as no report.
export const asReport = (value: unknown): TestReport | undefined =>
  isRecord(value) && Array.isArray(value.tests) && Array.isArray(value.brokenFiles)
    ? (value as TestReport)
    : undefined;

/** Parsed JSON, or undefined: a report that is no JSON is an unreadable report, not a crash. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
