import { describe, expect, it } from "vitest";
import type { EffectOptions } from "../../src/engine/effects/context.js";
import { began, eventsOf, resume, say, stateOf, typesOf } from "../helpers/driving.js";
import { PLAN_OF_LIVES, runOfLives } from "../helpers/lives.js";
import { person } from "../helpers/project.js";

/** Cuts the worker off as a crash does: what it had intended stays open. */
const crash = (stop: AbortController): Promise<never> => {
  stop.abort();
  return new Promise(() => undefined);
};

describe("an effect", () => {
  it("happens once, and a later life of the attempt gets what was recorded", async () => {
    const happened: string[] = [];
    const stop = new AbortController();
    const { app, runId } = await runOfLives(async (effects, life) => {
      const page = await effects.effect("fetch", { class: "idempotent" }, () => {
        happened.push("fetch");
        return { at: new Date(0), n: life };
      });
      await effects.effect("charge", { class: "guarded", risk: "money", onAmbiguous: "fail" }, () => {
        happened.push("charge");
      });
      if (life === 1) return crash(stop);
      return JSON.stringify(page);
    });
    expect((await app.drive(runId, stop.signal)).end).toBe("stopped");
    const { run } = await app.drive(runId);
    expect(happened).toEqual(["fetch", "charge"]);
    expect(run.state.status).toBe("completed");
    expect(stateOf(run, "a")).toMatchObject({
      proposal: { result: '{"at":"1970-01-01T00:00:00.000Z","n":1}' },
    });
  });

  it.each([
    ["so often as it says, under the same key", {}, 3],
    ["no more once its error says that it is final", { retryable: false }, 1],
    ["nor when it says so in the words of model providers", { isRetryable: false }, 1],
    ["again when it says that it may pass", { retryable: true }, 3],
  ])("that throws is tried again %s", async (_how, marks, times) => {
    const keys: string[] = [];
    const { app, runId } = await runOfLives(async (effects, life) => {
      const retry = { times: 2, backoffMs: 1 };
      return effects.effect("call", { class: "idempotent", retry }, ({ key }) => {
        if (life === 1) keys.push(key);
        throw Object.assign(new Error("busy"), marks);
      });
    });
    await app.drive(runId);
    expect(keys).toHaveLength(times);
    expect(new Set(keys).size).toBe(1);
    const [first] = await app.effects(runId);
    expect(first).toMatchObject({ attempt: 1, status: "failed", error: expect.stringContaining("busy") });
  });

  it("that a crash left open asks a person when it says so, and nothing more happens", async () => {
    const happened: string[] = [];
    const stop = new AbortController();
    const { app, runId } = await runOfLives(async (effects, life) => {
      await effects.effect("charge", { class: "guarded", risk: "money", onAmbiguous: "fail" }, () => {
        happened.push(`charge ${life}`);
        return life === 1 ? crash(stop) : undefined;
      });
      return "done";
    });
    await app.drive(runId, stop.signal);
    const { run } = await app.drive(runId);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated", stepId: "a" });
    expect(happened).toEqual(["charge 1"]);
    const decide = { type: "decide_effect", stepId: "a", attempt: 1, position: 0 } as const;
    await say(app, runId, { ...decide, decision: "rerun", reason: "it never arrived" });
    await say(app, runId, resume);
    const again = await app.drive(runId);
    expect(again.run.state.status).toBe("completed");
    expect(happened).toEqual(["charge 1", "charge 3"]);
    expect(await typesOf(app, runId)).toEqual([
      ...["run_created", "plan_attached", "step_started", "effect_intended", "effect_decided", "run_paused"],
      ...["effect_decided", "run_resumed", "effect_settled", "step_result_proposed"],
      ...["step_validation_passed", "run_completed"],
    ]);
  });

  it("of one run shares its commit with the next one's intent", async () => {
    const { app, runId } = await runOfLives(async (effects) => {
      for (let n = 0; n < 3; n += 1)
        await effects.effect(`e${n}`, { class: "guarded", onAmbiguous: "rerun" }, () => n);
      return "done";
    });
    await app.drive(runId);
    const effects = (await eventsOf(app, runId)).filter(({ type }) => type.startsWith("effect_"));
    expect(effects.map(({ type }) => type)).toEqual([
      ...["effect_intended", "effect_settled", "effect_intended"],
      ...["effect_settled", "effect_intended", "effect_settled"],
    ]);
    expect(new Set(effects.slice(1, 3).map(({ at }) => at)).size).toBe(1);
  });

  it("that comes differently in a later life is refused by name", async () => {
    const stop = new AbortController();
    const { app, runId } = await runOfLives(async (effects, life) => {
      await effects.effect(life === 1 ? "first" : "second", { class: "pure" }, () => life);
      if (life === 1) {
        await effects.effect("after", { class: "guarded", onAmbiguous: "rerun" }, () => 1);
        return crash(stop);
      }
      return "done";
    });
    await app.drive(runId, stop.signal);
    await app.drive(runId);
    const reasons = (await eventsOf(app, runId)).flatMap((event) =>
      event.type === "step_interrupted" ? [event.payload.reason] : [],
    );
    expect(reasons).toEqual([
      'The agent threw: Effect 0 was "first" (pure) before and is "second" (pure) now; they differ in name.',
    ]);
  });

  it("that must not happen twice is refused where it does not say what a crash means", async () => {
    const { app, runId } = await runOfLives(async (effects) => {
      await effects.effect("charge", { class: "guarded", risk: "money" }, () => expect.unreachable());
      return "done";
    });
    const { run } = await app.drive(runId);
    expect(JSON.stringify(run.steps[0]?.feedback)).toContain("does not say what to do when a crash");
  });

  it("that is paid for happens again after a crash, unless it or the settings say otherwise", async () => {
    const stop = new AbortController();
    const happened: string[] = [];
    const { app, runId } = await runOfLives(async (effects, life) => {
      const call = (name: string, said: Partial<EffectOptions>) =>
        effects.effect(name, { class: "guarded", ...said }, () => {
          happened.push(`${name} ${life}`);
          return life === 1 ? crash(stop) : undefined;
        });
      await Promise.all([
        call("paid", { risk: "paid" }),
        call("harmless", { risk: "none" }),
        call("said", { risk: "paid", onAmbiguous: "skip" }),
      ]);
      return "done";
    });
    await app.drive(runId, stop.signal);
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(happened).toEqual(["paid 1", "harmless 1", "said 1", "paid 2", "harmless 2"]);
    expect((await app.effects(runId)).map(({ onAmbiguous }) => onAmbiguous)).toEqual([
      ...["rerun", "rerun", "skip"],
    ]);
  });

  it("that is paid for is told and counted as often as a crash cuts it off", async () => {
    const stops = [new AbortController(), new AbortController()];
    const { app, runId } = await runOfLives(async (effects, life) => {
      await effects.effect("ask", { class: "guarded", risk: "paid" }, () => {
        const stop = stops[life - 1];
        return stop === undefined ? undefined : crash(stop);
      });
      return "done";
    });
    for (const { signal } of stops) expect((await app.drive(runId, signal)).end).toBe("stopped");
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    expect((await typesOf(app, runId)).filter((type) => type === "effect_decided")).toHaveLength(2);
    expect((await app.view(runId)).usage).toMatchObject({ uncounted: 3 });
  });

  it("keeps to what it said when it began, whatever its agent says later", async () => {
    const stop = new AbortController();
    const { app, runId } = await runOfLives(async (effects, life) => {
      const onAmbiguous = life === 1 ? "fail" : "rerun";
      await effects.effect("charge", { class: "guarded", risk: "money", onAmbiguous }, () =>
        life === 1 ? crash(stop) : expect.unreachable(),
      );
      return "done";
    });
    await app.drive(runId, stop.signal);
    expect((await app.drive(runId)).run.state.status).toBe("paused");
  });

  it("without a risk that somebody named must say what a crash means", async () => {
    const { app, runId } = await runOfLives(async (effects) => {
      await effects.effect("charge", { class: "guarded" }, () => expect.unreachable());
      return "done";
    });
    const { run } = await app.drive(runId);
    expect(JSON.stringify(run.steps[0]?.feedback)).toContain("does not say what to do when a crash");
  });

  it("under a business key happens once in the ledger, whichever run asks", async () => {
    const happened: string[] = [];
    const { app, runId } = await runOfLives(async (effects, life) => {
      const receipt = await effects.effect(
        "charge",
        { class: "guarded", risk: "money", onAmbiguous: "fail", key: "order-1" },
        ({ key }) => {
          happened.push(key);
          return `receipt ${life}`;
        },
      );
      return receipt;
    });
    await app.drive(runId);
    const other = await began(app, PLAN_OF_LIVES);
    const { run } = await app.drive(other);
    expect(happened).toEqual(["order-1"]);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "receipt 1" } });
    expect(await typesOf(app, other)).not.toContain("effect_intended");
  });

  it("that failed under its business key may be tried again under it", async () => {
    const { app, runId } = await runOfLives(async (effects, life) =>
      effects.effect("charge", { class: "guarded", onAmbiguous: "fail", key: "order-2" }, () => {
        if (life === 1) throw new Error("declined");
        return "paid";
      }),
    );
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ status: "completed", proposal: { result: "paid" } });
    expect(run.steps[0]?.attempt).toBe(2);
  });

  it("that a fork took over while it was open does not happen there when it has ended where it was begun", async () => {
    const happened: string[] = [];
    const stop = new AbortController();
    const { app, runId } = await runOfLives((effects, life) =>
      effects.effect("charge", { class: "guarded", onAmbiguous: "rerun", key: "order-3" }, () => {
        happened.push(`charge ${life}`);
        return life === 1 ? crash(stop) : `receipt ${life}`;
      }),
    );
    await app.drive(runId, stop.signal);
    const fork = await app.fork(person(app), { runId });
    await app.drive(runId);
    const { run } = await app.drive(fork.runId);
    expect(happened).toEqual(["charge 1", "charge 2"]);
    expect(stateOf(run, "a")).toMatchObject({ status: "completed", proposal: { result: "receipt 2" } });
  });

  it("that fails in a fork does not give back the key that another run has taken", async () => {
    const happened: number[] = [];
    const stop = new AbortController();
    const { app, runId } = await runOfLives((effects, life) =>
      effects.effect("charge", { class: "guarded", onAmbiguous: "rerun", key: "order-4" }, () => {
        happened.push(life);
        if (life === 1) return crash(stop);
        throw new Error("declined");
      }),
    );
    await app.drive(runId, stop.signal);
    const fork = await app.fork(person(app), { runId });
    await app.drive(fork.runId);
    expect(happened).toEqual([1, 2]);
    expect(await app.ledger.store.findKey("effect:", "order-4")).toMatchObject({ runId });
  });
});
