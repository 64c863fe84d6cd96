import { askedEffectsOf } from "./effect-questions.js";
import { candidateOf } from "./race.js";
import {
  awaitsApproval,
  type CompletedHow,
  isActive,
  type Run,
  type RunStatus,
  type WorkedStep,
} from "./run.js";
import type { Waiting } from "./why.js";

/**
 * Where a run stands, as people are told: the same word in each list, on each page and in every answer. What the ledger holds of it
 * is its status; a run that its client records is told in the words of seed 000.
 */
export type StateWord =
  | RunStatus
  | ("undriven" | "interrupted" | "awaits agent" | "asks you")
  | ("active" | "blocked" | "quarantined");

export type Standing = {
  readonly status: RunStatus;
  readonly stepsTotal: number;
  /** Somebody is asked something. */
  readonly asks: boolean;
  /** Of one that is due and that nobody drives, what it waits for; null of any other. */
  readonly undriven: Waiting["for"] | null;
  /** Something was cut off in it. */
  readonly isCutOff: boolean;
};

export const stateWord = ({ status, stepsTotal, asks, undriven, isCutOff }: Standing): StateWord => {
  if (isCutOff) return "interrupted";
  // Only a client that records its run goes on without a plan, and nobody else drives it.
  if (status === "running" && stepsTotal === 0) return asks ? "blocked" : "active";
  if (undriven === "worker") return "undriven";
  if (undriven === "agent" && !asks) return "awaits agent";
  // One that waits for a plan from outside has no step yet.
  if (asks && (status === "running" || (status === "planning" && stepsTotal > 0))) return "asks you";
  return status;
};

export type StepWord =
  | ("pending" | "working" | "begun" | "racing" | "verifying" | "proposed" | "asks you")
  | ("failed" | "interrupted" | "cancelled")
  | CompletedHow;

/** What must be known to tell whether anybody is at work. */
export type Attended = { readonly run: Run; readonly interrupted: boolean };

/** Where a step stands, as people are told: it is worked on and verified only where somebody does it. */
export const stepWord = (step: WorkedStep, { run, interrupted }: Attended): StepWord => {
  const { state } = step;
  if (candidateOf(step)?.state.status === "cancelled") return "cancelled";
  if (awaitsApproval(step)) return "asks you";
  if (run.state.status === "paused" && askedEffectsOf(step).length > 0) return "asks you";
  switch (state.status) {
    case "in_progress":
      return interrupted ? "begun" : "working";
    case "verify_pending":
      return interrupted || !isActive(run) ? "proposed" : "verifying";
    case "completed":
      return state.how;
    default:
      return state.status;
  }
};
