import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AgentTask, RunLedger } from "../../src/index.js";
import { expectRefusal, openBench, planOfSteps, sample, stepBy } from "../helpers/bench.js";
import {
  aborted,
  answer,
  barrier,
  began,
  cancel,
  eventsOf,
  eventually,
  gate,
  lives,
  pause,
  pidIn,
  placesOf,
  resume,
  say,
  stateOf,
} from "../helpers/driving.js";
import { onePlan, orchestrator, person } from "../helpers/project.js";

/** Three of the coder, judged by whether they made the file. */
const raced = (over: object = {}) =>
  planOfSteps(stepBy("a", "test -f made.txt", { candidates: 3, max_retries: 0, ...over }));

const make = async ({ workspace }: AgentTask, text = "made"): Promise<string> => {
  await writeFile(join(workspace, "made.txt"), text);
  return text;
};

/** What the journal tells of a race: types, each with the candidate it is about. */
const told = async (app: RunLedger, runId: string): Promise<string[]> =>
  (await eventsOf(app, runId)).map(({ type, payload }) =>
    "candidate" in payload && payload.candidate !== undefined ? `${type} ${payload.candidate}` : type,
  );

const candidatesOf = async (app: RunLedger, runId: string): Promise<string[]> =>
  (await app.ledger.load(runId)).steps[0]?.candidates.map(({ state }) => state.status) ?? [];

describe("the first verified candidate", () => {
  it("wins: a lie told faster does not, and one that hangs is ended without anybody waiting for it", async () => {
    const shop = await sample();
    const lied = gate();
    const folders: string[] = [];
    const app = await shop.open({
      coder: async (task) => {
        folders[task.candidate ?? 0] = task.workspace;
        if (task.candidate === 1) return "All done, tests pass!";
        if (task.candidate === 2) {
          await lied.opened;
          return make(task);
        }
        await aborted(task.signal);
        return "too late";
      },
    });
    const runId = await began(app, raced());
    app.ledger.observe((events) => {
      if (events.some(({ type }) => type === "step_validation_failed")) lied.open();
    });
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(stateOf(run, "a")).toMatchObject({ how: "verified", proposal: { result: "made" } });
    expect(await candidatesOf(app, runId)).toEqual(["failed", "completed", "cancelled"]);
    expect((await told(app, runId)).slice(5)).toEqual([
      "step_result_proposed 1",
      "step_validation_failed 1",
      "step_result_proposed 2",
      "step_validation_passed 2",
      "candidate_cancelled 3",
      "run_completed",
    ]);
    expect(new Set(folders.slice(1)).size).toBe(3);
    expect(folders.slice(1).filter(existsSync)).toEqual([]);
    expect(await placesOf(app)).toEqual([]);
    const { stdout } = {
      stdout: shop.git("-C", join(app.dataDir, "store.git"), "log", "-1", "--format=%B", run.head ?? ""),
    };
    expect(stdout).toContain("RunLedger-Candidate: 2\n");
  });

  it("ends the programs of the others at once, daemons included, while the run goes on", async () => {
    const shop = await sample({ "a.txt": "a\n", ".gitignore": "pids/\n" });
    const pids = join(shop.place, "pids");
    const agent = `#!/bin/sh
if [ "$RUNLEDGER_CANDIDATE" = 2 ]; then
  until [ -e ${pids}.1 ] && [ -e ${pids}.3 ]; do sleep 0.02; done
  echo made > made.txt; exit 0
fi
setsid sh -c 'echo $$ > ${pids}.'$RUNLEDGER_CANDIDATE'; pwd > ${pids}.place.'$RUNLEDGER_CANDIDATE'; sleep 600' &
sleep 600
`;
    await shop.write({
      "agent.sh": agent,
      "runledger.yaml": "agents:\n  coder: { kind: command, run: [./agent.sh] }\n",
    });
    shop.commit("the project's own files");
    const app = await shop.open({
      looker: async () => {
        // It would look in vain for ever if they were only ended with the run.
        for (const one of [1, 3]) await eventually(`${one} ended`, () => !lives(pidIn(`${pids}.${one}`)));
        return "they are gone";
      },
    });
    const { goal, steps } = raced();
    const after = stepBy("b", "true", { owner_agent: "looker", depends_on: ["a"] });
    const runId = await began(app, { goal, steps: [...steps, after] });
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(await candidatesOf(app, runId)).toEqual(["cancelled", "completed", "cancelled"]);
    for (const one of [1, 3])
      expect(existsSync((await readFile(`${pids}.place.${one}`, "utf8")).trim())).toBe(false);
    expect(await placesOf(app)).toEqual([]);
  });

  it("is one, also when all proposed what is right at the same time", async () => {
    const shop = await sample();
    const together = barrier(3);
    const app = await shop.open({
      coder: async (task) => {
        await together();
        return make(task, `by ${task.candidate}`);
      },
    });
    const runId = await began(app, raced());
    const { run } = await app.drive(runId);
    const events = await told(app, runId);
    expect(events.filter((event) => /^step_validation_passed/.test(event))).toHaveLength(1);
    expect(events.filter((event) => /^candidate_cancelled/.test(event))).toHaveLength(2);
    expect((await candidatesOf(app, runId)).sort()).toEqual(["cancelled", "cancelled", "completed"]);
    await app.apply(runId);
    expect(shop.git("log", "--format=%s", `${run.base}..HEAD`).trim().split("\n")).toHaveLength(1);
  });
});

