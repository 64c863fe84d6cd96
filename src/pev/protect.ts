import picomatch from "picomatch";
import type { ChangedFile } from "../../validators/room.js";
import { globMatcher } from "../core/globs.js";
import type { StepSpec, ValidatorSpec } from "../core/spec.js";
import { inlineTests } from "./inline-tests.js";
import { judgePrograms } from "./judge-programs.js";

/**
 * What decides whether tests and builds mean anything: whoever may change it may fake a pass. Adding such a file counts
 * as much as changing one (research on reward hacking: runner configuration is the first thing that is edited).
 */
const PROTECTED_JUDGES: readonly string[] = [
  // test runners
  "**/{vitest,vite,jest,playwright,cypress,karma,ava,nyc,c8,mocha,wdio}{,.*}.{config,conf}.*",
  "**/{vitest,jest,mocha}{.,-}{setup,workspace,preset}.*",
  "**/setupTests.*",
  "**/{jest,mocha,babel}.json",
  "**/.{mocharc,nycrc,c8rc,taprc}{,.*}",
  "**/__mocks__/**",
  "**/{conftest.py,sitecustomize.py,usercustomize.py,noxfile.py,.coveragerc}",
  "**/{,.}pytest.{ini,toml}",
  // compilers, bundlers, linters
  "**/{babel,eslint,biome,webpack,rollup,rolldown,esbuild,tsup,swc}{,.*}.config.*",
  "**/.{babelrc,swcrc,eslintrc}{,.*}",
  "**/{tsconfig,jsconfig}{,.*}.json",
  "**/{turbo,nx,lerna,deno}.json{,c}",
  "**/{gulpfile,Gruntfile}.*",
  "**/{Makefile,makefile,GNUmakefile,justfile,Justfile,Taskfile.yml}",
  // packages and their managers
  "**/{.npmrc,.yarnrc,.yarnrc.yml,.pnp.*,.pnpmfile.*,pnpm-workspace.yaml,bunfig.toml}",
  "**/.yarn/{releases,plugins}/**",
  "**/{package-lock.json,npm-shrinkwrap.json,yarn.lock,pnpm-lock.yaml,bun.lockb,bun.lock,deno.lock}",
  "**/{pyproject.toml,setup.py,setup.cfg,tox.ini,poetry.lock,uv.lock,Pipfile,Pipfile.lock}",
  "**/{requirements,constraints}*.txt",
  "**/{Cargo.toml,Cargo.lock,build.rs,rust-toolchain,rust-toolchain.toml,.cargo/**}",
  "**/{go.mod,go.sum,go.work,go.work.sum}",
  "**/{pom.xml,build.gradle,build.gradle.kts,.mvn/**,mvnw,mvnw.cmd}",
  "**/{node_modules,.venv,venv,site-packages}/**",
  // versions, environments, git, CI
  "**/{.nvmrc,.node-version,.python-version,.tool-versions,.mise.toml,mise.toml}",
  "**/.env{,.*}",
  "**/{.gitattributes,.gitmodules}",
  "{.github,.gitlab,.circleci,.buildkite}/**",
  "{.gitlab-ci.yml,azure-pipelines.yml,Jenkinsfile,.travis.yml}",
  "{runledger.yaml,.worktreeinclude}",
];

/**
 * Tests that were there at the base are the judge's, and so is what they compare with: neither may be changed or removed.
 * New ones may be added. The names are those that each runner looks for when nothing else is said.
 */
const PROTECTED_TESTS: readonly string[] = [
  "**/{test,tests,spec,e2e,cypress,__tests__}/**",
  // Vitest, Jest, node:test, Playwright, Cypress
  "**/{,*.}{test,tests,spec,cy,e2e}{,-d}.{,c,m}{js,ts}{,x}",
  "**/{*-test,*_test,test-*}.{,c,m}{js,ts}{,x}",
  // pytest, unittest, Django
  "**/{test*,*_test,*_tests}.py",
  "**/*_test.go",
  "**/{,*_}{test,tests}.rs",
  "**/src/{test,integrationTest}/**",
  // golden files
  "**/{testdata,__snapshots__,__fixtures__,__screenshots__,*-snapshots}/**",
  "**/*.{snap,golden}",
];

/** Surefire and Failsafe look for these classes. Here case counts, or Commit.java would be an integration test (IT). */
const PROTECTED_TEST_CLASSES: readonly string[] = [
  "**/{Test*,*Test,*Tests,*TestCase,IT[A-Z]*,*[a-z0-9_]IT,*ITCase}.{java,kt,groovy,scala}",
];

/**
 * What package.json may say anew without leave. All else may decide how the project is built and judged: even a name is
 * one under which a package finds itself, in the place of a test runner.
 */
const FREE_PACKAGE_KEYS: ReadonlySet<string> = new Set([
  "version",
  "description",
  "keywords",
  "author",
  "contributors",
  "maintainers",
  "license",
  "repository",
  "bugs",
  "homepage",
  "funding",
  "private",
  "files",
]);

