import type { Judgement } from "../../src/core/verdict.js";
import { errored, evidenceOf, judgeUnfinished } from "../judgement.js";
import { readJestReport } from "../reports/jest.js";
import { isRecord, parseJson } from "../reports/report.js";
import type { Room } from "../room.js";
import { copyWith, jestCanary, nodeTestCanary, vitestCanary } from "./canary-files.js";
import type { TestCommand } from "./command.js";
import { nodeReporter } from "./node-reporter.js";
import { newKeyedReport, newReportFile, type ReportFile } from "./report-file.js";
import { type Call, type Word, withoutOptions } from "./script.js";

/** What of a project's tests is to run: a target as the plan gives it, or test files; all of them when both are empty. */
export type Wanted = { readonly target: string; readonly only: readonly string[] };

// Vitest ignores file filters that stand behind `--`, so here the target stands without it.
export const vitestCommand = (call: Call, wanted: Wanted, room: Room): Promise<TestCommand | Judgement> => {
  const [first, ...rest] = call.words;
  const words = first !== undefined && ["run", "watch", "dev"].includes(first.text) ? rest : call.words;
  const report = newReportFile(room, ".json");
  const options = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report.path}`];
  const run = {
    name: "vitest",
    call,
    words,
    options,
    operands: operandsOf(wanted),
    report,
    canary: vitestCanary,
  };
  return packageRunner(run, room);
};

export const jestCommand = (call: Call, wanted: Wanted, room: Room): Promise<TestCommand | Judgement> => {
  const report = newReportFile(room, ".json");
  const byPath = wanted.only.length > 0 ? ["--runTestsByPath"] : [];
  const options = ["--json", `--outputFile=${report.path}`, ...byPath];
  const named = operandsOf(wanted);
  const operands = named.length === 0 ? [] : ["--", ...named];
  const run = { name: "jest", call, words: call.words, options, operands, report, canary: jestCanary };
  return packageRunner(run, room);
};

// node:test has no reporter that tells which file a test is from, so it is given one that does.
export const nodeTestCommand = async (call: Call, wanted: Wanted, room: Room): Promise<TestCommand> => {
  const report = await newKeyedReport(room);
  const ours = [
    `--test-reporter=${nodeReporter}`,
    `--test-reporter-destination=${report.path}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
  ];
  const operands = operandsOf(wanted);
  const script = withoutOptions(call.words, nodeOptionsDropped);
  const words =
    operands.length === 0 ? script : withoutOperands(script, (option) => nodeOptionsWithValue.has(option));
  const named = operands.length === 0 ? [] : ["--", ...operands];
  const plain = ["node", ...ours, ...words.map(({ text }) => text), ...named];
  // Only a shell expands the globs as the script means them.
  const expanded = ["sh", "-c", `exec node "$@" ${words.map(({ raw }) => raw).join(" ")}`, "sh", ...ours];
  return {
    program: "node",
    argv: operands.length === 0 && words.some(({ glob }) => glob) ? expanded : plain,
    env: { ...call.env, ...report.env },
    readReport: report.read,
    canaryFor: (file, token) =>
      copyWith(room, file, token, (title, text) => nodeTestCanary(title, text, file)),
  };
};

const operandsOf = ({ target, only }: Wanted): readonly string[] =>
  only.length > 0 || target === "" ? only : [target];

type PackageRun = {
  readonly name: string;
  readonly call: Call;
  readonly words: readonly Word[];
  readonly options: readonly string[];
  readonly operands: readonly string[];
  readonly report: ReportFile;
  readonly canary: (token: string, text: string, file: string) => string;
};

const packageRunner = async (
  { name, call: { env }, words, options, operands, report, canary }: PackageRun,
  room: Room,
): Promise<TestCommand | Judgement> => {
  const place = await locate(name, room);
  if ("outcome" in place) return place;
  const script = withoutOptions(words, runnerOptionsDropped);
  // Which options of these runners take a value is not for us to know: a word behind an option stays.
  const kept = operands.length === 0 ? script : withoutOperands(script, () => true);
  return {
    program: "node",
    argv: ["node", place.bin, ...options, ...kept.map(({ text }) => text), ...operands],
    env,
    readReport: async () => {
      const text = await report.read();
      return text === undefined ? undefined : readJestReport(text, place.root);
    },
    canaryFor: (file, token) => copyWith(room, file, token, (title, text) => canary(title, text, file)),
  };
};

/** Where the room lies, and the runner in its node_modules; links of package managers are followed. */
const locate = async (name: string, room: Room): Promise<{ bin: string; root: string } | Judgement> => {
  const execution = await room.exec(["node", "-e", locator, name], { stdoutBytesMax: 16 * 1024 });
  const unfinished = judgeUnfinished(execution, "node");
  if (unfinished !== undefined) return unfinished;
  const found = parseJson(execution.stdout);
  if (isRecord(found) && typeof found.bin === "string" && typeof found.root === "string") {
    return { bin: found.bin, root: found.root };
  }
  return errored(
    "toolchain_missing",
    `The test runner "${name}" could not be found from the root of the tree.`,
    `Install "${name}": packages come into the room through workspace.share (node_modules) or workspace.setup.`,
    evidenceOf(execution),
  );
};

/**
 * Node's own resolution would first ask whether the tree's package.json bears the name of the runner, and would look above
 * the tree. A runner whose file is not below a node_modules folder is one that the tree brought itself.
 */
const locator = `
const { readFileSync, realpathSync } = require("node:fs");
const { join, relative, sep } = require("node:path");
const name = process.argv[1];
const root = process.cwd();
const folder = join(root, "node_modules", name);
const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const path = realpathSync(join(folder, typeof bin === "string" ? bin : bin[name]));
const inside = relative(root, path);
const parts = (inside.startsWith("..") ? path : inside).split(sep);
if (parts.includes("node_modules")) console.log(JSON.stringify({ root, bin: path }));
else console.error(path + " is not in a node_modules folder");
`;

/** A target narrows the run, so the files that the script names give way to it. */
const withoutOperands = (words: readonly Word[], takesValue: (option: string) => boolean): readonly Word[] =>
  words.filter(({ text }, at) => {
    const before = words[at - 1]?.text ?? "";
    return text.startsWith("-") || (before.startsWith("-") && !before.includes("=") && takesValue(before));
  });

/** Options that would end in a watcher, or in a report somewhere else. */
const runnerOptionsDropped = {
  "--watch": "flag",
  "--watchAll": "flag",
  "-w": "flag",
  "--ui": "flag",
  "--json": "flag",
  "--reporter": "value",
  "--reporters": "value",
  "--outputFile": "value",
} as const;

const nodeOptionsDropped = {
  "--watch": "flag",
  "--test-reporter": "value",
  "--test-reporter-destination": "value",
} as const;

const nodeOptionsWithValue = new Set([
  "--import",
  "--require",
  "-r",
  "--loader",
  "--experimental-loader",
  "--conditions",
  "-C",
  "--env-file",
  "--test-concurrency",
  "--test-timeout",
  "--test-name-pattern",
  "--test-skip-pattern",
  "--test-shard",
]);
