import * as z from "zod";
import { requireRunning } from "../../src/core/decide/guards.js";
import { LedgerError } from "../../src/core/errors.js";
import { named } from "../../src/core/race.js";
import type { Step, StepStatus } from "../../src/core/run.js";
import { someText } from "../../src/core/shapes.js";
import { closed } from "../../src/core/wire.js";
import { defineTool, idempotencyKey, keyed } from "../tool.js";
import { verdictView } from "../views.js";
import { requireExecutor, workedStepIn } from "./executor-step.js";

export const runStartStep = defineTool({
  name: "run_start_step",
  title: "Start a step",
  role: "execution",
  readOnly: false,
  description:
    "Start (or go on with) a step you own. Work only in the workspace folder it names, then call run_propose_step_result.",
  input: closed({
    run_id: someText,
    step_id: someText,
    idempotency_key: idempotencyKey,
  }),
  output: z.object({
    run_id: z.string(),
    step_id: z.string(),
    attempt: z.int(),
    /** Of a raced step: which of those who race it is that was started. */
    candidate: z.int().nullable(),
    goal: z.string(),
    workspace: z.string(),
    may_change: z.object({ paths: z.array(z.string()), only: z.boolean() }),
    judged_by: z.object({ type: z.string(), target: z.string() }),
    feedback: z.record(z.string(), z.unknown()).nullable(),
  }),
  handle: async (
    { run_id: runId, step_id: stepId, idempotency_key },
    caller,
    { ledger, pev, stopAtBudget },
  ) => {
    const before = await requireExecutor(ledger, caller, runId, stepId);
    const command = { type: "start_step", stepId, ...named(caller), base: null } as const;
    // An echo of a start that has had its end must not start the next attempt.
    if ((await ledger.answered(runId, command, caller, idempotency_key)) !== undefined)
      requireStatus(before.step, "in_progress");
    requireRunning(before.run);
    requireStatus(before.step, "pending", "in_progress");
    const { folder, base } = await pev.openWorkspace(before.run, before.step, NEVER);
    const started = ledger.submit(runId, { ...command, base }, caller, keyed(idempotency_key));
    const { run } = await started.catch(async (error: unknown) => {
      await stopAtBudget({ error, runId, stepId });
      throw error;
    });
    const step = workedStepIn(run, stepId, caller.candidate);
    const { feedback, spec } = step;
    return {
      run_id: runId,
      step_id: stepId,
      attempt: step.attempt,
      candidate: step.candidate ?? null,
      goal: spec.goal,
      workspace: folder,
      may_change: { paths: [...spec.mayChange.paths], only: spec.mayChange.only },
      judged_by: { type: spec.validator.type, target: spec.validator.target },
      feedback:
        feedback === null
          ? null
          : feedback.kind === "verdict"
            ? { attempt: feedback.attempt, ...verdictView(feedback.verdict) }
            : { attempt: feedback.attempt, reason: feedback.reason, tail: feedback.tail },
    };
  },
});

/** A tool call is answered when it is done; nobody takes it back. */
const NEVER = new AbortController().signal;

const requireStatus = ({ spec, state }: Step, ...fitting: readonly StepStatus[]): void => {
  if (fitting.includes(state.status)) return;
  throw new LedgerError("step_not_pending", `Step "${spec.id}" is ${state.status}, not ${fitting[0]}.`, {
    hint: "run_read tells where each step stands.",
  });
};
