import { describe, expect, it } from "vitest";
import type { EffectContext, EffectOptions } from "../../src/engine/effects/context.js";
import type { EffectAnswer, RunLedger } from "../../src/index.js";
import { began, cancel, eventsOf, resume, say, stateOf, typesOf } from "../helpers/driving.js";
import { PLAN_OF_LIVES, runOfLives } from "../helpers/lives.js";
import { orchestrator, person } from "../helpers/project.js";

const KEYED = { class: "guarded", risk: "money", onAmbiguous: "fail", key: "order-1" } as const;

const crash = (stop: AbortController): Promise<never> => {
  stop.abort();
  return new Promise(() => undefined);
};

const saying =
  (app: RunLedger, runId: string, caller = person(app)) =>
  (decision: EffectAnswer["decision"], over: Partial<EffectAnswer> = {}) =>
    app.answerEffect(caller, runId, { stepId: "a", position: 0, decision, reason: "looked", ...over });

/** A run that was cancelled while its charge was under way; the next run comes with the same key. */
const cutOff = async (said: EffectOptions = KEYED) => {
  const happened: string[] = [];
  const stop = new AbortController();
  const { app, runId } = await runOfLives((effects, life) =>
    effects.effect("charge", said, () => {
      happened.push(`charge ${life}`);
      return life === 1 ? crash(stop) : `receipt ${life}`;
    }),
  );
  await app.drive(runId, stop.signal);
  await say(app, runId, cancel);
  const next = async () => {
    const other = await began(app, PLAN_OF_LIVES);
    return (await app.drive(other)).run;
  };
  return { app, runId, happened, next };
};

describe("a business key left open by a run that is over", () => {
  it("keeps others out until a person says what became of it; done is what they get", async () => {
    const { app, runId, happened, next } = await cutOff();
    expect(JSON.stringify((await next()).steps)).toContain("has not ended there");
    const before = (await app.ledger.load(runId)).state;
    await saying(app, runId)("done", { value: "receipt 7" });
    expect(stateOf(await next(), "a")).toMatchObject({ proposal: { result: "receipt 7" } });
    expect(happened).toEqual(["charge 1"]);
    const { state, seq } = await app.ledger.load(runId);
    expect(state).toEqual(before);
    expect((await typesOf(app, runId)).slice(-2)).toEqual(["effect_decided", "effect_settled"]);
    await expect(saying(app, runId)("done", { value: 1 })).rejects.toMatchObject({ code: "run_terminal" });
    expect((await app.ledger.load(runId)).seq).toBe(seq);
  });

  it("is free again when it never happened", async () => {
    const { app, runId, happened, next } = await cutOff();
    await saying(app, runId)("rerun");
    expect((await next()).state.status).toBe("completed");
    expect(happened).toEqual(["charge 1", "charge 2"]);
    expect((await app.effects(runId)).map(({ status }) => status)).toEqual(["failed"]);
  });

  it("is decided by people alone, in words that end it", async () => {
    const { app, runId } = await cutOff();
    await expect(saying(app, runId, orchestrator(app))("skip")).rejects.toMatchObject({
      code: "access_denied",
    });
    await expect(saying(app, runId)("fail")).rejects.toMatchObject({ code: "effect_not_open" });
    await expect(saying(app, runId)("done")).rejects.toMatchObject({ code: "invalid_input" });
    await saying(app, runId)("skip");
    expect((await app.effects(runId))[0]).toMatchObject({
      status: "skipped",
      decision: { decision: "skip" },
    });
  });
});

