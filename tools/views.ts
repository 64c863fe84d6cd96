import { firstAndMore } from "../src/core/and-more.js";
import type { Caller } from "../src/core/commands.js";
import { LedgerError } from "../src/core/errors.js";
import * as limit from "../src/core/limits.js";
import { type PolicyRequest, policyRequestOf } from "../src/core/policy-request.js";
import { candidateWords } from "../src/core/race.js";
import {
  awaitsApproval,
  type Candidate,
  completedIds,
  hasPolicyRequest,
  isReady,
  type Run,
  type Step,
} from "../src/core/run.js";
import { type Usage, usageOfRun } from "../src/core/usage.js";
import type { HeldOutFound, TestsFound, Verdict } from "../src/core/verdict.js";
import { type Waiting, whyRun } from "../src/core/why.js";
import type { Ledger } from "../src/ledger/ledger.js";
import { hasWorker } from "../src/ledger/look-up.js";

/** Models read short answers better; the whole log is a blob, the whole claim is in the journal. */
const TAIL_IN_ANSWERS = 2_000;

/** Steps in one answer; a plan may have a thousand, and each may carry a verdict. */
export const STEPS_IN_ANSWERS = 50;

/** The steps behind a cursor, and the cursor to go on with; null at the end. */
const pageOfSteps = (
  run: Run,
  afterStep: string | undefined,
): { readonly page: readonly Step[]; readonly nextAfterStep: string | null } => {
  const from = afterStep === undefined ? 0 : indexOf(run, afterStep) + 1;
  const page = run.steps.slice(from, from + STEPS_IN_ANSWERS);
  const more = from + page.length < run.steps.length;
  return { page, nextAfterStep: more ? (page.at(-1)?.spec.id ?? null) : null };
};

const indexOf = (run: Run, stepId: string): number => {
  const at = run.steps.findIndex(({ spec }) => spec.id === stepId);
  if (at >= 0) return at;
  throw new LedgerError("step_not_found", `Run "${run.runId}" has no step "${stepId}" to go on behind.`, {
    hint: "Give after_step as the answer before named it in next_after_step.",
  });
};

/** Whoever reads with a tool is an agent: how many, and never which. */
const heldOutView = ({ folder, digest, files, counts, turnedGreen, wrong }: HeldOutFound) => ({
  folder,
  digest,
  files,
  counts,
  turned_green: turnedGreen,
  wrong: wrong.count,
});

const testsView = ({ runs, turnedGreen, retried, canary, heldOut }: TestsFound) => ({
  runs: runs.map(({ exitCode, counts, durationMs }) => ({
    exit_code: exitCode,
    counts,
    duration_ms: durationMs,
  })),
  turned_green: turnedGreen,
  retried,
  canary,
  held_out: heldOut === null ? null : heldOutView(heldOut),
});

export const verdictView = (verdict: Verdict) => ({
  outcome: verdict.outcome,
  reason: verdict.reason,
  message: verdict.message,
  ...(verdict.hint === undefined ? {} : { hint: verdict.hint }),
  exit_code: verdict.exitCode,
  counts: verdict.counts,
  tests: verdict.tests === undefined ? null : testsView(verdict.tests),
  missing: verdict.missing.slice(0, limit.PATHS_LISTED),
  protected_paths: verdict.protectedPaths.slice(0, limit.PATHS_LISTED),
  violations: (verdict.violations ?? []).slice(0, limit.PATHS_LISTED),
  conflicts: verdict.conflicts.map(({ path, stepId }) => ({ path, step_id: stepId })),
  command: verdict.command,
  commit: verdict.commit,
  tail: verdict.tail.slice(-TAIL_IN_ANSWERS),
  log: verdict.log,
  isolation_level: verdict.isolationLevel,
  duration_ms: verdict.durationMs,
});

export const policyRequestView = (request: PolicyRequest) => ({
  step_id: request.stepId,
  step_goal: request.stepGoal,
  attempt: request.attempt,
  reason: request.reason,
  verdict: request.verdict === null ? null : verdictView(request.verdict),
  retry_count: request.retryCount,
  max_retries: request.maxRetries,
  candidates: request.candidates.map(({ candidate, agent, status, verdict, said }) => ({
    candidate,
    agent,
    status,
    reason: verdict?.reason ?? null,
    message: said.slice(-TAIL_IN_ANSWERS),
  })),
  allowed_actions: [...request.allowedActions],
});

export const stepViews = (run: Run, steps: readonly Step[], caller: Caller, ledger: Ledger) => {
  const completed = completedIds(run);
  return steps.map((step) =>
    stepView(step, {
      ready: isReady(step, completed),
      request: policyRequestOf(run, step, { caller, rules: ledger.rules }),
    }),
  );
};

type Standing = { readonly ready: boolean; readonly request: PolicyRequest | null };

const stepView = (step: Step, { ready, request }: Standing) => {
  const { spec, state } = step;
  return {
    step_id: spec.id,
    goal: spec.goal,
    owner_agent: spec.ownerAgent,
    status: state.status,
    ready,
    awaits_approval: awaitsApproval(step),
    how: state.status === "completed" ? state.how : null,
    attempt: step.attempt,
    retry_count: step.retryCount,
    max_retries: spec.maxRetries,
    depends_on: [...spec.dependsOn],
    tool_profile: [...spec.toolProfile],
    /** A host works on it and nobody judges it: its status is the host's word. */
    reported: step.report !== null,
    error: step.report?.error.slice(-TAIL_IN_ANSWERS) || null,
    validator: step.report === null ? { type: spec.validator.type, target: spec.validator.target } : null,
    result: resultOf(step)?.slice(-TAIL_IN_ANSWERS) ?? null,
    candidates: step.candidates.map(candidateView),
    pick: spec.race?.pick ?? null,
    proposal_seq: "proposal" in state && state.proposal !== null ? state.proposal.seq : null,
    verdict: "verdict" in state && state.verdict !== null ? verdictView(state.verdict) : null,
    policy_request: request === null ? null : policyRequestView(request),
  };
};

