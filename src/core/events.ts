import * as z from "zod";
import { Budget, BudgetWarning } from "./budget-shape.js";
import { PassedOver, SignedCheckpoint } from "./checkpoints.js";
import { effectEvents } from "./effect-event-shapes.js";
import { attemptEvent, candidate, event } from "./event-shape.js";
import { FailureReason, ForkPoint, ParentLink } from "./family.js";
import { intentEvents } from "./intent-events.js";
import * as limit from "./limits.js";
import { RecordedRefusal } from "./refusals.js";
import { HostRunStatus, HostStep, Source } from "./reported.js";
import { naturalInt, positiveInt } from "./shapes.js";
import { Plan, StepSpec, ValidatorSpec } from "./spec.js";
import { trackedEvents } from "./tracked.js";
import { Verdict } from "./verdict.js";

/** Who speaks. People, the engine and hosts are roles of their own, so that no agent can pass for them. */
export const Role = z.enum(["orchestrator", "executor", "human", "engine", "host"]);
export type Role = z.infer<typeof Role>;

export const Actor = z.strictObject({ name: z.string(), role: Role });
export type Actor = z.infer<typeof Actor>;

/** The seven answers to a policy request (seed 002). */
export const PolicyActionType = z.enum([
  "retry",
  "decompose",
  "change_agent",
  "change_validator",
  "skip",
  "abort",
  "escalate",
]);
export type PolicyActionType = z.infer<typeof PolicyActionType>;

export const PolicyAction = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("retry"), fresh: z.boolean() }),
  z.strictObject({ action: z.literal("decompose"), newSteps: z.array(StepSpec) }),
  z.strictObject({ action: z.literal("change_agent"), newAgent: z.string() }),
  z.strictObject({ action: z.literal("change_validator"), newValidator: ValidatorSpec }),
  z.strictObject({ action: z.literal("skip") }),
  z.strictObject({ action: z.literal("abort") }),
  z.strictObject({ action: z.literal("escalate") }),
]);
export type PolicyAction = z.infer<typeof PolicyAction>;

export const Evidence = z.strictObject({ type: z.string(), content: z.string() });
export type Evidence = z.infer<typeof Evidence>;

/** What was captured from the workspace. All null without workspace isolation: then the project folder itself is judged. */
export const Capture = z.strictObject({
  base: z.string().nullable(),
  tree: z.string().nullable(),
  commit: z.string().nullable(),
  /** Blob of the patch from base to tree. */
  patch: z.string().nullable(),
  filesChanged: naturalInt.nullable(),
  /** How long that patch is, in bytes; not told by older versions. */
  patchBytes: naturalInt.nullable().optional(),
});
export type Capture = z.infer<typeof Capture>;

/** Why a run stopped to wait. `requested` ages (`staleTtl`); the others wait for a person and do not. */
const pauses = ["requested", "escalated", "verification_errored", "unmet_criteria", "budget"] as const;
export const PauseReason = z.enum(pauses);
export type PauseReason = z.infer<typeof PauseReason>;

/** Something that made a run less than fully verified; its receipt says so. */
export const Waiver = z.strictObject({
  stepId: z.string(),
  kind: z.enum(["skipped", "decomposed", "validator_changed"]),
  reason: z.string(),
  by: Actor,
});
export type Waiver = z.infer<typeof Waiver>;

/** What became of a request for a grant; withdrawn when the teammate stopped waiting without an answer. */
export const GrantOutcome = z.enum(["granted", "denied", "withdrawn"]);
export type GrantOutcome = z.infer<typeof GrantOutcome>;

