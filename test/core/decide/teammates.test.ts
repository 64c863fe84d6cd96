import { describe, expect, test } from "vitest";
import * as limit from "../../../src/core/limits.js";
import type { Run } from "../../../src/core/run.js";
import { whyRun } from "../../../src/core/why.js";
import * as cast from "../../helpers/cast.js";
import { approval, create, planOf, stepSpec, teammates } from "../../helpers/cast.js";
import { given, historyOf, played } from "../../helpers/given.js";

const BLOCKED = "teammate_approval_blocked";
const UNBLOCKED = "teammate_approval_unblocked";
const started = [create(planOf([stepSpec("a"), stepSpec("b")])), cast.start("a")] as const;
const requestsOf = (run: Run) =>
  run.blockedTeammates.map(({ grantRequestId, attempt }) => `${grantRequestId} #${attempt}`);

describe("A teammate that waits for a grant", () => {
  test("is told once, however often the host says so", () => {
    const blocked = given(played(...started))
      .when(teammates([{}]))
      .thenHappened(BLOCKED);
    expect(requestsOf(blocked)).toEqual(["grant-1 #1"]);
    given(blocked)
      .when(teammates([{}]))
      .thenNothing();
    given(blocked)
      .when(teammates([{ attempt: 1 }]))
      .thenNothing();
  });

  test("asks again for the same request: another attempt, since the first", () => {
    const first = played(...started, teammates([{}]));
    const again = given(first)
      .when(teammates([{ reason: "still needs it" }]))
      .thenHappened(BLOCKED);
    expect(again.blockedTeammates).toMatchObject([
      { attempt: 2, reason: "still needs it", since: first.blockedTeammates[0]?.since },
    ]);
    const counted = given(again)
      .when(teammates([{ attempt: 7 }]))
      .thenHappened(BLOCKED);
    expect(requestsOf(counted)).toEqual(["grant-1 #7"]);
  });

  test.each(["granted", "denied", "withdrawn"] as const)(
    "goes on when the request is %s, and begins anew",
    (outcome) => {
      const second = played(...started, teammates([{}]), teammates([{ attempt: 2 }]));
      const answer = given(second).when(teammates([], [{ grantRequestId: "grant-1", outcome }]));
      expect(answer.events).toMatchObject([
        { payload: { grantRequestId: "grant-1", agent: "coder", outcome } },
      ]);
      const free = answer.thenHappened(UNBLOCKED);
      expect(free.blockedTeammates).toEqual([]);
      expect(
        requestsOf(
          given(free)
            .when(teammates([{}]))
            .thenHappened(BLOCKED),
        ),
      ).toEqual(["grant-1 #1"]);
    },
  );

  test("withdrew when nobody says what became of it", () => {
    const { events } = given(played(...started, teammates([{}]))).when(teammates([]));
    expect(events).toMatchObject([{ type: UNBLOCKED, payload: { outcome: "withdrawn" } }]);
  });

  test("was never blocked: nothing goes on", () => {
    given(played(...started))
      .when(teammates([], [{ grantRequestId: "grant-1", outcome: "granted" }]))
      .thenNothing();
  });

  test("began a new cycle between two words of the host: both are told, in order", () => {
    const third = played(...started, teammates([{ attempt: 3 }]));
    const now = teammates([{ attempt: 1 }], [{ grantRequestId: "grant-1", outcome: "denied" }]);
    const again = given(third).when(now).thenHappened(UNBLOCKED, BLOCKED);
    expect(requestsOf(again)).toEqual(["grant-1 #1"]);
    given(again).when(now).thenNothing();
  });
});

describe("Several teammates", () => {
  const two = [{}, { grantRequestId: "grant-2", agent: "tester", tool: "browser" }];

  test("are blocked at once, each on a request of its own", () => {
    const run = given(played(...started))
      .when(teammates(two))
      .thenHappened(BLOCKED, BLOCKED);
    expect(requestsOf(run)).toEqual(["grant-1 #1", "grant-2 #1"]);
    const left = given(run)
      .when(teammates(two.slice(0, 1)))
      .thenHappened(UNBLOCKED);
    expect(requestsOf(left)).toEqual(["grant-1 #1"]);
  });

  test("cannot share one request", () => {
    given(played(...started))
      .when(teammates([{}, { agent: "tester" }]))
      .thenRefuses("invalid_input");
  });

  test("are counted", () => {
    const many = Array.from({ length: limit.TEAMMATES_BLOCKED }, (_, at) => ({ grantRequestId: `g${at}` }));
    expect(played(...started, teammates(many)).blockedTeammates).toHaveLength(limit.TEAMMATES_BLOCKED);
  });
});

describe("The run", () => {
  test("forgets who was blocked when it ends, without another event", () => {
    const blocked = played(...started, teammates([{}]));
    expect(given(blocked).when(cast.cancel()).thenHappened("run_failed").blockedTeammates).toEqual([]);
    const single = played(
      create(planOf([stepSpec("a")])),
      cast.start("a"),
      teammates([{}]),
      cast.propose("a"),
    );
    const done = given(single).when(cast.pass("a")).thenHappened("step_validation_passed", "run_completed");
    expect(done.blockedTeammates).toEqual([]);
    given(done).when(teammates([])).thenNothing();
    given(done)
      .when(teammates([{}]))
      .thenRefuses("run_terminal");
  });

  test("leaves them behind when it is forked: who waits there does not wait here", () => {
    const history = historyOf("run_2", ...started, teammates([{}]));
    const fork = given(undefined, { history }).when(cast.forkOf("run_2"));
    expect(fork.events.at(-1)).toMatchObject({ type: UNBLOCKED, payload: { outcome: "withdrawn" } });
  });

  test("waits for a person only when all that could go on is held up", () => {
    const all = played(create(planOf([stepSpec("a")])), cast.start("a"), teammates([{}]));
    expect(whyRun(all, true)).toMatchObject({
      for: "person",
      sentence: 'It waits until "coder" (exec, request grant-1) may go on.',
    });
    const other = stepSpec("b", { ownerAgent: "tester" });
    const some = played(
      create(planOf([stepSpec("a"), other])),
      cast.start("a"),
      cast.start("b"),
      teammates([{}]),
    );
    expect(whyRun(some, true)).toMatchObject({
      for: "work",
      sentence: "It is at work: agents work on a, b; waiting for a grant: coder.",
    });
    const signed = stepSpec("s", { validator: approval });
    const asked = played(create(planOf([signed])), cast.start("s"), cast.propose("s"), teammates([{}]));
    expect(whyRun(asked, true).sentence).toBe('Step "s" waits for approval.');
  });
});
