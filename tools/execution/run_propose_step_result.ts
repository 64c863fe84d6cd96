import * as z from "zod";
import { requireSession, requireStep } from "../../src/core/decide/guards.js";
import { LedgerError } from "../../src/core/errors.js";
import { type Capture, Evidence } from "../../src/core/events.js";
import * as limit from "../../src/core/limits.js";
import { policyRequestOf } from "../../src/core/policy-request.js";
import { candidateOf, named } from "../../src/core/race.js";
import { awaitsApproval, type Run, type Step, type WorkedStep } from "../../src/core/run.js";
import { someText } from "../../src/core/shapes.js";
import { closed } from "../../src/core/wire.js";
import { requirePlanFit } from "../../src/pev/planned.js";
import { settled } from "../settled.js";
import { defineTool, idempotencyKey, keyed } from "../tool.js";
import { policyRequestView, standing, verdictView } from "../views.js";
import { requireExecutor, workedStepIn } from "./executor-step.js";

export const runProposeStepResult = defineTool({
  name: "run_propose_step_result",
  title: "Propose the result of a step",
  role: "execution",
  readOnly: false,
  description:
    "Say that the step is done. The ledger captures your workspace and verifies exactly that; you get the verdict, never a completion by your own word.",
  input: closed({
    run_id: someText,
    step_id: someText,
    result: someText.max(limit.RESULT_CHARS).describe("What you did, in a few sentences."),
    evidence_json: z.string().optional().describe("A JSON array of { type, content }, such as logs."),
    idempotency_key: idempotencyKey,
  }),
  output: z.object({
    run_id: z.string(),
    step_id: z.string(),
    status: z.enum([
      "verified",
      "verification_failed",
      "verification_errored",
      "verifying",
      "awaiting_approval",
      "cancelled",
    ]),
    message: z.string(),
    verdict: z.record(z.string(), z.unknown()).nullable(),
    policy_request: z.record(z.string(), z.unknown()).nullable(),
    unmet_criteria: z.array(z.string()),
    run_status: z.string(),
    next: z.string(),
  }),
  handle: async (input, caller, host) => {
    const { ledger, pev } = host;
    const { run_id: runId, step_id: stepId, result, idempotency_key } = input;
    const evidence = readEvidence(input.evidence_json);
    requireSession(await ledger.load(runId), caller);
    if (host.keepClaim !== undefined) {
      const { run, step } = await requireExecutor(ledger, caller, runId, stepId);
      requireProposable(step);
      await requirePlanFit(host, run, step, result);
      await host.keepClaim({ result, evidence });
      return { run_id: runId, step_id: stepId, ...TAKEN_DOWN, ...(await standing(run, ledger)) };
    }
    const claim = {
      type: "propose_step_result",
      stepId,
      ...named(caller),
      result,
      evidence,
      capture: NOTHING,
    } as const;
    if ((await ledger.answered(runId, claim, caller, idempotency_key)) === undefined) {
      const before = await requireExecutor(ledger, caller, runId, stepId);
      requireProposable(before.step);
      await requirePlanFit(host, before.run, before.step, result);
      const capture = await pev.capture(before.run, before.step);
      await ledger.submit(runId, { ...claim, capture }, caller, keyed(idempotency_key));
    }
    const run = await settled(host, runId);
    const step = workedStepIn(run, stepId, caller.candidate);
    const request = policyRequestOf(run, requireStep(run, caller, stepId), { caller, rules: ledger.rules });
    return {
      run_id: runId,
      step_id: stepId,
      ...answerOf(step),
      policy_request: request === null ? null : policyRequestView(request),
      unmet_criteria: unmetOf(run),
      ...(await standing(run, ledger)),
    };
  },
});

/** The engine proposes what is in the workspace when nobody works there any more. */
const TAKEN_DOWN = {
  status: "verifying" as const,
  message: "Taken down. Your workspace is captured and judged when you have ended: end now.",
  verdict: null,
  policy_request: null,
  unmet_criteria: [],
};

/** Stands for the capture until it is taken; it is no part of what makes two proposals the same. */
const NOTHING: Capture = { base: null, tree: null, commit: null, patch: null, filesChanged: null };

const requireProposable = ({ spec, state }: Step): void => {
  if (state.status === "in_progress" || state.status === "verify_pending") return;
  throw new LedgerError("step_not_in_progress", `Step "${spec.id}" is ${state.status}, not in_progress.`, {
    hint: "Call run_start_step first.",
  });
};

const readEvidence = (text: string | undefined): Evidence[] => {
  if (text === undefined || text.trim() === "") return [];
  const refuse = (why: string) =>
    new LedgerError("invalid_input", `evidence_json ${why}.`, {
      hint: 'Give a JSON array such as [{"type":"log","content":"…"}].',
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse("is not JSON");
  }
  const evidence = EvidenceList.safeParse(value);
  if (evidence.success) return evidence.data;
  const [issue] = evidence.error.issues;
  throw refuse(
    `is not a list of { type, content }: ${issue?.path.join(".") || "the list"}: ${issue?.message}`,
  );
};

const EvidenceList = z
  .array(Evidence.extend({ content: z.string().max(limit.EVIDENCE_CHARS) }))
  .max(limit.EVIDENCE_ITEMS);

const answerOf = (step: WorkedStep) => {
  const { state } = step;
  const racing = candidateOf(step);
  if (racing?.state.status === "cancelled")
    return { status: "cancelled" as const, message: racing.state.reason, verdict: null };
  switch (state.status) {
    case "completed":
      return {
        status: "verified" as const,
        message: state.verdict?.message ?? "Verified.",
        verdict: state.verdict === null ? null : verdictView(state.verdict),
      };
    case "failed":
      return {
        status: "verification_failed" as const,
        message: state.verdict?.message ?? "Refused.",
        verdict: state.verdict === null ? null : verdictView(state.verdict),
      };
    case "verify_pending":
      return pendingAnswer(step, state);
    default:
      return { status: "verifying" as const, message: `The step is ${state.status}.`, verdict: null };
  }
};

const pendingAnswer = (step: Step, state: Extract<Step["state"], { status: "verify_pending" }>) => {
  if (awaitsApproval(step))
    return {
      status: "awaiting_approval" as const,
      message: "Proposed; it waits for run_approve_step.",
      verdict: null,
    };
  if (state.lastError !== null)
    return {
      status: "verification_errored" as const,
      message: state.lastError.message,
      verdict: verdictView(state.lastError),
    };
  return { status: "verifying" as const, message: "Proposed; the verdict is not there yet.", verdict: null };
};

const unmetOf = (run: Run): string[] =>
  run.criteria.filter(({ state }) => state.status === "unmet").map(({ spec }) => spec.description);
