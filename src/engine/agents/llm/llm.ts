import { isLedgerError } from "../../../core/errors.js";
import * as limit from "../../../core/limits.js";
import { PLANNING_STEP } from "../../../core/planning.js";
import type { AttemptOfStep } from "../../logs.js";
import type { Agent, AgentOutcome, AgentTask, AttemptEffects } from "../agent.js";
import { openAgentLog } from "../agent-log.js";
import { cutOff } from "../function.js";
import type { ModelSetting } from "./model-setting.js";
import type { Planning } from "./planning.js";
import type { ShellOptions } from "./shell.js";

export type LlmAgentOptions = {
  readonly setting: ModelSetting;
  readonly shell: ShellOptions;
  /** Whether these profiles of a step open that tool. */
  readonly isOpened: (profiles: AgentTask["toolProfile"], tool: string) => boolean;
  /** Rejects with `access_denied` when the attempt may not use that tool at this moment. */
  readonly requireOpen: (task: AgentTask, tool: string) => Promise<void>;
  /** For the step whose claim is the plan. */
  readonly planning: () => Planning;
  /** Where the live log of an attempt goes. */
  readonly logFile: (task: AttemptOfStep) => string;
};

// A language model at work in this process. Each call of it and each of its tools is an effect, so that whoever goes on after
// a crash neither pays for an answer nor runs a command twice.
export const llmAgent = (options: LlmAgentOptions): Agent => ({
  work: async (task, effects) => {
    const timeLimit = AbortSignal.timeout(task.timeoutMs);
    // All that it does obeys this signal, so it has ended when this resolves: no program of its is left behind.
    const signal = AbortSignal.any([task.signal, timeLimit]);
    try {
      const result = await inConversation(options, task, effects, signal);
      return (
        cutOff(task, timeLimit) ?? {
          kind: "done",
          result: options.shell.redactor.text(result).slice(0, limit.RESULT_CHARS),
          evidence: [],
        }
      );
    } catch (error) {
      return cutOff(task, timeLimit) ?? failureOf(error, options);
    }
  },
});

const inConversation = async (
  { setting, shell, isOpened, requireOpen, planning, logFile }: LlmAgentOptions,
  task: AgentTask,
  { context: effects, flush }: AttemptEffects,
  signal: AbortSignal,
): Promise<string> => {
  const [{ converse }, plans, { openModel }, { requireSandbox }, { describeTools }] = await Promise.all([
    import("./conversation.js"),
    import("./planning.js"),
    import("./model.js"),
    import("./shell.js"),
    import("./toolbox.js"),
  ]);
  await requireSandbox(shell, task);
  const log = await openAgentLog(logFile(task));
  const tell = (line: string): void => log.write(Buffer.from(`${shell.redactor.text(line)}\n`));
  const plan = task.stepId === PLANNING_STEP;
  const tools = describeTools(
    (name) => isOpened(task.toolProfile, name) && (!plan || plans.isOpenToPlanners(name)),
  );
  const toolSetting = {
    ...{ task, shell, effects, flush, signal, tell },
    say: log.write,
    requireOpen: (tool: string) => requireOpen(task, tool),
  };
  try {
    const model = await openModel(setting, shell.environment);
    const errand = plan ? { errand: plans.planningErrand(task, planning()) } : {};
    return await converse({ task, model, setting, effects, tools, toolSetting, signal, tell, ...errand });
  } finally {
    await log.close();
  }
};

/**
 * What the model or one of its effects came to ends the attempt; an effect that a person is asked about does not. Whether any
 * other trouble of the ledger or the machine is its fault, whoever drives it decides. Redacted here, because it is cut to size
 * on its way to the ledger, and half of a secret is not found there any more.
 */
const failureOf = (error: unknown, { shell }: LlmAgentOptions): AgentOutcome => {
  if (isLedgerError(error) && !OF_ITS_EFFECTS.has(error.code)) throw error;
  const reason = shell.redactor.text(error instanceof Error ? error.message : String(error));
  return { kind: "failed", reason, tail: "" };
};

const OF_ITS_EFFECTS: ReadonlySet<string> = new Set(["effect_failed", "effect_ambiguous"]);
