import picomatch from "picomatch";
import type { ChangedFile } from "../../validators/room.js";
import type { StepSpec } from "../core/spec.js";

/**
 * What decides whether tests and builds mean anything: whoever may change it may fake a pass. Adding such a file counts
 * as much as changing one (research on reward hacking: runner configuration is the first thing that is edited).
 */
export const PROTECTED_JUDGES: readonly string[] = [
  "**/{vitest,vite,jest,playwright,cypress,babel,karma,ava,nyc,c8,mocha,eslint,biome,webpack,rollup,tsup}.config.*",
  "**/.{mocharc,babelrc,nycrc,swcrc,eslintrc}{,.*}",
  "**/{vitest,jest}.{setup,workspace,preset}.*",
  "**/tsconfig{,.*}.json",
  "**/{jest,mocha,babel}.json",
  "**/{.npmrc,.yarnrc,.yarnrc.yml,.pnpmfile.cjs,.nvmrc,.node-version,pnpm-workspace.yaml}",
  "**/{package-lock.json,npm-shrinkwrap.json,yarn.lock,pnpm-lock.yaml,bun.lockb,bun.lock}",
  "**/{conftest.py,pytest.ini,tox.ini,noxfile.py,setup.cfg,.coveragerc,sitecustomize.py,usercustomize.py}",
  "**/{pyproject.toml,setup.py,poetry.lock,uv.lock,Pipfile,Pipfile.lock}",
  "**/{Cargo.toml,Cargo.lock,build.rs,rust-toolchain,rust-toolchain.toml,.cargo/**}",
  "**/{go.mod,go.sum,go.work,go.work.sum}",
  "**/{Makefile,makefile,GNUmakefile,justfile,Justfile,Taskfile.yml}",
  "**/{pom.xml,build.gradle,build.gradle.kts,.mvn/**,mvnw,mvnw.cmd}",
  "**/{node_modules,.venv,venv,site-packages}/**",
  "{.github,.gitlab,.circleci,.buildkite}/**",
  "{.gitlab-ci.yml,azure-pipelines.yml,Jenkinsfile,.travis.yml}",
  "**/{.gitattributes,.gitmodules}",
  "**/.env{,.*}",
  "runledger.yaml",
];

/** Tests that were there at the base are the judge's: they may be neither changed nor removed. New ones may be added. */
export const PROTECTED_TESTS: readonly string[] = [
  "**/*.{test,spec}.{js,cjs,mjs,jsx,ts,cts,mts,tsx}",
  "**/__tests__/**",
  "**/*_test.go",
  "**/{test_*,*_test}.py",
  "**/{test,tests,spec}/**",
  "**/src/test/**",
  "**/*{Test,Tests,IT}.java",
];

/** Parts of package.json that decide how the project is built and judged. */
const PACKAGE_KEYS = [
  "scripts",
  "packageManager",
  "dependencies",
  "devDependencies",
  "peerDependencies",
  "optionalDependencies",
  "overrides",
  "resolutions",
  "jest",
  "vitest",
  "mocha",
  "ava",
  "nyc",
  "c8",
  "babel",
  "imports",
  "type",
] as const;

export type ProtectInput = {
  readonly changed: readonly ChangedFile[];
  readonly step: Pick<StepSpec, "mayChange">;
  /** Globs of the plan and of the settings: nobody may add, change or remove what they match. */
  readonly protect: readonly string[];
  /** Reads a file of the base (`before`) or of the proposal (`after`). */
  readonly read: (side: "before" | "after", path: string) => Promise<string | undefined>;
};

export type ProtectFinding = {
  /** Protected paths changed without leave. */
  readonly protectedPaths: readonly string[];
  /** Paths outside an `only` list. */
  readonly outside: readonly string[];
};

// An agent must not touch what it is judged by, unless the step says that it may.
export const checkProtection = async (input: ProtectInput): Promise<ProtectFinding> => {
  const { changed, step, protect, read } = input;
  const allowed = matcher(step.mayChange.paths);
  const judges = matcher([...PROTECTED_JUDGES, ...protect]);
  const tests = matcher(PROTECTED_TESTS);
  const protectedPaths = new Set<string>();
  const outside = new Set<string>();
  for (const file of changed) {
    for (const path of pathsOf(file)) {
      if (step.mayChange.only && !allowed(path)) outside.add(path);
      if (allowed(path)) continue;
      const wasThere = file.change !== "added" && (file.change !== "renamed" || path === file.from);
      if (judges(path) || (wasThere && tests(path))) protectedPaths.add(path);
      else if (isPackageJson(path) && (await packageChanged(path, read))) protectedPaths.add(path);
    }
  }
  return { protectedPaths: [...protectedPaths].sort(), outside: [...outside].sort() };
};

/** A path named outright means itself and all below it: whoever protects `docs` does not mean an empty name. */
const matcher = (globs: readonly string[]): ((path: string) => boolean) => {
  if (globs.length === 0) return () => false;
  const named = globs.map((glob) => glob.replace(/^(\.\/)+|\/+$/g, "").toLowerCase());
  const isMatch = picomatch([...globs], { dot: true, nocase: true });
  return (path) => {
    const lower = path.toLowerCase();
    return isMatch(path) || named.some((name) => lower === name || lower.startsWith(`${name}/`));
  };
};

const pathsOf = ({ path, from }: ChangedFile): readonly string[] =>
  from === undefined ? [path] : [path, from];

const isPackageJson = (path: string): boolean => path === "package.json" || path.endsWith("/package.json");

// Other parts (name, version, description …) may change; unreadable JSON counts as changed.
const packageChanged = async (path: string, read: ProtectInput["read"]): Promise<boolean> => {
  const [before, after] = await Promise.all([read("before", path), read("after", path)]);
  if (before === undefined) return after !== undefined && parts(after) !== parts("{}");
  return after === undefined || parts(before) !== parts(after);
};

const parts = (text: string): string => {
  try {
    const whole = JSON.parse(text) as Record<string, unknown>;
    return JSON.stringify(PACKAGE_KEYS.map((key) => whole[key] ?? null));
  } catch {
    return `unreadable: ${text}`;
  }
};
