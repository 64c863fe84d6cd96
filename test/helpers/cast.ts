import type { SignedCheckpoint } from "../../src/core/checkpoints.js";
import type { Caller, Command, CommandOf, CommandType } from "../../src/core/commands.js";
import type { EffectCall, EffectDecision, EffectOutcome, EffectValue } from "../../src/core/effects.js";
import type { Capture, PolicyAction } from "../../src/core/events.js";
import { isRaced, named, workedStep } from "../../src/core/race.js";
import type { HostChange, HostRun, HostStep } from "../../src/core/reported.js";
import { findStep, type Run, type WorkedStep } from "../../src/core/run.js";
import { type CriterionSpec, type Plan, type StepSpec, validatorDigest } from "../../src/core/spec.js";
import type { AtMost, Spent } from "../../src/core/spent.js";
import type { Verdict } from "../../src/core/verdict.js";
import { tokenHash, type WaitCall } from "../../src/core/waits.js";

/** The people and programs of the rule tests, the plans they work on, and what they say. */

export const SESSION = "session-1";

export const orchestrator: Caller = { name: "orchestrator", role: "orchestrator", sessionKey: SESSION };
export const person: Caller = { name: "ada", role: "human", sessionKey: "terminal" };
export const engine: Caller = { name: "engine", role: "engine", sessionKey: "engine" };
/** Whoever keeps runs elsewhere and rolls the ledger out. */
export const host: Caller = { name: "host", role: "host", sessionKey: "host" };
export const executor = (name: string, bound: Partial<Caller> = {}): Caller => ({
  name,
  role: "executor",
  sessionKey: SESSION,
  ...bound,
});

export const tests: StepSpec["validator"] = { type: "test_pass", target: "", params: {} };
export const approval: StepSpec["validator"] = { type: "orchestrator_approval", target: "", params: {} };

export const stepSpec = (id: string, over: Partial<StepSpec> = {}): StepSpec => ({
  id,
  goal: `Do ${id}`,
  ownerAgent: "coder",
  dependsOn: [],
  toolProfile: ["coding"],
  validator: tests,
  mayChange: { paths: [], only: false },
  maxRetries: 2,
  ...over,
});

export const criterion = (description: string): CriterionSpec => ({ description, validator: tests });

export const planOf = (steps: readonly StepSpec[], criteria: readonly CriterionSpec[] = []): Plan => ({
  goal: "Ship it",
  protect: [],
  steps: [...steps],
  acceptanceCriteria: [...criteria],
});

/** A command, or how to say it of the run as it is now. */
export type Said = Command | ((run: Run) => Command);

export const create = (
  plan?: Plan,
  over: Partial<CommandOf<"create_run">> = {},
): CommandOf<"create_run"> => ({
  type: "create_run",
  goal: "Ship it",
  originalRequest: "Please ship it",
  workspaceIsolation: true,
  base: "commit-0",
  ...(plan === undefined ? {} : { plan }),
  ...over,
});

export const forkOf = (from: string, seq: number | null = null): Command => ({ type: "fork_run", from, seq });

export const attach = (plan: Plan): Command => ({ type: "attach_plan", plan });

export const start =
  (stepId: string): Said =>
  (run) => ({ type: "start_step", stepId, base: run.workspaceIsolation ? run.head : null });

export const propose =
  (stepId: string, result = "done", capture: Partial<Capture> = {}): Said =>
  (run) => ({
    type: "propose_step_result",
    stepId,
    result,
    evidence: [{ type: "log", content: "ok" }],
    capture: { ...captureOf(run, stepId), ...capture },
  });

/** The same, said of a raced step for one of its candidates. */
export const of =
  (candidate: number, said: Said): Said =>
  (run) => {
    const steps = run.steps.map((step) =>
      candidate <= step.candidates.length ? workedStep(step, candidate) : step,
    );
    return { ...say(said, { ...run, steps }), candidate } as Command;
  };

/** Of a raced step said for its first candidate. */
export const ofFirst =
  (stepId: string, said: Said): Said =>
  (run) => {
    const step = findStep(run, stepId);
    return say(step !== undefined && isRaced(step) ? of(1, said) : said, run);
  };

/** Two of the owner agent, the first of them verified wins. */
export const two: StepSpec["race"] = { agents: ["coder", "coder"], pick: "first" };

