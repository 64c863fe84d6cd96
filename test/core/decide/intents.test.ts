import { describe, expect, it } from "vitest";
import type { Caller } from "../../../src/core/commands.js";
import type { Intent } from "../../../src/core/intents.js";
import * as limit from "../../../src/core/limits.js";
import type { Run } from "../../../src/core/run.js";
import * as cast from "../../helpers/cast.js";
import { create, engine, executor, orchestrator, person, planOf, stepSpec } from "../../helpers/cast.js";
import * as gates from "../../helpers/gates.js";
import { AT, given, HOUR_MS, played, playedOn, RUN_ID } from "../../helpers/given.js";

const later = (ms: number) => new Date(Date.parse(AT) + ms).toISOString();
const agent = executor("coder");
const bob: Caller = { name: "bob", role: "human", sessionKey: "terminal" };
const running = () => played(create(planOf([stepSpec("a")])), cast.start("a"));
const proposed = (over: Parameters<typeof gates.proposeIntent>[0] = {}) =>
  playedOn(running(), {}, [gates.proposeIntent(over), agent]);
const approved = (over: Parameters<typeof gates.proposeIntent>[0] = {}) =>
  playedOn(proposed(over), {}, [gates.vote("approve"), person]);
const ordered = (over: Parameters<typeof gates.proposeIntent>[0] = {}) =>
  playedOn(approved(over), {}, [gates.orderIntent(), agent]);
const intentOf = (run: Run): Intent => {
  const intent = gates.newest(run);
  if (intent === undefined) throw new Error("no intent");
  return intent;
};
const heldBy = (run: Run) => {
  const intent = intentOf(run);
  return { gate: { held: { runId: run.runId, seq: intent.seq, intent } } };
};

describe("a proposal", () => {
  it("waits for whom its policy asks, or is let through, or is blocked", () => {
    expect(intentOf(proposed())).toMatchObject({ status: "pending_approval", approvalsNeeded: 1 });
    given(running())
      .when(gates.proposeIntent({ policy: "free" }), agent)
      .thenHappened("intent_proposed", "policy_checked");
    const blocked = given(running())
      .when(gates.proposeIntent({ policy: "nobody" }), agent)
      .thenHappened("intent_proposed", "intent_blocked");
    expect(intentOf(blocked)).toMatchObject({ status: "blocked", policy: { digest: null } });
  });

  it("is blocked where a ledger has no policies at all", () => {
    given(running(), { rules: { gate: undefined } as never })
      .when(gates.proposeIntent({ policy: "free" }), agent)
      .thenHappened("intent_proposed", "intent_blocked");
  });

  it("is of the payload that its policy has read", () => {
    given(running())
      .when({ ...gates.proposeIntent(), text: "something harmless" }, agent)
      .thenRefuses("invalid_input");
  });

  it("again under its key changes nothing while it waits, is allowed, is at work, or nobody knows", () => {
    const unknown = playedOn(ordered(), {}, [gates.reportIntent({ outcome: "unknown" }), agent]);
    for (const run of [proposed(), approved(), ordered(), unknown])
      given(run, heldBy(run)).when(gates.proposeIntent(), agent).thenNothing();
  });

  it("again under its key with other content is refused for as long as the first one is open", () => {
    const run = approved();
    const others = [{ recordCount: 7 }, { policy: "free" }, { idempotent: true }];
    for (const other of others)
      given(run, heldBy(run)).when(gates.proposeIntent(other), agent).thenRefuses("idempotency_key_reused");
  });

  it("under a key that has happened is skipped with what came of it, once", () => {
    const done = playedOn(ordered(), {}, [gates.reportIntent(), agent]);
    const world = heldBy(done);
    const again = given(done, world)
      .when(gates.proposeIntent(), agent)
      .thenHappened("intent_proposed", "intent_skipped");
    expect(intentOf(again)).toMatchObject({
      status: "skipped",
      first: { intentId: intentOf(done).intentId, status: "succeeded", result: '{"imported":1}' },
    });
    given(again, world).when(gates.proposeIntent(), agent).thenNothing();
    given(again).when(gates.orderIntent(), agent).thenRefuses("intent_not_approved");
  });

  it("under a key that another run has is skipped, also where nobody can read that run any more", () => {
    const held = { runId: "run_9", seq: 4, intent: null };
    const skipped = given(running(), { gate: { held } })
      .when(gates.proposeIntent(), agent)
      .thenHappened("intent_proposed", "intent_skipped");
    expect(intentOf(skipped).first).toMatchObject({ intentId: "run_9.4", status: null, result: null });
  });

  it("comes to an end where a run has as many as it may", () => {
    const one = intentOf(proposed());
    const full = { ...running(), intents: Array.from({ length: limit.INTENTS_PER_RUN }, () => one) };
    given(full)
      .when(gates.proposeIntent({ idempotencyKey: "other" }), agent)
      .thenRefuses("limit_exceeded");
  });
});

