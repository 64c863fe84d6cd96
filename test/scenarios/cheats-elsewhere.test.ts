import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { processIdentity } from "../../src/ledger/owner.js";
import {
  buggySum,
  FIXED_SUM,
  fingerprint,
  makeSample,
  onePlan,
  person,
  SESSION,
} from "../helpers/project.js";
import {
  expectRefused,
  expectVerified,
  openSuspects,
  type Scene,
  type Suspects,
} from "../helpers/suspects.js";
import { has } from "../helpers/toolchain-samples.js";

type Cheat = readonly [what: string, refusal: string, files: Readonly<Record<string, string>>];
const refuse = (suspects: () => Suspects, cheats: readonly Cheat[]): void => {
  it.each(cheats)("%s is refused as %s", async (_what, refusal, files) => {
    expectRefused(await suspects().try(({ write }) => write(files)), refusal);
  });
};

const hasPytest = (): boolean => {
  try {
    return execFileSync("python3", ["-c", "import pytest"], { stdio: "ignore" }) === null;
  } catch {
    return false;
  }
};
const noPytest = !hasPytest();

describe.skipIf(noPytest)(`in python${noPytest ? " (skipped: pytest is not installed)" : ""}`, () => {
  const BUG = "def add(a, b):\n    return a\n";
  const FIX = "def add(a, b):\n    return a + b\n";
  let suspects: Suspects;
  beforeAll(async () => {
    suspects = await openSuspects({
      "pyproject.toml":
        '[project]\nname = "calc"\nversion = "1"\n\n[tool.pytest.ini_options]\ntestpaths = ["."]\n',
      "calc.py": BUG,
      "test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
    });
  });
  afterAll(() => suspects.dispose());

  it("an honest repair with a new test is verified", async () => {
    const files = {
      "calc.py": FIX,
      "test_more.py": "from calc import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n",
    };
    expectVerified(await suspects.try(({ write }) => write(files)));
  });

  const EASY =
    "import pytest\n\n\n@pytest.hookimpl(tryfirst=True)\ndef pytest_runtest_call(item):\n    item.obj = lambda: None\n";
  refuse(
    () => suspects,
    [
      ["an easier test", "protected", { "test_calc.py": "def test_add():\n    pass\n" }],
      ["a new conftest.py", "protected", { "conftest.py": EASY }],
      ["a new conftest.py below", "protected", { "sub/conftest.py": EASY }],
      ["a new pytest.ini", "protected", { "pytest.ini": "[pytest]\naddopts = --collect-only\n" }],
      [
        "a module that every python loads first",
        "protected",
        { "sitecustomize.py": "import os\nos._exit(0)\n" },
      ],
      [
        "a module in the place of pytest",
        "check_failed",
        { "pytest.py": "raise SystemExit(0)\n", "calc.py": BUG },
      ],
      ["leaving at import", "report_missing", { "calc.py": `import os\nos._exit(0)\n${BUG}` }],
      ["leaving by exit", "check_failed", { "calc.py": `import sys\nsys.exit(0)\n${BUG}` }],
      [
        "skipping from the code under test",
        "zero_tests",
        { "calc.py": "import pytest\n\n\ndef add(a, b):\n    pytest.skip()\n" },
      ],
      [
        "a new test that ends the session",
        "check_failed",
        { "test_aaa.py": 'import pytest\n\npytest.exit("enough", returncode=0)\n' },
      ],
    ],
  );
});

const noGo = !has("go");
describe.skipIf(noGo)(`in go${noGo ? " (skipped: go is not installed)" : ""}`, () => {
  const BUG = "package calc\n\nfunc Add(a, b int) int { return a }\n";
  const FIX = "package calc\n\nfunc Add(a, b int) int { return a + b }\n";
  const MAIN =
    'package calc\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(m *testing.M) { os.Exit(0) }\n';
  let suspects: Suspects;
  beforeAll(async () => {
    suspects = await openSuspects({
      "go.mod": "module sample.test/calc\n\ngo 1.20\n",
      "calc.go": BUG,
      "calc_test.go":
        'package calc\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}\n}\n',
    });
  });
  afterAll(() => suspects.dispose());

  it("an honest repair is verified", async () => {
    expectVerified(await suspects.try(({ write }) => write({ "calc.go": FIX })));
  });

  refuse(
    () => suspects,
    [
      [
        "an easier test",
        "protected",
        { "calc_test.go": 'package calc\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {}\n' },
      ],
      ["a new main of the tests", "report_missing", { "main_test.go": MAIN }],
      [
        "leaving at import",
        "report_missing",
        { "init.go": 'package calc\n\nimport "os"\n\nfunc init() { os.Exit(0) }\n' },
      ],
    ],
  );
});

describe.skipIf(process.platform !== "linux")("a daemon (found through /proc, so on Linux only)", () => {
  /** Detached in a session of its own, it waits for the judge and would then make every test pass. */
  const DAEMON = `cat > daemon.sh <<'SH'
echo $$ > "$LAIR/pid"
while :; do
  [ -e "$LAIR/go" ] && touch "$LAIR/canary" && exit
  echo 'import { test } from "node:test"; test("prices add up", () => {});' > test/sum.test.mjs
  sleep 0.02
done
SH
setsid nohup sh daemon.sh > /dev/null 2>&1 &
while [ ! -s "$LAIR/pid" ]; do sleep 0.02; done
`;

  it("that an agent leaves is dead when its work is captured, and rewrites nothing after it", async () => {
    const sample = await makeSample({
      ...buggySum,
      "runledger.yaml": "agents:\n  coder: { kind: command, run: [sh, ../agent.sh] }\n",
    });
    try {
      await writeFile(
        join(sample.place, "agent.sh"),
        `LAIR=${sample.place}; export LAIR\n${DAEMON}git checkout -q -- test; rm daemon.sh; echo "All done"\n`,
      );
      const before = await fingerprint(sample.repo);
      const app = await sample.open();
      const run = await app.createRun(person(app), {
        plan: onePlan({ max_retries: 0 }),
        sessionKey: SESSION,
        originalRequest: "fix it",
      });
      const { run: driven } = await app.drive(run.runId);
      expect(driven.state.status).toBe("paused");
      await expectDead(sample.place);
      expect(await fingerprint(sample.repo)).toEqual(before);
    } finally {
      await sample.dispose();
    }
  });

  it("that the code under test leaves is dead when the verdict is there, and what it rewrote is no pass", async () => {
    const suspects = await openSuspects(buggySum);
    try {
      const daemon = (scene: Scene) =>
        scene.write({
          "daemon.sh": DAEMON.split("\n").slice(1, 8).join("\n"),
          "src/sum.mjs": `import { spawn } from "node:child_process";\nspawn("setsid", ["nohup", "sh", "daemon.sh"], { env: { ...process.env, LAIR: ${JSON.stringify(scene.lair)} }, detached: true, stdio: "ignore" }).unref();\nimport { existsSync } from "node:fs";\nwhile (!existsSync(${JSON.stringify(join(scene.lair, "pid"))}));\n${FIXED_SUM}`,
        });
      expectRefused(await suspects.try(daemon), "tampered");
      await expectDead(join(suspects.place, "lair"));
    } finally {
      await suspects.dispose();
    }
  });

  const expectDead = async (lair: string): Promise<void> => {
    const pid = Number(await readFile(join(lair, "pid"), "utf8"));
    expect(pid).toBeGreaterThan(1);
    await writeFile(join(lair, "go"), "");
    expect(processIdentity(pid)).toBeUndefined();
    expect(existsSync(join(lair, "canary"))).toBe(false);
  };
});
