import { globMatcher } from "./globs.js";

/** The names that each runner looks for when nothing else is said. */
const TEST_FILES: readonly string[] = [
  // Vitest, Jest, node:test, Playwright, Cypress
  "**/{,*.}{test,tests,spec,cy,e2e}{,-d}.{,c,m}{js,ts}{,x}",
  "**/{*-test,*_test,test-*}.{,c,m}{js,ts}{,x}",
  // pytest, unittest, Django
  "**/{test*,*_test,*_tests}.py",
  "**/*_test.go",
  "**/{,*_}{test,tests}.rs",
  "tests/*.rs",
];

/** Surefire and Failsafe look for these classes. Here case counts, or Commit.java would be an integration test (IT). */
const TEST_CLASSES = "**/{Test*,*Test,*Tests,*TestCase,IT[A-Z]*,*[a-z0-9_]IT,*ITCase}.{java,kt,groovy,scala}";

const files = TEST_FILES.map((glob) => globMatcher(glob, { nocase: true }));
const classes = globMatcher(TEST_CLASSES);

/** A file of tests by its name, wherever it lies. */
export const isTestFile = (path: string): boolean => files.some((matches) => matches(path)) || classes(path);
