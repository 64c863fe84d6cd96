import { attemptEnd } from "./attempt-end.js";
import { isOwn } from "./budget.js";
import { askedEffects } from "./effect-questions.js";
import type { JournalEvent } from "./events.js";
import { type Intent, isOwnIntent } from "./intents.js";
import { isPlanning } from "./planning.js";
import { awaitsApproval, type Run } from "./run.js";

/** What people outside can be told of. */
export const noticeTypes = [
  "step_approval",
  "plan_approval",
  "effect_in_doubt",
  "escalated",
  "verification_errored",
  "unmet_criteria",
  "budget",
  "intent_approval",
  "intent_reminder",
  "intent_escalated",
  "intent_expired",
  "intent_unknown",
  "run_failed",
  "run_completed",
] as const;
export type NoticeType = (typeof noticeTypes)[number];

/** What asks something of a person: what is told of where the settings do not choose. */
export const askingTypes: readonly NoticeType[] = noticeTypes.filter((type) => type !== "run_completed");

/** One thing that happened to a run and that somebody may be told of. No word of an agent is in it. */
export type Notice = {
  readonly type: NoticeType;
  readonly runId: string;
  /** The event that it is about. */
  readonly seq: number;
  /** When that was; ISO 8601, UTC. */
  readonly at: string;
  readonly stepId: string | null;
  /** Ours alone. */
  readonly sentence: string;
};

/** Events that somebody may have to be told of: nobody looks at a run for any other. */
export const mayBeNotice = ({ type }: Pick<JournalEvent, "type">): boolean => NOTICED.has(type);

const NOTICED: ReadonlySet<JournalEvent["type"]> = new Set([
  "step_result_proposed",
  "run_paused",
  "approval_requested",
  "approval_reminded",
  "approval_extended",
  "intent_expired",
  "intent_reported",
  "run_failed",
  "run_completed",
]);

/** As its row in the journal says, without its payload: that may be sealed. */
type Told = Pick<JournalEvent, "type" | "seq" | "at">;

/**
 * What an event asks of people, of the run as it is now: what was answered meanwhile is nobody's concern any more. Undefined
 * for what is told by a host, or was told of the run that this one was forked from.
 */
export const noticeOf = (run: Run, event: Told): Notice | undefined => {
  if (run.source !== null || !isOwn(run, event)) return undefined;
  const about = aboutOf(run, event);
  return about && { stepId: null, runId: run.runId, seq: event.seq, at: event.at, ...about };
};

type About = Pick<Notice, "type" | "sentence"> & { readonly stepId?: string | null };

const aboutOf = (run: Run, { type, seq, at }: Told): About | undefined => {
  const { state } = run;
  switch (type) {
    case "step_result_proposed":
      return approvalOf(run, seq);
    case "run_paused":
      return state.status === "paused" && state.since === at ? pauseOf(run, state) : undefined;
    case "approval_requested":
    case "approval_reminded":
    case "approval_extended":
    case "intent_expired":
    case "intent_reported":
      return intentOf(run, seq);
    case "run_failed":
      return state.status === "failed" ? { type, sentence: `It failed (${state.reason}).` } : undefined;
    case "run_completed":
      return state.status === "completed" ? { type, sentence: "It is completed." } : undefined;
    default:
      return undefined;
  }
};

/** Each intent knows which event people were last told by: another one of it has taken the place of all before. */
const intentOf = ({ runId, intents }: Run, seq: number): About | undefined => {
  const intent = intents.find((one) => one.askedSeq === seq && isOwnIntent({ runId }, one));
  if (intent === undefined) return undefined;
  const type = INTENT_ASKS[intent.status]?.(intent);
  return type && { type, sentence: `${INTENT_SENTENCES[type]} (${intent.intentId}).` };
};

type IntentNotice = Extract<NoticeType, `intent_${string}`>;

const INTENT_ASKS: { readonly [S in Intent["status"]]?: (intent: Intent) => IntentNotice } = {
  pending_approval: ({ escalated, reminded }) =>
    escalated ? "intent_escalated" : reminded ? "intent_reminder" : "intent_approval",
  expired: () => "intent_expired",
  unknown: () => "intent_unknown",
};

const INTENT_SENTENCES: Readonly<Record<IntentNotice, string>> = {
  intent_approval: "An intent waits for approval",
  intent_reminder: "An intent still waits for approval",
  intent_escalated: "Nobody answered in time, and an intent still waits for approval",
  intent_expired: "An intent expired without an answer, and was not executed",
  intent_unknown: "Nobody knows whether an intent was executed",
};

const approvalOf = (run: Run, seq: number): About | undefined => {
  const step = run.steps.find(({ state }) => state.status === "verify_pending" && state.proposal.seq === seq);
  if (step === undefined || !awaitsApproval(step)) return undefined;
  if (isPlanning(step))
    return { type: "plan_approval", sentence: "Its plan waits for approval.", stepId: step.spec.id };
  const { id } = step.spec;
  return { type: "step_approval", sentence: `Step "${id}" waits for approval.`, stepId: id };
};

const pauseOf = (run: Run, { reason, stepId }: Extract<Run["state"], { status: "paused" }>) => {
  // A person paused it, or its host or client did, and knows.
  if (reason === "requested" || reason === "reported" || reason === "interrupted") return undefined;
  const [effect] = reason === "escalated" ? askedEffects(run) : [];
  if (effect === undefined) return { type: reason, sentence: pausedBecause(run, reason, stepId), stepId };
  const { id } = effect.step.spec;
  return {
    type: "effect_in_doubt" as const,
    sentence: `Nobody knows whether an effect of step "${id}" happened.`,
    stepId: id,
  };
};

const pausedBecause = ({ steps }: Run, reason: keyof typeof PAUSED | "escalated", stepId: string | null) => {
  if (reason !== "escalated") return PAUSED[reason];
  const step = steps.find(({ spec }) => spec.id === stepId);
  const ended = step === undefined ? "asks for an answer" : `was ${attemptEnd(step)}`;
  return `A step ${ended}, and what becomes of it is for a person to decide.`;
};

const PAUSED = {
  verification_errored: "A judge could not run.",
  unmet_criteria: "Its acceptance criteria are not met.",
  budget: "Its budget is spent.",
} as const;