describe("the smallest verified patch", () => {
  const sizes = async (texts: readonly string[], over: object = {}) => {
    const shop = await sample();
    const app = await shop.open({
      coder: async (task) => {
        const text = texts[(task.candidate ?? 0) - 1] ?? "";
        return text === "" ? "nothing to do" : make(task, text);
      },
    });
    const runId = await began(app, raced({ pick: "smallest", ...over }));
    const { run } = await app.drive(runId);
    return { app, run, runId, events: await told(app, runId) };
  };

  it("wins when all have ended; a smaller one that is refused does not, and a larger one is not judged", async () => {
    const { app, runId, run, events } = await sizes(["made\n".repeat(9), "made\n", ""]);
    expect(run.state.status).toBe("completed");
    expect(await candidatesOf(app, runId)).toEqual(["cancelled", "completed", "failed"]);
    expect(events.slice(-4)).toEqual([
      "step_validation_failed 3",
      "step_validation_passed 2",
      "candidate_cancelled 1",
      "run_completed",
    ]);
    expect(run.steps[0]?.candidates[0]?.state).toMatchObject({ proposal: { result: "made\n".repeat(9) } });
  });

  it("is the first in the plan among equals", async () => {
    const { app, runId } = await sizes(["made\n", "same\n", "also\n"]);
    expect(await candidatesOf(app, runId)).toEqual(["completed", "cancelled", "cancelled"]);
  });

  it("is judged on the head of then, not on one of the past", async () => {
    const shop = await sample();
    const moved = gate();
    const app = await shop.open({
      coder: async (task) => {
        if (task.candidate === 2) await moved.opened;
        return make(task, `by ${task.stepId}`);
      },
      other: async ({ workspace }) => {
        await writeFile(join(workspace, "other.txt"), "other");
        return "done";
      },
    });
    const other = stepBy("b", "test -f other.txt", { owner_agent: "other" });
    const step = stepBy("a", "test -f made.txt && test -f other.txt", { candidates: 2, pick: "smallest" });
    const runId = await began(app, planOfSteps(step, other));
    app.ledger.observe((events) => {
      if (events.some(({ type }) => type === "step_validation_passed")) moved.open();
    });
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(await candidatesOf(app, runId)).toEqual(["completed", "cancelled"]);
  });
});

