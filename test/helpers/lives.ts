import type { EffectContext } from "../../src/engine/effects/context.js";
import type { AgentFunction, RunLedger } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "./bench.js";
import { began } from "./driving.js";

export const PLAN_OF_LIVES = planOfSteps(stepBy("a", "true", { max_retries: 1 }));

/** A run whose agent is told which life of its attempt it lives. */
export const runOfLives = async (
  work: (effects: EffectContext, life: number) => Promise<string>,
  now?: () => string,
): Promise<{ readonly app: RunLedger; readonly runId: string }> => {
  const shop = await sample({ "a.txt": "1\n" });
  let life = 0;
  const coder: AgentFunction = (_task, effects) => {
    life += 1;
    return work(effects, life);
  };
  const app = await shop.open({ coder }, now);
  return { app, runId: await began(app, PLAN_OF_LIVES) };
};
