import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LedgerError } from "../../core/errors.js";
import type { Isolation } from "../../pev/isolation/isolation.js";
import { toolPointers } from "../../pev/room-environment.js";
import type { ProcessCall } from "../../pev/sandbox.js";
import { programPath } from "../../pev/walls/program-path.js";
import type { Host } from "../host.js";
import { type AgentTask, TASK_FILE } from "./agent.js";

type Agent = {
  readonly isolation: Pick<Isolation, "sandbox">;
  readonly projectDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Rules of the hosts it reaches. */
  readonly network: readonly string[];
  readonly task: Pick<AgentTask, "workspace" | "place">;
  /** As the settings have it, and with files of the project named absolutely. */
  readonly run: readonly string[];
  readonly argv: readonly string[];
  /** argv of the command line that it speaks to its host by. */
  readonly cli: readonly string[];
  readonly host: Pick<Host, "folder">;
  /** What it would see outside. */
  readonly env: Readonly<Record<string, string>>;
};

/**
 * What an agent in a sandbox sees: its clone and a home of its own to write to, what it is told, its program, the tools of
 * the machine. What lies beside its clone says how that is captured, so it is not shown.
 */
export const agentSandbox = async ({
  isolation,
  projectDir,
  environment,
  network,
  task,
  run,
  argv,
  cli,
  host,
  env,
}: Agent): Promise<Required<Pick<ProcessCall, "env" | "confinement">>> => {
  const { home, inside } = await sandboxHome({ projectDir, environment, task, env });
  const [program = ""] = argv;
  const started = programPath(program, task.workspace, env.PATH);
  const sight = {
    environment: inside,
    programs: [started, process.execPath].filter((path) => path !== undefined),
    folders: [task.workspace, home],
    reads: [
      join(task.place, TASK_FILE),
      ...argv.filter((word, at) => word !== run[at]),
      host.folder,
      // Sources that were never built have no command line to show.
      ...cli.slice(1).map(dirname).filter(existsSync),
    ],
  };
  const confinement = await isolation.sandbox(sight, network);
  return { env: inside, confinement };
};

export const sandboxHomeOf = ({ place }: Pick<AgentTask, "place">): string => join(place, "home");

/** The home that a sandboxed agent has to itself, kept between its attempts, and the variables that go with it. */
export const sandboxHome = async ({
  projectDir,
  environment,
  task,
  env,
}: Pick<Agent, "projectDir" | "environment" | "task" | "env">): Promise<{
  readonly home: string;
  readonly inside: Readonly<Record<string, string>>;
}> => {
  if (task.workspace === projectDir)
    throw new LedgerError("isolation_unmet", "An agent that works in your own folder cannot be sandboxed.", {
      hint: "Set runLedger.workspaceIsolation: true, or take out the agent's sandbox.",
    });
  const home = sandboxHomeOf(task);
  await mkdir(home, { recursive: true, mode: 0o700 });
  return { home, inside: { ...toolPointers(environment), ...env, HOME: home } };
};
