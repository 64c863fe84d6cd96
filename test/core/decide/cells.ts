import { expect, test } from "vitest";
import type { CommandType } from "../../../src/core/commands.js";
import { type ErrorCode, LedgerError } from "../../../src/core/errors.js";
import type { EventType, PauseReason, PolicyActionType } from "../../../src/core/events.js";
import type { FailureReason } from "../../../src/core/family.js";
import type { HostChange, HostRunStatus, HostStep } from "../../../src/core/reported.js";
import type { CompletedHow, Run, RunStatus, StepStatus } from "../../../src/core/run.js";
import type { StepSpec } from "../../../src/core/spec.js";
import type { Outcome } from "../../../src/core/verdict.js";
import * as cast from "../../helpers/cast.js";
import { approval, create, criterion, planOf, type Said, say, stepSpec } from "../../helpers/cast.js";
import * as gates from "../../helpers/gates.js";
import { attempt, historyOf, played, playedOn } from "../../helpers/given.js";

/** What follows in one cell: these events (none when it was done before), or a refusal. */
export type Cell = readonly EventType[] | ErrorCode;
export const nothing: readonly EventType[] = [];

type WithKinds =
  | "apply_policy"
  | "mirror_teammates"
  | "record_verdict"
  | "record_criterion_verdict"
  | "report_change"
  | "sync_projection";
export type CommandCase =
  | Exclude<CommandType, WithKinds>
  | `mirror_teammates ${"blocked" | "free"}`
  | `apply_policy ${PolicyActionType}`
  | `record_verdict ${Outcome}`
  | `record_criterion_verdict ${Outcome}`
  | `report_change ${HostChange["kind"]}`
  | `sync_projection ${"synced" | "degraded"}`;

export type RunCase =
  | "none"
  | Exclude<RunStatus, "paused" | "failed">
  | `paused ${PauseReason}`
  | `failed ${FailureReason}`
  | `mirrored ${HostRunStatus | "degraded"}`;

type StepKinds = {
  pending: "ready" | "waiting";
  in_progress: "open";
  racing: "open" | "errored";
  verify_pending: "fresh" | "errored" | "awaiting approval" | "approved";
  completed: CompletedHow;
  failed: "judged" | "rejected" | "reported";
  interrupted: "open" | "reported";
};
export type StepCase = { [S in StepStatus]: `${S} ${StepKinds[S]}` }[StepStatus];

const OTHER = "run_other";
/** A run that came as far as a refused step. */
const otherPast = () =>
  historyOf(OTHER, create(planOf([stepSpec("x")])), cast.start("x"), cast.propose("x"), cast.fail("x"));

/** Every command about step "a" and criterion 0; approvals are about the step given. */
export const saidIn = (approvable: string): { readonly [C in CommandCase]: Said } => ({
  create_run: create(planOf([stepSpec("other")])),
  fork_run: cast.forkOf(OTHER),
  attach_plan: cast.attach(planOf([stepSpec("other")])),
  start_step: cast.ofFirst("a", cast.start("a")),
  propose_step_result: cast.ofFirst("a", cast.propose("a")),
  interrupt_step: cast.ofFirst("a", cast.interrupt("a")),
  record_effects: cast.ofFirst("a", cast.intend("a")),
  decide_effect: cast.ofFirst("a", cast.decideEffect("a")),
  suspend_step: cast.ofFirst("a", cast.suspend("a")),
  seal_checkpoint: cast.signed("a", { of: { stepId: "a", attempt: 1 } }),
  pass_over_checkpoints: cast.ofFirst("a", cast.passOver("a", "ckpt_1")),
  discard_checkpoints: cast.discardCheckpoints,
  fire_timers: cast.fireTimers,
  resolve_promise: cast.answerPromise("a"),
  propose_intent: gates.proposeIntent(),
  vote_intent: gates.vote("approve"),
  cancel_intent: gates.cancelIntent,
  apply_standing: gates.applyStanding,
  expire_intents: gates.expireIntents,
  order_intent: gates.orderIntent(),
  report_intent: gates.reportIntent(),
  finish_child: cast.finishChild,
  tell_parent: cast.tellParent,
  refuse_access: cast.refuseAccess,
  set_budget: cast.setBudget({ tokens: 1_000_000 }),
  stop_at_budget: cast.stopAtBudget("a"),
  "record_verdict passed": cast.ofFirst("a", cast.pass("a")),
  "record_verdict failed": cast.ofFirst("a", cast.fail("a")),
  "record_verdict errored": cast.ofFirst("a", cast.error("a")),
  "record_criterion_verdict passed": cast.meet(0),
  "record_criterion_verdict failed": cast.unmeet(0),
  "record_criterion_verdict errored": cast.errorCriterion(0),
  "apply_policy retry": cast.policy("a", cast.retry),
  "apply_policy decompose": cast.policy("a", cast.decompose(stepSpec("a1"))),
  "apply_policy change_agent": cast.policy("a", cast.changeAgent("other")),
  "apply_policy change_validator": cast.policy(
    "a",
    cast.changeValidator({ type: "command_pass", target: "true", params: {} }),
  ),
  "apply_policy skip": cast.policy("a", cast.skip),
  "apply_policy abort": cast.policy("a", cast.abort),
  "apply_policy escalate": cast.policy("a", cast.escalate),
  approve_step: cast.approve(approvable),
  reject_step: cast.reject(approvable),
  write_note: cast.note("key", "value"),
  pause_run: cast.pause(),
  resume_run: cast.resume(),
  cancel_run: cast.cancel(),
  mirror_run: cast.mirror(),
  "report_change step": cast.report({ kind: "step", step: cast.hostStep("new") }),
  "report_change step_status": cast.reportStep("a", "running"),
  "report_change run_status": cast.reportRun("completed", { result: "all done" }),
  "sync_projection synced": cast.sync("synced"),
  "sync_projection degraded": cast.sync("degraded"),
  worker_lost: cast.loseWorker(1),
  "mirror_teammates blocked": cast.teammates([{}]),
  "mirror_teammates free": cast.teammates([]),
  start_run: cast.startTracked(),
  record_event: cast.recordEvent(),
  open_handoff: cast.openHandoff,
  complete_handoff: cast.completeHandoff,
  resume_tracked: cast.resumeTracked,
  end_tracked: cast.endTracked("completed"),
});

