import { describe, expect, it } from "vitest";
import { budgetUse } from "../../../src/core/budget.js";
import type { Budget } from "../../../src/core/budget-shape.js";
import { fold } from "../../../src/core/evolve.js";
import type { Run } from "../../../src/core/run.js";
import type { AtMost, Spent } from "../../../src/core/spent.js";
import { usageOfRun } from "../../../src/core/usage.js";
import * as cast from "../../helpers/cast.js";
import { AT, given, HOUR_MS, historyOf, played, playedOn } from "../../helpers/given.js";

const two = [
  cast.create(cast.planOf([cast.stepSpec("a"), cast.stepSpec("b")])),
  cast.start("a"),
  cast.start("b"),
];
const done = { kind: "done", value: { kind: "inline", json: "1" } } as const;
const paid = { risk: "paid", onAmbiguous: "rerun" } as const;
const most = (tokens: number, nanoUsd: number | null = null): AtMost => ({ tokens, nanoUsd });
const used = (tokensIn: number | null, over: Partial<Spent> = {}): readonly Spent[] => [
  {
    model: "m",
    tokensIn,
    tokensOut: 0,
    cacheRead: null,
    cacheWrite: null,
    reasoning: null,
    uncounted: 0,
    nanoUsd: null,
    ...over,
  },
];
const hoursLater = (hours: number): string => new Date(Date.parse(AT) + hours * HOUR_MS).toISOString();
const timeOf = (run: Run, at: string): number | undefined => budgetUse(run, { timeMs: HOUR_MS }, at)[0]?.used;
const pausedAt = (since: string) =>
  ({ status: "paused", message: "", stepId: null, since, by: cast.orchestrator }) as const;
const under = (budget: Budget) => ({ rules: { budget } });
const ask = (stepId: string, atMost?: AtMost, position = 0) =>
  cast.intend(stepId, { ...paid, position }, atMost);

describe("a budget of tokens", () => {
  const world = under({ tokens: 1_000 });

  it("holds what calls under way may take, so that two steps cannot both take the last of it", () => {
    const one = given(played(...two), world)
      .when(ask("a", most(600)))
      .thenHappened("effect_intended");
    given(one, world)
      .when(ask("b", most(600)))
      .thenRefuses("budget_exceeded");
    given(one, world)
      .when(ask("b", most(190)))
      .thenHappened("effect_intended");
    const settled = playedOn(one, world, cast.settle("a", done, paid, used(100)));
    given(settled, world)
      .when(ask("b", most(600)))
      .thenHappened("effect_intended");
  });

  it("counts together what one attempt begins at once", () => {
    const both = (run: Parameters<typeof cast.say>[1]) => {
      const [first, second] = [ask("a", most(600)), ask("a", most(600), 1)].map((said) =>
        cast.say(said, run),
      );
      if (first?.type !== "record_effects" || second?.type !== "record_effects") throw new Error("none");
      return { ...first, entries: [...first.entries, ...second.entries] };
    };
    given(played(...two), world)
      .when(both)
      .thenRefuses("budget_exceeded");
  });

  it("refuses a call of which nobody knows how much it takes, and lets be what costs nothing", () => {
    given(played(...two), world)
      .when(ask("a"))
      .thenRefuses("budget_exceeded");
    given(played(...two), world)
      .when(cast.intend("a"))
      .thenHappened("effect_intended");
    given(played(...two))
      .when(ask("a"))
      .thenHappened("effect_intended");
  });

  it.each([
    ["that its provider did not count", used(null)],
    ["that was answered by the second try", used(0, { uncounted: 1 })],
    ["that told nothing", []],
  ] as const)("counts a call %s with all that it might have taken", (_, spent) => {
    const run = playedOn(played(...two), world, ask("a", most(600)), cast.settle("a", done, paid, spent));
    given(run, world)
      .when(ask("b", most(500)))
      .thenRefuses("budget_exceeded");
    given(run, world)
      .when(ask("b", most(190)))
      .thenHappened("effect_intended");
  });

  it("is asked again before a call that a crash cut off is made anew", () => {
    const run = playedOn(played(...two), world, ask("a", most(600)));
    given(run, world).when(cast.decideEffect("a", "rerun"), cast.engine).thenRefuses("budget_exceeded");
    given(run, under({ tokens: 1_500 }))
      .when(cast.decideEffect("a", "rerun"), cast.engine)
      .thenHappened("effect_decided", "budget_warned");
  });

  it("is asked again by each crash that cuts off the same call, and each of its tries is counted", () => {
    const run = playedOn(played(...two), world, ask("a", most(400)));
    const twice = given(run, world)
      .when(cast.decideEffect("a", "rerun"), cast.engine)
      .thenHappened("effect_decided", "budget_warned");
    expect(usageOfRun(twice)).toMatchObject({ uncounted: 2, uncountedTokens: 800 });
    given(twice, world).when(cast.decideEffect("a", "rerun"), cast.engine).thenRefuses("budget_exceeded");
    const thrice = given(twice)
      .when(cast.decideEffect("a", "rerun"), cast.engine)
      .thenHappened("effect_decided");
    expect(usageOfRun(thrice)).toMatchObject({ uncounted: 3, uncountedTokens: 1_200 });
  });

  it("holds what a person has done again, which is counted when it is done", () => {
    const run = playedOn(played(...two), world, ask("a", most(600)));
    given(run, world).when(cast.decideEffect("a", "rerun"), cast.person).thenRefuses("budget_exceeded");
    const allowed = playedOn(run, {}, [cast.decideEffect("a", "rerun"), cast.person]);
    expect(usageOfRun(allowed)).toMatchObject({ uncounted: 1 });
    given(allowed).when(cast.decideEffect("a", "rerun"), cast.person).thenNothing();
    const again = given(allowed)
      .when(cast.decideEffect("a", "rerun"), cast.engine)
      .thenHappened("effect_decided");
    expect(usageOfRun(again)).toMatchObject({ uncounted: 2 });
  });

  it("says once for each limit that it comes near", () => {
    const run = given(played(...two), world)
      .when(ask("a", most(800)))
      .thenHappened("effect_intended", "budget_warned");
    const again = given(run, world)
      .when(ask("a", most(10), 1))
      .thenHappened("effect_intended");
    const raised = playedOn(again, world, cast.setBudget({ tokens: 1_010 }));
    given(raised, world)
      .when(ask("a", most(10), 2))
      .thenHappened("effect_intended", "budget_warned");
  });

  it("is what a person has set of the run, whatever the settings say", () => {
    const run = playedOn(played(...two), world, cast.setBudget({ tokens: 2_000 }));
    given(run, world)
      .when(ask("a", most(1_500)))
      .thenHappened("effect_intended");
    const lower = playedOn(played(...two), world, cast.setBudget({ tokens: 10 }));
    given(lower, world)
      .when(ask("a", most(11)))
      .thenRefuses("budget_exceeded");
  });
});

