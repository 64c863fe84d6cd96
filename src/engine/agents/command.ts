import { existsSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import type { Redactor } from "../../core/redact.js";
import { type ReachedWall, wallSentence } from "../../core/walls.js";
import type { Isolation } from "../../pev/isolation/isolation.js";
import type { Places } from "../../pev/places.js";
import type { ProcessCall, ProcessEnd } from "../../pev/sandbox.js";
import { whyNoProgram } from "../../pev/walls/program-path.js";
import type { Walls } from "../../pev/walls/walls.js";
import type { Host } from "../host.js";
import type { AttemptOfStep } from "../logs.js";
import { type Agent, type AgentTask, TASK_FILE } from "./agent.js";
import { openAgentLog } from "./agent-log.js";

export type CommandAgentOptions = {
  /** argv of this program's command line, for agents that speak to their host by it. */
  readonly cli: readonly string[];
  /** argv; a relative program resolves against the project, see `resolveProgram`. */
  readonly run: readonly string[];
  /** Names of environment variables that it may see besides PATH, HOME and RUNLEDGER_*. */
  readonly passEnv: readonly string[];
  readonly projectDir: string;
  readonly places: Places;
  readonly walls: Walls;
  /** Makes its sandbox; null when it works as the user. */
  readonly isolation: Pick<Isolation, "sandbox"> | null;
  /** Rules of the hosts that it reaches out of its sandbox. */
  readonly network: readonly string[];
  /** Takes secrets out of what it prints. */
  readonly redactor: Redactor;
  /** The orchestrator's own environment, from which only named variables are taken. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the live log of an attempt goes. */
  readonly logFile: (task: AttemptOfStep) => string;
};

// Any program can be an agent: its exit code 0 is a claim to be verified, any other an interruption.
export const commandAgent = (options: CommandAgentOptions): Agent => ({
  work: async (task, { keyed }) => {
    // Loaded with the first agent that works: every opening of a ledger comes by here.
    const { openHost } = await import("../host.js");
    const { run } = options;
    const argv = resolveProgram(run, options.projectDir);
    const host = await openHost(keyed, options.cli);
    try {
      const result = await startProgram(options, task, { host, run, argv, env: {}, signal: task.signal });
      if (result.cancelled) return { kind: "stopped" };
      if (result.exitCode === 0 && !result.timedOut)
        return { kind: "done", result: result.tail.trim() || "(no output)", evidence: [] };
      return { kind: "failed", reason: endOf(options, task, argv, result), tail: result.tail };
    } finally {
      await host.close();
    }
  },
});

/** A program about to be started for an attempt. */
export type Starting = {
  readonly host: Host;
  /** As the settings have it, and with files of the project named absolutely. */
  readonly run: readonly string[];
  readonly argv: readonly string[];
  /** Beside what every agent sees. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
};

/** Until it has ended, and all that it started with it. */
export const startProgram = async (
  options: Omit<CommandAgentOptions, "run">,
  task: AgentTask,
  starting: Starting,
): Promise<ProcessEnd> => {
  const { runProcess } = await import("../../pev/sandbox.js");
  const log = await openAgentLog(options.logFile(task));
  try {
    const around = await surroundingsOf(options, task, starting);
    return await runProcess({
      argv: starting.argv,
      cwd: task.workspace,
      ...around,
      timeoutMs: task.timeoutMs,
      signal: starting.signal,
      walls: options.walls,
      onOutput: log.write,
      redactor: options.redactor,
      place: { places: options.places, folder: task.place, runId: task.runId, stepId: task.stepId },
    });
  } finally {
    await log.close();
  }
};

type Ended = {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly wall: ReachedWall | null;
  readonly noSpace: boolean;
  readonly notFound: boolean;
  readonly durationMs: number;
};

export const endOf = (
  options: Pick<CommandAgentOptions, "environment" | "isolation">,
  task: Pick<AgentTask, "agent" | "workspace">,
  argv: readonly string[],
  ended: Ended,
): string => {
  const said = ended.notFound ? notStarted(options, task, argv) : howItEnded(ended);
  return ended.noSpace ? `${said} The disk was full.` : said;
};

const notStarted = (
  { environment, isolation }: Pick<CommandAgentOptions, "environment" | "isolation">,
  { agent, workspace }: Pick<AgentTask, "agent" | "workspace">,
  [program = ""]: readonly string[],
): string => {
  const said = `The agent's program "${program}" could not be started`;
  const why = whyNoProgram(program, workspace, environment.PATH);
  if (why !== "") return `${said}: ${why}. See to that, or name another one in agents.${agent}.run.`;
  return isolation === null ? `${said}.` : `${said}: it is not to be seen in its sandbox.`;
};

const howItEnded = (ended: Ended): string => {
  if (ended.wall !== null) return `The agent was stopped, for it ${wallSentence(ended.wall)}.`;
  if (ended.timedOut)
    return `The agent was stopped after ${Math.round(ended.durationMs / 1_000)} s (its time limit).`;
  if (ended.signal !== null) return `The agent was killed by ${ended.signal}.`;
  return `The agent ended with exit code ${ended.exitCode}.`;
};

/**
 * The working folder of an agent is its workspace, so what belongs to the project must be named absolutely: the program
 * itself when its name has a slash, and the first argument that is no option when it is a file of the project
 * (`[node, agent.mjs]`). Everything else stays as it is.
 */
export const resolveProgram = (run: readonly string[], projectDir: string): readonly string[] => {
  const script = run.findIndex((word, at) => at > 0 && !word.startsWith("-"));
  return run.map((word, at) => {
    if (isAbsolute(word)) return word;
    if (at === 0) return word.includes("/") ? resolve(projectDir, word) : word;
    return at === script && isFile(join(projectDir, word)) ? join(projectDir, word) : word;
  });
};

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

/** A sandboxed one has a home of its own, and its word of the task is read-only like everything but that and the clone. */
const surroundingsOf = async (
  options: Omit<CommandAgentOptions, "run">,
  task: AgentTask,
  { run, argv, host, env: more }: Starting,
): Promise<Pick<ProcessCall, "env" | "confinement">> => {
  const env = { ...(await environmentOf(options, task, host)), ...more };
  if (options.isolation === null) return { env };
  const { agentSandbox } = await import("./agent-sandbox.js");
  return agentSandbox({ ...options, isolation: options.isolation, task, run, argv, env, host });
};

// Exactly what the contract names; nothing secret comes along by accident.
const environmentOf = async (
  { environment, passEnv }: Pick<CommandAgentOptions, "environment" | "passEnv">,
  task: AgentTask,
  host: Host,
): Promise<Record<string, string>> => {
  const taskFile = join(task.place, TASK_FILE);
  const { signal: _signal, place: _place, ...told } = task;
  await writeFile(taskFile, `${JSON.stringify(told, null, 2)}\n`);
  const passed = ["HOME", ...passEnv].flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(passed),
    PATH: [host.programs, environment.PATH ?? ""].join(delimiter),
    ...host.environment,
    RUNLEDGER_RUN_ID: task.runId,
    RUNLEDGER_STEP_ID: task.stepId,
    RUNLEDGER_ATTEMPT: String(task.attempt),
    ...(task.candidate === null ? {} : { RUNLEDGER_CANDIDATE: String(task.candidate) }),
    RUNLEDGER_GOAL: task.goal,
    RUNLEDGER_FEEDBACK: feedbackText(task.feedback),
    RUNLEDGER_TASK: taskFile,
  };
};

// The last verdict as it stands in the journal; an attempt that ended before one has an outcome of its own.
const feedbackText = (feedback: AgentTask["feedback"]): string => {
  if (feedback === null) return "";
  if (feedback.kind === "interrupted")
    return JSON.stringify({ outcome: "interrupted", message: feedback.reason, tail: feedback.tail });
  const whole = JSON.stringify(feedback.verdict);
  if (Buffer.byteLength(whole) <= VARIABLE_BYTES_MAX) return whole;
  const { outcome, reason, message, exitCode, tail } = feedback.verdict;
  return JSON.stringify({ outcome, reason, message: message.slice(0, MESSAGE_CHARS_KEPT), exitCode, tail });
};

/** Linux starts no program with a variable above 128 KiB, and an agent chooses the names that a verdict lists. */
const VARIABLE_BYTES_MAX = 120_000;
/** The whole verdict is in the task file. */
const MESSAGE_CHARS_KEPT = 2_000;
