import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openRunLedger } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { began, placesOf, resume, say, stateOf, typesOf } from "../helpers/driving.js";
import { buggySum, FIXED_SUM, onePlan } from "../helpers/project.js";

const settings = "runLedger:\n  workspaceIsolation: false\n";
const changed = (target: string) => ({ validator: { type: "file_changed", target } });

/** As seed 002 runs when its flag is off: agents and judges share the project's own folder. */
describe("without workspace isolation", () => {
  it("the agent works in the project folder, the judge looks there, and nothing is committed", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": settings });
    const folders: string[] = [];
    const app = await shop.open({
      coder: async ({ workspace }) => {
        folders.push(workspace);
        await writeFile(join(workspace, "src/sum.mjs"), FIXED_SUM);
        return "fixed";
      },
    });
    const head = shop.git("rev-parse", "HEAD");
    const runId = await began(app, onePlan());
    const { run } = await app.drive(runId);
    expect(folders).toEqual([shop.repo]);
    expect(run).toMatchObject({
      state: { status: "completed" },
      base: null,
      head: null,
      workspaceIsolation: false,
    });
    expect(stateOf(run, "sum")).toMatchObject({
      proposal: { capture: { base: null, tree: null, commit: null, patch: null, filesChanged: null } },
      verdict: {
        outcome: "passed",
        isolationLevel: 0,
        base: null,
        head: null,
        commit: null,
        tree: null,
        counts: { passed: 1 },
      },
    });
    expect(shop.git("rev-parse", "HEAD")).toBe(head);
    expect(shop.git("status", "--porcelain")).toBe(" M src/sum.mjs\n");
    expect(await readdir(app.dataDir)).not.toContain("store.git");
    expect(await placesOf(app)).toEqual([]);
    await expect(app.apply(runId)).rejects.toMatchObject({ code: "not_a_repository" });
  });

  it("one step runs at a time: the next starts when the verdict is there", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": `${settings}maxParallelSteps: 4\n` });
    let working = 0;
    let most = 0;
    const app = await shop.open({
      coder: async ({ workspace, stepId }) => {
        working += 1;
        most = Math.max(most, working);
        await writeFile(join(workspace, `${stepId}.txt`), stepId);
        working -= 1;
        return "written";
      },
    });
    const ids = ["a", "b", "c"];
    const runId = await began(app, planOfSteps(...ids.map((id) => stepBy(id, `test -f ${id}.txt`))));
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(most).toBe(1);
    const each = ["step_started", "step_result_proposed", "step_validation_passed"];
    expect(await typesOf(app, runId)).toEqual([
      "run_created",
      "plan_attached",
      ...each,
      ...each,
      ...each,
      "run_completed",
    ]);
  });

  it("file_changed sees what git would show: untracked files too, and nothing that is not there", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": settings });
    const app = await shop.open({
      coder: async ({ workspace, stepId }) => {
        if (stepId === "new") await writeFile(join(workspace, "src/größe – neu.txt"), "");
        return "done";
      },
    });
    const plan = planOfSteps(
      stepBy("nothing", "", { ...changed("**"), max_retries: 0 }),
      stepBy("new", "", changed("src/*.txt")),
    );
    const runId = await began(app, plan);
    await app.drive(runId);
    await say(app, runId, {
      type: "apply_policy",
      stepId: "nothing",
      decision: { action: "skip" },
      reason: "so",
    });
    await say(app, runId, resume);
    const { run } = await app.drive(runId);
    const failed = (await app.ledger.events(runId, 0, 100)).flatMap((event) =>
      event.type === "step_validation_failed" ? [event.payload.verdict.reason] : [],
    );
    expect(failed).toEqual(["nothing_changed"]);
    expect(stateOf(run, "new")).toMatchObject({ verdict: { outcome: "passed", isolationLevel: 0 } });
  });

  it("needs no repository for judges that need none; a plan with file_changed is refused before anything is begun", async () => {
    const shop = await sample();
    const folder = join(shop.place, "plain");
    await mkdir(folder);
    await writeFile(join(folder, "runledger.yaml"), settings);
    const app = await openRunLedger({
      projectDir: folder,
      env: { ...shop.env, RUNLEDGER_HOME: undefined, GIT_CEILING_DIRECTORIES: shop.place },
      agents: {
        coder: async ({ workspace }) => {
          await writeFile(join(workspace, "made.txt"), "made");
          return "made";
        },
      },
    });
    try {
      const runId = await began(app, planOfSteps(stepBy("a", "test -f made.txt")));
      expect((await app.drive(runId)).run.state.status).toBe("completed");
      expect(await readdir(folder)).toEqual([".runledger", "made.txt", "runledger.yaml"]);
      await expect(began(app, planOfSteps(stepBy("a", "", changed("made.txt"))))).rejects.toMatchObject({
        code: "not_a_repository",
        message: expect.stringContaining("nobody could judge file_changed"),
        hint: expect.stringMatching(/^Judge by command_pass or artifact_exists/),
      });
      expect(await app.list({ limit: 5 })).toMatchObject([{ runId }]);
      expect((await app.examine()).find(({ check }) => check === "repository")).toMatchObject({
        message:
          "none that can be used: without workspace isolation only file_changed and test_pass need one",
      });
    } finally {
      await app.close();
    }
  });

  it("a run that was started with isolation is not judged in the project folder", async () => {
    const shop = await sample();
    const isolated = await shop.open({ coder: () => "done" });
    const runId = await began(isolated, planOfSteps(stepBy("a", "true", { max_retries: 0 })));
    await isolated.close();
    const app = await openRunLedger({
      projectDir: shop.repo,
      env: { ...shop.env, RUNLEDGER_SET_runLedger__workspaceIsolation: "false" },
      agents: { coder: () => "done" },
    });
    try {
      const { run } = await app.drive(runId);
      expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
      expect(stateOf(run, "a")).toMatchObject({
        reason: expect.stringContaining("with workspace isolation"),
      });
    } finally {
      await app.close();
    }
  });
});
