import * as z from "zod";
import { Budget } from "./budget-shape.js";
import { PassedOver, SignedCheckpoint } from "./checkpoints.js";
import { EffectCall, EffectDecision, EffectOutcome, EffectValue, PromiseOutcome } from "./effects.js";
import { Capture, Evidence, GrantOutcome, PolicyAction, Role } from "./events.js";
import { ChildOutcome, ParentLink } from "./family.js";
import { IntentContent, ReportOutcome } from "./intents.js";
import * as limit from "./limits.js";
import { RefusedCall } from "./refusals.js";
import { HostChange, HostRun } from "./reported.js";
import { naturalInt, positiveInt, someText } from "./shapes.js";
import { Plan } from "./spec.js";
import { AtMost, Spent } from "./spent.js";
import { trackedCommands } from "./tracked-commands.js";
import { Verdict } from "./verdict.js";
import { WaitCall } from "./waits.js";
import { closed } from "./wire.js";

/** Who asks, proved by a credential that the ledger issued. A name alone proves nothing. */
export const Caller = closed({
  name: someText,
  role: Role,
  sessionKey: someText.max(limit.SESSION_KEY_CHARS),
  /** An executor is bound to one run, and may be bound to one step and attempt of it. */
  runId: z.string().optional(),
  stepId: z.string().optional(),
  attempt: z.int().optional(),
  /** Of a raced step it is one candidate, and speaks for no other. */
  candidate: positiveInt.optional(),
});
export type Caller = z.infer<typeof Caller>;

const reason = z.string().trim().min(1, "must say why").max(limit.REASON_CHARS);
const optionalReason = z.string().trim().max(limit.REASON_CHARS);
const stepId = someText;
/** Of a raced step the candidate it is about. */
const candidate = positiveInt.optional();
/** The proposal that was looked at: another one in its place is not meant. */
const proposalSeq = z.int().optional();
/** How many errored verdicts there were when judging began: tells a repeated record from a second failure to judge. */
const round = naturalInt;

const grantRequestId = someText.max(limit.GRANT_ID_CHARS);

/** A teammate that waits for a grant, as the host that runs it knows it. */
const BlockedNow = closed({
  grantRequestId,
  agent: someText.max(limit.TEAMMATE_NAME_CHARS),
  tool: someText.max(limit.TEAMMATE_NAME_CHARS).nullable(),
  reason: optionalReason,
  /** Null when the host does not count them: then every change of a blocked request is another attempt. */
  attempt: positiveInt.nullable(),
});

const intentId = someText.max(limit.INTENT_NAME_CHARS);

