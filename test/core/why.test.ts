import { describe, expect, test } from "vitest";
import type { Run } from "../../src/core/run.js";
import { whyRun } from "../../src/core/why.js";
import * as cast from "../helpers/cast.js";
import { approval, create, criterion, planOf, policy, stepSpec } from "../helpers/cast.js";
import { played, playedOn, runWith } from "../helpers/given.js";

const tried = [cast.start("a"), cast.propose("a")] as const;
const steps = [stepSpec("a"), stepSpec("b", { dependsOn: ["a"] })];
const told = (run: Run, hasWorker = true): string => {
  const waiting = whyRun(run, hasWorker);
  return `[${waiting.for}] ${waiting.sentence}${waiting.hint === null ? "" : ` | ${waiting.hint}`}`;
};

describe("whyRun says in one sentence", () => {
  test("that a run without a plan waits for it", () => {
    expect(told(played(create()))).toMatchInlineSnapshot(`"[person] It waits for a plan."`);
  });

  test("what is at work", () => {
    expect(told(runWith(steps))).toMatchInlineSnapshot(`"[work] It is at work: 0 of 2 steps are completed."`);
    expect(told(playedOn(runWith(steps), {}, cast.start("a")))).toMatchInlineSnapshot(
      `"[work] It is at work: agents work on a."`,
    );
    expect(told(playedOn(runWith(steps), {}, ...tried))).toMatchInlineSnapshot(
      `"[work] It is at work: being verified: a."`,
    );
    expect(told(playedOn(runWith(steps), {}, ...tried, cast.fail("a")))).toMatchInlineSnapshot(
      `"[work] It is at work: waiting for a policy decision: a."`,
    );
    expect(told(playedOn(runWith(steps), {}, ...tried, cast.error("a")))).toMatchInlineSnapshot(
      `"[work] It is at work: being verified: a."`,
    );
  });

  test("what is at work beside what waits, without the whole list", () => {
    const many = ["s1", "s2", "s3", "s4", "s5", "s6", "s7"].map((id) => stepSpec(id));
    const sign = stepSpec("sign", { validator: approval });
    const run = playedOn(
      runWith([...many, sign]),
      {},
      ...many.map(({ id }) => cast.start(id)),
      cast.start("sign"),
      cast.propose("sign"),
    );
    expect(told(run)).toMatchInlineSnapshot(
      `"[work] It is at work: agents work on s1, s2, s3, s4, s5 and 2 more; waiting for approval: sign."`,
    );
  });

  test("that nobody drives it", () => {
    expect(told(runWith(steps), false)).toMatchInlineSnapshot(
      `"[worker] It is undriven: 1 action is due and no worker drives it. | runledger resume run_1"`,
    );
    expect(told(runWith([stepSpec("a"), stepSpec("b")]), false)).toMatchInlineSnapshot(
      `"[worker] It is undriven: 2 actions are due and no worker drives it. | runledger resume run_1"`,
    );
  });

  test("that work was cut off, where some was begun", () => {
    expect(told(playedOn(runWith(steps), {}, cast.start("a")), false)).toMatchInlineSnapshot(
      `"[worker] It is interrupted: 1 action is due and no worker drives it. | runledger resume run_1"`,
    );
    expect(told(playedOn(runWith(steps), {}, ...tried), false)).toMatchInlineSnapshot(
      `"[worker] It is undriven: 1 action is due and no worker drives it. | runledger resume run_1"`,
    );
  });

  test("that it waits for an approval", () => {
    const run = playedOn(runWith([stepSpec("a", { validator: approval })]), {}, ...tried);
    expect(told(run)).toMatchInlineSnapshot(
      `"[person] Step "a" waits for approval. | runledger approve run_1 a --proposal 4"`,
    );
  });

  test("why it is paused", () => {
    const refused = playedOn(runWith(steps), {}, ...tried, cast.fail("a"));
    const twice = playedOn(refused, {}, policy("a", cast.retry), ...tried, cast.fail("a"));
    const interrupted = playedOn(runWith(steps), {}, cast.start("a"), cast.interrupt("a"));
    const two = playedOn(
      runWith([stepSpec("a"), stepSpec("c")]),
      {},
      ...tried,
      cast.fail("a"),
      cast.start("c"),
    );
    const both = playedOn(two, {}, cast.interrupt("c"), policy("c", cast.escalate));
    const errors = [cast.error("a"), cast.error("a"), cast.error("a")];
    expect(told(playedOn(runWith(steps), {}, cast.pause("lunch")))).toMatchInlineSnapshot(
      `"[person] It is paused (requested): lunch | runledger resume run_1"`,
    );
    expect(told(playedOn(refused, {}, policy("a", cast.escalate)))).toMatchInlineSnapshot(
      `"[person] It is paused because step "a" was refused in attempt 1 (1 test failed.), and waits for a person. | runledger policy run_1 a retry|skip|change_agent|abort --reason "…", then: runledger resume run_1"`,
    );
    expect(told(playedOn(twice, {}, policy("a", cast.escalate)))).toMatchInlineSnapshot(
      `"[person] It is paused because step "a" was refused in attempt 2 (1 test failed.), and waits for a person. | runledger policy run_1 a retry|skip|change_agent|abort --reason "…", then: runledger resume run_1"`,
    );
    expect(told(playedOn(interrupted, {}, policy("a", cast.escalate)))).toMatchInlineSnapshot(
      `"[person] It is paused because step "a" was interrupted in attempt 1 (the agent exited with code 1), and waits for a person. | runledger policy run_1 a retry|skip|change_agent|abort --reason "…", then: runledger resume run_1"`,
    );
    expect(
      told(playedOn(refused, {}, policy("a", cast.escalate, "ask Ada"), policy("a", cast.skip))),
    ).toMatchInlineSnapshot(`"[person] It is paused; every request is answered. | runledger resume run_1"`);
    expect(told(both)).toMatchInlineSnapshot(
      `"[person] It is paused because step "c" was interrupted in attempt 1 (the agent exited with code 1), and 1 more, and waits for a person. | runledger policy run_1 c retry|skip|change_agent|abort --reason "…", then: runledger resume run_1"`,
    );
    expect(told(playedOn(runWith(steps), {}, ...tried, ...errors))).toMatchInlineSnapshot(
      `"[person] It is paused (verification_errored): The validator of "a" could not run: node is not installed. | runledger resume run_1"`,
    );
  });

  test("what else somebody is asked while it is paused", () => {
    const sign = stepSpec("sign", { validator: approval });
    const asks = [cast.start("sign"), cast.propose("sign")] as const;
    const run = playedOn(runWith([stepSpec("a"), sign]), {}, ...asks, ...tried, cast.fail("a"));
    expect(told(playedOn(run, {}, policy("a", cast.escalate)))).toMatchInlineSnapshot(
      `"[person] It is paused because step "a" was refused in attempt 1 (1 test failed.), and waits for a person. Step "sign" waits for approval. | runledger approve run_1 sign --proposal 4, then: runledger policy run_1 a retry|skip|change_agent|abort --reason "…", then: runledger resume run_1"`,
    );
    expect(told(playedOn(run, {}, cast.pause("lunch")))).toMatchInlineSnapshot(
      `"[person] It is paused (requested): lunch. Step "sign" waits for approval. | runledger approve run_1 sign --proposal 4, then: runledger resume run_1"`,
    );
  });

  test("that nobody knows what became of an effect", () => {
    const asked = [cast.start("a"), cast.intend("a"), cast.decideEffect("a", "fail")] as const;
    expect(told(playedOn(runWith(steps), {}, ...asked))).toMatchInlineSnapshot(
      `"[person] It is paused because of step "a": effect 0 "charge card" had begun, and nobody knows whether it happened. | runledger decide run_1 a 0 rerun|skip|done [--value JSON] --reason "…", then: runledger resume run_1"`,
    );
    expect(
      told(playedOn(runWith(steps), {}, ...asked, [cast.decideEffect("a", "rerun"), cast.person])),
    ).toMatchInlineSnapshot(`"[person] It is paused; every request is answered. | runledger resume run_1"`);
  });

  test("how it ended", () => {
    const judged = playedOn(runWith([stepSpec("a")], [criterion("it works")]), {}, ...tried, cast.pass("a"));
    expect(told(playedOn(judged, {}, cast.meet(0)))).toMatchInlineSnapshot(
      `"[nothing] It is completed: 1 step verified, 1 criterion met."`,
    );
    expect(told(playedOn(judged, {}, cast.unmeet(0)))).toMatchInlineSnapshot(
      `"[nothing] It failed (unmet_criteria): 1 of 1 acceptance criteria unmet: it works"`,
    );
    expect(told(playedOn(judged, {}, cast.cancel("wrong branch")))).toMatchInlineSnapshot(
      `"[nothing] It failed (cancelled): wrong branch"`,
    );
  });
});

