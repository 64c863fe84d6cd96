import { noEffects } from "./effects.js";
import { LedgerError } from "./errors.js";
import type { Candidate, CandidateState, Feedback, Step, StepState, WorkedStep } from "./run.js";
import type { StepSpec } from "./spec.js";

/** Everybody who is to work on a step. */
export const agentsOf = ({ race, ownerAgent }: StepSpec): readonly string[] => race?.agents ?? [ownerAgent];

/** Those who will race for a step, none of them begun; empty for a step that one agent works on. */
export const rosterOf = ({ race }: StepSpec): readonly Candidate[] =>
  (race?.agents ?? []).map((agent, index) => ({
    candidate: index + 1,
    agent,
    base: null,
    feedback: null,
    fresh: false,
    effects: noEffects,
    state: { status: "pending" },
  }));

export const isRaced = ({ candidates }: Step): boolean => candidates.length > 0;

/**
 * The step as this candidate has it, so that every rule about a step that is worked on holds for a candidate too; the
 * step itself when it is not raced and no candidate is meant. Throws `step_not_yours`, `candidate_not_found`.
 */
export const workedStep = (step: Step, candidate: number | undefined): WorkedStep => {
  const { spec, candidates } = step;
  if (!isRaced(step) && candidate === undefined) return step;
  if (candidate === undefined)
    throw new LedgerError(
      "step_not_yours",
      `Step "${spec.id}" is raced for by ${candidates.length} candidates; this speaks for none of them.`,
      { hint: "Its agents are started by RunLedger; a tool needs the credential of one candidate." },
    );
  const found = candidateOf({ ...step, candidate });
  if (found === undefined)
    throw new LedgerError("candidate_not_found", `Step "${spec.id}" has no candidate ${candidate}.`, {
      hint: isRaced(step) ? `They are 1 to ${candidates.length}.` : "One agent works on it alone.",
    });
  return asSeenBy(step, found);
};

/** Who of the race it is that sees the step so; undefined without a race. */
export const candidateOf = ({ candidate, candidates }: WorkedStep): Candidate | undefined =>
  candidates.find((one) => one.candidate === candidate);

/** The step and, when it is raced, its candidates: everything of it that can be at work or wait for a verdict. */
export const workedSteps = (step: Step): readonly WorkedStep[] =>
  isRaced(step) ? step.candidates.map((one) => asSeenBy(step, one)) : [step];

const asSeenBy = (
  step: Step,
  { candidate, agent, base, feedback, fresh, effects, state }: Candidate,
): WorkedStep => ({
  ...step,
  spec: { ...step.spec, ownerAgent: agent },
  base,
  feedback,
  fresh,
  effects,
  candidate,
  state: asStepState(state),
});

/** A cancelled one shows what it proposed; nobody has judged that, and nobody will. */
const asStepState = (state: CandidateState): StepState => {
  if (state.status !== "cancelled") return state;
  const { proposal, reason } = state;
  return proposal === null
    ? { status: "interrupted", reason, tail: "" }
    : { status: "failed", proposal, verdict: null };
};

/** For commands and events: absent where there is no race. */
export const named = ({ candidate }: { readonly candidate?: number | undefined }): { candidate?: number } =>
  candidate === undefined ? {} : { candidate };

/** It may still be verified. */
export const isOpen = ({ state }: Candidate): boolean =>
  state.status === "pending" || state.status === "in_progress" || state.status === "verify_pending";

/** In a race: those whose agents have not said the last word yet. */
export const isUnderWay = ({ state }: Candidate): boolean =>
  state.status === "pending" || state.status === "in_progress";

/** The one that people look at first: who won, else who is at work, else who proposed; undefined without a race. */
export const shownCandidate = ({ candidates }: Step): number | undefined => {
  const order = [
    "completed",
    "in_progress",
    "verify_pending",
    "failed",
    "interrupted",
    "pending",
    "cancelled",
  ];
  const rank = ({ state }: Candidate): number => order.indexOf(state.status);
  return [...candidates].sort((a, b) => rank(a) - rank(b))[0]?.candidate;
};

/** Why a step that asks for an answer does; "" when nothing was said, as by an errored judge of a step that is not raced. */
export const refusalWords = (step: Step): string => {
  const { state } = step;
  if (state.status === "interrupted") return state.reason;
  if (isRaced(step)) return raceWords(step);
  return state.status === "failed" ? (state.verdict?.message ?? "") : "";
};

/** What became of each who raced for a step, in one sentence. */
const raceWords = ({ candidates }: Step): string =>
  candidates
    .map((one) => `${one.candidate} (${one.agent}): ${candidateWords(one).replace(/\.$/, "")}`)
    .join("; ");

/** What was said last about a candidate. */
export const candidateWords = ({ state, feedback }: Candidate): string => {
  switch (state.status) {
    case "failed":
    case "completed":
      return state.verdict?.message ?? state.status;
    case "interrupted":
    case "cancelled":
      return state.reason;
    case "verify_pending":
      return state.lastError?.message ?? "proposed";
    case "in_progress":
      return "nothing proposed yet";
    case "pending":
      if (feedback === null) return "not begun";
      return feedback.kind === "verdict" ? feedback.verdict.message : feedback.reason;
  }
};

/** The step after something happened to one of its candidates, and after what that means for the race. */
export const afterCandidate = (
  step: Step,
  candidate: number,
  at: string,
  change: (worked: WorkedStep) => Step,
): Step => {
  const { attempt, base, feedback, fresh, effects, state } = change(workedStep(step, candidate));
  // A candidate is never in a race of its own.
  if (state.status === "racing") throw new Error(`candidate ${candidate} of "${step.spec.id}" races`);
  const candidates = step.candidates.map((one) =>
    one.candidate === candidate ? { ...one, base, feedback, fresh, effects, state } : one,
  );
  return { ...step, attempt, fresh: false, candidates, ...standing({ ...step, attempt, candidates }, at) };
};

/** Won by the one that is verified, lost when none can be any more. */
const standing = (step: Step, at: string): Pick<Step, "state" | "feedback"> => {
  const { candidates, feedback, attempt, state } = step;
  for (const { state: won } of candidates) if (won.status === "completed") return { state: won, feedback };
  if (candidates.some(isOpen))
    return { state: state.status === "racing" ? state : { status: "racing", startedAt: at }, feedback };
  const judged = candidates.flatMap(({ state: lost }) => (lost.status === "failed" ? [lost] : []));
  const last = judged.sort((a, b) => (b.proposal?.seq ?? 0) - (a.proposal?.seq ?? 0))[0];
  if (last?.verdict) return { state: last, feedback: { kind: "verdict", attempt, verdict: last.verdict } };
  const reason = `No candidate proposed anything: ${raceWords(step)}`;
  return {
    state: { status: "interrupted", reason, tail: "" },
    feedback: { kind: "interrupted", attempt, reason, tail: "" },
  };
};

export const cancelled = (step: Step, candidate: number, reason: string): Step => ({
  ...step,
  candidates: step.candidates.map((one) => {
    if (one.candidate !== candidate) return one;
    if (one.state.status !== "verify_pending")
      return { ...one, state: { status: "cancelled", reason, proposal: null } };
    const { proposal, lastError } = one.state;
    const feedback: Feedback | null =
      lastError === null ? one.feedback : { kind: "verdict", attempt: step.attempt, verdict: lastError };
    return { ...one, feedback, state: { status: "cancelled", reason, proposal } };
  }),
});