/** What may be asked of the ledger. `core/decide/` answers each with events or a refusal. */
export const Command = z.discriminatedUnion("type", [
  closed({
    type: z.literal("create_run"),
    goal: z.string().trim().min(1).max(limit.GOAL_CHARS),
    originalRequest: z.string().trim().min(1).max(limit.REQUEST_CHARS),
    workspaceIsolation: z.boolean(),
    base: z.string().nullable(),
    /** Of a run that an attempt of another one starts. */
    child: closed({
      parent: ParentLink,
      sessionKey: someText.max(limit.SESSION_KEY_CHARS),
    }).optional(),
    /** Without a plan the run stays in `planning` until attach_plan. */
    plan: Plan.optional(),
    /** The agent that makes the plan, of a run without one. */
    planner: someText.max(limit.ID_CHARS).optional(),
  }),
  /** The run it is sent to is the new one; `seq` null takes the last event after which the other run could still go on. */
  closed({ type: z.literal("fork_run"), from: someText, seq: positiveInt.nullable() }),
  ...trackedCommands,
  closed({ type: z.literal("attach_plan"), plan: Plan }),
  closed({ type: z.literal("start_step"), stepId, candidate, base: z.string().nullable() }),
  closed({
    type: z.literal("propose_step_result"),
    stepId,
    candidate,
    result: z.string().max(limit.RESULT_CHARS),
    evidence: z
      .array(Evidence.extend({ content: z.string().max(limit.EVIDENCE_CHARS) }))
      .max(limit.EVIDENCE_ITEMS),
    capture: Capture,
  }),
  closed({
    type: z.literal("interrupt_step"),
    stepId,
    candidate,
    attempt: z.int(),
    reason,
    /** Last bytes of what the agent said. */
    tail: z.string(),
  }),
  /** What the calls of one attempt are about to do, and how those before them ended, in the order in which it happened. */
  closed({
    type: z.literal("record_effects"),
    stepId,
    candidate,
    attempt: z.int(),
    entries: z
      .array(
        z.discriminatedUnion("kind", [
          closed({ kind: z.literal("intended"), call: EffectCall, atMost: AtMost.optional() }),
          closed({
            kind: z.literal("settled"),
            call: EffectCall,
            outcome: EffectOutcome,
            spent: z.array(Spent).max(limit.SPENT_PER_EFFECT).optional(),
          }),
          closed({ kind: z.literal("waiting"), wait: WaitCall }),
        ]),
      )
      .min(1)
      .max(limit.EFFECT_ENTRIES),
  }),
  /** An effect that a crash left open is answered: by its own policy, or by a person. */
  closed({
    type: z.literal("decide_effect"),
    stepId,
    candidate,
    attempt: z.int(),
    position: naturalInt,
    decision: EffectDecision,
    /** What it answered, of one that is called done. */
    value: EffectValue.optional(),
    reason,
  }),
  /** The attempt's agent has nothing to do but wait for these, and has left. */
  closed({
    type: z.literal("suspend_step"),
    stepId,
    candidate,
    attempt: z.int(),
    positions: z.array(naturalInt).min(1).max(limit.EFFECTS_PER_ATTEMPT),
  }),
  /** Those of the run that are due by now. */
  closed({ type: z.literal("fire_timers") }),
  closed({
    type: z.literal("resolve_promise"),
    promise: someText.max(limit.PROMISE_ID_CHARS),
    /** Whoever was given it may answer; a name alone proves nothing. */
    token: someText.max(limit.PROMISE_TOKEN_CHARS),
    outcome: PromiseOutcome,
  }),
  closed({
    type: z.literal("propose_intent"),
    content: IntentContent,
    /** The payload for the policy to read; null where it is no text. It is kept as a blob, not here. */
    text: z.string().max(limit.INTENT_PAYLOAD_BYTES).nullable(),
  }),
  /** Of exactly what was shown. */
  closed({
    type: z.literal("vote_intent"),
    intentId,
    decision: z.enum(["approve", "deny"]),
    contentHash: z.string().length(64),
    reason: optionalReason,
    onBehalfOf: someText.max(limit.INTENT_NAME_CHARS).nullable(),
  }),
  /** A person approved it beforehand. */
  closed({
    type: z.literal("apply_standing"),
    intentId,
    contentHash: z.string().length(64),
    mandateId: z.string().max(limit.ID_CHARS),
  }),
  closed({ type: z.literal("cancel_intent"), intentId, reason }),
  /** Those of the run whose time is over by now. */
  closed({ type: z.literal("expire_intents") }),
  closed({
    type: z.literal("order_intent"),
    intentId,
    /** The one that follows what was read: whoever is overtaken reads again. */
    attempt: positiveInt,
    tokenHash: z.string().length(64),
  }),
  closed({
    type: z.literal("report_intent"),
    intentId,
    /** Of the order; null where a person says it. */
    token: someText.max(limit.ORDER_TOKEN_CHARS).nullable(),
    outcome: ReportOutcome,
    result: z.string().max(limit.INTENT_RESULT_BYTES).nullable(),
    error: z.string().max(limit.REASON_CHARS),
  }),
  closed({ type: z.literal("seal_checkpoint"), checkpoint: SignedCheckpoint }),
  /** Said before the agent hears what it goes on from. */
  closed({
    type: z.literal("pass_over_checkpoints"),
    stepId,
    candidate,
    attempt: z.int(),
    ...PassedOver.shape,
  }),
  /** Attempts under way go on from the journal alone. */
  closed({ type: z.literal("discard_checkpoints"), reason }),
  /** Sent to a run of what became of one that it started. */
  closed({
    type: z.literal("finish_child"),
    childId: someText.max(limit.ID_CHARS),
    outcome: ChildOutcome,
  }),
  /** Sent to a run that is over, when the one that started it knows that. */
  closed({ type: z.literal("tell_parent") }),
  closed({ type: z.literal("record_verdict"), stepId, candidate, verdict: Verdict, round }),
  closed({
    type: z.literal("record_criterion_verdict"),
    index: naturalInt,
    verdict: Verdict,
    round,
  }),
  closed({
    type: z.literal("apply_policy"),
    stepId,
    decision: PolicyAction,
    reason,
    /** The attempt whose refusal was looked at: a later one in its place is not meant. */
    attempt: z.int().optional(),
  }),
  closed({ type: z.literal("approve_step"), stepId, reason: optionalReason, proposalSeq }),
  closed({ type: z.literal("reject_step"), stepId, reason, proposalSeq }),
  closed({
    type: z.literal("write_note"),
    key: z.string().trim().min(1).max(limit.NOTE_KEY_CHARS),
    value: z.string().max(limit.NOTE_VALUE_CHARS),
  }),
  closed({ type: z.literal("pause_run"), reason }),
  closed({
    type: z.literal("resume_run"),
    reason: optionalReason,
    /** A person may resume a run that waited longer than `staleTtl`, by saying so. */
    overrideStale: z.boolean(),
    /** Attempts under way go on from the journal alone. */
    anew: z.boolean().optional(),
  }),
  closed({ type: z.literal("cancel_run"), reason }),
  /** What is left out stays as it is. */
  closed({ type: z.literal("set_budget"), budget: Budget, reason: optionalReason }),
  /** What comes next would spend more than there is: the run waits for a person. */
  closed({ type: z.literal("stop_at_budget"), stepId, message: reason }),
  /** The run it is sent to becomes what its host says it is. */
  closed({
    type: z.literal("mirror_run"),
    projection: someText.max(limit.HOST_ID_CHARS),
    record: HostRun,
    /** What to do when it is there and not like that. */
    existing: z.enum(["update", "refuse"]),
  }),
  closed({ type: z.literal("report_change"), change: HostChange }),
  closed({
    type: z.literal("sync_projection"),
    state: z.enum(["synced", "degraded"]),
    error: z.string().max(limit.REASON_CHARS),
  }),
  closed({ type: z.literal("refuse_access"), ...RefusedCall.shape }),
  closed({ type: z.literal("worker_lost"), owner: z.string(), epoch: z.int() }),
  /** The whole condition of a run's teammates as of now, so that what an earlier call missed is made good by the next. */
  closed({
    type: z.literal("mirror_teammates"),
    blocked: z.array(BlockedNow).max(limit.TEAMMATES_BLOCKED),
    /** What became of requests that are not blocked any more. */
    answered: z.array(closed({ grantRequestId, outcome: GrantOutcome })).max(limit.TEAMMATES_BLOCKED),
  }),
]);
export type Command = z.infer<typeof Command>;
export type CommandType = Command["type"];
export type CommandOf<T extends CommandType> = Extract<Command, { type: T }>;
