import { describe, expect, test } from "vitest";
import type { Caller } from "../../../src/core/commands.js";

import { decide } from "../../../src/core/decide/index.js";
import * as limit from "../../../src/core/limits.js";
import { planDigest } from "../../../src/core/spec.js";
import * as cast from "../../helpers/cast.js";
import { create, criterion, executor, orchestrator, person, planOf, stepSpec } from "../../helpers/cast.js";
import { AT, given, HOUR_MS, played, playedOn, RUN_ID, rules, runWith } from "../../helpers/given.js";

const plan = planOf([stepSpec("a")]);

describe("create_run", () => {
  test("with a plan is one decision: no half-made run exists (W21)", () => {
    const run = given(undefined).when(create(plan)).thenHappened("run_created", "plan_attached");
    expect(run).toMatchObject({
      runId: RUN_ID,
      seq: 2,
      goal: "Ship it",
      sessionKey: cast.SESSION,
      createdBy: { name: "orchestrator", role: "orchestrator" },
      createdAt: AT,
      base: "commit-0",
      head: "commit-0",
      planDigest: planDigest(plan),
      state: { status: "running" },
    });
  });

  test("without a plan waits in planning", () => {
    const run = given(undefined).when(create()).thenHappened("run_created");
    expect(run.state).toEqual({ status: "planning" });
  });

  test("said again changes nothing; with other content it is refused", () => {
    given(played(create(plan)))
      .when(create(plan))
      .thenNothing();
    given(played(create())).when(create()).thenNothing();
    const others = [
      create(planOf([stepSpec("b")])),
      create(plan, { originalRequest: "Something else" }),
      create(),
    ];
    for (const other of others)
      given(played(create(plan)))
        .when(other)
        .thenRefuses("run_exists");
    given(played(create()))
      .when(create(undefined, { goal: "Another goal" }))
      .thenRefuses("run_exists");
  });

  test("of another session never answers with a run of this one", () => {
    const other: Caller = { ...orchestrator, sessionKey: "session-2" };
    given(played(create(plan)))
      .when(create(plan), other)
      .thenRefuses("run_exists");
  });
});

describe("A plan is refused, whoever hands it in,", () => {
  const broken = {
    "without steps": planOf([]),
    "with an id twice": planOf([stepSpec("a"), stepSpec("A")]),
    "with a need that does not exist": planOf([stepSpec("a", { dependsOn: ["ghost"] })]),
    "with a circle": planOf([stepSpec("a", { dependsOn: ["b"] }), stepSpec("b", { dependsOn: ["a"] })]),
    "with a criterion nobody can judge": planOf(
      [stepSpec("a")],
      [{ ...criterion("signed"), validator: cast.approval }],
    ),
  };
  for (const [what, defect] of Object.entries(broken)) {
    test(`${what}, when the run is created`, () => {
      given(undefined).when(create(defect)).thenRefuses("validation_failed");
    });
    test(`${what}, when it comes later`, () => {
      given(played(create())).when(cast.attach(defect)).thenRefuses("validation_failed");
    });
  }

  test("with an agent that does not exist, when the host says which do", () => {
    const world = { rules: { agents: ["reviewer"] } };
    given(undefined, world).when(create(plan)).thenRefuses("validation_failed");
    given(undefined, { rules: { agents: ["coder"] } })
      .when(create(plan))
      .thenHappened("run_created", "plan_attached");
  });
});

describe("attach_plan", () => {
  test("sets the run going, with the plan's goal", () => {
    const run = given(played(create(undefined, { goal: "Draft" })))
      .when(cast.attach(plan))
      .thenHappened("plan_attached");
    expect(run).toMatchObject({ goal: "Ship it", state: { status: "running" } });
  });

  test("said again changes nothing", () => {
    given(played(create(plan)))
      .when(cast.attach(plan))
      .thenNothing();
  });
});

test("Every refusal of a run that does not exist names it", () => {
  for (const said of [cast.pause(), cast.cancel(), cast.note("k", "v"), cast.approve("a")])
    expect(given(undefined).when(said).thenRefuses("run_not_found").message).toBe(
      `There is no run "${RUN_ID}".`,
    );
});

