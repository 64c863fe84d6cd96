import { describe, expect, test } from "vitest";
import * as limit from "../../../src/core/limits.js";
import { nextActions } from "../../../src/core/next.js";
import type { Run } from "../../../src/core/run.js";
import type { StepSpec } from "../../../src/core/spec.js";
import * as cast from "../../helpers/cast.js";
import { decompose, policy, stepSpec } from "../../helpers/cast.js";
import { given, playedOn, runWith, statusOf, stepIn } from "../../helpers/given.js";

const work = (id: string) => [cast.start(id), cast.propose(id), cast.pass(id)] as const;
const refuse = (id: string) => [cast.start(id), cast.propose(id), cast.fail(id)] as const;

/** base ← a ← b ← c, and z on its own; base is done, a was refused. */
const chain = (): Run =>
  playedOn(
    runWith([
      stepSpec("base"),
      stepSpec("a", { dependsOn: ["base"] }),
      stepSpec("b", { dependsOn: ["a", "base"] }),
      stepSpec("c", { dependsOn: ["b"] }),
      stepSpec("z"),
    ]),
    {},
    ...work("base"),
    ...refuse("a"),
  );
const into = (...steps: StepSpec[]) => policy("a", decompose(...steps));

describe("decompose", () => {
  test("puts the new steps right behind the one they replace, and closes that one with a waiver", () => {
    const run = given(chain())
      .when(into(stepSpec("a1"), stepSpec("a2", { dependsOn: ["a1"] })))
      .thenHappened("policy_decision_applied");
    expect(run.steps.map(({ spec }) => spec.id)).toEqual(["base", "a", "a1", "a2", "b", "c", "z"]);
    expect(stepIn(run, "a").state).toMatchObject({ status: "completed", how: "decomposed" });
    expect(run.waivers).toMatchObject([{ stepId: "a", kind: "decomposed" }]);
  });

  test("makes whoever waited for it wait for the last new steps, and keeps their other needs", () => {
    const run = playedOn(chain(), {}, into(stepSpec("a1"), stepSpec("a2", { dependsOn: ["a1"] })));
    expect(stepIn(run, "b").spec.dependsOn).toEqual(["a2", "base"]);
    expect(stepIn(run, "c").spec.dependsOn).toEqual(["b"]);
    given(run).when(cast.start("b")).thenRefuses("step_not_ready");
    const first = playedOn(run, {}, ...work("a1"));
    given(first).when(cast.start("b")).thenRefuses("step_not_ready");
    given(playedOn(first, {}, ...work("a2")))
      .when(cast.start("b"))
      .thenHappened("step_started");
  });

  test("waits for every last step when there are several", () => {
    const run = playedOn(chain(), {}, into(stepSpec("left"), stepSpec("right")));
    expect(stepIn(run, "b").spec.dependsOn).toEqual(["left", "right", "base"]);
    given(playedOn(run, {}, ...work("left")))
      .when(cast.start("b"))
      .thenRefuses("step_not_ready");
  });

  test("lets first new steps inherit what the old one waited for", () => {
    const run = playedOn(chain(), {}, into(stepSpec("a1"), stepSpec("a2", { dependsOn: ["a1"] })));
    expect(stepIn(run, "a1").spec.dependsOn).toEqual(["base"]);
    expect(stepIn(run, "a2").spec.dependsOn).toEqual(["a1"]);
  });

  test("can be done again to a new step: who waited, waits for the newest", () => {
    const once = playedOn(chain(), {}, into(stepSpec("a1")), ...refuse("a1"));
    const twice = playedOn(once, {}, policy("a1", decompose(stepSpec("a1x"), stepSpec("a1y"))));
    expect(twice.steps.map(({ spec }) => spec.id)).toEqual(["base", "a", "a1", "a1x", "a1y", "b", "c", "z"]);
    expect(stepIn(twice, "b").spec.dependsOn).toEqual(["a1x", "a1y", "base"]);
  });

  test("gives the new steps attempts and retries of their own", () => {
    const run = playedOn(chain(), {}, into(stepSpec("a1")));
    expect(stepIn(run, "a1")).toMatchObject({ attempt: 0, retryCount: 0, feedback: null });
  });

  test("lets new steps depend on steps that do not wait for the old one", () => {
    given(chain())
      .when(into(stepSpec("a1", { dependsOn: ["z"] })))
      .thenHappened("policy_decision_applied");
  });

  test("does not hold up the rest, and the new first steps are next", () => {
    const run = playedOn(chain(), {}, into(stepSpec("a1"), stepSpec("a2", { dependsOn: ["a1"] })));
    expect(nextActions(run)).toEqual([
      { kind: "work", stepId: "a1", agent: "coder" },
      { kind: "work", stepId: "z", agent: "coder" },
    ]);
  });

  const refusals: Record<string, StepSpec[]> = {
    "no new step": [],
    "an id that is taken": [stepSpec("z")],
    "an id that is taken, case aside": [stepSpec("Z")],
    "the id of the step itself": [stepSpec("a")],
    "an id twice": [stepSpec("a1"), stepSpec("a1")],
    "an empty id": [stepSpec("")],
    "an id that is a path": [stepSpec("../a1")],
    "a blank goal": [stepSpec("a1", { goal: "  " })],
    "a need of its own": [stepSpec("a1", { dependsOn: ["a1"] })],
    "needs in a circle": [stepSpec("a1", { dependsOn: ["a2"] }), stepSpec("a2", { dependsOn: ["a1"] })],
    "a need that does not exist": [stepSpec("a1", { dependsOn: ["ghost"] })],
    "a need of the step it replaces": [stepSpec("a1", { dependsOn: ["a"] })],
    "a need that waits for the old step": [stepSpec("a1", { dependsOn: ["b"] })],
    "a need that waits for it from afar": [stepSpec("a1", { dependsOn: ["c"] })],
    "a target that is a flag": [
      stepSpec("a1", { validator: { type: "test_pass", target: "-exec=evil", params: {} } }),
    ],
  };
  for (const [what, steps] of Object.entries(refusals))
    test(`is refused with ${what} (W11), and the request stays open`, () => {
      given(chain())
        .when(into(...steps))
        .thenRefuses("validation_failed");
    });

  test("names what is wrong with all new steps at once", () => {
    const refusal = given(chain())
      .when(into(stepSpec("z"), stepSpec("a1", { dependsOn: ["ghost"] })))
      .thenRefuses("validation_failed");
    expect(refusal.details.defects).toHaveLength(2);
  });

  test("is refused with an agent that does not exist, when the host says which do", () => {
    given(chain(), { rules: { agents: ["coder"] } })
      .when(into(stepSpec("a1", { ownerAgent: "ghost" })))
      .thenRefuses("validation_failed");
  });

  test("is refused when the run would outgrow its limit", () => {
    const many = Array.from({ length: limit.STEPS_PER_PLAN }, (_, index) => stepSpec(`n${index}`));
    given(chain())
      .when(into(...many))
      .thenRefuses("validation_failed");
  });

  test("answers in time when many steps wait for many", () => {
    const layers = Array.from({ length: 60 }, (_, layer) =>
      ["l", "r"].map((side) =>
        stepSpec(`${side}${layer}`, layer === 0 ? {} : { dependsOn: [`l${layer - 1}`, `r${layer - 1}`] }),
      ),
    ).flat();
    const run = playedOn(runWith(layers), {}, ...refuse("l0"));
    given(run)
      .when(policy("l0", decompose(stepSpec("n", { dependsOn: ["l59"] }))))
      .thenRefuses("validation_failed");
  });

  test("as the last step keeps the run going until the new steps are done", () => {
    const run = playedOn(runWith([stepSpec("a")]), {}, ...refuse("a"), into(stepSpec("a1")));
    expect(run.state.status).toBe("running");
    expect(statusOf(run, "a")).toBe("completed");
    given(playedOn(run, {}, cast.start("a1"), cast.propose("a1")))
      .when(cast.pass("a1"))
      .thenHappened("step_validation_passed", "run_completed");
  });
});
