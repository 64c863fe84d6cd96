import type { Room } from "../room.js";
import { copyWith, pytestCanary, unittestCanary } from "./canary-files.js";
import type { Command, TestCommand, ToolchainAdapter } from "./command.js";
import { pytestMain } from "./pytest-main.js";
import { newKeyedReport } from "./report-file.js";
import { FILES, unittestMain } from "./unittest-main.js";

// Pytest when it can be imported, else unittest. Both are loaded before the tree is put on the path, so that a file
// `pytest.py` or `unittest.py` in the tree cannot stand in for the runner.
export const python: ToolchainAdapter = {
  marks: [
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "pytest.ini",
    "tox.ini",
    "requirements.txt",
    "{test,tests}/test_*.py",
    "test_*.py",
  ],
  build: (target, room) => buildCommand(target, room),
  test: async (target, room, only) => {
    const interpreter = await interpreterIn(room);
    const probe = await room.exec([interpreter, "-I", "-c", "import pytest"]);
    return probe.exitCode === 0
      ? pytestCommand(only.length > 0 || target === "" ? only : [target], interpreter, room)
      : unittestCommand({ target, only }, interpreter, room);
  },
};

/** Compiles anew whatever lies there: a cached file of the right age would hide a syntax error. */
const buildCommand = async (target: string, room: Room): Promise<Command> => {
  const interpreter = await interpreterIn(room);
  const compile = [
    interpreter,
    "-I",
    "-X",
    `pycache_prefix=${room.scratch}/pycache`,
    "-m",
    "compileall",
    "-q",
    "-f",
  ];
  const foreign = String.raw`(^|/)(\.[^/]+|venv|node_modules)/`;
  return { program: "python3", argv: [...compile, "-x", foreign, "--", target || "."] };
};

const pytestCommand = async (
  operands: readonly string[],
  interpreter: string,
  room: Room,
): Promise<TestCommand> => {
  const report = await newKeyedReport(room);
  // One file that cannot be loaded must not hide the tests of the others.
  const options = ["-p", "no:cacheprovider", "--continue-on-collection-errors"];
  return {
    program: "python3",
    argv: [interpreter, "-c", pytestMain, ...options, ...(operands.length > 0 ? ["--", ...operands] : [])],
    env: report.env,
    readReport: report.read,
    // Pytest names files as seen from its root, which a configuration may have put deeper.
    isSource: (path, file) => `/${path}`.endsWith(`/${file}`),
    canaryFor: (file, token) => copyWith(room, file, token, pytestCanary),
  };
};

const unittestCommand = async (
  { target, only }: { readonly target: string; readonly only: readonly string[] },
  interpreter: string,
  room: Room,
): Promise<TestCommand> => {
  const report = await newKeyedReport(room);
  const discover = (await testFolder(room)) ?? ["discover"];
  // Named as files, tests would be loaded under other names than by discovery.
  const operands = only.length > 0 ? [...discover, FILES, ...only] : target ? ["--", target] : discover;
  return {
    program: "python3",
    argv: [interpreter, "-c", unittestMain, ...operands],
    env: report.env,
    readReport: report.read,
    // Unittest names modules, as seen from where discovery began.
    isSource: (path, file) => `/${path}`.endsWith(`/${file.replaceAll(".", "/")}.py`),
    canaryFor: async (module, token) => {
      const folder = discover[2] === undefined ? "" : `${discover[2]}/`;
      const file = `${folder}${module.replaceAll(".", "/")}.py`;
      return copyWith(room, file, token, unittestCanary);
    },
  };
};

/** Discovery from the root enters packages only; a test folder that is none has to be named. */
const testFolder = async (room: Room): Promise<string[] | undefined> => {
  for (const folder of ["tests", "test"]) {
    const names = await room.list(folder);
    if (names.length > 0 && !names.includes("__init__.py")) return ["discover", "-s", folder];
  }
  return undefined;
};

/** A virtual environment is shared from the trusted side; one that the proposal brings is not used. */
const interpreterIn = async (room: Room): Promise<string> => {
  const own = ".venv/bin/python3";
  if ((await room.stat(own)) === undefined) return "python3";
  const changed = await room.changedFiles();
  return changed.some(({ path }) => path.startsWith(".venv/")) ? "python3" : own;
};
