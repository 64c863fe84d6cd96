import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AgentFunction, AgentTask } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { answer, barrier, began, resume, say, stateOf, typesOf } from "../helpers/driving.js";

const notes = (...names: string[]) => Object.fromEntries(names.map((name) => [name, "one\ntwo\nthree\n"]));

describe("steps of one run", () => {
  it("really work at the same time, up to maxParallelSteps and not beyond", async () => {
    const shop = await sample({ ...notes("a.txt"), "runledger.yaml": "maxParallelSteps: 3\n" });
    const together = barrier(3);
    const app = await shop.open({
      coder: async ({ workspace, stepId }) => {
        // Nobody gets through unless three are at work at once.
        await (Number(stepId.slice(1)) < 3 ? together() : undefined);
        await writeFile(join(workspace, `${stepId}.txt`), stepId);
        return "written";
      },
    });
    const ids = ["s0", "s1", "s2", "s3", "s4", "s5"];
    const runId = await began(app, planOfSteps(...ids.map((id) => stepBy(id, `test -f ${id}.txt`))));
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    let open = 0;
    const atOnce = (await typesOf(app, runId)).map((type) => {
      open += type === "step_started" ? 1 : type === "step_result_proposed" ? -1 : 0;
      return open;
    });
    expect(Math.max(...atOnce)).toBe(3);
  });

  it("start only when all they depend on is completed, on a head that holds its work", async () => {
    const shop = await sample(notes("a.txt"));
    const seen: Record<string, string[]> = {};
    const app = await shop.open({
      coder: async ({ workspace, stepId }) => {
        const present = await Promise.all(
          ["left", "right"].map((name) =>
            readFile(join(workspace, name), "utf8").then(
              () => name,
              () => null,
            ),
          ),
        );
        seen[stepId] = present.filter((name) => name !== null);
        await writeFile(join(workspace, stepId), stepId);
        return "written";
      },
    });
    const runId = await began(
      app,
      planOfSteps(
        stepBy("join", "test -f left -a -f right -a -f join", { depends_on: ["left", "right"] }),
        stepBy("left", "test -f left"),
        stepBy("right", "test -f right"),
      ),
    );
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(seen.join).toEqual(["left", "right"]);
    const started = (await app.ledger.events(runId, 0, 100)).filter(({ type }) => type === "step_started");
    expect(started.map((event) => "stepId" in event.payload && event.payload.stepId).at(-1)).toBe("join");
  });

  it("are judged one at a time, each on the head that the verdict before it made", async () => {
    const shop = await sample(notes("a.txt"));
    const together = barrier(4);
    const app = await shop.open({
      coder: async ({ workspace, stepId }) => {
        await together();
        await writeFile(join(workspace, `${stepId}.txt`), stepId);
        return "written";
      },
    });
    // Only one judge can make the folder; the second one at a time fails.
    const alone = join(shop.place, "judging");
    const judge = `mkdir ${alone} && node -e 0 && rmdir ${alone}`;
    const runId = await began(app, planOfSteps(...["a", "b", "c", "d"].map((id) => stepBy(id, judge))));
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    const verdicts = (await app.ledger.events(runId, 0, 100)).flatMap((event) =>
      event.type === "step_validation_passed" ? [event.payload.verdict] : [],
    );
    expect(verdicts.map(({ head }) => head)).toEqual(
      [run.base, ...verdicts.map(({ commit }) => commit)].slice(0, 4),
    );
    expect(run.head).toBe(verdicts[3]?.commit);
    await app.apply(runId);
    const log = shop.git("log", "--format=%s", `${run.base}..HEAD`).trim().split("\n");
    expect(log).toHaveLength(4);
  });
});

describe("two steps that change the same line", () => {
  /** Both write line two at the same time; who is refused does what `second` says with what it then finds. */
  const collide = async (second: (task: AgentTask, found: string) => Promise<string> | string) => {
    const shop = await sample(notes("shared.txt"));
    const together = barrier(2);
    const found: string[] = [];
    const work: AgentFunction = async (task) => {
      const file = join(task.workspace, "shared.txt");
      const text = await readFile(file, "utf8");
      if (task.attempt === 1) {
        await writeFile(file, text.replace("two", `two of ${task.stepId}`));
        await together();
        return "changed line two";
      }
      found.push(text);
      await writeFile(file, await second(task, text));
      return "resolved";
    };
    const app = await shop.open({ coder: work });
    const plan = planOfSteps(...["left", "right"].map((id) => stepBy(id, "true", { max_retries: 2 })));
    const runId = await began(app, plan);
    const { run } = await app.drive(runId);
    const failures = (await app.ledger.events(runId, 0, 100)).flatMap((event) =>
      event.type === "step_validation_failed" ? [{ ...event.payload, attempt: event.attempt }] : [],
    );
    return { shop, app, run, runId, found, failures };
  };

  it("the later is refused by file and step, finds the conflict marked on the new head, and resolves it", async () => {
    const resolved = "one\ntwo of both\nthree\n";
    const { app, run, runId, shop, found, failures } = await collide(() => resolved);
    expect(run.state.status).toBe("completed");
    expect(failures).toHaveLength(1);
    const [failure] = failures;
    const winner = failure?.stepId === "left" ? "right" : "left";
    expect(failure).toMatchObject({
      attempt: 1,
      verdict: { reason: "conflict", conflicts: [{ path: "shared.txt", stepId: winner }], exitCode: null },
    });
    expect(failure?.verdict.message).toContain(`shared.txt (step "${winner}")`);
    const head = failure?.verdict.head;
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(
      `<<<<<<< ${head}\ntwo of ${winner}\n=======\ntwo of ${failure?.stepId}\n>>>>>>> `,
    );
    expect(stateOf(run, failure?.stepId ?? "")).toMatchObject({ verdict: { base: head } });
    await app.apply(runId);
    expect(await readFile(join(shop.repo, "shared.txt"), "utf8")).toBe(resolved);
  });

  it("the markers themselves are no resolution, whatever the judge would say to them", async () => {
    const { run, failures } = await collide((task, text) =>
      task.attempt === 2 ? text : "one\ntwo of both\nthree\n",
    );
    expect(run.state.status).toBe("completed");
    expect(failures.map(({ verdict }) => verdict.reason)).toEqual(["conflict", "conflict"]);
    expect(failures[1]?.verdict).toMatchObject({ conflicts: [{ path: "shared.txt" }] });
    expect(failures[1]?.verdict.message).toContain("markers are still in shared.txt");
  });

  it("a retry that is asked to be fresh starts from the new head without any markers", async () => {
    const shop = await sample({ ...notes("shared.txt") });
    const together = barrier(2);
    const found: string[] = [];
    const app = await shop.open({
      coder: async ({ workspace, stepId, attempt }) => {
        const file = join(workspace, "shared.txt");
        const text = await readFile(file, "utf8");
        if (attempt > 1) found.push(text);
        else {
          await writeFile(file, text.replace("two", `two of ${stepId}`));
          await together();
        }
        return "changed line two";
      },
    });
    const runId = await began(
      app,
      planOfSteps(...["left", "right"].map((id) => stepBy(id, "true", { max_retries: 0 }))),
    );
    const { run: paused } = await app.drive(runId);
    expect(paused.state).toMatchObject({ status: "paused", reason: "escalated" });
    const stepId = paused.state.status === "paused" ? (paused.state.stepId ?? "") : "";
    await say(app, runId, answer(stepId, { action: "retry", fresh: true }));
    await say(app, runId, resume);
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(found).toEqual([`one\ntwo of ${stepId === "left" ? "right" : "left"}\nthree\n`]);
  });
});