describe("write_note", () => {
  const run = () => runWith([stepSpec("a")]);

  test("keeps the last value of a key", () => {
    const noted = playedOn(run(), {}, cast.note("k", "1"), cast.note("k", "2"));
    expect(noted.notes).toEqual({ k: "2" });
    given(noted).when(cast.note("k", "2")).thenNothing();
    given(noted).when(cast.note("k", "1")).thenHappened("note_written");
  });

  test.each(["constructor", "__proto__", "toString"])("takes %s for a key like any other", (key) => {
    const noted = given(run()).when(cast.note(key, "v")).thenHappened("note_written");
    expect(Object.entries(noted.notes)).toEqual([[key, "v"]]);
    given(noted).when(cast.note(key, "v")).thenNothing();
  });

  test("stops at the limit, but still overwrites (W60)", () => {
    let full = run();
    for (let count = 0; count < limit.NOTES_PER_RUN; count += 1)
      full = decide(cast.note(`k${count}`, "v"), full, { caller: person, at: AT, rules }, RUN_ID).run;
    given(full).when(cast.note("one more", "v")).thenRefuses("limit_exceeded");
    given(full).when(cast.note("constructor", "v")).thenRefuses("limit_exceeded");
    given(full).when(cast.note("k7", "new")).thenHappened("note_written");
  });

  test("to a run that ended is a person's right only", () => {
    const ended = playedOn(run(), {}, cast.cancel());
    for (const by of [orchestrator, cast.engine, executor("coder")])
      given(ended).when(cast.note("k", "v"), by).thenRefuses("run_terminal");
    given(ended).when(cast.note("k", "v"), person).thenHappened("note_written");
  });
});

describe("resume_run", () => {
  const later = (ms: number) => ({ at: new Date(Date.parse(AT) + ms).toISOString() });
  const paused = () => playedOn(runWith([stepSpec("a")]), {}, cast.pause());

  test("of a pause on request is refused when it grew stale, also to a person who does not say so", () => {
    for (const by of [orchestrator, person]) {
      given(paused(), later(HOUR_MS)).when(cast.resume(), by).thenHappened("run_resumed");
      const refusal = given(paused(), later(HOUR_MS + 1))
        .when(cast.resume(), by)
        .thenRefuses("run_stale");
      expect(refusal.message).toContain("staleTtl is 1h");
    }
  });

  test("by a person who says so goes on anyway; the orchestrator's saying so does not count", () => {
    given(paused(), later(30 * HOUR_MS))
      .when(cast.resume(true), person)
      .thenHappened("run_resumed");
    given(paused(), later(30 * HOUR_MS))
      .when(cast.resume(true), orchestrator)
      .thenRefuses("run_stale");
  });

  test("of a run that waits for a person never grows stale", () => {
    const tried = playedOn(runWith([stepSpec("a")]), {}, cast.start("a"), cast.propose("a"));
    const escalated = playedOn(tried, {}, cast.fail("a"), cast.policy("a", cast.escalate));
    const errored = playedOn(tried, {}, cast.error("a"), cast.error("a"), cast.error("a"));
    for (const run of [escalated, errored])
      given(run, later(300 * HOUR_MS))
        .when(cast.resume(), orchestrator)
        .thenHappened("run_resumed");
  });

  test("said twice is refused the second time", () => {
    given(playedOn(paused(), {}, cast.resume()))
      .when(cast.resume())
      .thenRefuses("run_not_paused");
  });
});

test("pause_run on a run that paused by itself changes nothing: the first reason stays", () => {
  const tried = [cast.start("a"), cast.propose("a"), cast.fail("a")] as const;
  const run = playedOn(runWith([stepSpec("a")]), {}, ...tried, cast.policy("a", cast.escalate));
  expect(given(run).when(cast.pause()).thenNothing().state).toMatchObject({ reason: "escalated" });
});

describe("worker_lost", () => {
  test("is told of a run that its client records too, or nobody could ever take it over", () => {
    given(played(cast.startTracked())).when(cast.loseWorker(3)).thenHappened("worker_lost");
  });

  test("is told once for each lease, and changes no step", () => {
    const working = playedOn(runWith([stepSpec("a")]), {}, cast.start("a"));
    const run = given(working).when(cast.loseWorker(3)).thenHappened("worker_lost");
    expect(run).toMatchObject({ workersLost: 1, steps: working.steps });
    given(run).when(cast.loseWorker(3)).thenNothing();
    given(run).when(cast.loseWorker(2)).thenNothing();
    given(run).when(cast.loseWorker(4)).thenHappened("worker_lost");
  });
});

test("cancel_run works on every live run and keeps what its steps were", () => {
  for (const run of [played(create()), runWith([stepSpec("a")])])
    expect(given(run).when(cast.cancel("wrong branch")).thenHappened("run_failed").state).toMatchObject({
      reason: "cancelled",
      message: "wrong branch",
      unmet: [],
    });
});
