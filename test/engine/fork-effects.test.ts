import { describe, expect, it } from "vitest";
import { began, eventsOf, stateOf } from "../helpers/driving.js";
import { PLAN_OF_LIVES, runOfLives } from "../helpers/lives.js";
import { person } from "../helpers/project.js";

const MONEY = { class: "guarded", risk: "money", onAmbiguous: "fail" } as const;

const crash = (stop: AbortController): Promise<never> => {
  stop.abort();
  return new Promise(() => undefined);
};

describe("a fork", () => {
  it("reads back what was settled before its point, and is kept from what its source did after it", async () => {
    const calls: string[] = [];
    const { app, runId } = await runOfLives(async (effects) => {
      const count = (name: string) => () => `${name} ${calls.push(name)}`;
      const said = [
        await effects.effect("by position", MONEY, count("by position")),
        await effects.effect("before", { ...MONEY, key: "before" }, count("before")),
        await effects.effect("after", { ...MONEY, key: "after" }, count("after")),
        await effects
          .effect("declined", { ...MONEY, key: "free" }, () => {
            throw new Error("declined");
          })
          .catch(() => "declined"),
      ];
      return said.join(", ");
    });
    await app.drive(runId);
    const settled = (await eventsOf(app, runId)).filter(({ type }) => type === "effect_settled");
    const fork = await app.fork(person(app), { runId, seq: settled[1]?.seq ?? 0 });
    expect(await app.blockedSideEffectKeys(fork.runId)).toEqual(new Set(["after", "before"]));
    const { run } = await app.drive(fork.runId);
    expect(stateOf(run, "a")).toMatchObject({
      proposal: { result: "by position 1, before 2, after 3, declined" },
    });
    expect(calls).toEqual(["by position", "before", "after"]);
    expect((await app.effects(fork.runId)).map(({ name, status }) => `${name} ${status}`)).toEqual([
      ...["by position done", "before done", "after known", "declined failed"],
    ]);
  });

  it("learns from its source what came of an effect that was under way at its point, also without a key", async () => {
    const calls: number[] = [];
    const stop = new AbortController();
    const { app, runId } = await runOfLives((effects, life) =>
      effects.effect("charge", { ...MONEY, onAmbiguous: "rerun" }, () => {
        calls.push(life);
        return life === 1 ? crash(stop) : `receipt ${life}`;
      }),
    );
    await app.drive(runId, stop.signal);
    const fork = await app.fork(person(app), { runId });
    const again = await app.fork(person(app), { runId: fork.runId });
    await app.drive(runId);
    for (const forked of [fork, again]) {
      const { run } = await app.drive(forked.runId);
      expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "receipt 2" } });
      expect((await app.effects(forked.runId))[0]).toMatchObject({
        status: "known",
        origin: { seq: 4 },
      });
    }
    expect(calls).toEqual([1, 2]);
  });

  it("asks what its source does not know either, and another run's keys are none of its business", async () => {
    const stop = new AbortController();
    const { app, runId } = await runOfLives((effects, life) =>
      life > 2
        ? effects.effect("charge", { ...MONEY, key: "elsewhere" }, () => "else")
        : effects.effect("charge", { ...MONEY, key: "here" }, () => (life === 1 ? crash(stop) : "never")),
    );
    await app.drive(runId, stop.signal);
    const fork = await app.fork(person(app), { runId });
    const { run } = await app.drive(fork.runId);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
    await app.drive(await began(app, PLAN_OF_LIVES));
    expect(await app.blockedSideEffectKeys(fork.runId)).toEqual(new Set(["here"]));
  });
});
