import { describe, expect, it } from "vitest";
import * as limit from "../../../src/core/limits.js";
import { nextActions, nextWake } from "../../../src/core/next.js";
import type { Run } from "../../../src/core/run.js";
import type { WaitCall } from "../../../src/core/waits.js";
import * as cast from "../../helpers/cast.js";
import { create, executor, orchestrator, person, planOf, stepSpec } from "../../helpers/cast.js";
import { AT, attempt, given, HOUR_MS, played, playedOn } from "../../helpers/given.js";

const later = (ms: number) => new Date(Date.parse(AT) + ms).toISOString();
const begun = [create(planOf([stepSpec("a"), stepSpec("b")])), cast.start("a")] as const;
const sleeping = () => played(...begun, cast.beginWait("a"), cast.suspend("a"));
const promised = () => played(...begun, cast.promiseOf("a"), cast.suspend("a"));
const workOn = (run: Run) =>
  nextActions(run).flatMap((action) => (action.kind === "work" ? [action.stepId] : []));

describe("a timer", () => {
  it("is due at a moment that is counted once, from when it is armed", () => {
    expect(nextWake(sleeping())).toBe(later(HOUR_MS));
    const moved = playedOn(sleeping(), { at: later(HOUR_MS / 2) }, cast.note("k", "v"));
    expect(nextWake(moved)).toBe(later(HOUR_MS));
  });

  it("keeps its step from being worked on until it fires, and no other", () => {
    expect(workOn(sleeping())).toEqual(["b"]);
    const fired = playedOn(sleeping(), { at: later(HOUR_MS) }, cast.fireTimers);
    expect(workOn(fired)).toEqual(["a", "b"]);
    expect(nextWake(fired)).toBeNull();
    expect(fired.steps[0]?.attempt).toBe(1);
  });

  it("fires when it is due and not before, and once whatever the clock does then", () => {
    given(sleeping(), { at: later(HOUR_MS - 1) })
      .when(cast.fireTimers)
      .thenNothing();
    const fired = given(sleeping(), { at: later(2 * HOUR_MS) })
      .when(cast.fireTimers)
      .thenHappened("timer_fired");
    for (const at of [AT, later(2 * HOUR_MS)]) given(fired, { at }).when(cast.fireTimers).thenNothing();
  });

  it("does nothing for an attempt that has ended, nor for a run that is paused or over", () => {
    const world = { at: later(HOUR_MS) };
    const waiting = () => played(...begun, cast.beginWait("a"));
    for (const end of [cast.interrupt("a"), cast.pause(), cast.cancel()]) {
      const run = playedOn(waiting(), {}, end);
      given(run, world).when(cast.fireTimers).thenNothing();
      expect(nextWake(run)).toBeNull();
    }
    const resumed = playedOn(waiting(), {}, cast.pause(), cast.resume());
    given(resumed, world).when(cast.fireTimers).thenHappened("timer_fired");
  });

  it("of a candidate that was cancelled does nothing", () => {
    const racing = played(
      create(planOf([stepSpec("a", { race: cast.two }), stepSpec("b")])),
      ...[cast.start("a"), cast.beginWait("a"), cast.suspend("a")].map((said) => cast.of(1, said)),
      ...[cast.start("a"), cast.propose("a")].map((said) => cast.of(2, said)),
    );
    expect(nextActions(racing)).toContainEqual({ kind: "verify", stepId: "a", candidate: 2 });
    const won = playedOn(racing, {}, cast.of(2, cast.pass("a")));
    expect(nextWake(won)).toBeNull();
    given(won, { at: later(HOUR_MS) })
      .when(cast.fireTimers)
      .thenNothing();
  });
});

describe("a suspended step", () => {
  it("was not suspended when one of its waits is over already", () => {
    const fired = playedOn(played(...begun, cast.beginWait("a")), { at: later(HOUR_MS) }, cast.fireTimers);
    expect(workOn(playedOn(fired, {}, cast.suspend("a")))).toEqual(["a", "b"]);
  });

  it("keeps its place where steps share one folder", () => {
    const shared = played(
      create(planOf([stepSpec("a"), stepSpec("b")]), { workspaceIsolation: false }),
      ...[cast.start("a"), cast.beginWait("a"), cast.suspend("a")],
    );
    expect(nextActions(shared)).toEqual([]);
  });

  it("waits for the first of several, and is asked again then", () => {
    const second = { ...cast.sleepCall, position: 1, ms: 2 * HOUR_MS };
    const both = played(
      ...begun,
      cast.beginWait("a"),
      cast.beginWait("a", second),
      cast.suspend("a", [0, 1]),
    );
    const one = playedOn(both, { at: later(HOUR_MS) }, cast.fireTimers);
    expect(workOn(one)).toEqual(["a", "b"]);
    expect(nextWake(one)).toBe(later(2 * HOUR_MS));
    expect(workOn(playedOn(one, {}, cast.suspend("a", [1])))).toEqual(["b"]);
  });

  it("is not begun to wait for the same thing twice", () => {
    given(sleeping()).when(cast.beginWait("a")).thenRefuses("replay_divergence");
  });
});

