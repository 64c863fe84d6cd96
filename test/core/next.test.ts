import { describe, expect, test } from "vitest";
import { nextActions } from "../../src/core/next.js";
import * as cast from "../helpers/cast.js";
import { approval, create, planOf, stepSpec } from "../helpers/cast.js";
import { played, playedOn, runWith } from "../helpers/given.js";

const work = (stepId: string) => ({ kind: "work", stepId, agent: "coder" }) as const;
const verify = (stepId: string) => ({ kind: "verify", stepId }) as const;
const steps = [stepSpec("a"), stepSpec("b"), stepSpec("c", { dependsOn: ["a", "b"] })];

describe("What is to be done now", () => {
  test("is work on every ready step, in the order of the plan", () => {
    expect(nextActions(runWith(steps))).toEqual([work("a"), work("b")]);
  });

  test("is still that work after a crash: nothing was recorded, so it is named again", () => {
    expect(nextActions(playedOn(runWith(steps), {}, cast.start("a")))).toEqual([work("a"), work("b")]);
    const proposed = playedOn(runWith(steps), {}, cast.start("a"), cast.propose("a"));
    expect(nextActions(proposed)).toEqual([verify("a"), work("b")]);
    expect(nextActions(playedOn(proposed, {}, cast.loseWorker(1)))).toEqual([verify("a"), work("b")]);
  });

  test("is to judge the oldest proposal first, one at a time", () => {
    const both = playedOn(
      runWith(steps),
      {},
      cast.start("a"),
      cast.start("b"),
      cast.propose("b"),
      cast.propose("a"),
    );
    expect(nextActions(both)).toEqual([verify("b")]);
    expect(nextActions(playedOn(both, {}, cast.pass("b")))).toEqual([verify("a")]);
  });

  test("is to judge others while one waits for approval", () => {
    const run = playedOn(
      runWith([stepSpec("sign", { validator: approval }), stepSpec("a")]),
      {},
      cast.start("sign"),
      cast.propose("sign"),
      cast.start("a"),
      cast.propose("a"),
    );
    expect(nextActions(run)).toEqual([verify("a")]);
  });

  test("is one step after the other when all share the project folder", () => {
    const shared = played(create(planOf(steps), { workspaceIsolation: false, base: null }));
    expect(nextActions(shared)).toEqual([work("a")]);
    const proposed = playedOn(shared, {}, cast.start("a"), cast.propose("a"));
    expect(nextActions(proposed)).toEqual([verify("a")]);
    expect(nextActions(playedOn(proposed, {}, cast.pass("a")))).toEqual([work("b")]);
  });

  test("is nothing without a plan, in a pause and after the end", () => {
    expect(nextActions(played(create()))).toEqual([]);
    expect(nextActions(playedOn(runWith(steps), {}, cast.pause()))).toEqual([]);
    expect(nextActions(playedOn(runWith(steps), {}, cast.cancel()))).toEqual([]);
  });
});
