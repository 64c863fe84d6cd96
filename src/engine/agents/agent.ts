import type { Evidence } from "../../core/events.js";
import type { Feedback } from "../../core/run.js";
import type { ToolProfile } from "../../core/spec.js";
import type { OpenedEffects } from "../effects/context.js";

/** Everything one attempt of an agent is told. */
export type AgentTask = {
  readonly runId: string;
  readonly stepId: string;
  readonly attempt: number;
  /** Which of those who race for the step it is, from 1; null when it works alone. */
  readonly candidate: number | null;
  readonly agent: string;
  readonly goal: string;
  /** The goal of the whole run. */
  readonly runGoal: string;
  /** How the last attempt ended; null on the first. */
  readonly feedback: Feedback | null;
  /** How it will be judged. */
  readonly judgedBy: { readonly type: string; readonly target: string };
  /** Globs it may change although they are protected; with `only`, the only ones. */
  readonly mayChange: { readonly paths: readonly string[]; readonly only: boolean };
  readonly notes: Readonly<Record<string, string>>;
  /** Which tools of its host its step opens. */
  readonly toolProfile: readonly ToolProfile[];
  /** The private folder it works in. */
  readonly workspace: string;
  /** A private folder around it, for what it is told. */
  readonly place: string;
  readonly timeoutMs: number;
  /** Aborts when the work is not wanted any more. */
  readonly signal: AbortSignal;
};

export type AgentOutcome =
  /** "I am done": a claim, nothing more. */
  | { readonly kind: "done"; readonly result: string; readonly evidence: readonly Evidence[] }
  | { readonly kind: "failed"; readonly reason: string; readonly tail: string }
  /** It was stopped from outside; nothing is recorded and the attempt goes on later. */
  | { readonly kind: "stopped" };

/** Of one attempt: by position for code of this process, by key for programs. */
export type AttemptEffects = Pick<OpenedEffects, "context" | "keyed" | "flush">;

/** Whoever works on steps: a program, a function. It can claim; it cannot complete. */
export interface Agent {
  /** What it does to the world goes through `effects`. */
  work(task: AgentTask, effects: AttemptEffects): Promise<AgentOutcome>;
}

/** In the place of an attempt: all that its agent is told. */
export const TASK_FILE = "task.json";
