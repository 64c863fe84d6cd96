import { basename } from "node:path";
import { readSurefireReport } from "../reports/junit.js";
import type { TestReport } from "../reports/report.js";
import type { Execution, Room } from "../room.js";
import { REPORT_BYTES_MAX, type ToolchainAdapter } from "./command.js";

// Maven with Surefire, whose XML in each module's target folder is the report.
export const java: ToolchainAdapter = {
  marks: ["pom.xml"],
  build: async (target) => ({
    program: "mvn",
    argv: ["mvn", "-q", "-B", ...(target ? [`--projects=${target}`, "--also-make"] : []), "compile"],
  }),
  test: async (target, room, only) => {
    await removeReports(room);
    const classes = only.map((file) => basename(file).replace(/\.\w+$/, "")).join(",");
    return {
      program: "mvn",
      argv: ["mvn", "-B", "--fail-at-end", ...testsOf(classes || target), "test"],
      readReport: (execution) => readReports(execution, room),
      isSource: isClassFile,
    };
  },
};

const testsOf = (names: string): readonly string[] => (names === "" ? [] : [`-Dtest=${names}`]);

/** Reports name classes, behind the folder of their module. */
const isClassFile = (path: string, file: string): boolean => {
  const [, module = "", name = ""] = /^(.*\/)?([^/]*)$/.exec(file) ?? [];
  const stem = `/${path}`.replace(/\.(java|kt|groovy|scala)$/, "");
  return stem !== `/${path}` && path.startsWith(module) && stem.endsWith(`/${name.replaceAll(".", "/")}`);
};

/** Reports that came with the tree would be read as the outcome of this run. */
const removeReports = async (room: Room): Promise<void> => {
  const folders = await reportFolders("", 0, room);
  if (folders.length > 0) await room.exec(["rm", "-rf", "--", ...folders]);
};

const readReports = async ({ exitCode }: Execution, room: Room): Promise<TestReport | undefined> => {
  const reports: (TestReport | undefined)[] = [];
  for (const folder of await reportFolders("", 0, room)) {
    const names = (await room.list(folder)).filter((name) => /^TEST-.*\.xml$/.test(name));
    for (const name of names) reports.push(await readReport(folder, name, room));
  }
  // Without any tests Surefire writes nothing and succeeds.
  if (reports.length === 0 && exitCode !== 0) return undefined;
  if (!reports.every((report) => report !== undefined)) return undefined;
  return {
    tests: reports.flatMap(({ tests }) => tests),
    brokenFiles: reports.flatMap(({ brokenFiles }) => brokenFiles),
  };
};

/** Two modules may have classes of one name, so ids begin with the module's folder. */
const readReport = async (folder: string, name: string, room: Room): Promise<TestReport | undefined> => {
  const xml = await room.read(`${folder}/${name}`, REPORT_BYTES_MAX);
  const report = xml === undefined ? undefined : readSurefireReport(xml.toString());
  if (report === undefined) return undefined;
  const inModule = (text: string) => `${folder.slice(0, -REPORTS.length)}${text}`;
  return {
    tests: report.tests.map(({ id, file, outcome }) => ({ id: inModule(id), file: inModule(file), outcome })),
    brokenFiles: report.brokenFiles.map(inModule),
  };
};

const REPORTS = "target/surefire-reports";

/** Modules nested deeper than this are not looked for. */
const MODULE_DEPTH_MAX = 6;

const reportFolders = async (prefix: string, depth: number, room: Room): Promise<string[]> => {
  const stat = await room.stat(`${prefix}${REPORTS}`);
  const found = stat?.kind === "folder" ? [`${prefix}${REPORTS}`] : [];
  if (depth === MODULE_DEPTH_MAX) return found;
  for (const name of await room.list(prefix === "" ? "." : prefix.slice(0, -1))) {
    if (name.startsWith(".") || name === "target" || name === "src" || name === "node_modules") continue;
    found.push(...(await reportFolders(`${prefix}${name}/`, depth + 1, room)));
  }
  return found;
};
