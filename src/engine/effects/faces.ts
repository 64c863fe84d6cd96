import type { Caller } from "../../core/commands.js";
import type { Run } from "../../core/run.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { ListedChild } from "../children.js";
import type { EffectAnswer } from "./answer.js";
import type { EffectQuery, ListedEffect } from "./list.js";

/** What people and hosts do with the effects of agents. */
export interface EffectFaces {
  /** What its agents did to the world by their effects, in the order in which it was recorded. */
  effects(runId: string, query?: EffectQuery): Promise<readonly ListedEffect[]>;
  /** Business keys that this run or, of a fork, the runs it comes from have taken: nothing more happens under them. */
  blockedSideEffectKeys(runId: string): Promise<ReadonlySet<string>>;
  /** The runs that its attempts have started, in that order. */
  children(runId: string): Promise<readonly ListedChild[]>;
  /** A person says what becomes of an effect that a crash left open. It resumes nothing. */
  answerEffect(
    caller: Caller,
    runId: string,
    answer: EffectAnswer,
    options?: { readonly idempotencyKey?: string },
  ): Promise<Run>;
}

// Few commands ask; the others must not wait until it is loaded.
export const effectFaces = (ledger: Ledger): EffectFaces => ({
  blockedSideEffectKeys: async (runId) => (await import("./blocked.js")).blockedKeys(ledger, runId),
  children: async (runId) => (await import("../children.js")).listChildren(ledger, runId),
  effects: async (...given) => (await import("./list.js")).listEffects(ledger, ...given),
  answerEffect: async (...given) => (await import("./answer.js")).answerEffect(ledger, ...given),
});
