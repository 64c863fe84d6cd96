import type { Judgement } from "../../src/core/verdict.js";
import { errored, failed } from "../judgement.js";
import { isRecord, parseJson } from "../reports/report.js";
import type { Room } from "../room.js";
import type { Command, TestCommand, ToolchainAdapter } from "./command.js";
import { jestCommand, nodeTestCommand, vitestCommand, type Wanted } from "./node-runners.js";
import { followScript } from "./script.js";

// The runner that the test script names is called directly: no lifecycle scripts, no package manager settings between
// it and us, and with a reporter of ours. A script that says more than that is run as it stands.
export const node: ToolchainAdapter = {
  marks: ["package.json"],
  build: async (target, room) => {
    const project = await readPackage(room);
    if ("outcome" in project) return project;
    if (project.scripts.build === undefined) return noScript("build");
    return { program: project.manager, argv: buildArgv(project.manager, target), env: plainScripts };
  },
  test: async (target, room, only) => {
    const project = await readPackage(room);
    if ("outcome" in project) return project;
    if (project.scripts.test === undefined) return noScript("test");
    const planted = await plantedModules(room);
    return (
      planted ??
      (await runnerOf(project.scripts, { target, only }, room)) ??
      unknownRunner(project.manager, target)
    );
  },
};

type Package = {
  readonly scripts: Readonly<Record<string, unknown>>;
  readonly manager: "npm" | "pnpm" | "yarn";
};

/** A package.json is written by people; one that is larger is something else. */
const PACKAGE_BYTES_MAX = 1024 * 1024;

const readPackage = async (room: Room): Promise<Package | Judgement> => {
  const bytes = await room.read("package.json", PACKAGE_BYTES_MAX);
  if (bytes === undefined) {
    const hint = "Choose another params.toolchain, or use command_pass with the project's own command.";
    return errored("toolchain_unknown", "There is no package.json in the root of the tree.", hint);
  }
  const file = parseJson(bytes.toString());
  if (!isRecord(file)) return failed("check_failed", "The package.json is not a JSON object.");
  const scripts = isRecord(file.scripts) ? file.scripts : {};
  return { scripts, manager: await managerOf(file.packageManager, room) };
};

const managerOf = async (declared: unknown, room: Room): Promise<Package["manager"]> => {
  const [, name] = /^(npm|pnpm|yarn)@/.exec(String(declared)) ?? [];
  if (name === "npm" || name === "pnpm" || name === "yarn") return name;
  const names = await room.list(".");
  if (names.includes("pnpm-lock.yaml")) return "pnpm";
  return names.includes("yarn.lock") ? "yarn" : "npm";
};

const noScript = (script: string): Judgement =>
  errored(
    "toolchain_unknown",
    `The package.json has no ${script} script.`,
    `Use command_pass with the command that ${script}s this project, or set params.toolchain.`,
  );

/** Settings of the tree (.npmrc) must not choose another shell or preload code; the environment outranks them. */
const plainScripts = { npm_config_script_shell: "sh", npm_config_node_options: "" };

const buildArgv = (manager: Package["manager"], target: string): readonly string[] => {
  if (target === "") return [manager, "run", "build"];
  if (manager === "npm") return ["npm", "run", "build", `--workspace=${target}`];
  return manager === "pnpm"
    ? ["pnpm", `--filter=${target}`, "run", "build"]
    : ["yarn", "workspace", target, "build"];
};

/** The runner is loaded from node_modules, which comes from the trusted side. */
const plantedModules = async (room: Room): Promise<Judgement | undefined> => {
  const changed = (await room.changedFiles()).find(({ path }) => `${path}/`.startsWith("node_modules/"));
  if (changed === undefined) return undefined;
  return failed(
    "check_failed",
    `The proposal changes node_modules ("${changed.path}"), where the test runner lies.`,
  );
};

const runnerOf = async (
  scripts: Package["scripts"],
  wanted: Wanted,
  room: Room,
): Promise<TestCommand | Judgement | undefined> => {
  const call = followScript("test", scripts);
  if (call?.program === "vitest") return vitestCommand(call, wanted, room);
  if (call?.program === "jest") return jestCommand(call, wanted, room);
  if (call?.program === "node" && call.words.some(({ text }) => text === "--test")) {
    return nodeTestCommand(call, wanted, room);
  }
  return undefined;
};

const unknownRunner = (manager: Package["manager"], target: string): Command => ({
  program: manager,
  argv: [
    manager,
    "run",
    "test",
    ...(manager === "npm" && target !== "" ? ["--"] : []),
    ...(target === "" ? [] : [target]),
  ],
  env: { ...plainScripts, npm_config_ignore_scripts: "true" },
});
