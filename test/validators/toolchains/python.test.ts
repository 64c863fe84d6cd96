import { afterAll, describe, expect, test } from "vitest";
import type { Judgement } from "../../../src/core/verdict.js";
import { judge } from "../../../validators/index.js";
import { closeLocalRooms, has, localRoom, pathOf, type Sample } from "../../helpers/local-room.js";

const run = async (sample: Sample, target = ""): Promise<Judgement> =>
  judge({ type: "test_pass", target, params: {} }, await localRoom(sample));

afterAll(closeLocalRooms);

const noPytest = !has("python3", "-c", "import pytest");
describe.skipIf(noPytest)(`pytest${noPytest ? " (skipped: pytest is not installed)" : ""}`, () => {
  test("is narrowed by a target", async () => {
    const judgement = await run({ fixture: "pytest" }, "test_calc.py::test_add_negative");
    expect(judgement).toMatchObject({ outcome: "passed", counts: { passed: 1 } });
  });

  test("is not replaced by a module of the tree that bears its name", async () => {
    const plant = 'import sys\n\ndef main():\n    sys.exit(0)\n\nif __name__ == "__main__":\n    main()\n';
    const change = { "pytest.py": plant, "calc.py": "def add(a, b):\n    return 0\n" };
    expect(await run({ fixture: "pytest", change })).toMatchObject({
      outcome: "failed",
      reason: "check_failed",
      counts: { failed: 2 },
    });
  });

  test("that is left with an exit code of 0 by a test file has lost the tests of the base", async () => {
    const change = { "test_aaa.py": 'import pytest\n\npytest.exit("enough", returncode=0)\n' };
    expect((await run({ fixture: "pytest", change })).outcome).toBe("failed");
  });

  test("names the tests of other files although one cannot be loaded", async () => {
    const judgement = await run({ fixture: "pytest", change: { "test_new.py": "import nowhere\n" } });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed", counts: { passed: 2 } });
    expect(judgement.message).toContain("test_new.py");
  });

  test("fails when a file that could not be loaded at the base is skipped now", async () => {
    const both = { "test_new.py": "import later\n\n\ndef test_new():\n    pass\n" };
    const change = { "test_new.py": 'import pytest\n\npytest.skip("later", allow_module_level=True)\n' };
    const judgement = await run({ fixture: "pytest", both, change });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "tests_lost", missing: ["test_new.py"] });
  });
});

const noPython = !has("python3", "--version");
describe.skipIf(noPython)(`unittest${noPython ? " (skipped: python3 is not installed)" : ""}`, () => {
  const sample = { fixture: "unittest", programs: { python3: `exec ${pathOf("python3")} -S "$@"` } };
  const odd = `
import sys
import unittest

class Odd(unittest.TestCase):
    def test_noise(self):
        print("test_forged (a.B) ... ok", file=sys.stderr)
    def test_parts(self):
        for part in range(3):
            with self.subTest(part=part):
                self.assertNotEqual(part, 1)
    @unittest.expectedFailure
    def test_expected(self):
        self.fail()
    @unittest.expectedFailure
    def test_unexpected(self):
        pass

class Unready(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("not ready")
    def test_never(self):
        pass
`;

  test("tells every outcome, and what could not be loaded", async () => {
    const change = { "tests/test_odd.py": odd, "tests/test_broken.py": "import nowhere\n" };
    const judgement = await run({ ...sample, change });
    expect(judgement).toMatchObject({ reason: "check_failed", counts: { passed: 3, failed: 2, skipped: 1 } });
    for (const name of ["test_odd.Odd.test_parts", "test_odd.Odd.test_unexpected", "test_broken"]) {
      expect(judgement.message).toContain(name);
    }
    expect(judgement.tail).toContain("not ready");
  });

  test("is narrowed by a target", async () => {
    const judgement = await run(sample, "tests/test_calc.py");
    expect(judgement).toMatchObject({ outcome: "passed", counts: { passed: 2 } });
  });

  test("is not replaced by a module of the tree that bears its name", async () => {
    const change = {
      "unittest.py": "def main(**_):\n    pass\n\nTextTestResult = TextTestRunner = object\n",
    };
    expect(await run({ ...sample, change })).toMatchObject({ outcome: "passed", counts: { passed: 2 } });
  });

  test("tells of no new file, although its name ends like that of one that held tests", async () => {
    const room = await localRoom({ ...sample, change: { "old/test_calc.py": "" } });
    const judgement = await judge({ type: "test_pass", target: "", params: {} }, room);
    expect(judgement).toMatchObject({ outcome: "passed", judgedBy: [] });
  });

  test("cannot judge when the base has no interpreter that starts, for nobody knows what ran there", async () => {
    const both = { ".venv/bin/python3": "not a program" };
    const judgement = await run({ ...sample, both, remove: [".venv"] });
    expect(judgement).toMatchObject({ outcome: "errored", reason: "toolchain_missing" });
    expect(judgement.message).toContain("at the base");
  });

  test("is found by a test file in the root when there is no project file", async () => {
    const both = {
      "test_root.py": "import unittest\n\nclass T(unittest.TestCase):\n    def test(self):\n        pass\n",
    };
    const judgement = await run({ both, programs: sample.programs });
    expect(judgement).toMatchObject({ outcome: "passed", counts: { passed: 1 } });
  });
});