const captureOf = (run: Run, stepId: string): Capture => {
  const step = findStep(run, stepId);
  const { base = null } = step ?? {};
  if (!run.workspaceIsolation)
    return { base: null, tree: null, commit: null, patch: null, filesChanged: null };
  const name = nameOf(step);
  return { base, tree: `tree-${name}`, commit: `proposed-${name}`, patch: null, filesChanged: 1 };
};

const nameOf = (step: WorkedStep | undefined): string =>
  step === undefined ? "none" : [step.spec.id, step.attempt, step.candidate].filter(Boolean).join("-");

export const interrupt =
  (stepId: string): Said =>
  (run) => ({
    type: "interrupt_step",
    stepId,
    attempt: findStep(run, stepId)?.attempt ?? 0,
    reason: "the agent exited with code 1",
    tail: "boom",
  });

export const effectCall: EffectCall = {
  position: 0,
  name: "charge card",
  class: "guarded",
  risk: "money",
  onAmbiguous: "fail",
  key: null,
  input: null,
};

/** The agent of a step is about to do something. */
export const intend =
  (stepId: string, call: Partial<EffectCall> = {}, atMost?: AtMost): Said =>
  (run) => ({
    type: "record_effects",
    stepId,
    attempt: findStep(run, stepId)?.attempt ?? 0,
    entries: [
      {
        kind: "intended",
        call: { ...effectCall, ...call },
        ...(atMost === undefined ? {} : { atMost }),
      },
    ],
  });

export const settle =
  (
    stepId: string,
    outcome: EffectOutcome,
    call: Partial<EffectCall> = {},
    spent: readonly Spent[] = [],
  ): Said =>
  (run) => ({
    type: "record_effects",
    stepId,
    attempt: findStep(run, stepId)?.attempt ?? 0,
    entries: [
      {
        kind: "settled",
        call: { ...effectCall, ...call },
        outcome,
        ...(spent.length === 0 ? {} : { spent: [...spent] }),
      },
    ],
  });

/** Due an hour after it is armed. */
export const sleepCall = { kind: "timer", position: 0, name: "sleep", ms: 3_600_000 } as const;

/** The agent of a step begins to wait. */
export const beginWait =
  (stepId: string, wait: WaitCall = sleepCall): Said =>
  (run) => ({
    type: "record_effects",
    stepId,
    attempt: findStep(run, stepId)?.attempt ?? 0,
    entries: [{ kind: "waiting", wait }],
  });

/** A promise of an attempt of this run, for whoever knows this word. */
export const promiseOf =
  (stepId: string, token = "open sesame", position = 0): Said =>
  (run) => {
    const attempt = findStep(run, stepId)?.attempt ?? 0;
    const hash = tokenHash(token, { runId: run.runId, stepId, attempt, position });
    return say(beginWait(stepId, { kind: "promise", position, name: "sign-off", tokenHash: hash }), run);
  };

/** Of the attempt, or of the run alone; what a rule looks at, and nothing that a store would have. */
export const signed =
  (stepId: string | null, over: Partial<SignedCheckpoint> = {}): Said =>
  (run) => {
    const step = stepId === null ? undefined : findStep(run, stepId);
    return {
      type: "seal_checkpoint",
      checkpoint: {
        ...{ id: `ckpt_${String(run.seq).padStart(16, "0")}`, reason: "turn", full: true, keptIn: "sqlite" },
        of: stepId === null ? null : { stepId, attempt: step?.attempt ?? 1 },
        agentVersion: stepId === null ? null : "sha256:1",
        ...{ turn: stepId === null ? 0 : 1, calls: 0, eventLogPosition: run.seq },
        ...{ journalHash: "h", contentHash: "c", seal: `signature ${run.seq}` },
        former: step?.effects.checkpoint?.seq ?? null,
        previousSeal: run.checkpoint?.signature ?? null,
        ...over,
      },
    };
  };

export const discardCheckpoints: Said = { type: "discard_checkpoints", reason: "it cannot be read" };
export const passOver =
  (stepId: string, ...ids: readonly string[]): Said =>
  (run) => ({
    type: "pass_over_checkpoints",
    stepId,
    attempt: findStep(run, stepId)?.attempt ?? 1,
    broken: ids.map((id) => ({ id, why: "is gone" })),
    from: null,
  });