test("whyRun tells an agent that works through its tools from one that is to be started", () => {
  const run = runWith([stepSpec("a"), stepSpec("b", { ownerAgent: "reviewer" })]);
  const who = { agents: ["coder", "reviewer"], toolAgents: ["coder", "reviewer"] };
  expect(whyRun(run, false, who)).toEqual({
    for: "agent",
    sentence:
      'It waits for agent "coder", which comes by itself and works through its tools, to take step "a".',
    hint: "runledger mcp --role executor --agent coder",
    stepId: "a",
  });
  expect(whyRun(playedOn(run, {}, cast.start("a"), cast.start("b")), false, who)).toMatchObject({
    for: "agent",
    sentence:
      'Step "a" is with agent "coder", which works through its tools; it waits for what that one proposes.',
  });
  // What somebody here could go on with is told first.
  expect(whyRun(run, false, { ...who, toolAgents: ["coder"] }).for).toBe("worker");
  expect(whyRun(playedOn(run, {}, ...tried), false, who).for).toBe("worker");
});

test("whyRun names the step it speaks of", () => {
  const waiting = played(create(planOf([stepSpec("a", { validator: approval })])), ...tried);
  expect(whyRun(waiting, true).stepId).toBe("a");
  const escalated = playedOn(runWith(steps), {}, ...tried, cast.fail("a"), policy("a", cast.escalate));
  expect(whyRun(escalated, true).stepId).toBe("a");
});
