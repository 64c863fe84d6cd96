import { describe, expect, it } from "vitest";
import { fold } from "../../src/core/evolve.js";
import { costOf, type Spent } from "../../src/core/spent.js";
import { usageOfRun, usageOfStep } from "../../src/core/usage.js";
import * as cast from "../helpers/cast.js";
import { given, historyOf, played, playedOn } from "../helpers/given.js";

const done = { kind: "done", value: { kind: "inline", json: "1" } } as const;
const paid = { risk: "paid", onAmbiguous: "rerun" } as const;

const spent = (over: Partial<Spent> = {}): Spent => ({
  model: "m",
  tokensIn: 100,
  cacheRead: 20,
  cacheWrite: null,
  tokensOut: 10,
  reasoning: 4,
  uncounted: 0,
  nanoUsd: 5,
  ...over,
});

const begun = [cast.create(cast.planOf([cast.stepSpec("a"), cast.stepSpec("b")])), cast.start("a")];
const answered = (position: number, ...used: readonly Spent[]) => [
  cast.intend("a", { ...paid, position }),
  cast.settle("a", done, { ...paid, position }, used),
];

describe("what a run has spent", () => {
  it("is summed by attempt, and over all of them", () => {
    const run = played(
      ...begun,
      ...answered(0, spent()),
      ...answered(1, spent({ tokensIn: 7, nanoUsd: 1 })),
      cast.interrupt("a"),
      cast.policy("a", cast.retry),
      cast.start("a"),
      ...answered(0, spent({ tokensOut: 1 })),
    );
    expect(run.spending).toMatchObject([
      { stepId: "a", attempt: 1, usage: { calls: 2, tokensIn: 107, tokensOut: 20, nanoUsd: 6 } },
      { stepId: "a", attempt: 2, usage: { calls: 1, tokensOut: 1 } },
    ]);
    expect(usageOfRun(run)).toMatchObject({
      calls: 3,
      tokensIn: 207,
      tokensOut: 21,
      cacheRead: 60,
      reasoning: 12,
    });
    expect(usageOfStep(run, "a")).toEqual(usageOfRun(run));
    expect(usageOfStep(run, "b")).toMatchObject({ calls: 0, uncounted: 0 });
  });

  it.each([
    ["not counted by its provider", [spent({ tokensIn: null })], { calls: 1, tokensOut: 10, uncounted: 1 }],
    ["after tries that may have been charged", [spent({ uncounted: 2 })], { calls: 1, uncounted: 2 }],
    ["without a price", [spent({ nanoUsd: null })], { nanoUsd: 0, unpriced: 1, uncounted: 0 }],
    ["of which nothing was told", [], { calls: 0, uncounted: 1 }],
  ] as const)("says of a call %s that it is not known", (_, used, usage) => {
    expect(usageOfRun(played(...begun, ...answered(0, ...used)))).toMatchObject(usage);
  });

  it("counts a call that a crash cut off as one nobody counted, and the one made in its place beside it", () => {
    const cutOff = played(...begun, cast.intend("a", paid));
    expect(usageOfRun(cutOff)).toMatchObject({ calls: 0, uncounted: 1 });
    const again = playedOn(cutOff, {}, cast.decideEffect("a", "rerun"));
    expect(usageOfRun(again)).toMatchObject({ calls: 0, uncounted: 2 });
    const ended = playedOn(again, {}, cast.settle("a", done, paid, [spent()]));
    expect(usageOfRun(ended)).toMatchObject({ calls: 1, tokensIn: 100, uncounted: 1 });
  });

  it("keeps what an attempt left open when another one begins", () => {
    const run = played(
      ...begun,
      cast.intend("a", paid),
      cast.interrupt("a"),
      cast.policy("a", cast.retry),
      cast.start("a"),
    );
    expect(run.spending).toMatchObject([{ stepId: "a", attempt: 1, usage: { uncounted: 1 } }]);
  });

  it("is nothing for what costs nothing, and for the past that a fork takes over", () => {
    const free = played(...begun, cast.intend("a", {}), cast.settle("a", done, {}));
    expect(usageOfRun(free)).toMatchObject({ calls: 0, uncounted: 0 });
    const history = historyOf("run_old", ...begun, ...answered(0, spent()));
    const fork = fold(given(undefined, { history }).when(cast.forkOf("run_old"), cast.orchestrator).events);
    expect(fork?.spending).toEqual([]);
    expect(fork?.steps[0]?.effects.recorded).toBe(1);
  });
});

describe("what a call costs", () => {
  const price = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 };

  it("is that of fresh input, of both sorts of cached input, and of output, rounded up", () => {
    const tokens = { tokensIn: 1_000, cacheRead: 600, cacheWrite: 100, tokensOut: 10 };
    expect(costOf(tokens, price)).toBe(300 * 3_000 + 600 * 300 + 100 * 3_750 + 10 * 15_000);
    const least = { ...price, input: 0.000_01 };
    expect(costOf({ tokensIn: 1, cacheRead: null, cacheWrite: null, tokensOut: 0 }, least)).toBe(1);
  });

  it("is not known without a price, or without either count", () => {
    const tokens = { tokensIn: 1, cacheRead: null, cacheWrite: null, tokensOut: 1 };
    expect(costOf(tokens, null)).toBeNull();
    expect(costOf({ ...tokens, tokensIn: null }, price)).toBeNull();
    expect(costOf({ ...tokens, tokensOut: null }, price)).toBeNull();
  });
});