describe("a race that nobody wins", () => {
  it("is one attempt: it asks once, with what became of each, and a retry goes on where each of them was", async () => {
    const shop = await sample();
    const seen: string[] = [];
    const app = await shop.open({
      coder: async (task) => {
        const { workspace, feedback, candidate, attempt } = task;
        const before = await readFile(join(workspace, "half.txt"), "utf8").catch(() => "nothing");
        const said = feedback?.kind === "verdict" ? feedback.verdict.message : (feedback?.reason ?? "none");
        seen.push(`${attempt}.${candidate} found ${before}, was told: ${said}`);
        await writeFile(join(workspace, "half.txt"), `half of ${candidate}`);
        if (candidate === 2) throw new Error("no idea");
        return attempt === 2 ? make(task) : "done";
      },
    });
    const runId = await began(app, raced({ candidates: 2, max_retries: 1 }));
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(run.steps[0]).toMatchObject({ attempt: 2, retryCount: 1 });
    const decision = (await eventsOf(app, runId)).find(({ type }) => type === "policy_decision_applied");
    expect(decision?.payload).toMatchObject({
      reason: expect.stringMatching(
        /^Retry 1 of 1: 1 \(coder\): .* exited with code 1.*; 2 \(coder\): The agent threw: no idea$/,
      ),
    });
    expect(seen.sort()).toEqual([
      "1.1 found nothing, was told: none",
      "1.2 found nothing, was told: none",
      expect.stringMatching(/^2\.1 found half of 1, was told: .* exited with code 1/),
      expect.stringMatching(/^2\.2 found half of 2, was told: The agent threw: no idea/),
    ]);
  });

  it("tells whoever answers who raced and why each was refused", async () => {
    const shop = await sample();
    const app = await shop.open({
      coder: ({ candidate }) => {
        if (candidate === 1) throw new Error("no idea");
        return "All done, tests pass!";
      },
      maker: () => "never started",
    });
    const runId = await began(app, raced());
    const { run } = await app.drive(runId);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
    expect(stateOf(run, "a")).toMatchObject({ status: "failed" });
    const [request] = app.policyRequests(run, person(app));
    expect(request).toMatchObject({
      attempt: 1,
      candidates: [
        { candidate: 1, status: "interrupted", verdict: null, said: "The agent threw: no idea" },
        { candidate: 2, status: "failed", verdict: { reason: "check_failed" } },
        { candidate: 3, status: "failed", verdict: { reason: "check_failed" } },
      ],
    });
    const views = app.toolsFor(orchestrator(app)).find(({ name }) => name === "run_read");
    expect(await views?.call({ run_id: runId })).toMatchObject({
      steps: [
        {
          pick: "first",
          candidates: [{ status: "interrupted" }, {}, {}],
          policy_request: { candidates: [{}, {}, {}] },
        },
      ],
    });
    // Handed to another agent, all of them are that agent.
    await say(app, runId, answer("a", { action: "change_agent", newAgent: "maker" }));
    const handed = (await app.ledger.load(runId)).steps[0];
    expect(handed?.candidates.map(({ agent }) => agent)).toEqual(["maker", "maker", "maker"]);
  });

  it("is over when it is skipped, and the run goes on without it", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: ({ stepId }) => `nothing for ${stepId}` });
    const { goal, steps } = raced();
    const runId = await began(app, { goal, steps: [...steps, stepBy("b", "true", { depends_on: ["a"] })] });
    await app.drive(runId);
    await say(app, runId, answer("a", { action: "skip" }));
    await say(app, runId, resume);
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(await placesOf(app)).toEqual([]);
  });
});

