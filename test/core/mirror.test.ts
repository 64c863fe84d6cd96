import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hostRunOf, runStatusesFor } from "../../src/core/mirror.js";
import { nextActions } from "../../src/core/next.js";
import { type HostRun, HostRunStatus, HostStepStatus } from "../../src/core/reported.js";
import { hasPolicyRequest, isTerminal, type Run } from "../../src/core/run.js";
import { whyRun } from "../../src/core/why.js";
import * as cast from "../helpers/cast.js";
import { given, played, stepIn } from "../helpers/given.js";

const texts = fc.constantFrom("", "done", "went wrong", "größer\n✓");
const outcome = { result: texts, error: texts };
const records = fc
  .record({
    status: fc.constantFrom(...HostRunStatus.options),
    ...outcome,
    steps: fc.uniqueArray(
      fc.record({
        stepId: fc.constantFrom("a", "b", "with blanks", "ü/../x"),
        goal: texts,
        agent: texts,
        dependsOn: fc.constantFrom<string[]>([], ["a"]),
        status: fc.constantFrom(...HostStepStatus.options),
        ...outcome,
      }),
      { selector: ({ stepId }) => stepId },
    ),
  })
  .map((over): HostRun => cast.hostRun(over));

describe("What a host says of a run", () => {
  test("comes back word for word, whatever it said and in however many reports", () => {
    fc.assert(
      fc.property(records, records, (first, second) => {
        const run = played(cast.mirror(first));
        expect(hostRunOf(run)).toEqual(first);
        if (isTerminal(run)) return;
        const later = played(cast.mirror(first), cast.mirror(second));
        const kept = first.steps.filter(({ stepId }) => !second.steps.some((step) => step.stepId === stepId));
        expect(hostRunOf(later)).toMatchObject({ status: second.status, result: second.result });
        for (const step of [...second.steps, ...kept]) expect(hostRunOf(later)?.steps).toContainEqual(step);
      }),
    );
  });

  test("said again changes nothing", () => {
    fc.assert(
      fc.property(records, (record) => {
        given(played(cast.mirror(record)))
          .when(cast.mirror(record))
          .thenNothing();
        for (const step of record.steps)
          given(played(cast.mirror(record)))
            .when(cast.report({ kind: "step", step }))
            .thenNothing();
        const { status, result, error } = record;
        given(played(cast.mirror(record)))
          .when(cast.reportRun(status, { result, error }))
          .thenNothing();
      }),
    );
  });

  test("starts nobody here, asks nobody here, and says who drives it", () => {
    fc.assert(
      fc.property(records, (record) => {
        const run = played(cast.mirror(record));
        expect(nextActions(run)).toEqual([]);
        expect(run.steps.filter(hasPolicyRequest)).toEqual([]);
        const { sentence, hint } = whyRun(run, false);
        expect(sentence).toContain('host (workflow "run_1" of "board")');
        expect(hint).toBeNull();
      }),
    );
  });

  test("is found in lists under every one of its words", () => {
    for (const status of HostRunStatus.options)
      expect(runStatusesFor([status])).toEqual([played(cast.mirror({ status })).state.status]);
    expect(runStatusesFor(["failed", "cancelled"])).toEqual(["failed"]);
  });

  test("never counts as verified: a completed step is reported, and the run ends when its host says so", () => {
    const run = played(cast.mirror(), cast.reportStep("a", "completed"), cast.reportStep("z", "completed"));
    expect(stepIn(run, "a").state).toMatchObject({ status: "completed", how: "reported", verdict: null });
    expect(run.state.status).toBe("running");
    const ended = played(cast.mirror(), cast.reportRun("completed", { result: "all made" }));
    expect(whyRun(ended, true).sentence).toContain("nothing was verified here: all made");
  });

  test("counts how often a step was begun", () => {
    const again = (run: Run) => stepIn(run, "a").attempt;
    expect(again(played(cast.mirror()))).toBe(0);
    expect(
      again(
        played(
          cast.mirror(),
          cast.reportStep("a", "running"),
          cast.reportStep("a", "running", { result: "half" }),
          cast.reportStep("a", "failed", { error: "no" }),
          cast.reportStep("a", "running"),
        ),
      ),
    ).toBe(2);
  });

  test("of a step that was never named is refused, and of more steps than a run can hold", () => {
    given(played(cast.mirror())).when(cast.reportStep("ghost", "running")).thenRefuses("step_not_found");
    const steps = Array.from({ length: 1_000 }, (_, index) => cast.hostStep(`s${index}`));
    given(played(cast.mirror({ steps })))
      .when(cast.report({ kind: "step", step: cast.hostStep("one more") }))
      .thenRefuses("limit_exceeded");
  });

  test("is of that host's run alone", () => {
    given(played(cast.mirror()))
      .when({ ...cast.mirror(), projection: "other" })
      .thenRefuses("run_exists");
    given(played(cast.mirror()))
      .when(cast.mirror({ id: "another" }))
      .thenRefuses("run_exists");
    given(played(cast.mirror()))
      .when(cast.mirror({ status: "completed" }, "refuse"))
      .thenRefuses("run_exists");
    given(played(cast.mirror()))
      .when(cast.mirror({ name: "Another" }, "refuse"))
      .thenRefuses("run_exists");
    given(played(cast.mirror())).when(cast.mirror({}, "refuse")).thenNothing();
  });

  test("belongs to the session the host names, not to that of its credential", () => {
    expect(played(cast.mirror({ sessionKey: "theirs" })).sessionKey).toBe("theirs");
  });
});

describe("How a host's table stands", () => {
  test("is told when that changes, and does not move the run", () => {
    const run = played(cast.mirror(), cast.sync("degraded", "locked"));
    expect(run.degraded).toBe("locked");
    expect(run.state.status).toBe("running");
    const mended = given(run).when(cast.sync("synced")).thenHappened("projection_synced");
    expect(mended.degraded).toBeNull();
  });
});
