import type { Room } from "../room.js";
import type { Canary } from "./command.js";

/** What people write is smaller; a generated test file is not worth a second run. */
const TEST_FILE_BYTES_MAX = 1024 * 1024;

/** Of the test itself: its file bears the token too, and so do the names of all tests in it. */
export const canaryName = (token: string): string => `${token}x`;

/** A copy of a test file with one more test behind its own; undefined where there is no such file, or no text in it. */
export const copyWith = async (
  room: Room,
  file: string,
  token: string,
  testOf: (name: string, text: string) => string,
): Promise<Canary | undefined> => {
  const bytes = await room.read(file, TEST_FILE_BYTES_MAX + 1);
  if (bytes === undefined || bytes.length > TEST_FILE_BYTES_MAX) return undefined;
  const text = bytes.toString();
  if (!Buffer.from(text).equals(bytes)) return undefined;
  const ours = testOf(canaryName(token), text);
  return { path: besides(file, token), text: `${text}\n${ours}`, alone: ours };
};

/** Where a runner that found the one finds the other: what its name begins and ends with stays. */
const besides = (path: string, token: string): string => {
  const [, folder = "", stem = "", ending = ""] = /^(.*\/)?([^/.]*)([^/]*)$/.exec(path) ?? [];
  const endsAsTest = /(tests?|spec)$/i.test(stem) && !/^tests?/i.test(stem);
  return `${folder}${endsAsTest ? `${token}_${stem}` : `${stem}_${token}`}${ending}`;
};

/** For each of these assertions: it must throw, or the canary has nothing to fail about and passes. */
const nodeAssertions = (assert: string): readonly string[] => [
  `() => ${assert}(false)`,
  `() => ${assert}.ok(false)`,
  `() => ${assert}.equal(1, 2)`,
  `() => ${assert}.notEqual(1, 1)`,
  `() => ${assert}.strictEqual(1, 2)`,
  `() => ${assert}.notStrictEqual(1, 1)`,
  `() => ${assert}.deepEqual([1], [2])`,
  `() => ${assert}.deepStrictEqual([1], [2])`,
  `() => ${assert}.match("a", /b/)`,
  `() => ${assert}.throws(() => {})`,
  `() => ${assert}.rejects(async () => {})`,
  `() => ${assert}.fail()`,
];

const expectations = (expect: string): readonly string[] => [
  `() => ${expect}(1).toBe(2)`,
  `() => ${expect}(1).not.toBe(1)`,
  `() => ${expect}([1]).toEqual([2])`,
  `() => ${expect}([1]).toStrictEqual([2])`,
  `() => ${expect}({ a: 1 }).toMatchObject({ a: 2 })`,
  `() => ${expect}(0).toBeTruthy()`,
  `() => ${expect}(1).toBeFalsy()`,
  `() => ${expect}(1).toBeNull()`,
  `() => ${expect}(1).toBeUndefined()`,
  `() => ${expect}([]).toContain(1)`,
  `() => ${expect}([]).toHaveLength(1)`,
  `() => ${expect}("a").toMatch(/b/)`,
  `() => ${expect}(1).toBeGreaterThan(2)`,
  `() => ${expect}(() => {}).toThrow()`,
  `() => ${expect}(Promise.resolve(1)).resolves.toBe(2)`,
];

const failing = (test: string, token: string, assertions: readonly string[]): string =>
  `${test}("${token}", async () => {
  for (const fails of [${assertions.join(", ")}]) {
    try { await fails(); } catch { continue; }
    return;
  }
  throw new Error("${token}");
});
`;

export const nodeTestCanary = (token: string, text: string, file: string): string => {
  const [test, assert, strict] = [`${token}t`, `${token}a`, `${token}s`];
  const body = failing(test, token, [...nodeAssertions(assert), ...nodeAssertions(strict)]);
  if (isModule(text, file))
    return `;\nimport { test as ${test} } from "node:test";\nimport ${assert} from "node:assert";\nimport ${strict} from "node:assert/strict";\n${body}`;
  const required = `const { test: ${test} } = require("node:test"), ${assert} = require("node:assert"), ${strict} = require("node:assert/strict");`;
  return `;\n${required}\n${body}`;
};

export const vitestCanary = (token: string, text: string): string => {
  const [test, expect, assert] = [`${token}t`, `${token}e`, `${token}a`];
  const asserts = usesAssert(text);
  const more = asserts ? `import ${assert} from "node:assert";\n` : "";
  const assertions = [...expectations(expect), ...(asserts ? nodeAssertions(assert) : [])];
  return `;\nimport { test as ${test}, expect as ${expect} } from "vitest";\n${more}${failing(test, token, assertions)}`;
};

// Jest may run a file as a module or as a script, types checked or not; what it puts into the global scope is there in each.
export const jestCanary = (token: string, _text: string, file: string): string => {
  const scope = /\.[cm]?tsx?$/.test(file) ? "(globalThis as any)" : "globalThis";
  return `;\n${failing(`${scope}.test`, token, expectations(`${scope}.expect`))}`;
};

const usesAssert = (text: string): boolean => /["'](node:)?assert(\/strict)?["']/.test(text);

const isModule = (text: string, file: string): boolean =>
  file.endsWith(".mjs") ||
  file.endsWith(".mts") ||
  (!file.endsWith(".cjs") && /^\s*(import|export)\b/m.test(text));

/** A function for pytest, which also runs the classes of unittest. */
export const pytestCanary = (token: string): string => `

def test_${token}():
    import unittest
    import pytest
    case = unittest.TestCase()
    def says(what):
        assert what
    def raises():
        with pytest.raises(ValueError):
            pass
    checks = [lambda: says(False), lambda: says(1 == 2), lambda: pytest.fail("no"), raises, ${unittestChecks}]
    for check in checks:
        try:
            check()
        except BaseException:
            continue
        return
    raise RuntimeError("${token}")
`;

export const unittestCanary = (token: string): string => `

import unittest as ${token}u


class Case_${token}(${token}u.TestCase):
    def test_${token}(self):
        case = self
        def says(what):
            assert what
        for check in [lambda: says(False), ${unittestChecks}]:
            try:
                check()
            except BaseException:
                continue
            return
        raise RuntimeError("${token}")
`;

const unittestChecks = [
  "case.assertEqual(1, 2)",
  "case.assertNotEqual(1, 1)",
  "case.assertTrue(False)",
  "case.assertFalse(True)",
  "case.assertIs(1, None)",
  "case.assertIsNone(1)",
  "case.assertIsNotNone(None)",
  "case.assertIn(1, [])",
  "case.assertListEqual([1], [2])",
  "case.assertDictEqual({1: 1}, {1: 2})",
  "case.assertRaises(ValueError, lambda: None)",
  'case.assertRegex("a", "b")',
  "case.assertAlmostEqual(1, 2)",
  "case.assertGreater(1, 2)",
  "case.fail()",
]
  .map((check) => `lambda: ${check}`)
  .join(", ");

/** Of one package: it lies in the binary with all its other tests. */
export const goCanary = (packageName: string, token: string): string => `package ${packageName}

import "testing"

func Test_${token}(t *testing.T) {
	t.Error("${token}")
	t.FailNow()
}
`;

export const cargoCanary = (token: string): string => `
#[test]
fn ${token}() {
    assert_eq!(1, 2, "${token}");
    panic!("${token}");
}
`;
