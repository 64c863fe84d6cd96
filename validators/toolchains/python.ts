import { readPytestReport } from "../reports/junit.js";
import { readLinesReport } from "../reports/lines.js";
import type { Room } from "../room.js";
import type { Command, TestCommand, ToolchainAdapter } from "./command.js";
import { newReportFile } from "./report-file.js";
import { unittestMain } from "./unittest-main.js";

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
  test: async (target, room) => {
    const interpreter = await interpreterIn(room);
    const probe = await room.exec([interpreter, "-I", "-c", "import pytest"]);
    return probe.exitCode === 0
      ? pytestCommand(target, interpreter, room)
      : unittestCommand(target, interpreter, room);
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

const pytestCommand = (target: string, interpreter: string, room: Room): TestCommand => {
  const report = newReportFile(room, ".xml");
  const options = [
    "-p",
    "no:cacheprovider",
    // One file that cannot be loaded must not hide the tests of the others.
    "--continue-on-collection-errors",
    "-o",
    "junit_family=xunit1",
    `--junitxml=${report.path}`,
  ];
  return {
    program: "python3",
    argv: [interpreter, "-c", pytestMain, ...options, ...(target ? ["--", target] : [])],
    readReport: async () => {
      const xml = await report.read();
      return xml === undefined ? undefined : readPytestReport(xml);
    },
    // Pytest names files as seen from its root, which a configuration may have put deeper.
    isSource: (path, file) => `/${path}`.endsWith(`/${file}`),
  };
};

const pytestMain = `
import os, sys
sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
import pytest
sys.path.insert(0, os.getcwd())
sys.exit(pytest.main())
`;

const unittestCommand = async (target: string, interpreter: string, room: Room): Promise<TestCommand> => {
  const report = newReportFile(room, ".jsonl");
  const discover = (await testFolder(room)) ?? ["discover"];
  return {
    program: "python3",
    argv: [interpreter, "-c", unittestMain, report.path, ...(target ? ["--", target] : discover)],
    readReport: async () => {
      const text = await report.read();
      return text === undefined ? undefined : readLinesReport(text);
    },
    // Unittest names modules, as seen from where discovery began.
    isSource: (path, file) => `/${path}`.endsWith(`/${file.replaceAll(".", "/")}.py`),
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