/** Reads a file of the base (`before`) or of the proposal (`after`); undefined when it is none. */
type Read = (side: "before" | "after", path: string) => Promise<string | undefined>;

export type ProtectInput = {
  readonly changed: readonly ChangedFile[];
  readonly step: Pick<StepSpec, "mayChange">;
  /** Globs of the plan and of the settings: nobody may add, change or remove what they match. */
  readonly protect: readonly string[];
  /** Every judge of the plan: what one of them starts is no other step's to change. */
  readonly validators: readonly ValidatorSpec[];
  readonly read: Read;
};

export type ProtectFinding = {
  /** Protected paths changed without leave. */
  readonly protectedPaths: readonly string[];
  /** Paths outside an `only` list. */
  readonly outside: readonly string[];
};

// An agent must not touch what it is judged by, unless the step says that it may.
export const checkProtection = async (input: ProtectInput): Promise<ProtectFinding> => {
  const { changed, step, read } = input;
  const allowed = matcher(step.mayChange.paths);
  const protectedByWord = matcher(input.protect);
  const programs = judgePrograms(input.validators, await read("before", "package.json"));
  const protectedPaths = new Set<string>();
  const outside = new Set<string>();
  for (const file of changed) {
    for (const path of pathsOf(file)) {
      if (step.mayChange.only && !allowed(path)) outside.add(path);
      if (allowed(path)) continue;
      const wasThere = file.change !== "added" && (file.change !== "renamed" || path === file.from);
      const isTest = wasThere && (isTestByName(path) || programs.has(path));
      if (judges(path) || protectedByWord(path) || isTest || (await changedInside(path, wasThere, read)))
        protectedPaths.add(path);
    }
  }
  return { protectedPaths: [...protectedPaths].sort(), outside: [...outside].sort() };
};

// Which files held tests is known only after the base's own run; of a file that is code as well, only its tests count.
export const touchedTests = async (input: {
  /** Files of the base that held tests and are not what they were. */
  readonly judgedBy: readonly string[];
  readonly mayChange: readonly string[];
  readonly readBase: (path: string) => Promise<string | undefined>;
}): Promise<readonly string[]> => {
  const allowed = matcher(input.mayChange);
  const touched: string[] = [];
  for (const path of input.judgedBy.filter((one) => !allowed(one)))
    if (inlineTests(path, (await input.readBase(path)) ?? "") === "") touched.push(path);
  return touched;
};

/** A path named outright means itself and all below it: whoever protects `docs` does not mean an empty name. */
const matcher = (globs: readonly string[]): ((path: string) => boolean) => {
  if (globs.length === 0) return () => false;
  const named = globs.map((glob) => glob.replace(/^(\.\/)+|\/+$/g, "").toLowerCase());
  const matches = globs.map((glob) => globMatcher(glob, { nocase: true }));
  return (path) => {
    const lower = path.toLowerCase();
    return (
      matches.some((isMatch) => isMatch(path)) ||
      named.some((name) => lower === name || lower.startsWith(`${name}/`))
    );
  };
};

const pathsOf = ({ path, from }: ChangedFile): readonly string[] =>
  from === undefined ? [path] : [path, from];

const judges = picomatch([...PROTECTED_JUDGES], { dot: true, nocase: true });
const tests = picomatch([...PROTECTED_TESTS], { dot: true, nocase: true });
const testClasses = picomatch([...PROTECTED_TEST_CLASSES], { dot: true });
/** Tells what nobody may even add: configuration by its name, and what these globs match. */
export const judgeFileMatcher = (protect: readonly string[]): ((path: string) => boolean) => {
  const byWord = matcher(protect);
  return (path) => judges(path) || byWord(path);
};

/** Runners look for tests, and tests for what they compare with, under such names. */
export const isTestByName = (path: string): boolean => tests(path) || testClasses(path);

const changedInside = async (path: string, wasThere: boolean, read: Read): Promise<boolean> => {
  if (/(^|\/)package\.json$/i.test(path)) return packageChanged(path, wasThere, read);
  if (!wasThere) return false;
  const before = inlineTests(path, (await read("before", path)) ?? "");
  return before !== "" && before !== inlineTests(path, (await read("after", path)) ?? "");
};

// What cannot be read (no file, too large, no JSON) counts as changed.
const packageChanged = async (path: string, wasThere: boolean, read: Read): Promise<boolean> => {
  const before = wasThere ? await read("before", path) : "{}";
  const after = await read("after", path);
  return before === undefined || after === undefined || judgingParts(before) !== judgingParts(after);
};

const judgingParts = (text: string): string => {
  try {
    const parts = Object.entries(JSON.parse(text)).filter(([key]) => !FREE_PACKAGE_KEYS.has(key));
    return JSON.stringify(parts.sort(([a], [b]) => (a < b ? -1 : 1)));
  } catch {
    return `unreadable: ${text}`;
  }
};