const candidateView = (one: Candidate) => ({
  candidate: one.candidate,
  agent: one.agent,
  status: one.state.status,
  message: candidateWords(one).slice(-TAIL_IN_ANSWERS),
  proposal_seq: "proposal" in one.state && one.state.proposal !== null ? one.state.proposal.seq : null,
});

/** What its agent claims, or its host says. */
const resultOf = ({ state, report }: Step): string | null => {
  if (report !== null) return report.result;
  return "proposal" in state && state.proposal !== null ? state.proposal.result : null;
};

const usageView = ({ calls, tokensIn, cacheRead, cacheWrite, tokensOut, reasoning, ...more }: Usage) => ({
  calls,
  tokens_in: tokensIn,
  cache_read: cacheRead,
  cache_write: cacheWrite,
  tokens_out: tokensOut,
  reasoning,
  uncounted: more.uncounted,
  nano_usd: more.nanoUsd,
  unpriced: more.unpriced,
});

/** The snapshot as seed 002 names it, its steps page by page. */
export const runView = async (run: Run, caller: Caller, ledger: Ledger, afterStep: string | undefined) => {
  const waiting = await waitingOf(run, ledger);
  const { page, nextAfterStep } = pageOfSteps(run, afterStep);
  return {
    run_id: run.runId,
    session_key: run.sessionKey,
    original_request: run.originalRequest,
    goal: run.goal,
    status: run.state.status,
    source_kind: run.source?.kind ?? null,
    source_descriptor: run.source?.descriptor ?? null,
    reported: run.source !== null,
    projection_error: run.degraded,
    current_step_id: waiting.stepId,
    current_blocker: waiting.for === "person" ? waiting.sentence : null,
    why: waiting.sentence,
    steps: stepViews(run, page, caller, ledger),
    steps_total: run.steps.length,
    steps_completed: run.steps.filter(({ state }) => state.status === "completed").length,
    next_after_step: nextAfterStep,
    acceptance_state: run.criteria.map(({ spec, state }) => ({
      description: spec.description,
      validator: { type: spec.validator.type, target: spec.validator.target },
      met: state.status === "met",
      status: state.status,
      verdict: "verdict" in state ? verdictView(state.verdict) : null,
    })),
    notes: { ...run.notes },
    waivers: run.waivers.map(({ stepId, kind, reason, by }) => ({
      step_id: stepId,
      kind,
      reason,
      by: by.name,
    })),
    usage: usageView(usageOfRun(run)),
    ...teammateView(run),
    base: run.base,
    head: run.head,
    plan_digest: run.planDigest,
    last_journal_seq: run.seq,
    created_at: run.createdAt,
    updated_at: run.updatedAt,
  };
};

/** The last one told, under the names of seed 002, and all of them beside it. */
const teammateView = ({ blockedTeammates }: Run) => {
  const last = blockedTeammates.at(-1);
  return {
    teammate_runtime_condition: last === undefined ? null : "blocked_waiting_approval",
    teammate_blocked_reason: last?.reason ?? null,
    teammate_grant_request_id: last?.grantRequestId ?? null,
    teammate_grant_attempt: last?.attempt ?? null,
    teammate_grant_state: last === undefined ? null : "pending",
    teammates_blocked: blockedTeammates.map(({ grantRequestId, attempt, agent, tool, reason, since }) => ({
      teammate: agent,
      tool,
      blocked_reason: reason,
      grant_request_id: grantRequestId,
      grant_attempt: attempt,
      grant_state: "pending",
      since,
    })),
  };
};

/** The few lines that every answer about a run ends in. */
export const standing = async (run: Run, ledger: Ledger) => ({
  run_status: run.state.status,
  next: (await waitingOf(run, ledger)).sentence,
});

/** Where no worker drives a run, its agents carry it on by their calls: what each of them may do next is what it waits for. */
export const waitingOf = async (run: Run, ledger: Ledger): Promise<Waiting> => {
  const waiting = whyRun(run, await hasWorker(ledger, run.runId));
  return waiting.for === "worker" ? { ...waiting, sentence: undrivenSentence(run) } : waiting;
};

const undrivenSentence = (run: Run): string => {
  const completed = completedIds(run);
  const parts = [
    ["ready for run_start_step", run.steps.filter((step) => isReady(step, completed))],
    ["begun", run.steps.filter(({ state }) => state.status === "in_progress" || state.status === "racing")],
    ["being verified", run.steps.filter((step) => isPending(step) && !awaitsApproval(step))],
    ["waiting for run_approve_step", run.steps.filter(awaitsApproval)],
    ["waiting for run_apply_policy", run.steps.filter(hasPolicyRequest)],
  ] as const;
  const told = parts
    .filter(([, steps]) => steps.length > 0)
    .map(([what, steps]) => `${what}: ${firstAndMore(steps.map(named), STEPS_NAMED)}`);
  return `No worker drives it; calls carry it on${told.length === 0 ? "" : ` (${told.join("; ")})`}.`;
};

const STEPS_NAMED = 5;

const named = ({ spec }: Step): string => `${spec.id} of ${spec.ownerAgent}`;

const isPending = ({ state }: Step): boolean => state.status === "verify_pending";
