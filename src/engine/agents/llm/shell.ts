import type { Redactor } from "../../../core/redact.js";
import { wallSentence } from "../../../core/walls.js";
import type { Isolation } from "../../../pev/isolation/isolation.js";
import type { Places } from "../../../pev/places.js";
import type { ProcessCall, ProcessEnd } from "../../../pev/sandbox.js";
import type { Walls } from "../../../pev/walls/walls.js";
import type { AgentTask } from "../agent.js";
import { sandboxHome } from "../agent-sandbox.js";

export type ShellOptions = {
  readonly projectDir: string;
  readonly places: Places;
  readonly walls: Walls;
  /** Makes the sandbox of commands; null where they run as the user. */
  readonly isolation: Pick<Isolation, "sandbox"> | null;
  /** Rules of the hosts that they reach out of it. */
  readonly network: readonly string[];
  /** Names of variables that they see besides PATH, HOME and RUNLEDGER_*. */
  readonly passEnv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly redactor: Redactor;
};

/** About 8,000 tokens; the end of what a command prints says most. */
const HEAD_CHARS = 8_000;
const END_CHARS = 24_000;

/** Runs one command line in the workspace, held as a command agent is; what it started has ended when this resolves. */
export const runCommand = async (
  options: ShellOptions,
  task: AgentTask,
  command: string,
  bounds: Pick<ProcessCall, "timeoutMs" | "onOutput"> & { readonly signal: AbortSignal },
): Promise<string> => {
  const { runProcess } = await import("../../../pev/sandbox.js");
  const ended = await runProcess({
    argv: ["sh", "-c", command],
    cwd: task.workspace,
    ...(await surroundings(options, task)),
    ...bounds,
    walls: options.walls,
    redactor: options.redactor,
    place: { places: options.places, folder: task.place, runId: task.runId, stepId: task.stepId },
  });
  // Not an answer: the attempt itself is stopped, and nobody knows how far the command had come.
  if (ended.cancelled) throw new Error("The command was stopped with its attempt.");
  return `${endWords(ended)}\n${shortened(ended.log?.toString("utf8") ?? "")}`;
};

/**
 * Throws `isolation_unmet` where the sandbox of its commands cannot be made. Asked before anything else: an agent that was to be
 * sandboxed does nothing without it, and what a command meets later would be an answer for the model.
 */
export const requireSandbox = async (options: ShellOptions, task: AgentTask): Promise<void> =>
  void (await surroundings(options, task));

const surroundings = async (
  { isolation, network, passEnv, environment, projectDir }: ShellOptions,
  task: AgentTask,
): Promise<Pick<ProcessCall, "env" | "confinement">> => {
  const passed = ["HOME", ...passEnv].flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env: Record<string, string> = {
    ...Object.fromEntries(passed),
    PATH: environment.PATH ?? "",
    RUNLEDGER_RUN_ID: task.runId,
    RUNLEDGER_STEP_ID: task.stepId,
    RUNLEDGER_ATTEMPT: String(task.attempt),
  };
  if (isolation === null) return { env };
  const { home, inside } = await sandboxHome({ projectDir, environment, task, env });
  const sight = { environment: inside, folders: [task.workspace, home], reads: [] };
  return { env: inside, confinement: await isolation.sandbox(sight, network) };
};

const endWords = (ended: ProcessEnd): string => {
  if (ended.notFound) return "There is no sh here to run it.";
  if (ended.wall !== null) return `It was ended, for it ${wallSentence(ended.wall)}.`;
  if (ended.timedOut)
    return "It was ended at its time limit, with all that it had started. Give a longer one, or do less at once.";
  if (ended.signal !== null) return `It was ended by ${ended.signal}.`;
  return `Exit code ${ended.exitCode}.`;
};

const shortened = (text: string): string => {
  const left = text.length - HEAD_CHARS - END_CHARS;
  if (left <= 0) return text;
  return `${text.slice(0, HEAD_CHARS)}\n[... ${left} characters left out ...]\n${text.slice(-END_CHARS)}`;
};