export const CHILD = "run_child";
const childCall = { kind: "child", position: 0, name: "sub", childId: CHILD, input: "0".repeat(64) } as const;
/** The agent of a step starts a run. */
export const startChild = (stepId: string, over: Partial<typeof childCall> = {}): Said =>
  beginWait(stepId, { ...childCall, ...over });
export const finishChild = { type: "finish_child", childId: CHILD, outcome: { kind: "absent" } } as const;
export const tellParent = { type: "tell_parent" } as const;

export const suspend =
  (stepId: string, positions: readonly number[] = [0]): Said =>
  (run) => ({
    type: "suspend_step",
    stepId,
    attempt: findStep(run, stepId)?.attempt ?? 0,
    positions: [...positions],
  });

export const fireTimers: Said = { type: "fire_timers" };

export const answerPromise = (stepId: string, over: Partial<CommandOf<"resolve_promise">> = {}): Said => ({
  type: "resolve_promise",
  promise: `${stepId}/1/0`,
  token: "open sesame",
  outcome: { kind: "done", value: { kind: "inline", json: "true" } },
  ...over,
});

export const decideEffect =
  (stepId: string, decision: EffectDecision = "rerun", value?: EffectValue): Said =>
  (run) => ({
    type: "decide_effect",
    stepId,
    attempt: findStep(run, stepId)?.attempt ?? 0,
    position: effectCall.position,
    decision,
    reason: "it never arrived",
    ...(value === undefined ? {} : { value }),
  });

export const judge =
  (stepId: string, over: Partial<Verdict>, round?: number): Said =>
  (run) => {
    const step = findStep(run, stepId);
    const errors = step?.state.status === "verify_pending" ? step.state.errors : 0;
    return { type: "record_verdict", stepId, verdict: verdictOn(run, step, over), round: round ?? errors };
  };

const passed: Partial<Verdict> = { outcome: "passed", reason: "ok", message: "3 tests passed.", exitCode: 0 };
const failed: Partial<Verdict> = { outcome: "failed", reason: "check_failed", message: "1 test failed." };
const errored: Partial<Verdict> = {
  outcome: "errored",
  reason: "toolchain_missing",
  message: "node is not installed.",
};

/** A passed verdict; of approval when the step was approved. */
export const pass =
  (stepId: string): Said =>
  (run) => {
    const state = findStep(run, stepId)?.state;
    const approved = state?.status === "verify_pending" && state.approval !== null;
    return say(judge(stepId, approved ? { ...passed, reason: "approved" } : passed), run);
  };
export const fail = (stepId: string, over: Partial<Verdict> = {}): Said =>
  judge(stepId, { ...failed, ...over });
export const error = (stepId: string, round?: number): Said => judge(stepId, errored, round);

const verdictOn = (run: Run, step: WorkedStep | undefined, over: Partial<Verdict>): Verdict => {
  const proposal = step !== undefined && "proposal" in step.state ? step.state.proposal : null;
  const name = nameOf(step);
  const commit = run.workspaceIsolation && over.outcome === "passed" ? `merged-${name}` : null;
  return {
    ...verdictBy(step?.spec.validator ?? tests),
    proposalSeq: proposal?.seq ?? null,
    base: proposal?.capture.base ?? null,
    head: run.head,
    commit,
    tree: proposal?.capture.tree ?? null,
    isolationLevel: run.workspaceIsolation ? 1 : 0,
    ...over,
  };
};

/** One that nobody recorded, for whoever shows it. */
export const verdictWith = (over: Partial<Verdict>): Verdict => ({ ...verdictBy(tests), ...over });

const verdictBy = (validator: StepSpec["validator"]): Verdict => ({
  outcome: "failed",
  reason: "check_failed",
  message: "",
  command: ["npm", "test"],
  exitCode: 1,
  signal: null,
  counts: null,
  missing: [],
  tail: "",
  log: null,
  proposalSeq: null,
  base: null,
  head: null,
  commit: null,
  tree: null,
  validator: { type: validator.type, target: validator.target, digest: validatorDigest(validator) },
  isolationLevel: 1,
  protectedPaths: [],
  conflicts: [],
  provision: [],
  durationMs: 12,
});

