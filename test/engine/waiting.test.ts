import { describe, expect, it } from "vitest";
import type { EffectContext } from "../../src/engine/effects/context.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { began, stateOf, typesOf } from "../helpers/driving.js";

const PLAN = planOfSteps(stepBy("a", "true", { max_retries: 1 }));
const HOUR_MS = 3_600_000;

/** A clock that stands still until the test moves it. */
const clockAt = (start: string) => {
  let ms = Date.parse(start);
  return {
    now: () => new Date(ms).toISOString(),
    move: (byMs: number) => {
      ms += byMs;
    },
  };
};

const projectOf = async (work: (effects: EffectContext, life: number) => Promise<string>) => {
  const shop = await sample({ "a.txt": "1\n" });
  const clock = clockAt("2026-03-01T00:00:00.000Z");
  let life = 0;
  const open = () =>
    shop.open(
      {
        coder: (_task, effects) => {
          life += 1;
          return work(effects, life);
        },
      },
      clock.now,
    );
  const app = await open();
  const runId = await began(app, PLAN);
  return { app, runId, clock, open, lives: () => life };
};

describe("a sleep", () => {
  it("lets go of everything until it is due, and goes on in the same attempt", async () => {
    const ended: string[] = [];
    const { app, runId, clock, lives } = await projectOf(async (effects, life) => {
      try {
        await effects.sleep("1h");
      } finally {
        ended.push(`life ${life}`);
      }
      return "awake";
    });
    const { run, end } = await app.drive(runId);
    expect(end).toBe("idle");
    expect(ended).toEqual(["life 1"]);
    expect(stateOf(run, "a")?.status).toBe("in_progress");
    expect((await app.ledger.store.leaseOf(runId))?.live ?? false).toBe(false);
    clock.move(HOUR_MS - 1);
    expect((await app.drive(runId)).end).toBe("idle");
    expect(lives()).toBe(1);
    clock.move(1);
    const again = await app.drive(runId);
    expect(again.run.state.status).toBe("completed");
    expect(again.run.steps[0]?.attempt).toBe(1);
    expect(stateOf(again.run, "a")).toMatchObject({ proposal: { result: "awake" } });
    expect(await typesOf(app, runId)).toEqual([
      ...["run_created", "plan_attached", "step_started", "timer_armed", "step_suspended", "timer_fired"],
      ...["step_result_proposed", "step_validation_passed", "run_completed"],
    ]);
  });
});
