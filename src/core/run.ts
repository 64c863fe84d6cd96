import type { BudgetState } from "./budget.js";
import type { KeptCheckpoint, LastCheckpoint, PassedOverTold } from "./checkpoints.js";
import type { Effects, LeftEffect } from "./effects.js";
import type { Actor, Capture, Evidence, PauseReason, PolicyAction, Waiver } from "./events.js";
import type { FailureReason, ForkPoint, ParentLink } from "./family.js";
import type { Intent } from "./intents.js";
import type { Refusals } from "./refusals.js";
import type { Source } from "./reported.js";
import type { CriterionSpec, StepSpec } from "./spec.js";
import type { Tracked } from "./tracked.js";
import type { Spending } from "./usage.js";
import type { Verdict } from "./verdict.js";

/** An executor's claim. What is judged later is exactly `capture.tree`. */
export type Proposal = {
  readonly seq: number;
  readonly at: string;
  readonly result: string;
  readonly evidence: readonly Evidence[];
  readonly capture: Capture;
};

/** A person's or orchestrator's word on a proposal whose validator is orchestrator_approval. */
export type Approval = { readonly by: Actor; readonly at: string; readonly reason: string };

/** How a step came to be completed. Only the first two say that somebody judged the work; `reported` is a host's word. */
export type CompletedHow = "verified" | "approved" | "skipped" | "decomposed" | "reported";

/** What a host said of a run or step beside its status; "" for nothing. */
export type Report = { readonly result: string; readonly error: string };

/** What the last attempt left behind for the next one; in the agent's prompt as feedback. */
export type Feedback =
  | { readonly kind: "verdict"; readonly attempt: number; readonly verdict: Verdict }
  | {
      readonly kind: "interrupted";
      readonly attempt: number;
      readonly reason: string;
      readonly tail: string;
    };

export type StepState =
  /** Waits for its dependencies and then for `start_step`. */
  | { readonly status: "pending" }
  /** An agent works on it; its own proposal moves it on, or an interruption. A crash of the worker does not. */
  | { readonly status: "in_progress"; readonly startedAt: string }
  /** Several candidates work on it: `Step.candidates`. The first verified one completes it; when none can be, it fails. */
  | { readonly status: "racing"; readonly startedAt: string }
  /**
   * Proposed, not yet judged. The PEV engine moves it to completed or failed; its own agent never can.
   * With orchestrator_approval it waits here for `approval`. `errors` counts judges that could not run.
   */
  | {
      readonly status: "verify_pending";
      readonly proposal: Proposal;
      readonly approval: Approval | null;
      readonly errors: number;
      readonly lastError: Verdict | null;
    }
  /** Nothing moves it any more. */
  | {
      readonly status: "completed";
      readonly how: CompletedHow;
      readonly completedAt: string;
      readonly proposal: Proposal | null;
      readonly verdict: Verdict | null;
    }
  /** Judged and refused: only a policy action moves it on. Or reported so by a host: then nobody here judged anything. */
  | { readonly status: "failed"; readonly proposal: Proposal | null; readonly verdict: Verdict | null }
  /** Its agent failed before it proposed. Only a policy action moves it on. */
  | { readonly status: "interrupted"; readonly reason: string; readonly tail: string };

export type StepStatus = StepState["status"];

type StateOf<S extends StepStatus> = Extract<StepState, { status: S }>;

/** Where one candidate of a race stands, in the words of a step. */
export type CandidateState =
  | StateOf<"pending" | "in_progress" | "verify_pending" | "completed" | "failed" | "interrupted">
  /** It is not needed any more: another one was verified, or the race was given up. */
  | { readonly status: "cancelled"; readonly reason: string; readonly proposal: Proposal | null };

/** One of those who work on the same attempt of a step. */
export type Candidate = {
  /** From 1, in the order of the plan. */
  readonly candidate: number;
  readonly agent: string;
  /** These as a step has them, for this candidate's own workspace. */
  readonly base: string | null;
  readonly feedback: Feedback | null;
  readonly fresh: boolean;
  readonly effects: Effects;
  readonly state: CandidateState;
};

