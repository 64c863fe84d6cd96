import type { TestCase, TestReport } from "./report.js";

// Tests and files that spoke at the base and are silent now: deleting a test must not count as passing it.
export const lostTests = (base: TestReport, now: TestReport): string[] => {
  const ids = new Set(now.tests.map(({ id }) => id));
  const filesThatRan = new Set(now.tests.filter(ran).map(({ file }) => file));
  return distinct([
    ...base.tests.filter((test) => ran(test) && !ids.has(test.id)).map(({ id }) => id),
    ...base.brokenFiles.filter((file) => !filesThatRan.has(file)),
  ]);
};

/** Tests that ran at the base, passed or not, and are skipped now. */
export const newlySkippedTests = (base: TestReport, now: TestReport): string[] => {
  const ranNow = idsThatRan(now);
  const skippedNow = new Set(now.tests.map(({ id }) => id).filter((id) => !ranNow.has(id)));
  return [...idsThatRan(base)].filter((id) => skippedNow.has(id));
};

const ran = ({ outcome }: TestCase): boolean => outcome !== "skipped";

const idsThatRan = ({ tests }: TestReport): Set<string> => new Set(tests.filter(ran).map(({ id }) => id));

const distinct = (items: readonly string[]): string[] => [...new Set(items)];
