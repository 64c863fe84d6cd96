import { LedgerError } from "../core/errors.js";
import { isReservedName } from "../core/names.js";
import type { Redactor } from "../core/redact.js";
import type { Project } from "../pev/project.js";
import type { Agent } from "./agents/agent.js";
import { commandAgent } from "./agents/command.js";
import { functionAgent } from "./agents/function.js";
import { type FunctionAgents, functionOf } from "./agents/versions.js";
import { agentLogFile } from "./logs.js";

export type CommandAgentSetting = {
  readonly run: readonly string[];
  readonly env: readonly string[];
  readonly sandbox: boolean;
  readonly network: readonly string[];
};

// Named agents of a project: programs of its settings file, functions of its host. A function wins over a program.
export const openAgents = (options: {
  readonly commands: Readonly<Record<string, CommandAgentSetting>>;
  readonly functions: FunctionAgents;
  readonly projectDir: string;
  /** argv of this program's command line. */
  readonly cli: readonly string[];
  readonly logFolder: string;
  readonly project: Pick<Project, "places" | "walls" | "isolation">;
  readonly redactor: Redactor;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): ReadonlyMap<string, Agent> => {
  const { commands, functions, projectDir, cli, logFolder, project, environment, redactor } = options;
  const { places, walls, isolation } = project;
  const agents = new Map<string, Agent>();
  for (const [name, { run, env, sandbox, network }] of Object.entries(commands))
    agents.set(
      name,
      commandAgent({
        run,
        passEnv: env,
        projectDir,
        cli,
        places,
        walls,
        isolation: sandbox ? isolation : null,
        network,
        environment,
        logFile: (task) => agentLogFile(logFolder, task),
        redactor,
      }),
    );
  for (const [name, agent] of Object.entries(functions)) {
    requireFreeName(name);
    agents.set(name, functionAgent(functionOf(agent), redactor));
  }
  return agents;
};

/** No credential would be issued to such an agent, so its steps could never be proposed. */
const requireFreeName = (name: string): void => {
  if (!isReservedName(name)) return;
  throw new LedgerError("invalid_input", `An agent cannot be called "${name}".`, {
    hint: "That name speaks for the orchestrator.",
  });
};