export type Step = {
  readonly spec: StepSpec;
  /** Number of the current or last attempt; 0 before the first. A crash continues an attempt. */
  readonly attempt: number;
  readonly retryCount: number;
  /** The commit the current workspace started from. */
  readonly base: string | null;
  /** Outcome of the last attempt that did not complete the step. */
  readonly feedback: Feedback | null;
  /** The next attempt starts from a clean clone instead of going on in the old workspace. */
  readonly fresh: boolean;
  /** Of the current or last attempt; of a raced step they are its candidates'. */
  readonly effects: Effects;
  /** Of the race of the current or last attempt, all pending before the first; empty for a step that is not raced. */
  readonly candidates: readonly Candidate[];
  /** The last policy decision and the attempt it answered: the same one again changes nothing. */
  readonly lastDecision: {
    readonly decision: PolicyAction;
    readonly reason: string;
    readonly attempt: number;
  } | null;
  /** Of a step that a host works on; null for one that is judged here. */
  readonly report: Report | null;
  readonly state: StepState;
};

export type CriterionState =
  | { readonly status: "unchecked"; readonly errors: number }
  | { readonly status: "met"; readonly at: string; readonly verdict: Verdict }
  | { readonly status: "unmet"; readonly at: string; readonly verdict: Verdict };

/** A step as who works on it has it; of a race one candidate's agent, base, feedback and state stand for the step's own. */
export type WorkedStep = Step & { readonly candidate?: number };

export type Criterion = { readonly spec: CriterionSpec; readonly state: CriterionState };

/** A teammate of the host that waits for a grant: mirrored here, answered there (seed 002). */
export type BlockedTeammate = {
  readonly grantRequestId: string;
  readonly attempt: number;
  readonly agent: string;
  readonly tool: string | null;
  readonly reason: string;
  /** When it was first blocked on this request. */
  readonly since: string;
};

export type RunState =
  /** No plan yet: its planner makes one, or somebody brings it. `approve_step` or `attach_plan` moves it on. */
  | { readonly status: "planning" }
  /** Whoever holds its lease works on what `nextActions` names. */
  | { readonly status: "running" }
  /** Nothing new starts until `resume_run`. */
  | {
      readonly status: "paused";
      readonly reason: PauseReason | "reported" | "interrupted";
      readonly message: string;
      readonly stepId: string | null;
      readonly since: string;
      readonly by: Actor;
    }
  | { readonly status: "completed"; readonly at: string; readonly summary: string }
  | {
      readonly status: "failed";
      readonly at: string;
      readonly reason: FailureReason | "reported";
      readonly message: string;
      readonly unmet: readonly string[];
    };

export type RunStatus = RunState["status"];

/** In the order of a run's life. */
export const runStatuses = [
  "planning",
  "running",
  "paused",
  "completed",
  "failed",
] as const satisfies readonly RunStatus[];

