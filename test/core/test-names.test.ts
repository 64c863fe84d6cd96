import { expect, it } from "vitest";
import { isTestFile } from "../../src/core/test-names.js";

it.each([
  "test.mjs",
  "src/sum.spec.tsx",
  "sum-test.mjs",
  "src/sum.cy.tsx",
  "login.e2e.ts",
  "pkg/test_calc.py",
  "calc_test.go",
  "tests/sum.rs",
  "CalcTestCase.java",
  "CalcTest.groovy",
  "src/CalcIT.scala",
])("%s is a test by its name, whoever asks", (path) => expect(isTestFile(path)).toBe(true));

it.each([
  "src/contest.py",
  "src/openapi-spec.ts",
  "src/Commit.java",
  "tests/data/a.rs",
  "test/helper.mjs",
  "contest.go",
])("%s is none", (path) => expect(isTestFile(path)).toBe(false));