describe("a promise", () => {
  const no = cast.answerPromise("a", {
    outcome: { kind: "done", value: { kind: "inline", json: "false" } },
  });

  it("is resolved once, by whoever has its token", () => {
    expect(workOn(promised())).toEqual(["b"]);
    const resolved = given(promised()).when(cast.answerPromise("a")).thenHappened("promise_resolved");
    expect(workOn(resolved)).toEqual(["a", "b"]);
    given(resolved).when(cast.answerPromise("a")).thenNothing();
    given(resolved).when(no).thenRefuses("promise_resolved");
  });

  it("says nothing to who has not its token: not whether it is there, nor whether it was resolved", () => {
    const resolved = playedOn(promised(), {}, cast.answerPromise("a"));
    const told = [promised(), resolved, played(...begun), playedOn(promised(), {}, cast.cancel())].map(
      (run) => attempt(run, cast.answerPromise("a", { token: "open barley" }), person),
    );
    const [first] = told;
    for (const answer of told) {
      expect(answer).toMatchObject({ code: "promise_refused" });
      expect(String(answer)).toBe(String(first));
    }
    given(promised())
      .when(cast.answerPromise("a", { promise: "b/1/0" }))
      .thenRefuses("promise_refused");
  });

  it("is bound to its attempt and its run by its token", () => {
    const again = played(
      ...begun,
      cast.promiseOf("a"),
      cast.interrupt("a"),
      cast.policy("a", cast.retry),
      cast.start("a"),
      cast.promiseOf("a", "another word"),
    );
    given(again).when(cast.answerPromise("a")).thenRefuses("promise_refused");
    given(again)
      .when(cast.answerPromise("a", { promise: "a/2/0" }))
      .thenRefuses("promise_refused");
  });

  it("is never resolved by who waits for it, whatever the token and the role", () => {
    for (const caller of [executor("coder"), executor("reviewer"), { ...orchestrator, name: "coder" }])
      given(promised()).when(cast.answerPromise("a"), caller).thenRefuses("access_denied");
  });

  it("of an attempt or a run that has ended is nobody's to resolve any more", () => {
    const waiting = () => played(...begun, cast.promiseOf("a"));
    given(playedOn(waiting(), {}, cast.interrupt("a")))
      .when(cast.answerPromise("a"))
      .thenRefuses("step_not_in_progress");
    given(playedOn(waiting(), {}, cast.cancel()))
      .when(cast.answerPromise("a"))
      .thenRefuses("run_terminal");
  });

  it("may be resolved while its run is paused", () => {
    const run = playedOn(promised(), {}, cast.pause(), cast.answerPromise("a"));
    expect(workOn(run)).toEqual([]);
    expect(workOn(playedOn(run, {}, cast.resume()))).toEqual(["a", "b"]);
  });
});

describe("what is begun at once", () => {
  const many = (count: number, waitAt: (position: number) => WaitCall, from = 0): cast.Said => ({
    ...{ type: "record_effects", stepId: "a", attempt: 1 },
    entries: Array.from({ length: count }, (_, index) => ({ kind: "waiting", wait: waitAt(from + index) })),
  });
  const kinds = [
    {
      ...{ name: "runs", most: limit.CHILDREN_PER_ATTEMPT },
      waitAt: (position: number): WaitCall => ({
        ...{ kind: "child", position, name: "sub", childId: `run_${position}`, input: "0".repeat(64) },
      }),
    },
    {
      ...{ name: "promises", most: limit.PROMISES_PER_ATTEMPT },
      waitAt: (position: number): WaitCall => ({
        ...{ kind: "promise", position, name: "sign-off", tokenHash: String(position).padStart(64, "0") },
      }),
    },
  ];

  it.each(kinds)("is counted with what was begun before: $name", ({ most, waitAt }) => {
    const halfway = () => played(...begun, many(most / 2, waitAt));
    const full = playedOn(halfway(), {}, many(most / 2, waitAt, most / 2));
    given(full)
      .when(many(1, waitAt, most))
      .thenRefuses("limit_exceeded");
    given(halfway())
      .when(many(most / 2 + 1, waitAt, most / 2))
      .thenRefuses("limit_exceeded");
    // Of each kind for itself, and time for nobody.
    expect(playedOn(full, {}, cast.beginWait("a", { ...cast.sleepCall, position: most })).seq).toBe(
      full.seq + 1,
    );
  });
});