describe("a budget of another sort", () => {
  it("of dollars refuses a call without a price", () => {
    const world = under({ nanoUsd: 1_000 });
    given(played(...two), world)
      .when(ask("a", most(5)))
      .thenRefuses("budget_exceeded");
    given(played(...two), world)
      .when(ask("a", most(5, 1_001)))
      .thenRefuses("budget_exceeded");
    given(played(...two), world)
      .when(ask("a", most(5, 700)))
      .thenHappened("effect_intended");
  });

  it("of time does not count pauses, and lets nothing begin behind its end", () => {
    const world = under({ timeMs: HOUR_MS });
    const at = (ms: number) => ({ ...world, at: new Date(Date.parse(AT) + ms).toISOString() });
    const run = played(...two);
    given(run, at(HOUR_MS + 1))
      .when(ask("a", most(1)))
      .thenRefuses("budget_exceeded");
    const paused = playedOn(run, at(10), cast.pause());
    const resumed = playedOn(paused, at(HOUR_MS), cast.resume());
    given(resumed, at(HOUR_MS + 1))
      .when(ask("a", most(1)))
      .thenHappened("effect_intended");
    given(resumed, at(2 * HOUR_MS))
      .when(ask("a", most(1)))
      .thenRefuses("budget_exceeded");
  });

  it("of time counts no pause that ends with a plan", () => {
    const world = { rules: { budget: { timeMs: HOUR_MS } }, at: hoursLater(3) };
    const state = { ...pausedAt(AT), reason: "escalated" } as const;
    const waits: Run = { ...played(cast.create()), state };
    const plan = cast.attach(cast.planOf([cast.stepSpec("a")]));
    const run = given(waits, world).when(plan, cast.person).thenHappened("plan_attached");
    expect(run.state.status).toBe("running");
    expect(timeOf(run, hoursLater(3))).toBe(0);
  });

  it("of time gives a fork no more for the pause that it took over", () => {
    const history = historyOf("run_old", ...two, cast.pause());
    const world = { history, at: hoursLater(100) };
    const fork = fold(given(undefined, world).when(cast.forkOf("run_old"), cast.orchestrator).events);
    if (fork === undefined) throw new Error("no run");
    const patient = { rules: { staleTtlMs: 1_000 * HOUR_MS }, at: hoursLater(101) };
    const resumed = playedOn(fork, patient, cast.resume());
    expect(timeOf(resumed, hoursLater(103))).toBe(2 * HOUR_MS);
  });

  it("of time grows no more when the run is over", () => {
    const run = playedOn(played(...two), { at: hoursLater(2) }, cast.cancel());
    expect(timeOf(run, hoursLater(50))).toBe(2 * HOUR_MS);
  });

  it("of attempts lets no more of them begin, over all steps, and a race is one", () => {
    const world = under({ attempts: 2 });
    const run = playedOn(played(...two), world, cast.interrupt("a"), cast.policy("a", cast.retry));
    expect(run.budget.attempts).toBe(2);
    given(run, world).when(cast.start("a")).thenRefuses("budget_exceeded");
    const raced = played(cast.create(cast.planOf([cast.stepSpec("a", { race: cast.two })])));
    const begun = playedOn(
      raced,
      under({ attempts: 1 }),
      cast.of(1, cast.start("a")),
      cast.of(2, cast.start("a")),
    );
    expect(begun.budget.attempts).toBe(1);
  });
});

it("A run at its limit is paused once, and waits for a person", () => {
  const run = given(played(...two))
    .when(cast.stopAtBudget("a"))
    .thenHappened("run_paused");
  given(run).when(cast.stopAtBudget("b")).thenNothing();
  given(run)
    .when(cast.setBudget({ tokens: 5 }))
    .thenHappened("budget_set");
  given(run).when(cast.setBudget({})).thenRefuses("invalid_input");
});
