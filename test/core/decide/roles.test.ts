import { describe, expect, test } from "vitest";
import type { Caller, CommandType } from "../../../src/core/commands.js";
import { type ErrorCode, LedgerError } from "../../../src/core/errors.js";
import type { Run } from "../../../src/core/run.js";
import * as cast from "../../helpers/cast.js";
import {
  approval,
  create,
  criterion,
  engine,
  executor,
  orchestrator,
  person,
  planOf,
  type Said,
  stepSpec,
} from "../../helpers/cast.js";
import * as gates from "../../helpers/gates.js";
import { attempt, given, historyOf, played, RUN_ID } from "../../helpers/given.js";

/** Whoever could speak, of step "a" that is at attempt 2 or about to be. */
const speakers = {
  orchestrator,
  person,
  engine,
  host: cast.host,
  owner: executor("coder", { runId: RUN_ID, stepId: "a", attempt: 2 }),
  "owner, not bound": executor("coder"),
  "owner of an old attempt": executor("coder", { runId: RUN_ID, stepId: "a", attempt: 1 }),
  "owner, bound to another run": executor("coder", { runId: "run_2" }),
  "owner, bound to another step": executor("coder", { runId: RUN_ID, stepId: "b" }),
  "owner in another session": executor("coder", { sessionKey: "session-2" }),
  "another agent": executor("reviewer"),
  "orchestrator of another session": { ...orchestrator, sessionKey: "session-2" },
  "orchestrator, bound to another run": { ...orchestrator, runId: "run_2" },
} satisfies Record<string, Caller>;
type Speaker = keyof typeof speakers;
type Row = { readonly [S in Speaker]: "may" | ErrorCode };

const nobody: Row = {
  orchestrator: "access_denied",
  person: "access_denied",
  engine: "access_denied",
  host: "access_denied",
  owner: "access_denied",
  "owner, not bound": "access_denied",
  "owner of an old attempt": "access_denied",
  "owner, bound to another run": "access_denied",
  "owner, bound to another step": "access_denied",
  "owner in another session": "access_denied",
  "another agent": "access_denied",
  "orchestrator of another session": "access_denied",
  "orchestrator, bound to another run": "access_denied",
};
const humanOnly: Row = { ...nobody, person: "may" };
const engineOnly: Row = { ...nobody, engine: "may" };
const hostOnly: Row = { ...nobody, host: "may" };
const inCharge: Row = {
  ...nobody,
  orchestrator: "may",
  person: "may",
  "orchestrator of another session": "session_mismatch",
};
const ownerOnly: Row = {
  ...nobody,
  owner: "may",
  "owner, not bound": "may",
  "owner of an old attempt": "step_not_yours",
  "owner in another session": "session_mismatch",
  "another agent": "step_not_yours",
};

/** Whoever works in its session records what a client does; of people all. */
const recorders: Row = {
  ...inCharge,
  owner: "may",
  "owner, not bound": "may",
  "owner of an old attempt": "may",
  "owner, bound to another step": "may",
  "owner in another session": "session_mismatch",
  "another agent": "may",
};
const tracking = [cast.startTracked()] as const;

type Situation = { readonly run: () => Run | undefined; readonly said: Said; readonly row: Row };

const steps = [
  stepSpec("a"),
  stepSpec("b", { dependsOn: ["a"] }),
  stepSpec("sign", { validator: approval, ownerAgent: "writer" }),
];
const asked = [create(planOf(steps)), cast.start("sign"), cast.propose("sign")] as const;
const retried = [
  ...asked,
  cast.start("a"),
  cast.propose("a"),
  cast.fail("a"),
  cast.policy("a", cast.retry),
] as const;
const single = planOf([stepSpec("a")], [criterion("all is well")]);

/** One that the owner of "a" proposed. */
const intended = [...retried, cast.start("a"), [gates.proposeIntent(), speakers.owner]] as const;
/** An agent speaks of its own intents, and whoever is in charge of all. */
const withIntents: Row = {
  ...inCharge,
  owner: "may",
  "owner, not bound": "may",
  "owner of an old attempt": "may",
  "owner, bound to another step": "may",
  "owner in another session": "session_mismatch",
};

