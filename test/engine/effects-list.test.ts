import { describe, expect, it } from "vitest";
import type { RunLedger } from "../../src/index.js";
import { began, resume, say } from "../helpers/driving.js";
import { PLAN_OF_LIVES, runOfLives } from "../helpers/lives.js";
import { person } from "../helpers/project.js";

const CHARGE = { class: "guarded", risk: "money", onAmbiguous: "fail" } as const;

/** An agent whose charge a crash left open; told that it happened, it hands on what it got. */
const inDoubt = async () => {
  const stop = new AbortController();
  let charged = 0;
  const { app, runId } = await runOfLives(async (effects, life) => {
    const receipt = await effects.effect("charge", { ...CHARGE, key: "order-1" }, () => {
      charged += 1;
      if (life > 1) return "another";
      stop.abort();
      return new Promise<string>(() => undefined);
    });
    return JSON.stringify(receipt);
  });
  await app.drive(runId, stop.signal);
  await app.drive(runId);
  return { app, runId, charged: () => charged };
};

const answer = (app: RunLedger, runId: string, said: object) =>
  app.answerEffect(person(app), runId, {
    ...{ stepId: "a", position: 0, decision: "done", reason: "the bank shows it" },
    ...said,
  });

describe("the list of effects", () => {
  it("tells how each ended, and its result when that is asked for", async () => {
    const { app, runId } = await runOfLives(async (effects, life) => {
      await effects.effect("look", { class: "pure" }, () => ({ found: life }));
      await effects.effect("charge", { ...CHARGE, key: `order-${life}` }, () => {
        if (life === 1) throw new Error("declined");
        return "paid";
      });
      return "done";
    });
    await app.drive(runId);
    const listed = await app.effects(runId);
    expect(listed.map(({ attempt, position, name, status }) => [attempt, position, name, status])).toEqual([
      [1, 0, "look", "done"],
      [1, 1, "charge", "failed"],
      [2, 0, "look", "done"],
      [2, 1, "charge", "done"],
    ]);
    expect(listed[1]).toMatchObject({
      ...{ stepId: "a", candidate: null, class: "guarded", risk: "money", onAmbiguous: "fail" },
      ...{ key: "order-1", givenKey: "order-1", error: "declined", origin: null, bytes: null },
      since: expect.stringMatching(/Z$/),
    });
    expect(listed[0]).toMatchObject({
      key: null,
      givenKey: expect.stringMatching(/^[0-9a-f]{64}$/),
      since: null,
    });
    expect(listed.some((effect) => "value" in effect)).toBe(false);
    const [first, second] = await app.effects(runId, { attempt: 2, values: true });
    expect([first?.value, second?.value]).toEqual([{ found: 2 }, "paid"]);
    expect(await app.effects(runId, { open: true })).toEqual([]);
    await expect(app.effects(runId, { stepId: "b" })).rejects.toMatchObject({ code: "step_not_found" });
  });

  it("names the first of those that were known already", async () => {
    const { app, runId } = await runOfLives((effects) =>
      effects.effect("charge", { ...CHARGE, key: "order-1" }, () => "x".repeat(20_000)),
    );
    await app.drive(runId);
    const other = await began(app, PLAN_OF_LIVES);
    await app.drive(other);
    const [known] = await app.effects(other, { values: true });
    const [first] = await app.effects(runId);
    expect(known).toMatchObject({
      status: "known",
      origin: { runId },
      bytes: null,
      value: "x".repeat(20_000),
    });
    expect(first).toMatchObject({ status: "done", bytes: 20_002 });
  });

  it("shows which one a person is asked about, and what was answered", async () => {
    const { app, runId } = await inDoubt();
    expect(await app.effects(runId, { open: true })).toMatchObject([{ status: "asked", settledAt: null }]);
    await answer(app, runId, { decision: "rerun" });
    expect(await app.effects(runId)).toMatchObject([
      { status: "open", decision: { decision: "rerun", reason: "the bank shows it", by: { name: "ada" } } },
    ]);
  });
});

describe("whoever found out that an effect happened", () => {
  it("says what it answered, and the attempt goes on with that", async () => {
    const { app, runId, charged } = await inDoubt();
    await answer(app, runId, { value: "receipt 7" });
    expect(await app.effects(runId, { values: true })).toMatchObject([
      { status: "done", value: "receipt 7" },
    ]);
    await say(app, runId, resume);
    const { run } = await app.drive(runId);
    expect(run.steps[0]?.state).toMatchObject({ how: "verified", proposal: { result: '"receipt 7"' } });
    expect(charged()).toBe(1);
    const other = await began(app, PLAN_OF_LIVES);
    await app.drive(other);
    expect(charged()).toBe(1);
  });

  it("is refused without a result, with one that is too long, and when it is settled", async () => {
    const { app, runId } = await inDoubt();
    await expect(answer(app, runId, {})).rejects.toMatchObject({ code: "invalid_input" });
    const long = "x".repeat(1_048_576);
    await expect(answer(app, runId, { value: long })).rejects.toMatchObject({ code: "limit_exceeded" });
    await expect(answer(app, runId, { value: 1, attempt: 2 })).rejects.toMatchObject({
      code: "step_not_in_progress",
    });
    await answer(app, runId, { value: null });
    await expect(answer(app, runId, { value: null })).rejects.toMatchObject({ code: "effect_not_open" });
  });
});