describe("an approval", () => {
  it("is of exactly what was shown", () => {
    const shown = intentOf(proposed()).contentHash;
    const others = [
      { destination: "salesforce.export" },
      { recordCount: 2 },
      { valueUsd: 1 },
      { action: "delete" },
      { idempotencyKey: "batch-2" },
      { policy: "ask-2" },
      { metadata: { to: "all" } },
    ];
    for (const other of others)
      given(proposed(other))
        .when(gates.vote("approve", { contentHash: shown }), person)
        .thenRefuses("intent_changed");
    given(proposed())
      .when(gates.vote("approve", { contentHash: shown }), person)
      .thenHappened("intent_approved");
  });

  it("is never by whoever proposed it, under whatever role or spelling", () => {
    const own = playedOn(running(), {}, [gates.proposeIntent(), person]);
    for (const name of ["ada", " ADA ", "Ａda"])
      given(own)
        .when(gates.vote("approve"), { ...person, name })
        .thenRefuses("access_denied");
    given(proposed())
      .when(gates.vote("approve"), { ...person, name: "coder" })
      .thenRefuses("access_denied");
    given(own).when(gates.vote("approve"), bob).thenHappened("intent_approved");
  });

  it("counts once for each person, and is not enough where two are asked", () => {
    const one = playedOn(proposed({ policy: "ask-2" }), {}, [gates.vote("approve"), person]);
    expect(intentOf(one).status).toBe("pending_approval");
    given(one).when(gates.vote("approve"), person).thenNothing();
    given(one)
      .when(gates.vote("approve"), { ...person, name: "Ada " })
      .thenNothing();
    given(one).when(gates.orderIntent(), agent).thenRefuses("intent_not_approved");
    const two = playedOn(one, {}, [gates.vote("approve"), bob]);
    expect(intentOf(two).status).toBe("approved");
  });

  it("comes too late when its time is over, whether or not somebody has written that down", () => {
    const world = { at: later(HOUR_MS) };
    given(proposed(), world).when(gates.vote("approve"), person).thenRefuses("intent_expired");
    given(approved(), world).when(gates.orderIntent(), agent).thenRefuses("intent_expired");
    const expired = given(proposed(), world).when(gates.expireIntents, engine).thenHappened("intent_expired");
    given(expired, world).when(gates.expireIntents, engine).thenNothing();
    given(expired).when(gates.vote("approve"), person).thenRefuses("intent_expired");
    given(proposed(), { at: later(HOUR_MS - 1) })
      .when(gates.vote("approve"), person)
      .thenHappened("intent_approved");
  });

  it("may be taken back by a denial until somebody has begun", () => {
    const denied = given(approved()).when(gates.vote("deny"), bob).thenHappened("intent_denied");
    given(denied).when(gates.orderIntent(), agent).thenRefuses("intent_not_approved");
    given(denied)
      .when(gates.vote("approve"), { ...person, name: "eve" })
      .thenRefuses("intent_not_pending");
    given(ordered()).when(gates.vote("deny"), bob).thenRefuses("intent_not_pending");
  });
});

describe("an order", () => {
  it("is for one worker at a time, who may fetch it again under another token", () => {
    const again = given(ordered())
      .when(gates.orderIntent("another"), agent)
      .thenHappened("execution_ordered");
    expect(intentOf(again).order).toMatchObject({ attempt: 2 });
    given(again).when(gates.reportIntent(), agent).thenRefuses("execution_refused");
    given(again)
      .when(gates.reportIntent({ token: "another" }), agent)
      .thenHappened("intent_reported");
    given(ordered()).when(gates.orderIntent(), orchestrator).thenRefuses("intent_ordered");
  });

  it("that was decided on what is not so any more is refused", () => {
    const stale = cast.say(gates.orderIntent(), approved());
    given(ordered()).when(stale, agent).thenRefuses("intent_ordered");
  });

  it("goes to another worker when its time is over, where doing it twice does no harm", () => {
    const over = { at: later(limit.ORDER_TTL_MS) };
    given(ordered({ idempotent: true }), over)
      .when(gates.orderIntent(), orchestrator)
      .thenHappened("execution_ordered");
    const unknown = given(ordered(), over)
      .when(gates.orderIntent(), orchestrator)
      .thenHappened("intent_reported");
    expect(intentOf(unknown).status).toBe("unknown");
    given(unknown, over).when(gates.orderIntent(), orchestrator).thenRefuses("intent_not_approved");
  });

  it("is for nobody in another ledger, nor while the run is paused or over", () => {
    given(approved(), { gate: { ledgerId: "1".repeat(32) } })
      .when(gates.orderIntent(), agent)
      .thenRefuses("intent_not_approved");
    given(playedOn(approved(), {}, cast.pause()))
      .when(gates.orderIntent(), agent)
      .thenRefuses("run_not_running");
    const over = given(approved()).when(cast.cancel()).thenHappened("run_failed", "intent_cancelled");
    given(over).when(gates.orderIntent(), agent).thenRefuses("run_terminal");
  });
});