const situations: { readonly [T in CommandType]: Situation } = {
  create_run: {
    run: () => undefined,
    said: create(planOf(steps)),
    row: { ...inCharge, "orchestrator of another session": "may" },
  },
  fork_run: { run: () => undefined, said: cast.forkOf("run_2"), row: inCharge },
  attach_plan: { run: () => played(create()), said: cast.attach(planOf(steps)), row: inCharge },
  start_step: {
    run: () => played(...retried),
    said: cast.start("a"),
    row: { ...ownerOnly, engine: "may" },
  },
  propose_step_result: {
    run: () => played(...retried, cast.start("a")),
    said: cast.propose("a"),
    row: ownerOnly,
  },
  interrupt_step: {
    run: () => played(...retried, cast.start("a")),
    said: cast.interrupt("a"),
    row: engineOnly,
  },
  record_effects: {
    run: () => played(...retried, cast.start("a")),
    said: cast.intend("a"),
    row: { ...ownerOnly, engine: "may" },
  },
  decide_effect: {
    run: () => played(...retried, cast.start("a"), cast.intend("a")),
    said: cast.decideEffect("a"),
    row: { ...engineOnly, person: "may" },
  },
  seal_checkpoint: {
    run: () => played(...retried, cast.start("a")),
    said: cast.signed("a"),
    row: { ...inCharge, engine: "may" },
  },
  pass_over_checkpoints: {
    run: () => played(...retried, cast.start("a"), cast.signed("a")),
    said: cast.passOver("a", "ckpt_1"),
    row: engineOnly,
  },
  discard_checkpoints: {
    run: () => played(...retried, cast.start("a"), cast.signed("a")),
    said: cast.discardCheckpoints,
    row: inCharge,
  },
  suspend_step: {
    run: () => played(...retried, cast.start("a"), cast.beginWait("a")),
    said: cast.suspend("a"),
    row: engineOnly,
  },
  fire_timers: {
    run: () => played(...retried, cast.start("a"), cast.beginWait("a")),
    said: cast.fireTimers,
    row: engineOnly,
  },
  resolve_promise: {
    run: () => played(...retried, cast.start("a"), cast.promiseOf("a")),
    said: cast.answerPromise("a", { promise: "a/2/0" }),
    row: inCharge,
  },
  propose_intent: {
    run: () => played(...retried, cast.start("a")),
    said: gates.proposeIntent(),
    row: { ...withIntents, "owner of an old attempt": "step_not_yours", "another agent": "may" },
  },
  vote_intent: { run: () => played(...intended), said: gates.vote("approve"), row: humanOnly },
  cancel_intent: { run: () => played(...intended), said: gates.cancelIntent, row: withIntents },
  apply_standing: { run: () => played(...intended), said: gates.applyStanding, row: engineOnly },
  expire_intents: { run: () => played(...intended), said: gates.expireIntents, row: engineOnly },
  order_intent: {
    run: () => played(...intended, gates.vote("approve")),
    said: gates.orderIntent(),
    row: withIntents,
  },
  report_intent: {
    run: () => played(...intended, gates.vote("approve"), gates.orderIntent()),
    said: gates.reportIntent(),
    row: withIntents,
  },
  finish_child: {
    run: () => played(...retried, cast.start("a"), cast.startChild("a")),
    said: cast.finishChild,
    row: engineOnly,
  },
  tell_parent: {
    run: () => played(...retried),
    said: cast.tellParent,
    row: engineOnly,
  },
  record_verdict: {
    run: () => played(...retried, cast.start("a"), cast.propose("a")),
    said: cast.pass("a"),
    row: engineOnly,
  },
  record_criterion_verdict: {
    run: () => played(create(single), cast.start("a"), cast.propose("a"), cast.pass("a")),
    said: cast.meet(0),
    row: engineOnly,
  },
  apply_policy: {
    run: () => played(...asked, cast.start("a"), cast.interrupt("a")),
    said: cast.policy("a", cast.skip),
    row: inCharge,
  },
  approve_step: { run: () => played(...asked), said: cast.approve("sign"), row: inCharge },
  reject_step: { run: () => played(...asked), said: cast.reject("sign"), row: inCharge },
  write_note: {
    run: () => played(...retried),
    said: cast.note("key", "value"),
    row: {
      orchestrator: "may",
      person: "may",
      engine: "may",
      host: "session_mismatch",
      owner: "may",
      "owner, not bound": "may",
      "owner of an old attempt": "may",
      "owner, bound to another run": "access_denied",
      "owner, bound to another step": "may",
      "owner in another session": "session_mismatch",
      "another agent": "may",
      "orchestrator of another session": "session_mismatch",
      "orchestrator, bound to another run": "access_denied",
    },
  },
  pause_run: { run: () => played(...asked), said: cast.pause(), row: inCharge },
  resume_run: { run: () => played(...asked, cast.pause()), said: cast.resume(), row: inCharge },
  cancel_run: { run: () => played(...asked), said: cast.cancel(), row: inCharge },
  mirror_run: { run: () => undefined, said: cast.mirror(), row: hostOnly },
  report_change: { run: () => played(cast.mirror()), said: cast.reportStep("a", "running"), row: hostOnly },
  sync_projection: { run: () => played(cast.mirror()), said: cast.sync("degraded"), row: hostOnly },
  set_budget: { run: () => played(...asked), said: cast.setBudget({ tokens: 1 }), row: humanOnly },
  stop_at_budget: { run: () => played(...asked), said: cast.stopAtBudget("a"), row: engineOnly },
  refuse_access: { run: () => played(...asked), said: cast.refuseAccess, row: engineOnly },
  worker_lost: { run: () => played(...asked), said: cast.loseWorker(1), row: engineOnly },
  mirror_teammates: { run: () => played(...asked), said: cast.teammates([{}]), row: hostOnly },
  start_run: {
    run: () => undefined,
    said: cast.startTracked(),
    row: { ...recorders, "owner in another session": "may", "orchestrator of another session": "may" },
  },
  record_event: { run: () => played(...tracking), said: cast.recordEvent(), row: recorders },
  open_handoff: { run: () => played(...tracking), said: cast.openHandoff, row: recorders },
  complete_handoff: {
    run: () => played(...tracking, cast.openHandoff),
    said: cast.completeHandoff,
    row: recorders,
  },
  resume_tracked: { run: () => played(...tracking), said: cast.resumeTracked, row: recorders },
  end_tracked: { run: () => played(...tracking), said: cast.endTracked("completed"), row: recorders },
};

for (const command of Object.keys(situations) as CommandType[])
  describe(`${command}, said by`, () => {
    const { run, said, row } = situations[command];
    for (const speaker of Object.keys(speakers) as Speaker[])
      test(`${speaker} → ${row[speaker]}`, () => {
        const answer = attempt(run(), said, speakers[speaker], { history: historyOf("run_2", ...asked) });
        expect(answer instanceof LedgerError ? answer.code : "may").toBe(row[speaker]);
      });
  });

describe("Nobody approves their own work", () => {
  const waiting = () => played(...asked);
  for (const role of ["orchestrator", "human"] as const)
    for (const said of [cast.approve("sign"), cast.reject("sign")])
      test(`not even when the proposing agent's name comes back as ${role} with ${said.type}`, () => {
        given(waiting())
          .when(said, { name: "writer", role, sessionKey: cast.SESSION })
          .thenRefuses("access_denied");
      });
});

describe("The journal tells who it was", () => {
  test("the actor and the session of an event are the caller's, not the run's", () => {
    const [event] = given(played(...asked)).when(cast.pause(), person).events;
    expect(event).toMatchObject({
      actor: { name: "ada", role: "human" },
      sessionKey: "terminal",
      runId: RUN_ID,
    });
  });
});
