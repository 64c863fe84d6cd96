import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JournalEvent } from "../../src/core/events.js";
import { fold } from "../../src/core/evolve.js";
import * as limit from "../../src/core/limits.js";
import { nextActions } from "../../src/core/next.js";
import { isOpen, isRaced } from "../../src/core/race.js";
import { awaitsApproval, findStep, isTerminal, type Run } from "../../src/core/run.js";
import { whyRun } from "../../src/core/why.js";
import * as cast from "../helpers/cast.js";
import { usualCaller } from "../helpers/cast.js";
import { AT } from "../helpers/given.js";
import { answerOf, doing, type Story, stories, tell, type World, worlds } from "../helpers/stories.js";

const always = (check: (story: Story) => void, numRuns = 300): void =>
  fc.assert(
    fc.property(stories, (story) => check(tell(story))),
    { numRuns },
  );

const runsOf = ({ turns }: Story): readonly Run[] =>
  turns.flatMap(({ answer }) => ("events" in answer ? [answer.run] : []));

describe("Whatever is tried by whomever,", () => {
  test("the fold of the accepted history is the run that was decided, at every prefix", () => {
    always(({ turns, history }) => {
      let known: Run | undefined;
      let told = 0;
      for (const { answer } of turns) {
        if (!("events" in answer)) continue;
        known = fold(history.slice(told, told + answer.events.length), known);
        told += answer.events.length;
        expect(known).toEqual(answer.run);
        expect(answer.run.seq).toBe(told);
      }
      expect(fold(JSON.parse(JSON.stringify(history)) as JournalEvent[])).toEqual(known);
    });
  });

  test("a run that ended stays as it ended, and only a person's notes and words on effects are added", () => {
    const records = ["note_written", "effect_decided", "effect_settled"];
    const standing = ({ steps }: Run) => steps.map(({ spec, attempt, state }) => ({ spec, attempt, state }));
    always(({ turns }) => {
      for (const { before, answer, caller } of turns) {
        if (before === undefined || !isTerminal(before) || !("events" in answer)) continue;
        expect(answer.run.state).toEqual(before.state);
        expect(standing(answer.run)).toEqual(standing(before));
        for (const { type } of answer.events) {
          expect(records).toContain(type);
          expect(caller.role).toBe("human");
        }
      }
    });
  });

  test("the same command right after changes nothing", () => {
    always(({ turns }) => {
      for (const { answer, say, command } of turns) {
        if (!("events" in answer) || answer.events.length === 0) continue;
        const second = say(answer.run);
        if ("events" in second) expect({ command, events: second.events }).toEqual({ command, events: [] });
      }
    });
  });

  test("refused commands leave no trace: without them the same history comes about", () => {
    always(({ turns, run }) => {
      let known: Run | undefined;
      for (const { answer, say } of turns) {
        if (!("events" in answer)) continue;
        const repeated = say(known);
        if (!("events" in repeated)) throw repeated;
        expect(repeated.events).toEqual(answer.events);
        known = repeated.run;
      }
      expect(known).toEqual(run);
    });
  });

  test("what is due never runs ahead of what it waits for", () => {
    always((story) => {
      for (const run of runsOf(story)) {
        const actions = nextActions(run);
        if (run.state.status !== "running") expect(actions).toEqual([]);
        const judging = actions.filter(({ kind }) => kind === "verify" || kind === "verify_criterion");
        expect(judging.length).toBeLessThanOrEqual(1);
        for (const action of actions) {
          if (!("stepId" in action)) continue;
          const step = findStep(run, action.stepId);
          if (step === undefined) throw new Error(`${action.kind} names a step that is not there`);
          if (action.kind === "verify") expect(awaitsApproval(step)).toBe(false);
          if (action.kind !== "work") continue;
          for (const need of step.spec.dependsOn) expect(findStep(run, need)?.state.status).toBe("completed");
        }
      }
    });
  });

  test("a running run always has something due or waits for an approval: nothing is left hanging", () => {
    always((story) => {
      for (const run of runsOf(story))
        if (run.state.status === "running" && nextActions(run).length === 0) {
          expect(run.steps.some(awaitsApproval)).toBe(true);
          expect(whyRun(run, true).for).toBe("person");
        }
    });
  });

  test("a step counts as verified or approved only by the engine's passed verdict", () => {
    always(({ turns }) => {
      for (const { before, answer, command, caller } of turns) {
        if (!("events" in answer)) continue;
        const judged = (run: Run | undefined) =>
          (run?.steps ?? [])
            .filter(
              ({ state }) => state.status === "completed" && ["verified", "approved"].includes(state.how),
            )
            .map(({ spec }) => spec.id);
        const newly = judged(answer.run).filter((id) => !judged(before).includes(id));
        if (newly.length === 0) continue;
        expect(command).toMatchObject({
          type: "record_verdict",
          stepId: newly[0],
          verdict: { outcome: "passed" },
        });
        expect([newly.length, caller.role]).toEqual([1, "engine"]);
      }
    });
  });

  test("one attempt at a time is open for a step, and attempts only grow", () => {
    always(({ turns }) => {
      for (const { before, answer } of turns) {
        if (before === undefined || !("events" in answer)) continue;
        for (const step of before.steps) {
          const grown = (findStep(answer.run, step.spec.id)?.attempt ?? 0) - step.attempt;
          expect([0, step.state.status === "pending" ? 1 : 0]).toContain(grown);
        }
      }
    });
  });

  test("a race has one winner, whose verdict completes the step, and nobody races on when it is over", () => {
    always((story) => {
      for (const run of runsOf(story))
        for (const { candidates, state } of run.steps) {
          const won = candidates.filter((one) => one.state.status === "completed");
          if (candidates.length === 0) continue;
          const verified = state.status === "completed" && state.how === "verified";
          expect(won).toEqual(verified ? [expect.objectContaining({ state })] : []);
          if (state.status === "racing") expect(candidates.some(isOpen)).toBe(true);
          else if (state.status !== "pending") expect(candidates.filter(isOpen)).toEqual([]);
          else expect(candidates.every((one) => one.state.status === "pending")).toBe(true);
        }
    });
  });

  test("nobody speaks for a candidate but itself and the engine", () => {
    always(({ turns }) => {
      for (const { before, answer, command, caller } of turns) {
        if (!("events" in answer) || answer.events.length === 0 || caller.role === "engine") continue;
        if (command.type !== "start_step" && command.type !== "propose_step_result") continue;
        const step = before && findStep(before, command.stepId);
        expect(caller.candidate).toBe(command.candidate);
        if (step !== undefined && isRaced(step))
          expect(step.candidates).toContainEqual(
            expect.objectContaining({ candidate: caller.candidate, agent: caller.name }),
          );
      }
    });
  });

  test("the head moves only with a verified commit", () => {
    always(({ turns }) => {
      for (const { before, answer } of turns) {
        if (before === undefined || !("events" in answer) || answer.run.head === before.head) continue;
        expect(answer.events[0]).toMatchObject({
          type: "step_validation_passed",
          payload: { verdict: { head: before.head, commit: answer.run.head } },
        });
      }
    });
  });
});