describe("a report", () => {
  it("is made once; the same again changes nothing, another one is refused", () => {
    const done = playedOn(ordered(), {}, [gates.reportIntent(), agent]);
    given(done).when(gates.reportIntent(), agent).thenNothing();
    given(done)
      .when(gates.reportIntent({ outcome: "failed" }), agent)
      .thenRefuses("execution_reported");
  });

  it("takes the order's token, and says nothing to whoever has none", () => {
    const wrong = given(ordered())
      .when(gates.reportIntent({ token: "guess" }), agent)
      .thenRefuses("execution_refused");
    const none = given(running())
      .when(gates.reportIntent({ token: "guess" }), agent)
      .thenRefuses("execution_refused");
    expect(wrong.hint).toBe(none.hint);
  });

  it("comes late and still counts, unless a person has said what became of it", () => {
    const over = { at: later(limit.ORDER_TTL_MS) };
    const unknown = playedOn(ordered(), over, [gates.orderIntent(), orchestrator]);
    given(unknown, over).when(gates.reportIntent(), agent).thenHappened("intent_reported");
    const said = given(unknown, over)
      .when(
        gates.reportIntent({ token: null, outcome: "failed", result: null, error: "they have nothing" }),
        person,
      )
      .thenHappened("intent_reported");
    expect(intentOf(said).status).toBe("failed");
    given(said, over).when(gates.reportIntent(), agent).thenRefuses("execution_reported");
  });

  it("comes late and still counts where a person only asked for the order that was overdue", () => {
    const over = { at: later(limit.ORDER_TTL_MS) };
    const unknown = playedOn(ordered(), over, [gates.orderIntent(), person]);
    expect(intentOf(unknown)).toMatchObject({ status: "unknown", report: { by: { role: "human" } } });
    const told = given(unknown, over).when(gates.reportIntent(), agent).thenHappened("intent_reported");
    expect(intentOf(told).status).toBe("succeeded");
    given(told, over)
      .when(gates.reportIntent({ outcome: "failed" }), agent)
      .thenRefuses("execution_reported");
  });

  it("by a person is for what nobody knows, and not for what is under way", () => {
    const byPerson = gates.reportIntent({ token: null });
    given(ordered()).when(byPerson, person).thenRefuses("intent_not_pending");
    given(ordered()).when(byPerson, agent).thenRefuses("access_denied");
    given(ordered(), { at: later(limit.ORDER_TTL_MS) })
      .when(byPerson, person)
      .thenHappened("intent_reported");
    const cancelled = playedOn(ordered(), {}, cast.cancel());
    given(cancelled).when(byPerson, person).thenHappened("intent_reported");
    given(cancelled).when(gates.reportIntent(), agent).thenHappened("intent_reported");
  });
});

describe("a run", () => {
  const done = [cast.propose("a"), cast.pass("a")] as const;
  const finished = (run: Run) => playedOn(run, {}, ...done).state.status;

  it("is not done before what it asked for is answered", () => {
    const unknown = playedOn(ordered(), {}, [gates.reportIntent({ outcome: "unknown" }), agent]);
    for (const run of [proposed(), approved(), ordered(), unknown]) expect(finished(run)).toBe("running");
    const waiting = playedOn(ordered(), {}, ...done);
    given(waiting).when(gates.reportIntent(), agent).thenHappened("intent_reported", "run_completed");
    const asked = playedOn(proposed(), {}, ...done);
    given(asked).when(gates.vote("deny"), person).thenHappened("intent_denied", "run_completed");
    given(asked, { at: later(HOUR_MS) })
      .when(gates.expireIntents, engine)
      .thenHappened("intent_expired", "run_completed");
  });

  it("of a client is not completed while one is under way or unknown; it may fail, and what waits ends with it", () => {
    const tracked = () =>
      played([cast.startTracked(), orchestrator], [gates.proposeIntent({ policy: "free" }), orchestrator]);
    const begun = playedOn(tracked(), {}, [gates.orderIntent(), orchestrator]);
    const unknown = playedOn(begun, {}, [gates.reportIntent({ outcome: "unknown" }), orchestrator]);
    for (const run of [begun, unknown]) {
      given(run).when(cast.endTracked("completed"), orchestrator).thenRefuses("intent_ordered");
      given(run).when(cast.endTracked("failed"), orchestrator).thenHappened("run_failed");
    }
    const told = playedOn(unknown, {}, [gates.reportIntent(), orchestrator]);
    given(told).when(cast.endTracked("completed"), orchestrator).thenHappened("run_completed");
    given(tracked())
      .when(cast.endTracked("completed"), orchestrator)
      .thenHappened("run_completed", "intent_cancelled");
  });

  it("knows its intents by its own name", () => {
    expect(intentOf(proposed()).intentId).toBe(`${RUN_ID}.${intentOf(proposed()).seq}`);
  });
});