export const judgeCriterion =
  (index: number, over: Partial<Verdict>, round?: number): Said =>
  (run) => {
    const { spec, state } = run.criteria[index] ?? {};
    const verdict = { ...verdictBy(spec?.validator ?? tests), base: run.base, head: run.head, ...over };
    const errors = state?.status === "unchecked" ? state.errors : 0;
    return { type: "record_criterion_verdict", index, verdict, round: round ?? errors };
  };

export const meet = (index: number): Said => judgeCriterion(index, passed);
export const unmeet = (index: number): Said => judgeCriterion(index, failed);
export const errorCriterion = (index: number, round?: number): Said => judgeCriterion(index, errored, round);

export const policy = (stepId: string, decision: PolicyAction, reason = "because"): Command => ({
  type: "apply_policy",
  stepId,
  decision,
  reason,
});
export const retry: PolicyAction = { action: "retry", fresh: false };
export const skip: PolicyAction = { action: "skip" };
export const abort: PolicyAction = { action: "abort" };
export const escalate: PolicyAction = { action: "escalate" };
export const decompose = (...newSteps: StepSpec[]): PolicyAction => ({ action: "decompose", newSteps });
export const changeAgent = (newAgent: string): PolicyAction => ({ action: "change_agent", newAgent });
export const changeValidator = (newValidator: StepSpec["validator"]): PolicyAction => ({
  action: "change_validator",
  newValidator,
});

export const approve = (stepId: string, reason = ""): Command => ({ type: "approve_step", stepId, reason });
export const reject = (stepId: string, reason = "not good"): Command => ({
  type: "reject_step",
  stepId,
  reason,
});
export const note = (key: string, value: string): Command => ({ type: "write_note", key, value });
export const pause = (reason = "lunch"): Command => ({ type: "pause_run", reason });
export const resume = (overrideStale = false): Command => ({ type: "resume_run", reason: "", overrideStale });
export const cancel = (reason = "not needed"): Command => ({ type: "cancel_run", reason });
export const loseWorker = (epoch: number): Command => ({ type: "worker_lost", owner: "host:1:1", epoch });

/** The condition of the host's teammates, each blocked on a request of its own; who is not named is not blocked. */
export const teammates = (
  blocked: readonly Partial<BlockedNow>[],
  answered: Mirroring["answered"] = [],
): Command => ({
  type: "mirror_teammates",
  blocked: blocked.map((one) => ({
    grantRequestId: "grant-1",
    agent: "coder",
    tool: "exec",
    reason: "needs the shell",
    attempt: null,
    ...one,
  })),
  answered,
});
type Mirroring = CommandOf<"mirror_teammates">;
type BlockedNow = Mirroring["blocked"][number];

export const hostStep = (stepId: string, over: Partial<HostStep> = {}): HostStep => ({
  stepId,
  goal: `Do ${stepId}`,
  agent: "coder",
  dependsOn: [],
  status: "pending",
  result: "",
  error: "",
  ...over,
});

/** A running run of a host, with steps "a" and "z" that nobody has begun. */
export const hostRun = (over: Partial<HostRun> = {}): HostRun => ({
  id: "run_1",
  kind: "workflow",
  sessionKey: SESSION,
  name: "Ship it",
  request: "Please ship it",
  descriptor: { template: "release" },
  createdAt: "2026-01-01T00:00:00.000Z",
  status: "running",
  result: "",
  error: "",
  steps: [hostStep("a"), hostStep("z")],
  ...over,
});

export const mirror = (
  over: Partial<HostRun> = {},
  existing: "update" | "refuse" = "update",
): CommandOf<"mirror_run"> => ({ type: "mirror_run", projection: "board", record: hostRun(over), existing });
export const report = (change: HostChange): Command => ({ type: "report_change", change });
export const reportStep = (
  stepId: string,
  status: HostStep["status"],
  over: Partial<Pick<HostStep, "result" | "error">> = {},
): Command => report({ kind: "step_status", stepId, status, result: "", error: "", ...over });
export const reportRun = (
  status: HostRun["status"],
  over: Partial<Pick<HostRun, "result" | "error">> = {},
): Command => report({ kind: "run_status", status, result: "", error: "", ...over });
export const sync = (
  state: "synced" | "degraded",
  error = state === "degraded" ? "locked" : "",
): Command => ({
  type: "sync_projection",
  state,
  error,
});