/** Everything the ledger knows about a run: the fold of its journal (`core/evolve.ts`). */
export type Run = {
  readonly runId: string;
  /** The last event folded in. */
  readonly seq: number;
  readonly goal: string;
  readonly originalRequest: string;
  readonly sessionKey: string;
  readonly createdBy: Actor;
  readonly createdAt: string;
  /** Its last change; of a run that is over, refusals of whoever may not are none. */
  readonly updatedAt: string;
  /** The past it took over; null for a run that began by itself. */
  readonly forkedFrom: ForkPoint | null;
  /** The host that drives it and reports it; null for a run that is driven here. */
  readonly source: Source | null;
  /** What its host said of it; null for a run that is driven here, and before its host said anything. */
  readonly report: Report | null;
  /** Why the host's table is behind this journal; null when it is not. */
  readonly degraded: string | null;
  readonly workspaceIsolation: boolean;
  /** The commit everything started from. */
  readonly base: string | null;
  /** The last verified commit; starts as `base`. */
  readonly head: string | null;
  readonly planDigest: string | null;
  readonly protect: readonly string[];
  readonly steps: readonly Step[];
  readonly criteria: readonly Criterion[];
  readonly notes: Readonly<Record<string, string>>;
  /** What was to leave the building, in the order in which it was proposed; also those that it took over from another run. */
  readonly intents: readonly Intent[];
  /** What calls of models used, by attempt, in the order in which they began to. */
  readonly spending: readonly Spending[];
  readonly budget: BudgetState;
  /** Calls of tools that credentials did not allow. */
  readonly refusals: Refusals;
  readonly waivers: readonly Waiver[];
  /** How often a worker was lost and another took over. */
  readonly workersLost: number;
  /** Epoch of the last lost lease; 0 before the first. The same loss is told once. */
  readonly lastLostEpoch: number;
  /** The run that started this one. */
  readonly parent: ParentLink | null;
  /** It knows what became of this one. */
  readonly parentTold: boolean;
  /** Of attempts that another one has followed: each holds its business key until a person says what became of it. */
  readonly left: readonly LeftEffect[];
  /** The last one of all its attempts; null before the first, and for those that a fork took over. */
  readonly checkpoint: LastCheckpoint | null;
  /** Those of its checkpoints that were not thinned out, the oldest first. */
  readonly keptCheckpoints: readonly KeptCheckpoint[];
  /** Checkpoints that did not hold when an attempt went on, as often as that happened; the newest, the oldest of them first. */
  readonly passedOver: readonly PassedOverTold[];
  /** One for each request; the last one told stands last. Empty once the run is over. */
  readonly blockedTeammates: readonly BlockedTeammate[];
  /** Of a run that has no plan and whose client records what it does; null for all others. */
  readonly tracked: Tracked | null;
  readonly state: RunState;
};

export const isTerminal = (run: Run): boolean =>
  run.state.status === "completed" || run.state.status === "failed";

/** Something may be due in it: its plan is carried out, or made. Where it waits for a plan from outside nothing is. */
export const isActive = ({ state, steps, source }: Run): boolean =>
  state.status === "running" || (state.status === "planning" && source === null && steps.length > 0);

/** Time changes its intents, also of one that waits for a plan, or that its client records. */
export const isAwake = ({ state, source }: Run): boolean =>
  source === null && (state.status === "running" || state.status === "planning");

export const isPausedOnRequest = ({ state }: Run): boolean =>
  state.status === "paused" && state.reason === "requested";

export const findStep = (run: Run, stepId: string): Step | undefined =>
  run.steps.find((step) => step.spec.id === stepId);

/** Made once for all steps that are asked about: looking each dependency up in a long plan would be as slow as the plan is long, squared. */
export const completedIds = (run: Run): ReadonlySet<string> => {
  const ids = new Set<string>();
  for (const { spec, state } of run.steps) if (state.status === "completed") ids.add(spec.id);
  return ids;
};

/** Pending, and everything it depends on is completed. */
export const isReady = ({ spec, state }: Step, completed: ReadonlySet<string>): boolean =>
  // What stands last in a plan is mostly done last, so the answer is mostly found at once.
  state.status === "pending" && spec.dependsOn.findLast((id) => !completed.has(id)) === undefined;

/** Judged by a person or orchestrator, and not yet answered. */
export const awaitsApproval = (step: Step): boolean =>
  step.state.status === "verify_pending" &&
  step.spec.validator.type === "orchestrator_approval" &&
  step.state.approval === null;

/** A refused, errored or interrupted step asks what to do next; a host answers that for its own. */
export const hasPolicyRequest = (step: Step): boolean =>
  step.report === null &&
  (step.state.status === "failed" ||
    step.state.status === "interrupted" ||
    hasErrors(step.state) ||
    (step.state.status === "racing" && step.candidates.some(({ state }) => hasErrors(state))));

const hasErrors = (state: CandidateState | StepState): boolean =>
  state.status === "verify_pending" && state.errors > 0;
