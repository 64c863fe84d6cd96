import * as z from "zod";
import { ID_CHARS, SESSION_KEY_CHARS } from "./limits.js";
import { refusalWords, workedSteps } from "./race.js";
import { findStep, isTerminal, type Run, type WorkedStep } from "./run.js";
import { positiveInt, someText } from "./shapes.js";
import { closed } from "./wire.js";

/** Roles that somebody outside of this program may have. People speak at the terminal; engine and host are never outside. */
export const signedRoles = ["orchestrator", "executor"] as const;

/** What a signed credential says, and vouches for: an agent, never a person. */
export const Claims = closed({
  /** Which ledger made it: of another one its signature is not even looked at. */
  ledger: z.string(),
  name: someText,
  role: z.enum(signedRoles),
  sessionKey: someText.max(SESSION_KEY_CHARS),
  runId: z.string().max(ID_CHARS).optional(),
  stepId: z.string().max(ID_CHARS).optional(),
  attempt: positiveInt.optional(),
  candidate: positiveInt.optional(),
  /** ISO 8601, UTC. */
  expiresAt: z.iso.datetime(),
});
export type Claims = z.infer<typeof Claims>;

export type NamedAttempt = {
  readonly stepId: string;
  readonly attempt: number;
  readonly candidate?: number | undefined;
};

/** The attempt that somebody who begins or goes on with a step now works on. */
export const presentAttempt = ({ state, attempt }: Pick<WorkedStep, "state" | "attempt">): number =>
  state.status === "pending" ? attempt + 1 : attempt;

/** In words, how an attempt ended; undefined while it is under way, may begin, or waits for its verdict. */
export const endOfAttempt = (run: Run, { stepId, attempt, candidate }: NamedAttempt): string | undefined => {
  const whole = findStep(run, stepId);
  if (whole === undefined) return `there is no such step in run "${run.runId}"`;
  if (isTerminal(run)) return `run "${run.runId}" is ${run.state.status}`;
  const present = presentAttempt(whole);
  if (attempt !== present) return `the step is at attempt ${present}`;
  const step = workedSteps(whole).find((one) => one.candidate === candidate);
  if (step === undefined) return "nobody works on it under that number";
  return OPEN.has(step.state.status) ? undefined : endWords(step);
};

const OPEN: ReadonlySet<string> = new Set(["pending", "in_progress", "verify_pending"]);

const endWords = (step: WorkedStep): string => {
  const said = refusalWords({ ...step, candidates: [] });
  return `it is ${step.state.status}${said === "" ? "" : `: ${said.replace(/\.$/, "")}`}`;
};