/** Step "a", step "b" that waits for it, step "sign" that waits for a person, and one criterion. */
const three = planOf(
  [stepSpec("a"), stepSpec("b", { dependsOn: ["a"] }), stepSpec("sign", { validator: approval })],
  [criterion("all is well")],
);
const asked = [create(three), cast.start("sign"), cast.propose("sign")] as const;
const proposed = [...asked, cast.start("a"), cast.propose("a")] as const;
const refused = [...proposed, cast.fail("a")] as const;
const done = [
  ...proposed,
  cast.pass("a"),
  cast.start("b"),
  cast.propose("b"),
  cast.pass("b"),
  cast.approve("sign"),
  cast.pass("sign"),
] as const;

export const runs: { readonly [C in RunCase]: () => Run | undefined } = {
  none: () => undefined,
  planning: () => played(create()),
  running: () => played(...asked),
  "paused requested": () => played(...asked, cast.pause()),
  "paused escalated": () => played(...refused, cast.policy("a", cast.escalate)),
  "paused budget": () => played(...asked, cast.stopAtBudget("a")),
  "paused verification_errored": () => played(...proposed, cast.error("a"), cast.error("a"), cast.error("a")),
  "paused unmet_criteria": () =>
    playedOn(played(...done), { rules: { onUnmetCriteria: "pause" } }, cast.unmeet(0)),
  completed: () => played(...done, cast.meet(0)),
  "failed aborted": () => played(...refused, cast.policy("a", cast.abort)),
  "failed cancelled": () => played(...asked, cast.cancel()),
  "failed unmet_criteria": () => played(...done, cast.unmeet(0)),
  "mirrored pending": () => played(cast.mirror({ status: "pending" })),
  "mirrored running": () => played(cast.mirror()),
  "mirrored paused": () => played(cast.mirror({ status: "paused" })),
  "mirrored completed": () => played(cast.mirror({ status: "completed" })),
  "mirrored failed": () => played(cast.mirror({ status: "failed" })),
  "mirrored cancelled": () => played(cast.mirror({ status: "cancelled" })),
  "mirrored degraded": () => played(cast.mirror(), cast.sync("degraded")),
};

/** A running run with step "a" in this state and another step, so that the run does not end. */
export const steps: { readonly [C in StepCase]: () => Run } = {
  "pending ready": () => withA({}),
  "pending waiting": () => withA({ dependsOn: ["z"] }),
  "in_progress open": () => withA({}, cast.start("a")),
  "racing open": () => withA({ race: cast.two }, cast.of(1, cast.start("a"))),
  "racing errored": () =>
    withA({ race: cast.two }, ...[...tried, cast.error("a")].map((said) => cast.of(1, said))),
  "verify_pending fresh": () => withA({}, ...tried),
  "verify_pending errored": () => withA({}, ...tried, cast.error("a")),
  "verify_pending awaiting approval": () => withA({ validator: approval }, ...tried),
  "verify_pending approved": () => withA({ validator: approval }, ...tried, cast.approve("a")),
  "completed verified": () => withA({}, ...tried, cast.pass("a")),
  "completed approved": () => withA({ validator: approval }, ...tried, cast.approve("a"), cast.pass("a")),
  "completed skipped": () => withA({}, ...tried, cast.fail("a"), cast.policy("a", cast.skip)),
  "completed decomposed": () =>
    withA({}, ...tried, cast.fail("a"), cast.policy("a", cast.decompose(stepSpec("a1")))),
  "completed reported": () => mirroredA("completed"),
  "failed reported": () => mirroredA("failed"),
  "interrupted reported": () => mirroredA("cancelled"),
  "failed judged": () => withA({}, ...tried, cast.fail("a")),
  "failed rejected": () => withA({ validator: approval }, ...tried, cast.reject("a")),
  "interrupted open": () => withA({}, cast.start("a"), cast.interrupt("a")),
};

const mirroredA = (status: HostStep["status"]): Run =>
  played(cast.mirror({ steps: [cast.hostStep("a", { status }), cast.hostStep("z")] }));

const tried = [cast.start("a"), cast.propose("a")] as const;

const withA = (a: Partial<StepSpec>, ...lines: readonly Said[]): Run =>
  played(create(planOf([stepSpec("a", a), stepSpec("z")], [criterion("all is well")])), ...lines);

/** The same in all of these cells. */
export const all = <C extends string>(cases: readonly C[], cell: Cell): { readonly [K in C]: Cell } =>
  Object.fromEntries(cases.map((one) => [one, cell])) as { [K in C]: Cell };

/** One test a cell, with the command said of this run by whoever usually says it. */
export const testCell = (name: string, makeRun: () => Run | undefined, said: Said, cell: Cell): void => {
  const expected = typeof cell === "string" ? `refused: ${cell}` : cell.join(" + ") || "nothing follows";
  test(`${name} → ${expected}`, () => {
    const run = makeRun();
    const command = say(said, run ?? played(create(three)));
    const answer = attempt(run, command, undefined, { history: otherPast() });
    const got = answer instanceof LedgerError ? answer.code : answer.events.map(({ type }) => type);
    expect(got).toEqual(cell);
  });
};
