import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Run, RunLedger } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import {
  began,
  eventsOf,
  eventually,
  lives,
  pidIn,
  placesOf,
  stateOf,
  typesOf,
  untilFile,
} from "../helpers/driving.js";
import { MARKS_OUTSIDE } from "../helpers/project.js";

/** Writes its id and that of a process it started into `name`, and then waits until somebody ends it. */
const waiting = (place: string, name: string): string =>
  `sleep 600 & echo $! > ${join(place, name)}-child; echo $$ > ${join(place, name)}; ${untilFile("/nowhere")}`;

const projectOf = async (parts: (place: string) => { agent: string; judge: string }) => {
  const shop = await sample({
    "a.txt": "1\n",
    "runledger.yaml": `agents:\n  coder: { kind: command, run: [./agent.sh] }\n${MARKS_OUTSIDE}`,
  });
  const { agent, judge } = parts(shop.place);
  await shop.write({ "agent.sh": `#!/bin/sh\n${agent}\n` });
  shop.commit();
  const app = await shop.open();
  const runId = await began(app, planOfSteps(stepBy("a", judge, { max_retries: 1, timeout: "5m" })));
  return { place: shop.place, app, runId };
};

/** Kills whoever says its id in that file next; answers with the id. */
const killNext = async (file: string, former = 0): Promise<number> => {
  await eventually(`somebody writes ${file}`, () => pidIn(file) > 0 && pidIn(file) !== former);
  process.kill(pidIn(file), "SIGKILL");
  return pidIn(file);
};

const reasonsOf = async (app: RunLedger, runId: string): Promise<string[]> =>
  (await eventsOf(app, runId)).flatMap((event) =>
    event.type === "step_interrupted"
      ? [event.payload.reason]
      : event.type === "step_validation_failed"
        ? [event.payload.verdict.message]
        : [],
  );

const expectNothingAlive = async (app: RunLedger, files: readonly string[]): Promise<void> => {
  expect(files.map((file) => lives(pidIn(file)))).toEqual(files.map(() => false));
  expect(await placesOf(app)).not.toContain("process");
  expect(await placesOf(app)).not.toContain("room");
};

const waitsForAPerson = (run: Run): void => {
  expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
};

describe("kill -9 of an agent", () => {
  it("ends that attempt and what it had started; the next one goes on", async () => {
    const { place, app, runId } = await projectOf((at) => ({
      agent: `if [ -e half.txt ]; then mv half.txt whole.txt; exit 0; fi; echo half > half.txt; ${waiting(at, "agent")}`,
      judge: "test -f whole.txt",
    }));
    const driving = app.drive(runId);
    await killNext(join(place, "agent"));
    const { run } = await driving;
    expect(run.state.status).toBe("completed");
    expect(await reasonsOf(app, runId)).toEqual(["The agent was killed by SIGKILL."]);
    expect(await typesOf(app, runId)).toEqual([
      "run_created",
      "plan_attached",
      "step_started",
      "step_interrupted",
      "policy_decision_applied",
      "step_started",
      "step_result_proposed",
      "step_validation_passed",
      "run_completed",
    ]);
    await expectNothingAlive(app, [join(place, "agent-child")]);
  });

  it("each time ends in a question, not in another attempt", async () => {
    const { place, app, runId } = await projectOf((at) => ({ agent: waiting(at, "agent"), judge: "true" }));
    const driving = app.drive(runId);
    await killNext(join(place, "agent"), await killNext(join(place, "agent")));
    waitsForAPerson((await driving).run);
    expect(await reasonsOf(app, runId)).toEqual(Array(2).fill("The agent was killed by SIGKILL."));
    await expectNothingAlive(app, [join(place, "agent-child")]);
  });

  it("of a process that it started is the agent's to notice, and the judge's if it does not", async () => {
    const { place, app, runId } = await projectOf((at) => ({
      agent: `sh -c 'echo $$ > ${join(at, "helper")}; ${untilFile("/nowhere")}; echo made > made.txt'; echo "$?" >> ${join(at, "codes")}`,
      judge: "test -f made.txt",
    }));
    const driving = app.drive(runId);
    await killNext(join(place, "helper"), await killNext(join(place, "helper")));
    const { run } = await driving;
    waitsForAPerson(run);
    expect(await readFile(join(place, "codes"), "utf8")).toBe("137\n137\n");
    expect(stateOf(run, "a")).toMatchObject({
      status: "failed",
      verdict: { outcome: "failed", exitCode: 1 },
    });
    expect((await typesOf(app, runId)).filter((type) => type === "step_result_proposed")).toHaveLength(2);
  });
});

describe("kill -9 of a judge", () => {
  it("is no pass: each is a refusal, and they come to an end", async () => {
    const { place, app, runId } = await projectOf((at) => ({
      agent: "echo made > made.txt",
      judge: waiting(at, "judge"),
    }));
    const driving = app.drive(runId);
    await killNext(join(place, "judge"), await killNext(join(place, "judge")));
    const { run } = await driving;
    waitsForAPerson(run);
    expect(run.head).toBe(run.base);
    expect(stateOf(run, "a")).toMatchObject({
      status: "failed",
      verdict: { outcome: "failed", exitCode: null, signal: "SIGKILL", reason: "killed" },
    });
    expect(await typesOf(app, runId)).not.toContain("step_validation_passed");
    await expectNothingAlive(app, [join(place, "judge-child")]);
  });
});
