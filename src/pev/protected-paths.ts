import picomatch from "picomatch";
import { isTestFile } from "../core/test-names.js";
import { DEPENDENCY_GLOBS } from "./dependency-files.js";

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
  // builds and what they run on; dependency-files.ts has the rest of it
  "**/{tox.ini,build.rs,rust-toolchain,rust-toolchain.toml}",
  "**/{pom.xml,build.gradle,build.gradle.kts,.mvn/**,mvnw,mvnw.cmd}",
  ...DEPENDENCY_GLOBS,
  // environments, git, CI
  "**/.env{,.*}",
  "**/{.gitattributes,.gitmodules}",
  "{.github,.gitlab,.circleci,.buildkite}/**",
  "{.gitlab-ci.yml,azure-pipelines.yml,Jenkinsfile,.travis.yml}",
  "{runledger.yaml,.worktreeinclude}",
];

/**
 * Tests that were there at the base are the judge's, and so is what they compare with: neither may be changed or removed.
 * New ones may be added. These are folders, and what tests compare with; test-names.ts has the files.
 */
const PROTECTED_TESTS: readonly string[] = [
  "**/{test,tests,spec,e2e,cypress,__tests__}/**",
  "**/src/{test,integrationTest}/**",
  // golden files
  "**/{testdata,__snapshots__,__fixtures__,__screenshots__,*-snapshots}/**",
  "**/*.{snap,golden}",
];

/**
 * Another spelling of the same file where a file system does not tell letter cases, composed letters or invisible ones apart.
 * A line break, at which patterns would stop, is some letter here.
 */
export const folded = (path: string): string => spelt(path).toLowerCase();

const spelt = (path: string): string =>
  path
    .normalize("NFC")
    .replace(INVISIBLE, "")
    .replace(/[\n\r\u2028\u2029]/g, "_");

/** What HFS+ passes over in names (git's own list). */
const INVISIBLE = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

const judges = picomatch([...PROTECTED_JUDGES], { dot: true, nocase: true });
const tests = picomatch([...PROTECTED_TESTS], { dot: true, nocase: true });

/** Protected by default, even from being added. */
export const judgesByName = (path: string): boolean => judges(folded(path));

/** Protected by default once the base has it. */
export const isTestByName = (path: string): boolean => tests(folded(path)) || isTestFile(spelt(path));
