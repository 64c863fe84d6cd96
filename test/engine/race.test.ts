import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AgentTask, RunLedger } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { barrier, began, eventsOf, gate, placesOf, stateOf } from "../helpers/driving.js";

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }),
  );

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
