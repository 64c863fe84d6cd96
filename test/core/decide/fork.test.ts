import { describe, expect, test } from "vitest";
import type { StoredEvent } from "../../../src/core/events.js";
import { fold } from "../../../src/core/evolve.js";
import { nextActions } from "../../../src/core/next.js";
import * as cast from "../../helpers/cast.js";
import { create, criterion, orchestrator, person, planOf, stepSpec } from "../../helpers/cast.js";
import { given, historyOf, playedOn, statusOf } from "../../helpers/given.js";

const OLD = "run_old";
const two = planOf([stepSpec("a"), stepSpec("b", { dependsOn: ["a"] })], [criterion("all is well")]);
const solved = [create(two), cast.start("a"), cast.propose("a"), cast.pass("a")] as const;
const failed = historyOf(
  OLD,
  ...solved,
  cast.start("b"),
  cast.loseWorker(3),
  cast.propose("b"),
  cast.fail("b"),
  cast.policy("b", cast.abort),
);
const seqOf = (type: StoredEvent["type"], nth = 0): number =>
  failed.filter((event) => event.type === type)[nth]?.seq ?? Number.NaN;

const forked = (seq: number | null, history = failed) =>
  given(undefined, { history, at: "2026-05-05T00:00:00.000Z" }).when(cast.forkOf(OLD, seq), orchestrator);

describe("A fork", () => {
  test("takes over what was verified, and goes on from there under its own name", () => {
    const at = seqOf("step_validation_passed");
    const { events } = forked(at);
    const run = fold(events);
    expect(events).toHaveLength(at);
    expect(run).toMatchObject({ forkedFrom: { runId: OLD, seq: at, hash: `hash ${at}` } });
    if (run === undefined) throw new Error("no run");
    expect([statusOf(run, "a"), statusOf(run, "b")]).toEqual(["completed", "pending"]);
    expect(nextActions(run)).toEqual([{ kind: "work", stepId: "b", agent: "coder" }]);
    const done = playedOn(run, {}, cast.start("b"), cast.propose("b"), cast.pass("b"), cast.meet(0));
    expect(done.state.status).toBe("completed");
  });

  test("keeps who did what and when; only its beginning is the forker's", () => {
    const { events } = forked(null);
    const [first, ...rest] = events;
    expect(first).toMatchObject({ actor: { name: orchestrator.name }, at: "2026-05-05T00:00:00.000Z" });
    for (const event of rest) {
      const old = failed[event.seq - 1];
      expect(event).toMatchObject({ at: old?.at, actor: old?.actor, type: old?.type });
      expect(event).not.toHaveProperty("hash");
    }
  });

  test("without a place begins where the other run could still go on, whatever ended it", () => {
    expect(forked(null).events).toHaveLength(failed.length - 1);
    const live = historyOf(OLD, ...solved);
    expect(forked(null, live).events).toHaveLength(live.length);
  });

  test("does not count the other run's leases as its own", () => {
    const run = forked(null).thenHappened(...failed.slice(0, -1).map(({ type }) => type));
    expect(run).toMatchObject({ workersLost: 1, lastLostEpoch: 0 });
    given(run).when(cast.loseWorker(1)).thenHappened("worker_lost");
  });

  test("asked for again changes nothing; of another past it is refused", () => {
    const run = fold(forked(null).events);
    given(run, { history: failed }).when(cast.forkOf(OLD), orchestrator).thenNothing();
    given(run, { history: failed }).when(cast.forkOf(OLD, 2), orchestrator).thenRefuses("run_exists");
    given(run, { history: failed }).when(cast.forkOf("run_x"), orchestrator).thenRefuses("run_exists");
  });

  test("is refused at the end of a run, behind it, of no run, and of one that worked in the project folder", () => {
    expect(forked(failed.length).thenRefuses("run_terminal").hint).toMatch(/earlier event/);
    forked(failed.length + 1).thenRefuses("invalid_input");
    forked(null, []).thenRefuses("run_not_found");
    const shared = historyOf(OLD, create(two, { workspaceIsolation: false, base: null }));
    forked(null, shared).thenRefuses("invalid_input");
  });

  test("of a session's run is for that session and for people", () => {
    const world = { history: failed };
    const elsewhere = { ...orchestrator, sessionKey: "session-2" };
    given(undefined, world).when(cast.forkOf(OLD), elsewhere).thenRefuses("session_mismatch");
    const run = fold(given(undefined, world).when(cast.forkOf(OLD), person).events);
    expect(run).toMatchObject({ sessionKey: person.sessionKey, createdBy: { name: person.name } });
  });
});