describe("a business key left open by an attempt that another one has followed", () => {
  it("is answered there, and the next attempt gets that", async () => {
    const happened: number[] = [];
    const stop = new AbortController();
    const { app, runId } = await runOfLives(async (effects, life) => {
      // It goes on after the crash, and fails before it comes to its effect.
      if (life === 2) throw new Error("gone");
      return effects.effect("charge", { ...KEYED, onAmbiguous: "rerun" }, () => {
        happened.push(life);
        return life === 1 ? crash(stop) : "again";
      });
    });
    await app.drive(runId, stop.signal);
    // The second attempt is refused its key, and asks for a person.
    const { run } = await app.drive(runId);
    expect([run.steps[0]?.attempt, run.state.status]).toEqual([2, "paused"]);
    expect(run.left).toMatchObject([{ stepId: "a", open: { attempt: 1, call: { key: "order-1" } } }]);
    await saying(app, runId)("done", { attempt: 1, value: "receipt 1" });
    expect((await app.ledger.load(runId)).left).toEqual([]);
    const policy = {
      type: "apply_policy",
      stepId: "a",
      reason: "now",
      decision: { action: "retry", fresh: false },
    } as const;
    await say(app, runId, policy);
    await say(app, runId, resume);
    const again = await app.drive(runId);
    expect(stateOf(again.run, "a")).toMatchObject({ proposal: { result: "receipt 1" } });
    expect(happened).toEqual([1]);
  });
});

describe("an effect of which a person said that it is to be done again", () => {
  it("is asked about again when they take that back", async () => {
    const stop = new AbortController();
    const { app, runId } = await runOfLives((effects, life) =>
      effects.effect("charge", KEYED, () => (life === 1 ? crash(stop) : expect.unreachable())),
    );
    await app.drive(runId, stop.signal);
    await app.drive(runId);
    const decide = saying(app, runId);
    await decide("rerun");
    await expect(decide("done", { value: 7 })).rejects.toMatchObject({ code: "effect_not_open" });
    await decide("fail");
    await decide("done", { value: "receipt 7" });
    await say(app, runId, resume);
    expect(stateOf((await app.drive(runId)).run, "a")).toMatchObject({ proposal: { result: "receipt 7" } });
  });
});

describe("what somebody says of an effect", () => {
  it("is kept only of those who may say it", async () => {
    const { app, runId } = await cutOff();
    const value = "x".repeat(20_000);
    const blobs = async () => (await app.ledger.store.listBlobs()).length;
    const before = await blobs();
    await expect(saying(app, runId, orchestrator(app))("done", { value })).rejects.toMatchObject({
      code: "access_denied",
    });
    expect(await blobs()).toBe(before);
    await saying(app, runId)("done", { value });
    expect(await blobs()).toBe(before + 1);
  });
});

describe("an effect that a fork took over open", () => {
  it("takes its key again before it is done, when the first run has given that back", async () => {
    const held: (string | undefined)[] = [];
    const stop = new AbortController();
    let app: RunLedger | undefined;
    const lived = await runOfLives((effects: EffectContext, life) =>
      effects.effect("charge", { ...KEYED, onAmbiguous: "rerun" }, async () => {
        if (life === 1) return crash(stop);
        if (life === 2) throw new Error("declined");
        held.push((await app?.ledger.store.findKey("effect:", "order-1"))?.runId);
        return "paid";
      }),
    );
    app = lived.app;
    await app.drive(lived.runId, stop.signal);
    const fork = await app.fork(person(app), { runId: lived.runId });
    // Its first life ends with the failure that gives the key back.
    const first = new AbortController();
    const failing = app.drive(lived.runId, first.signal);
    const failed = async () =>
      (await eventsOf(lived.app, lived.runId)).some(({ type }) => type === "step_interrupted");
    for (let look = 0; look < 1_000 && !(await failed()); look += 1) await new Promise(setImmediate);
    first.abort();
    await failing;
    await say(app, lived.runId, cancel);
    const { run } = await app.drive(fork.runId);
    expect(run.state.status).toBe("completed");
    expect(held).toEqual([fork.runId]);
    expect((await app.effects(fork.runId))[0]).toMatchObject({
      status: "done",
      decision: { decision: "rerun" },
    });
  });
});