describe("in the middle of a race", () => {
  it("no more agents are at work than maxParallelSteps, and who never began is not started for nothing", async () => {
    const shop = await sample({ "a.txt": "a\n", "runledger.yaml": "maxParallelSteps: 2\n" });
    let working = 0;
    let most = 0;
    const both = barrier(2);
    const app = await shop.open({
      coder: async (task) => {
        working += 1;
        most = Math.max(most, working);
        const together = both();
        // All but the first keep their places until they are told to leave.
        await (task.candidate === 1 ? together : aborted(task.signal));
        const text = await make(task);
        working -= 1;
        return text;
      },
    });
    const runId = await began(app, raced({ candidates: 5 }));
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(most).toBe(2);
    expect(await candidatesOf(app, runId)).toEqual([
      "completed",
      "cancelled",
      "cancelled",
      "cancelled",
      "cancelled",
    ]);
    const started = (await told(app, runId)).filter((event) => event.startsWith("step_started"));
    expect(started).not.toContain("step_started 4");
    expect(started).not.toContain("step_started 5");
  });

  it("pausing lets those at work propose and starts nobody, and resuming goes on with the race", async () => {
    const shop = await sample({ "a.txt": "a\n", "runledger.yaml": "maxParallelSteps: 1\n" });
    const working = gate();
    const goOn = gate();
    const app = await shop.open({
      coder: async (task) => {
        working.open();
        await goOn.opened;
        return task.candidate === 1 ? "a lie" : make(task);
      },
    });
    const runId = await began(app, raced({ candidates: 2 }));
    const driving = app.drive(runId);
    await working.opened;
    await say(app, runId, pause);
    goOn.open();
    expect(await driving).toMatchObject({ end: "idle", run: { state: { status: "paused" } } });
    expect(await candidatesOf(app, runId)).toEqual(["verify_pending", "pending"]);
    await say(app, runId, resume);
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    expect(await candidatesOf(app, runId)).toEqual(["failed", "completed"]);
  });

  it("cancelling the run ends every agent, and nothing they say is recorded", async () => {
    const shop = await sample();
    const together = barrier(3);
    let ended = 0;
    const working = gate();
    const app = await shop.open({
      coder: async ({ signal }) => {
        await together();
        working.open();
        await aborted(signal);
        ended += 1;
        return "done after all";
      },
    });
    const runId = await began(app, raced());
    const driving = app.drive(runId);
    await working.opened;
    await say(app, runId, cancel);
    expect(await driving).toMatchObject({ end: "idle", run: { state: { status: "failed" } } });
    expect(ended).toBe(3);
    expect((await told(app, runId)).at(-1)).toBe("run_failed");
  });

  it("no answer is taken while nobody asks, and a judge that could not run asks for all of them", async () => {
    const files = {
      ".gitignore": "vendor/\n",
      "vendor/a.txt": "1",
      "runledger.yaml": "workspace: { share: [vendor] }\n",
    };
    const shop = await sample(files);
    const both = barrier(2);
    const working = gate();
    const unasked = gate();
    const app = await shop.open({
      coder: async (task) => {
        await both();
        working.open();
        if (task.candidate === 2) await aborted(task.signal);
        await unasked.opened;
        await rm(join(shop.repo, "vendor"), { recursive: true });
        return make(task);
      },
    });
    const runId = await began(app, raced({ candidates: 2 }));
    const driving = app.drive(runId);
    await working.opened;
    const skip = answer("a", { action: "skip" });
    await expect(say(app, runId, skip)).rejects.toMatchObject({ code: "no_policy_request" });
    unasked.open();
    await eventually(
      "the run waits for a person",
      async () => (await app.ledger.load(runId)).state.status === "paused",
    );
    const [request] = app.policyRequests(await app.ledger.load(runId), person(app));
    expect(request).toMatchObject({
      stepId: "a",
      candidates: [{ status: "verify_pending" }, { status: "in_progress" }],
    });
    await say(app, runId, skip);
    await say(app, runId, resume);
    const { run } = await driving;
    expect(run.state.status).toBe("completed");
    expect(await candidatesOf(app, runId)).toEqual(["cancelled", "cancelled"]);
    expect((await told(app, runId)).slice(-5)).toEqual([
      "candidate_cancelled 1",
      "candidate_cancelled 2",
      "policy_decision_applied",
      "run_resumed",
      "run_completed",
    ]);
  });

  it("a step without workspaces of its own is refused before anything is recorded", async () => {
    const shop = await sample({
      "a.txt": "a\n",
      "runledger.yaml": "runLedger: { workspaceIsolation: false }\n",
    });
    const app = await shop.open({ coder: () => "done" });
    await expect(began(app, raced())).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringContaining("one folder"),
    });
    expect(await app.list({ limit: 1 })).toEqual([]);
  });
});

describe("agents that call tools", () => {
  it("race with a credential each: one cannot speak for another, nor can one that names no candidate", async () => {
    const bench = await openBench();
    const { runId } = await bench.create(
      onePlan({ candidates: 2, validator: { type: "command_pass", target: "test -f made.txt" } }),
    );
    const [one, two] = [1, 2].map((candidate) => bench.issue("coder", { runId, stepId: "sum", candidate }));
    const nobody = bench.issue("coder", { runId, stepId: "sum" });
    if (one === undefined || two === undefined) throw new Error("two were issued");
    const about = { run_id: runId, step_id: "sum" };
    await expectRefusal(bench, () => bench.call(nobody, "run_start_step", about), "step_not_yours");
    const first = await bench.call(one, "run_start_step", about);
    const second = await bench.call(two, "run_start_step", about);
    expect([first.candidate, second.candidate]).toEqual([1, 2]);
    expect(first.workspace).not.toBe(second.workspace);
    const stranger = bench.issue("coder", { runId, stepId: "sum", candidate: 3 });
    const claim = { ...about, result: "done" };
    await expectRefusal(
      bench,
      () => bench.call(stranger, "run_propose_step_result", claim),
      "candidate_not_found",
    );
    await writeFile(join(String(second.workspace), "made.txt"), "made");
    expect(await bench.call(one, "run_propose_step_result", claim)).toMatchObject({
      status: "verification_failed",
      policy_request: null,
    });
    expect(await bench.call(two, "run_propose_step_result", claim)).toMatchObject({ status: "verified" });
    await expectRefusal(bench, () => bench.call(one, "run_propose_step_result", claim), "run_terminal");
  });
});
