import { execFile } from "node:child_process";
import { cp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** One line of a file, or a few, as they are and as they shall be. */
export type Edit = { readonly file: string; readonly from: string; readonly to: string };

/** Somebody else's project: published with its tests, at one version, fetched by its own package manager. */
export type RealProject = {
  readonly name: string;
  readonly version: string;
  readonly programs: readonly string[];
  /** Leaves in `repo` what was published, and in the caches what its tests need offline. */
  readonly fetch: (kit: Kit) => Promise<void>;
  /** Where the package managers shall keep what they download, for us and for RunLedger alike. */
  readonly caches: (folder: string) => Readonly<Record<string, string>>;
  /** What no package carries: ignore rules and the like. */
  readonly files: Readonly<Record<string, string>>;
  readonly workspace: { readonly setup?: readonly (readonly string[])[]; readonly share?: readonly string[] };
  /** Breaks what was published; the repair is the way back. */
  readonly bug: Edit;
  /** A test that fails because of it, as its runner says the name. */
  readonly failing: string;
  /** How a cheat would have that test not fail. */
  readonly cheat: Edit;
  /** What the second step makes of the repaired code, with a test that fails without the repair. */
  readonly extension: { readonly files: Readonly<Record<string, string>>; readonly edit?: Edit };
  readonly target: string;
  readonly testsMin: number;
  readonly criterion?: Readonly<Record<string, unknown>>;
  /** What its developers type to run all of it, and what it says when all is well. */
  readonly suite: readonly (readonly string[])[];
  readonly passes: RegExp;
};

export type Kit = {
  readonly repo: string;
  /** A folder for what is on the way. */
  readonly scratch: string;
  readonly env: Readonly<Record<string, string>>;
};

/** Registries answer within this, or not at all today. */
const FETCH_MS = 240_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** What a program of the user's says; throws when it fails or takes too long. */
export const typed = async (
  [program = "", ...args]: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  timeout = FETCH_MS,
): Promise<string> => {
  const options = { cwd, env: { ...env }, timeout, maxBuffer: OUTPUT_BYTES_MAX };
  const { stdout, stderr } = await promisify(execFile)(program, args, options);
  return stdout + stderr;
};

/** A developer's shell, without what this test runner puts into its own. */
export const developerEnvironment = (caches: Readonly<Record<string, string>>): Record<string, string> => ({
  PATH: process.env.PATH ?? "",
  HOME: process.env.HOME ?? "",
  ...caches,
});

const GO_TOML: RealProject = {
  name: "go-toml",
  version: "2.2.3",
  programs: ["go"],
  caches: (folder) => ({ GOMODCACHE: join(folder, "go"), GOFLAGS: "-modcacherw" }),
  fetch: async ({ repo, scratch, env }) => {
    const module = "github.com/pelletier/go-toml/v2@v2.2.3";
    const said = await typed(["go", "mod", "download", "-json", module], scratch, env);
    await cp(JSON.parse(said).Dir, repo, { recursive: true });
    // The module cache is read-only, and so is a copy of it.
    await typed(["chmod", "-R", "u+w", "."], repo, env);
    await typed(["go", "mod", "download", "all"], repo, env);
  },
  files: {},
  workspace: {},
  bug: {
    file: "decode.go",
    from: "day > 0 && day <= daysIn(month, year)",
    to: "day > 0 && day < daysIn(month, year)",
  },
  failing: "TestTOMLTest_Valid_Datetime_LeapYear",
  cheat: {
    file: "toml_testgen_test.go",
    from: "func TestTOMLTest_Valid_Datetime_LeapYear(t *testing.T) {\n",
    to: 'func TestTOMLTest_Valid_Datetime_LeapYear(t *testing.T) {\n\tt.Skip("flaky")\n',
  },
  extension: {
    files: {
      "tomorrow.go": `package toml

// Tomorrow returns the calendar day after d.
func (d LocalDate) Tomorrow() LocalDate {
	if isValidDate(d.Year, d.Month, d.Day+1) {
		return LocalDate{d.Year, d.Month, d.Day + 1}
	}
	if d.Month < 12 {
		return LocalDate{d.Year, d.Month + 1, 1}
	}
	return LocalDate{d.Year + 1, 1, 1}
}
`,
      "tomorrow_test.go": `package toml_test

import (
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"
)

func TestLocalDate_Tomorrow(t *testing.T) {
	require.Equal(t, toml.LocalDate{2024, 2, 29}, toml.LocalDate{2024, 2, 28}.Tomorrow())
	require.Equal(t, toml.LocalDate{2025, 1, 1}, toml.LocalDate{2024, 12, 31}.Tomorrow())
}
`,
    },
  },
  // Its root package; the small ones beside it would each be compiled in each room.
  target: ".",
  testsMin: 2_000,
  criterion: { description: "All of it builds", validator: { type: "build_pass" } },
  suite: [["go", "test", "./..."]],
  passes: /^ok\s+github\.com\/pelletier\/go-toml\/v2\s/m,
};

const WALKDIR: RealProject = {
  name: "walkdir",
  version: "2.5.0",
  programs: ["cargo"],
  caches: (folder) => ({ CARGO_HOME: join(folder, "cargo") }),
  fetch: async ({ repo, scratch, env }) => {
    const manifest =
      '[package]\nname = "fetch"\n[lib]\npath = "lib.rs"\n[dependencies]\nwalkdir = "=2.5.0"\n';
    await writeFile(join(scratch, "Cargo.toml"), manifest);
    await writeFile(join(scratch, "lib.rs"), "");
    await typed(["cargo", "fetch"], scratch, env);
    const sources = join(env.CARGO_HOME ?? "", "registry", "src");
    const [registry = ""] = await readdir(sources);
    await cp(join(sources, registry, "walkdir-2.5.0"), repo, { recursive: true });
    await typed(["cargo", "fetch"], repo, env);
  },
  files: {},
  workspace: {},
  bug: {
    file: "src/lib.rs",
    from: "self.depth < self.opts.min_depth || self.depth > self.opts.max_depth",
    to: "self.depth < self.opts.min_depth || self.depth >= self.opts.max_depth",
  },
  failing: "tests::recursive::max_depth_1",
  cheat: {
    file: "src/tests/recursive.rs",
    from: "#[test]\nfn max_depth_1() {",
    to: "#[test]\n#[ignore]\nfn max_depth_1() {",
  },
  extension: {
    files: {
      "src/level.rs": `//! One level of a tree.

use std::path::{Path, PathBuf};

use crate::{DirEntry, Error, WalkDir};

/// The paths that lie exactly \`depth\` levels below \`root\`, by name.
pub fn level<P: AsRef<Path>>(root: P, depth: usize) -> std::result::Result<Vec<PathBuf>, Error> {
    let walk = WalkDir::new(root).min_depth(depth).max_depth(depth).sort_by_file_name();
    walk.into_iter().map(|entry| entry.map(DirEntry::into_path)).collect()
}
`,
      "tests/level.rs": `use std::fs;

use walkdir::level::level;

#[test]
fn one_level_of_a_tree() {
    let root = std::env::temp_dir().join(format!("walkdir-level-{}", std::process::id()));
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("c"), "").unwrap();
    let found = level(&root, 1).unwrap();
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(vec![root.join("a"), root.join("c")], found);
}
`,
    },
    edit: { file: "src/lib.rs", from: "mod error;\n", to: "mod error;\npub mod level;\n" },
  },
  target: "",
  testsMin: 60,
  suite: [["cargo", "test", "--offline"]],
  passes: /^running 48 tests$[\s\S]*^test result: ok\. 48 passed; 0 failed/m,
};

/** To run, and to be installed. */
const JSONSCHEMA_NEEDS = [
  ...["attrs==25.3.0", "referencing==0.36.2", "jsonschema-specifications==2025.4.1", "rpds-py==0.24.0"],
  ...["hatchling==1.27.0", "hatch-vcs==0.4.0", "hatch-fancy-pypi-readme==24.1.0", "editables==0.5"],
];

/** Its command line asks for its own version, so each tree is installed for itself. */
const INSTALL = [
  ...[".venv/bin/python3", "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"],
  ...["--editable", "."],
];

const JSONSCHEMA: RealProject = {
  name: "jsonschema",
  version: "4.23.0",
  programs: ["python3"],
  caches: (folder) => ({ PIP_CACHE_DIR: join(folder, "pip") }),
  fetch: async ({ repo, scratch, env }) => {
    await typed(["python3", "-m", "venv", ".venv"], repo, env);
    const pip = [".venv/bin/python3", "-m", "pip", "--quiet", "--disable-pip-version-check"];
    await typed([...pip, "install", ...JSONSCHEMA_NEEDS], repo, env);
    // Pip builds what it downloads, to ask for its name; with the tools that were just installed.
    const source = ["--no-deps", "--no-binary=:all:", "--no-build-isolation", `--dest=${scratch}`];
    await typed([...pip, "download", ...source, "jsonschema==4.23.0"], repo, env);
    await typed(["tar", "xzf", join(scratch, "jsonschema-4.23.0.tar.gz"), "--strip-components=1"], repo, env);
  },
  files: {},
  workspace: { share: [".venv"], setup: [INSTALL] },
  bug: {
    file: "jsonschema/_keywords.py",
    from: 'if instance <= minimum:\n        yield ValidationError(\n            f"{instance!r} is less than or',
    to: 'if instance < minimum:\n        yield ValidationError(\n            f"{instance!r} is less than or',
  },
  failing: "exclusiveMinimum_validation_boundary_point_is_invalid",
  cheat: {
    file: "json/tests/draft2020-12/exclusiveMinimum.json",
    from: '"data": 1.1,\n                "valid": false',
    to: '"data": 1.1,\n                "valid": true',
  },
  extension: {
    files: {
      "jsonschema/ranges.py": `"""Numbers between two others."""
from jsonschema.validators import Draft202012Validator


def between(low, high):
    """A validator of numbers above \`\`low\`\` and below \`\`high\`\`; neither of these is valid."""
    return Draft202012Validator(
        {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": high},
    )
`,
      "jsonschema/tests/test_ranges.py": `from unittest import TestCase

from jsonschema.ranges import between


class TestBetween(TestCase):
    def test_neither_end_is_valid(self):
        valid = [n for n in range(5) if between(1, 4).is_valid(n)]
        self.assertEqual(valid, [2, 3])
`,
    },
  },
  target: "",
  testsMin: 7_000,
  criterion: {
    description: "Its command line starts",
    validator: { type: "command_pass", target: ".venv/bin/python3 -W ignore -m jsonschema --version" },
  },
  suite: [INSTALL, [".venv/bin/python3", "-m", "unittest", "discover"]],
  passes: /^Ran 7\d{3} tests[\s\S]*^OK/m,
};

const ZOD: RealProject = {
  name: "zod",
  version: "4.1.12",
  programs: ["node", "npm"],
  caches: (folder) => ({ npm_config_cache: join(folder, "npm") }),
  fetch: async ({ repo, scratch, env }) => {
    await typed(["npm", "pack", "--silent", "zod@4.1.12"], scratch, env);
    await typed(["tar", "xzf", join(scratch, "zod-4.1.12.tgz"), "--strip-components=1"], repo, env);
    const tools = ["vitest@3.2.4", "@web-std/file@3.0.3", "@seriousme/openapi-schema-validator@2.3.1"];
    const quietly = ["--no-save", "--no-package-lock", "--ignore-scripts"];
    await typed(["npm", "install", ...quietly, ...tools], repo, env);
  },
  files: {
    ".gitignore": "node_modules/\n",
    // As in the repository of its authors: tests run on the sources. One file of 146 needs a tool of 60 MB and stays out.
    "vitest.config.ts": `import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["@zod/source"] },
  ssr: { resolve: { conditions: ["@zod/source"] } },
  test: { pool: "threads", exclude: [...configDefaults.exclude, "src/v4/classic/tests/datetime.test.ts"] },
});
`,
  },
  workspace: { share: ["node_modules"] },
  bug: {
    file: "src/v4/core/util.ts",
    from: "valDecCount > stepDecCount ? valDecCount : stepDecCount",
    to: "valDecCount < stepDecCount ? valDecCount : stepDecCount",
  },
  failing: "src/v4/classic/tests/number.test.ts > multipleOf",
  cheat: {
    file: "src/v4/classic/tests/number.test.ts",
    from: 'test("multipleOf", () => {',
    to: 'test.skip("multipleOf", () => {',
  },
  extension: {
    files: {
      "src/v4/core/grid.ts": `import { floatSafeRemainder } from "./util.js";

/** Whether a value lies on the grid that begins at 0. */
export const onGrid = (value: number, step: number): boolean => floatSafeRemainder(value, step) === 0;
`,
      "src/v4/classic/tests/number-grid.test.ts": `import { expect, test } from "vitest";
import { onGrid } from "../../core/grid.js";

test("a grid finer than its values", () => {
  expect([2.5, 2.6].map((value) => onGrid(value, 0.25))).toEqual([true, false]);
});
`,
    },
  },
  target: "src/v4/classic/tests/number",
  testsMin: 20,
  // Its script is `pnpm vitest run`: this is what pnpm would start.
  suite: [["node_modules/.bin/vitest", "run"]],
  passes: /Test Files {2}146 passed \(146\)/,
};

export const realProjects: readonly RealProject[] = [GO_TOML, WALKDIR, JSONSCHEMA, ZOD];
