import { describe, expect, it } from "vitest";
import type { AgentFunction } from "../../src/index.js";
import { behindTheBack } from "../faults/damaged.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { aborted, began, clockAt, eventually, gate, stateOf, typesOf } from "../helpers/driving.js";
import { CHILD, childIn, familyOf, made } from "../helpers/family.js";
import { person } from "../helpers/project.js";

const HOUR_MS = 3_600_000;

describe("a family that one process drives", () => {
  it("has a sleep that races with a child for a time limit, also while the child is at work", async () => {
    const clock = clockAt("2026-03-01T00:00:00.000Z");
    const { app, runId, lives } = await familyOf(
      async (effects) =>
        effects.race([
          effects.child("sub", CHILD).then(({ status }) => status),
          effects.sleep("1h").then(() => "too slow"),
        ]),
      async (_effects, _life, { signal }) => {
        clock.move(HOUR_MS);
        await aborted(signal);
        return "never";
      },
      clock.now,
    );
    const { run, end } = await app.drive(runId);
    expect(end).toBe("idle");
    expect(stateOf(run, "a")).toMatchObject({ status: "completed", proposal: { result: "too slow" } });
    const child = await app.ledger.load(await childIn(app, runId));
    expect(child.state).toMatchObject({ status: "failed", reason: "cancelled" });
    expect(lives()).toEqual([2, 1]);
    expect((await app.ledger.list({ limit: 9, claimable: true })).length).toBe(0);
  });

  it("has each child go on when it is due, whoever else is still at work", async () => {
    const clock = clockAt("2026-03-01T00:00:00.000Z");
    const { opened, open } = gate();
    const { app, runId } = await familyOf(
      async (effects) => {
        const both = [effects.child("sleeper", CHILD), effects.child("waiter", { ...CHILD, goal: "wait" })];
        return (await effects.all(both)).map(({ status }) => status).join();
      },
      async (effects, _life, task) => {
        if (task.runGoal === "wait") {
          await eventually("the other one sleeps", async () => {
            const [sleeper] = await app.children(runId);
            return (await typesOf(app, sleeper?.runId ?? "")).includes("step_suspended");
          });
          clock.move(HOUR_MS);
          await opened;
        } else {
          await effects.sleep("1h");
          open();
        }
        return made(task);
      },
      clock.now,
    );
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "completed,completed" } });
  });

  it("has a child begin while its parent does something else", async () => {
    const { opened, open } = gate();
    const { app, runId, lives } = await familyOf(
      async (effects) => {
        const beside = effects.effect("beside", { class: "pure" }, () => opened.then(() => "done"));
        const [{ status }] = await effects.all([effects.child("sub", CHILD), beside]);
        return status;
      },
      async (_effects, _life, task) => {
        open();
        return made(task);
      },
    );
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "completed" } });
    expect(lives()[1]).toBe(1);
  });

  it("stops as a whole when it is told to, and goes on later", async () => {
    const stop = new AbortController();
    const { app, runId, lives } = await familyOf(
      async (effects) => (await effects.child("sub", CHILD)).status,
      async (_effects, life, task) => {
        if (life > 1) return made(task);
        await eventually("its parent waits", async () =>
          (await typesOf(app, runId)).includes("step_suspended"),
        );
        stop.abort();
        await aborted(task.signal);
        return "never";
      },
    );
    expect((await app.drive(runId, stop.signal)).end).toBe("stopped");
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "completed" } });
    expect(lives()).toEqual([2, 2]);
  });

  it("is left to another worker that has taken the parent meanwhile, but for who is at work", async () => {
    const { app, runId, lives } = await familyOf(
      async (effects) => {
        const sub = effects.child("sub", CHILD).then(({ status }) => status);
        return effects.race([effects.promise<string>("go"), sub]);
      },
      async (effects, _life, task) => {
        await eventually("its parent waits", async () =>
          (await typesOf(app, runId)).includes("step_suspended"),
        );
        const { store } = app.ledger;
        const lease = await store.claim({ runId, owner: "another", ttlMs: HOUR_MS });
        expect(lease).toBeDefined();
        const token = await app.promiseToken(person(app), runId, "a/1/1");
        await app.resolvePromise(person(app), runId, { promise: "a/1/1", token, value: "went" });
        await effects.now();
        return made(task);
      },
    );
    const { end } = await app.drive(runId);
    expect(end).toBe("lease_lost");
    expect((await app.ledger.load(await childIn(app, runId))).state.status).toBe("completed");
    expect(lives()).toEqual([1, 1]);
  });

  it("are driven too while something else of their parent waits for an agent that is not here", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const here: Readonly<Record<string, AgentFunction>> = {
      coder: async (_task, effects) => (await effects.child("sub", CHILD)).status,
      reviewer: made,
    };
    const other = await shop.open({ ...here, elsewhere: async () => "done" });
    const plan = planOfSteps(stepBy("a", "true"), stepBy("b", "true", { owner_agent: "elsewhere" }));
    const runId = await began(other, plan);
    await other.close();
    const app = await shop.open(here);
    const { run, end } = await app.drive(runId);
    expect(end).toBe("no_agent");
    expect(stateOf(run, "a")).toMatchObject({ status: "completed", proposal: { result: "completed" } });
  });

  it("are all at rest when one of them fails to be driven", async () => {
    const { app, open, runId } = await familyOf(
      async (effects) => {
        const both = [effects.child("broken", CHILD), effects.child("whole", CHILD)];
        return (await effects.all(both)).map(({ status }) => status).join();
      },
      async (effects, _life, task) => {
        await effects.promise("go");
        for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate);
        return made(task);
      },
    );
    await app.drive(runId);
    const [broken = "", whole = ""] = (await app.children(runId)).map((child) => child.runId);
    const [{ id: promise } = { id: "" }] = await app.promises(whole);
    const token = await app.promiseToken(person(app), whole, promise);
    await app.resolvePromise(person(app), whole, { promise, token, value: true });
    await app.close();
    behindTheBack(app.dataDir, (db) => {
      db.exec(`UPDATE events SET payload = '{}' WHERE run_id = '${broken}'`);
      db.exec(`DELETE FROM snapshots WHERE run_id = '${broken}'`);
    });
    const next = await open();
    await expect(next.drive(runId)).rejects.toThrow();
    expect((await next.ledger.load(whole)).state.status).toBe("completed");
  });
});
