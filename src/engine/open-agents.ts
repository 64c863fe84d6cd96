import { isOpenedBy, requireToolOfDriven } from "../../tools/profile-guard.js";
import type { ToolHost } from "../../tools/tool.js";
import { LedgerError } from "../core/errors.js";
import { isReservedName } from "../core/names.js";
import { agentsOf, named } from "../core/race.js";
import type { Redactor } from "../core/redact.js";
import { isTerminal, type Run } from "../core/run.js";
import type { Ledger } from "../ledger/ledger.js";
import type { SignedCredentials } from "../ledger/signed.js";
import type { Project } from "../pev/project.js";
import type { Agent, AgentTask } from "./agents/agent.js";
import { commandAgent } from "./agents/command.js";
import { functionAgent } from "./agents/function.js";
import { llmAgent } from "./agents/llm/llm.js";
import type { ModelSetting } from "./agents/llm/model-setting.js";
import type { PresetName } from "./agents/subprocess/presets.js";
import { subprocessAgent } from "./agents/subprocess/subprocess.js";
import { type FunctionAgents, functionOf } from "./agents/versions.js";
import { agentLogFile } from "./logs.js";
import type { Orchestrator } from "./orchestrating.js";

type Working = {
  readonly env: readonly string[];
  readonly sandbox: boolean;
  readonly network: readonly string[];
};

/** An agent as the settings have it. */
export type AgentSetting = Working &
  (
    | { readonly kind: "command"; readonly run: readonly string[] }
    | SubprocessSetting
    | ({ readonly kind: "llm" } & ModelSetting)
  );

/** An agent CLI of somebody else. */
export type SubprocessSetting = {
  readonly kind: "subprocess";
  readonly preset: PresetName;
  /** What starts it; the preset's words follow. */
  readonly run: readonly string[];
  readonly model: string | null;
};

type Options = {
  readonly named: Readonly<Record<string, AgentSetting>>;
  readonly functions: FunctionAgents;
  readonly ledger: Ledger;
  readonly projectDir: string;
  /** argv of this program's command line. */
  readonly cli: readonly string[];
  readonly logFolder: string;
  readonly project: Pick<Project, "places" | "walls" | "isolation">;
  readonly redactor: Redactor;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly tools: ToolHost;
  readonly credentials: SignedCredentials;
  /** So often a planner's plan with defects is asked for again. */
  readonly plannerMaxRetries: number;
};

// Agents of a project: programs and models of its settings file, functions of its host. A function wins over both.
export const openAgents = (options: Options): ReadonlyMap<string, Agent> => {
  const agents = new Map<string, Agent>();
  for (const [name, setting] of Object.entries(options.named))
    agents.set(name, settingAgent(options, setting));
  for (const [name, agent] of Object.entries(options.functions)) {
    requireFreeName(name);
    agents.set(name, functionAgent(functionOf(agent), options.redactor));
  }
  return agents;
};

const settingAgent = (options: Options, setting: AgentSetting): Agent => {
  const { ledger, projectDir, cli, logFolder, project, environment, redactor } = options;
  const { places, walls, isolation } = project;
  const { env, sandbox, network } = setting;
  const around = {
    ...{ projectDir, places, walls, network, environment, redactor },
    isolation: sandbox ? isolation : null,
  };
  const logFile = (task: Parameters<typeof agentLogFile>[1]): string => agentLogFile(logFolder, task);
  if (setting.kind === "command")
    return commandAgent({ ...around, run: setting.run, passEnv: env, cli, logFile });
  if (setting.kind === "subprocess") {
    const { tools, credentials } = options;
    return subprocessAgent({ ...around, ...setting, passEnv: env, cli, logFile, tools, credentials });
  }
  return llmAgent({
    setting,
    // Its programs have no business with the key that its model is paid by.
    shell: { ...around, passEnv: env.filter((name) => name !== setting.apiKeyEnv) },
    isOpened: isOpenedBy,
    requireOpen: (task, tool) => requireOpen(ledger, task, tool),
    planning: () => ({
      ...{ retries: options.plannerMaxRetries, agents: ledger.rules.agents },
      requireJudgeable: options.tools.pev.requireJudgeable,
    }),
    logFile,
  });
};

/** Asked as the agent of that very attempt: what has been cancelled, answered or taken from it since opens nothing. */
const requireOpen = async (ledger: Ledger, task: AgentTask, tool: string): Promise<void> => {
  const { runId, stepId, attempt, candidate, agent } = task;
  const { sessionKey } = await ledger.load(runId);
  const of = { runId, stepId, attempt, ...named({ candidate: candidate ?? undefined }) };
  const caller = ledger.issue({ name: agent, role: "executor", sessionKey, ...of });
  await requireToolOfDriven(ledger, caller, tool);
};

/**
 * An agent that was to be sandboxed is never started without, and one whose model cannot be asked costs no attempt: the run
 * waits for the machine to be mended.
 */
export const requireAgents = async (
  run: Run,
  named: Readonly<Record<string, AgentSetting>>,
  { isolation, environment }: Pick<Project, "isolation" | "environment">,
): Promise<void> => {
  const open = isTerminal(run) ? [] : run.steps.filter(({ state }) => state.status !== "completed");
  const names = new Set(open.flatMap(({ spec }) => agentsOf(spec)));
  const agents = Object.entries(named).flatMap(([name, agent]) => (names.has(name) ? [agent] : []));
  const lack = agents.some(({ sandbox }) => sandbox) ? await isolation.lacksSandbox() : null;
  if (lack !== null)
    throw new LedgerError("isolation_unmet", `An agent of this run is to be sandboxed. ${lack.because}`, {
      hint: lack.fix,
    });
  for (const agent of agents)
    if (agent.kind === "llm") await (await import("./agents/llm/model.js")).requireModel(agent, environment);
};

/** The model that leads runs; null where the settings name none. Throws for one that is none. */
export const openOrchestrator = (
  name: string | null,
  {
    named,
    ...rest
  }: Pick<Options, "named" | "environment" | "redactor"> & {
    readonly host: Orchestrator["host"];
    readonly trustPlans: boolean;
    readonly timeoutMs: (agent: string) => number;
  },
): Orchestrator | null => {
  if (name === null) return null;
  const model = Object.hasOwn(named, name) ? named[name] : undefined;
  if (model?.kind === "llm") return { ...rest, name, model, timeoutMs: rest.timeoutMs(name) };
  throw new LedgerError(
    "agent_not_found",
    model === undefined
      ? `There is no agent "${name}" to lead runs.`
      : `Agent "${name}" is no language model.`,
    { hint: "The setting orchestrator names an agent of kind llm; without it the static policy answers." },
  );
};

/** No credential would be issued to such an agent, so its steps could never be proposed. */
const requireFreeName = (name: string): void => {
  if (!isReservedName(name)) return;
  throw new LedgerError("invalid_input", `An agent cannot be called "${name}".`, {
    hint: "That name speaks for the orchestrator.",
  });
};