const stepId = z.string();
/** What can have happened (seed 002, section "Journal Events"; ledger design, section 3). */
export const EventBody = z.discriminatedUnion("type", [
  event(
    "run_created",
    z.strictObject({
      goal: z.string(),
      originalRequest: z.string(),
      /** False: agents and validators share the project folder, as seed 002 runs without workspaces. */
      workspaceIsolation: z.boolean(),
      /** The commit everything starts from; null without workspace isolation. */
      base: z.string().nullable(),
      /** A fork's events up to that seq are the other run's, with their own times and actors. */
      forkedFrom: ForkPoint.nullable(),
      /** Of a run that a host drives and reports; null for one that is driven here. */
      source: Source.nullable(),
      /** Null for a run that no other run started. */
      parent: ParentLink.nullable(),
    }),
    4,
  ),
  /** Whoever this step belongs to makes the plan. */
  event("plan_requested", z.strictObject({ step: StepSpec })),
  event("plan_attached", z.strictObject({ plan: Plan, digest: z.string() }), 2),
  event("note_written", z.strictObject({ key: z.string(), value: z.string() })),
  attemptEvent(
    "step_started",
    z.strictObject({ stepId, candidate, agent: z.string(), base: z.string().nullable() }),
    2,
  ),
  attemptEvent(
    "step_result_proposed",
    z.strictObject({ stepId, candidate, result: z.string(), evidence: z.array(Evidence), capture: Capture }),
    2,
  ),
  attemptEvent("step_validation_passed", z.strictObject({ stepId, candidate, verdict: Verdict }), 2),
  attemptEvent("step_validation_failed", z.strictObject({ stepId, candidate, verdict: Verdict }), 2),
  attemptEvent("step_validation_errored", z.strictObject({ stepId, candidate, verdict: Verdict }), 2),
  attemptEvent(
    "step_interrupted",
    z.strictObject({ stepId, candidate, reason: z.string(), tail: z.string() }),
    2,
  ),
  /** It is out of the race: another one was verified, or a policy action ended the race. */
  attemptEvent("candidate_cancelled", z.strictObject({ stepId, candidate: positiveInt, reason: z.string() })),
  ...effectEvents,
  ...intentEvents,
  /** What the run knew, and what its agent remembered, can be had again from here. */
  event("checkpoint_sealed", SignedCheckpoint),
  /** Older ones that nobody needs any more; their bytes are gone, and what was said of them stays. */
  event(
    "checkpoints_thinned",
    z.strictObject({ ids: z.array(z.string()).min(1).max(limit.CHECKPOINTS_THINNED_MAX) }),
  ),
  /** Its agent goes on, and these newer ones were no use to it: whatever is signed next does not hide that. */
  attemptEvent("checkpoints_passed_over", z.strictObject({ stepId, candidate, ...PassedOver.shape })),
  /** Its agent goes on without what it remembered. */
  attemptEvent("checkpoint_discarded", z.strictObject({ stepId, candidate, reason: z.string() })),
  attemptEvent(
    "approval_received",
    z.strictObject({ stepId, decision: z.enum(["approve", "deny"]), reason: z.string() }),
  ),
  attemptEvent(
    "policy_decision_applied",
    z.strictObject({
      stepId,
      decision: PolicyAction,
      reason: z.string(),
      /** Digests of the judge before and after; they differ only for change_validator. */
      validatorBefore: z.string(),
      validatorAfter: z.string(),
    }),
    2,
  ),
  event("criterion_met", z.strictObject({ index: naturalInt, description: z.string(), verdict: Verdict }), 2),
  event(
    "criterion_unmet",
    z.strictObject({ index: naturalInt, description: z.string(), verdict: Verdict }),
    2,
  ),
  event(
    "run_paused",
    z.strictObject({ reason: PauseReason, message: z.string(), stepId: stepId.nullable() }),
  ),
  event("run_resumed", z.strictObject({ message: z.string() })),
  /** What it may spend from now on, as a person says. */
  event("budget_set", z.strictObject({ budget: Budget, reason: z.string() })),
  /** A limit comes near; said once for each limit. */
  event("budget_warned", BudgetWarning),
  event("run_completed", z.strictObject({ summary: z.string(), waivers: z.array(Waiver) })),
  event(
    "run_failed",
    z.strictObject({ reason: FailureReason, message: z.string(), unmet: z.array(z.string()) }),
  ),
  event(
    "run_reported",
    z.strictObject({ status: HostRunStatus, ...HostStep.pick({ result: true, error: true }).shape }),
  ),
  event(
    "step_reported",
    z.strictObject({
      ...HostStep.pick({ stepId: true, status: true, result: true, error: true }).shape,
      /** What the step is; null when that did not change. */
      row: z.strictObject(HostStep.pick({ goal: true, agent: true, dependsOn: true }).shape).nullable(),
    }),
  ),
  event(
    "projection_synced",
    z.strictObject({ target: z.string(), status: z.enum(["synced", "degraded"]), error: z.string() }),
  ),
  /** The run that started this one knows what became of it. */
  event("parent_told", z.strictObject({ parentId: z.string() })),
  /** Somebody called a tool that their credential does not allow. */
  event("access_refused", RecordedRefusal),
  event("worker_lost", z.strictObject({ owner: z.string(), epoch: z.int() })),
  event(
    "teammate_approval_blocked",
    z.strictObject({
      /** The same for every attempt at the same request. */
      grantRequestId: z.string(),
      /** From 1 in each cycle of being blocked. */
      attempt: positiveInt,
      agent: z.string(),
      /** What it may not use yet; null when the host does not say. */
      tool: z.string().nullable(),
      reason: z.string(),
    }),
  ),
  event(
    "teammate_approval_unblocked",
    z.strictObject({ grantRequestId: z.string(), agent: z.string(), outcome: GrantOutcome }),
  ),
  ...trackedEvents,
]);
export type EventBody = z.infer<typeof EventBody>;
export type EventType = EventBody["type"];

/** The version that each type is written in today. */
export const eventVersions = Object.fromEntries(
  EventBody.options.map(({ shape }) => [shape.type.value, shape.version.value]),
) as Readonly<Record<EventType, number>>;

/** The event types, in the order of the union. */
export const eventTypes: readonly EventType[] = EventBody.options.map((option) => option.shape.type.value);

/** An event as rules see it: what happened, plus who, when and where in the run. */
export type JournalEvent = EventBody & {
  readonly runId: string;
  /** Dense per run, from 1. */
  readonly seq: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly at: string;
  readonly actor: Actor;
  readonly sessionKey: string;
};

/** The events of one type. */
export type EventOf<T extends EventType> = JournalEvent & Extract<EventBody, { type: T }>;

/** An event as the journal keeps it. */
export type StoredEvent = JournalEvent & {
  /** Order over all runs of the ledger. */
  readonly position: number;
  readonly prevHash: string;
  /** SHA-256 over the canonical header (prevHash included) and the payload's bytes as stored. */
  readonly hash: string;
};
