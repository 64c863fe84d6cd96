import type { ToolHost } from "../../tools/tool.js";
import type { CommandOf } from "../core/commands.js";
import { NUMBERED_BEHIND } from "../core/effects.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { isPlanning } from "../core/planning.js";
import { isRaced } from "../core/race.js";
import { findStep, hasPolicyRequest, type Run, type Step } from "../core/run.js";
import { underEither } from "../pev/under-either.js";
import type { OrchestratorSetting } from "./agents/llm/orchestrator.js";
import { effectsOf, stopAtBudget, type WorkOptions } from "./work.js";

export type Orchestrator = OrchestratorSetting & {
  readonly timeoutMs: number;
  readonly host: ToolHost;
};

type Holding = { readonly epoch: number; readonly signal: AbortSignal };

/**
 * Asks the model that leads the run. Its calls are effects of the attempt that it is asked about, so that a later life neither
 * pays for them again nor comes to another answer. Null: the request is answered, or nobody waits for an answer any more;
 * otherwise why it came to none.
 */
export const askOrchestrator = async (
  options: AskingOptions,
  run: Run,
  stepId: string,
  holding: Holding,
): Promise<string | null> => {
  const step = findStep(run, stepId);
  if (step === undefined || !hasPolicyRequest(step)) return null;
  // How a plan fails is told to a person. In a race the attempts are the candidates', and this asks about all of them.
  if (isPlanning(step) || isRaced(step)) return "";
  const limit = AbortSignal.timeout(options.orchestrator.timeoutMs);
  return underEither([holding.signal, limit], (bounded) =>
    asked(options, run, step, { ...holding, bounded }),
  );
};

type AskingOptions = WorkOptions & { readonly orchestrator: Orchestrator };

const asked = async (
  { orchestrator, ...options }: AskingOptions,
  run: Run,
  step: Step,
  { epoch, signal, bounded }: Holding & { readonly bounded: AbortSignal },
): Promise<string | null> => {
  const { runId } = run;
  const stepId = step.spec.id;
  const holding = { epoch, signal: bounded };
  const effects = await effectsOf(options, run, step, holding, () => undefined, {
    numberedFrom: NUMBERED_BEHIND,
    before: { classes: [], sign: async () => undefined },
    decide: (position, decision, reason) =>
      decided(options, step, epoch, { runId, position, decision, reason }),
  });
  try {
    const { answerByModel } = await import("./agents/llm/orchestrator.js");
    const { host } = orchestrator;
    await answerByModel(orchestrator, { host, run, step, epoch, effects, signal: bounded });
    return null;
  } catch (error) {
    if (signal.aborted) return null;
    if (isLedgerError(error, "budget_exceeded")) {
      await stopAtBudget(options, runId, { stepId }, { epoch }, error);
      return null;
    }
    if (isLedgerError(error) && !MAY_FAIL.has(error.kind)) throw error;
    const why = bounded.aborted
      ? "its time was over"
      : error instanceof Error
        ? error.message
        : String(error);
    return `The orchestrator "${orchestrator.name}" came to no answer (${orchestrator.redactor.text(why).slice(0, WHY_CHARS)}). `;
  } finally {
    await effects.close({ isStopped: true }).catch(unlessOver(options, runId, stepId));
  }
};

type Doubt = Pick<CommandOf<"decide_effect">, "position" | "decision" | "reason">;

/** A call that was cut off is made again, or the static policy answers; nobody is asked in order to ask somebody. */
const decided = async (
  { ledger, engine }: WorkOptions,
  { spec, attempt }: Step,
  epoch: number,
  doubt: Doubt & { readonly runId: string },
): Promise<void> => {
  const { runId, ...said } = doubt;
  if (said.decision === "fail") throw new LedgerError("effect_ambiguous", said.reason);
  const command = { type: "decide_effect", stepId: spec.id, attempt, ...said } as const;
  await ledger.submit(runId, command, engine, { epoch });
};

/** Of a request that somebody else has answered meanwhile nothing more is recorded. */
const unlessOver =
  ({ ledger }: WorkOptions, runId: string, stepId: string) =>
  async (error: unknown): Promise<void> => {
    // Told already, by what it kept from being recorded: there is no more room or money, and the request is answered without it.
    if (isLedgerError(error, "limit_exceeded") || isLedgerError(error, "budget_exceeded")) return;
    const step = findStep(await ledger.load(runId), stepId);
    if (step !== undefined && hasPolicyRequest(step)) throw error;
  };

/** A ledger that cannot be trusted, or that somebody else drives, is no fault of the model. */
const MAY_FAIL: ReadonlySet<string> = new Set(["usage", "refused", "not_found", "environment"]);
const WHY_CHARS = 500;