export const say = (said: Said, run: Run): Command => (typeof said === "function" ? said(run) : said);

/** Who says it when a test does not care. */
export const usualCaller = (command: Command, run: Run | undefined): Caller => {
  const speaker = speakers[command.type];
  if (speaker !== "owner") return speaker;
  const step = run && "stepId" in command ? findStep(run, command.stepId ?? "") : undefined;
  const { candidate } = "candidate" in command ? command : {};
  const one = step?.candidates.find((other) => other.candidate === candidate);
  return executor(one?.agent ?? step?.spec.ownerAgent ?? "coder", named({ candidate }));
};

export const refuseAccess: CommandOf<"refuse_access"> = {
  type: "refuse_access",
  tool: "run_approve_step",
  code: "access_denied",
  by: { name: "coder", role: "executor", stepId: "a", attempt: 1 },
};

export const startTracked = (over: Partial<CommandOf<"start_run">> = {}): CommandOf<"start_run"> => ({
  type: "start_run",
  agentId: "enricher",
  intentSummary: "Enrich leads",
  runtime: null,
  parentRunId: null,
  permissions: {},
  blockedCapabilities: [],
  ...over,
});

export const recordEvent = (
  over: Partial<CommandOf<"record_event">["event"]> = {},
): CommandOf<"record_event"> => ({
  type: "record_event",
  event: {
    eventType: "plan_locked",
    actorId: "enricher",
    stepName: null,
    payload: null,
    inputHash: null,
    outputHash: null,
    sideEffectClass: "none",
    sideEffectKey: null,
    artifact: null,
    ...over,
  },
});

export const openHandoff: CommandOf<"open_handoff"> = {
  type: "open_handoff",
  handoff: {
    id: "ho_1",
    from: "enricher",
    to: "Ada",
    kind: "manual",
    summary: "look at it",
    checkpointId: null,
  },
};

export const completeHandoff: CommandOf<"complete_handoff"> = {
  type: "complete_handoff",
  id: "ho_1",
  summary: "done",
};

export const resumeTracked: CommandOf<"resume_tracked"> = {
  type: "resume_tracked",
  checkpointId: null,
  broken: [],
  blockedKeys: 0,
};

export const endTracked = (outcome: "completed" | "failed"): CommandOf<"end_tracked"> => ({
  type: "end_tracked",
  outcome,
  message: "all is done",
});

export const setBudget = (budget: CommandOf<"set_budget">["budget"]): CommandOf<"set_budget"> => ({
  type: "set_budget",
  budget,
  reason: "it is worth it",
});

export const stopAtBudget = (stepId: string): CommandOf<"stop_at_budget"> => ({
  type: "stop_at_budget",
  stepId,
  message: "The run's budget of 1000 tokens does not hold what comes next.",
});

const speakers: { readonly [T in CommandType]: Caller | "owner" } = {
  create_run: orchestrator,
  fork_run: orchestrator,
  attach_plan: orchestrator,
  start_step: "owner",
  propose_step_result: "owner",
  interrupt_step: engine,
  record_effects: "owner",
  decide_effect: engine,
  suspend_step: engine,
  seal_checkpoint: engine,
  pass_over_checkpoints: engine,
  discard_checkpoints: person,
  fire_timers: engine,
  resolve_promise: person,
  propose_intent: orchestrator,
  vote_intent: person,
  cancel_intent: orchestrator,
  apply_standing: engine,
  expire_intents: engine,
  order_intent: orchestrator,
  report_intent: orchestrator,
  finish_child: engine,
  tell_parent: engine,
  refuse_access: engine,
  set_budget: person,
  stop_at_budget: engine,
  record_verdict: engine,
  record_criterion_verdict: engine,
  apply_policy: orchestrator,
  approve_step: person,
  reject_step: person,
  write_note: orchestrator,
  pause_run: person,
  resume_run: person,
  cancel_run: person,
  mirror_run: host,
  report_change: host,
  sync_projection: host,
  worker_lost: engine,
  mirror_teammates: host,
  start_run: orchestrator,
  record_event: orchestrator,
  open_handoff: orchestrator,
  complete_handoff: orchestrator,
  resume_tracked: orchestrator,
  end_tracked: orchestrator,
};