test("The stories reach every state that matters", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(stories, (story) => {
      for (const run of runsOf(tell(story))) {
        const { state } = run;
        seen.add("reason" in state ? `${state.status} ${state.reason}` : state.status);
        for (const { state: step } of run.steps)
          seen.add(`step ${step.status === "completed" ? step.how : step.status}`);
      }
    }),
    { numRuns: 600, seed: 7 },
  );
  expect([...seen].sort()).toEqual([
    "completed",
    "failed aborted",
    "failed cancelled",
    "failed unmet_criteria",
    "paused escalated",
    "paused requested",
    "paused unmet_criteria",
    "paused verification_errored",
    "planning",
    "running",
    "step approved",
    "step decomposed",
    "step failed",
    "step in_progress",
    "step interrupted",
    "step pending",
    "step racing",
    "step skipped",
    "step verified",
    "step verify_pending",
  ]);
});

describe("Driven by what is due,", () => {
  /** Attempts of every step, each with its start, its proposal, its verdicts and its policy answer. */
  const boundOf = ({ steps, acceptanceCriteria }: World["plan"]): number =>
    steps.reduce(
      (sum, { maxRetries, race }) =>
        sum + (maxRetries + 1) * (race?.agents.length ?? 1) * (3 + limit.VERIFY_ERRORS_MAX),
      1,
    ) +
    acceptanceCriteria.length * limit.VERIFY_ERRORS_MAX;

  test("a run ends or waits for a person, whatever its agents and judges do", () => {
    const luck = fc.infiniteStream(fc.nat(9));
    fc.assert(
      fc.property(worlds, luck, (world, draws) => {
        let { run } = tell({ world: { ...world, planned: true }, moves: [] });
        const draw = (): number => Number(draws.next().value);
        for (let count = 0; ; count += 1) {
          const actions = nextActions(run);
          const action = actions[draw() % Math.max(actions.length, 1)];
          if (action === undefined) break;
          expect(count).toBeLessThan(boundOf(world.plan));
          const step = action.kind === "decide_policy" ? findStep(run, action.stepId) : undefined;
          const said = step
            ? cast.policy(step.spec.id, step.retryCount < step.spec.maxRetries ? cast.retry : cast.escalate)
            : cast.say(doing(run, action, draw()), run);
          const answer = answerOf(said, run, usualCaller(said, run), AT, world);
          if (!("events" in answer)) throw answer;
          expect(answer.events.length).toBeGreaterThan(0);
          run = answer.run;
        }
        expect(isTerminal(run) || whyRun(run, true).for === "person").toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
