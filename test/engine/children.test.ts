import { afterEach, describe, expect, it, vi } from "vitest";
import type { RunLedger } from "../../src/index.js";
import { behindTheBack, verified } from "../faults/damaged.js";
import { cancel, eventsOf, say, stateOf, typesOf } from "../helpers/driving.js";
import { CHILD, childIn, familyOf } from "../helpers/family.js";
import { person } from "../helpers/project.js";

afterEach(() => void vi.useRealTimers());

describe("a child run", () => {
  it("is started, driven and answered, while its parent holds nothing", async () => {
    const { app, runId, lives } = await familyOf(async (effects) => {
      const { runId: _id, head, base, ...told } = await effects.child("sub", CHILD, { request: "make it" });
      return JSON.stringify({ ...told, moved: head !== base });
    });
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(lives()).toEqual([2, 1]);
    const proposal = stateOf(run, "a");
    expect(proposal).toMatchObject({ status: "completed" });
    expect(JSON.parse((proposal as { proposal: { result: string } }).proposal.result)).toEqual({
      ...{ status: "completed", reason: null, message: expect.any(String), waivers: 0, moved: true },
      criteria: [{ description: "it is made", status: "met" }],
    });
    expect(await typesOf(app, runId)).toEqual([
      ...["run_created", "plan_attached", "step_started", "child_started", "step_suspended"],
      ...["child_finished", "step_result_proposed", "step_validation_passed", "run_completed"],
    ]);
    const child = await app.ledger.load(await childIn(app, runId));
    expect(child).toMatchObject({ parentTold: true, originalRequest: "make it", sessionKey: run.sessionKey });
    expect(child.parent).toEqual({
      ...{ runId, seq: 4, stepId: "a", attempt: 1 },
      ...{ position: 0, depth: 1 },
    });
    expect(child.base).toBe(run.base);
    expect((await app.patch(child.runId)).length).toBe(1);
    expect((await app.patch(runId)).length).toBe(0);
  });

  it("is waited for by why, and cancelled with its parent", async () => {
    const { app, runId } = await familyOf(
      async (effects) => JSON.stringify(await effects.child("sub", CHILD)),
      async (effects) => `${await effects.promise("never")}`,
    );
    const { run } = await app.drive(runId);
    const childId = await childIn(app, runId);
    expect(run.state.status).toBe("running");
    expect((await app.view(runId)).waiting).toMatchObject({
      for: "child",
      sentence: `It waits for run ${childId} ("sub"), which it started.`,
    });
    await say(app, runId, cancel);
    await app.drive(runId);
    expect((await app.ledger.load(childId)).state).toMatchObject({ status: "failed", reason: "cancelled" });
    expect((await app.ledger.list({ limit: 9, claimable: true })).length).toBe(0);
    expect((await typesOf(app, runId)).slice(-2)).toEqual(["run_failed", "child_finished"]);
  });

  it("that failed is an answer, and so is one that a person cancelled", async () => {
    const { app, runId } = await familyOf(
      async (effects) => {
        const { status, reason } = await effects.child("sub", CHILD);
        return `${status} ${reason}`;
      },
      async (effects) => `${await effects.promise("never")}`,
    );
    await app.drive(runId);
    await say(app, await childIn(app, runId), cancel);
    // Whoever looks next finds the child with something to tell, and then the parent.
    await app
      .worker({ maxRuns: 2, onTrouble: (_run, error) => expect.unreachable(String(error)) })
      .drain(new AbortController().signal);
    expect(stateOf(await app.ledger.load(runId), "a")).toMatchObject({
      status: "completed",
      proposal: { result: "failed cancelled" },
    });
  });

  it("is the same one after a crash at any place, and works once", async () => {
    const stop = new AbortController();
    const { app, runId, lives } = await familyOf(async (effects, life) => {
      const asked = effects.child("sub", CHILD);
      if (life === 1) {
        // Cut off when the id is on the disk, whether or not the run is made.
        const seen = async () => (await typesOf(app, runId)).includes("child_started");
        while (!(await seen())) await new Promise(setImmediate);
        stop.abort();
        return new Promise(() => undefined);
      }
      return (await asked).status;
    });
    await app.drive(runId, stop.signal);
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ status: "completed", proposal: { result: "completed" } });
    expect((await app.ledger.list({ limit: 9 })).length).toBe(2);
    expect(lives()[1]).toBe(1);
  });

  it("of an attempt that ended without waiting for it is cancelled before the next one begins", async () => {
    const { app, runId } = await familyOf(
      async (effects, life) => {
        const asked = effects.child("sub", CHILD);
        asked.catch(() => undefined);
        if (life === 1) {
          await effects.now();
          throw new Error("changed my mind");
        }
        return "without";
      },
      async (effects) => `${await effects.promise("never")}`,
    );
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    const types = await typesOf(app, runId);
    expect(
      types.filter(
        (type) => type === "child_started" || type === "child_finished" || type === "step_started",
      ),
    ).toEqual([
      "step_started",
      "child_started",
      "child_finished",
      "step_started",
      "child_started",
      "child_finished",
    ]);
    expect((await app.ledger.list({ limit: 9, statuses: ["running"] })).length).toBe(0);
  });

  it("comes with another plan in a later life only as a divergence", async () => {
    const { app, runId } = await familyOf(async (effects, life) => {
      const { status } = await effects.child("sub", life === 2 ? { ...CHILD, goal: "other" } : CHILD);
      return status;
    });
    await app.drive(runId);
    const reasons = (await eventsOf(app, runId)).flatMap((event) =>
      event.type === "step_interrupted" ? [event.payload.reason] : [],
    );
    expect(reasons[0]).toContain("they differ in input");
  });

  it("starts runs of its own, eight deep and no deeper", async () => {
    const depths: number[] = [];
    const refusals: string[] = [];
    const { app, runId } = await familyOf(
      async (effects) => (await effects.child("sub", CHILD)).status,
      async (effects, _life, task) => {
        depths.push((await app.ledger.load(task.runId)).parent?.depth ?? 0);
        const asked = effects.child("deeper", CHILD);
        return asked.then(
          ({ status }) => status,
          (error: Error & { code?: string }) => {
            if (error.code === undefined) throw error;
            refusals.push(error.code);
            return "deep enough";
          },
        );
      },
    );
    await app.drive(runId);
    expect(Math.max(...depths)).toBe(8);
    expect(refusals[0]).toBe("limit_exceeded");
  }, 120_000);

  it("stays with the run it was started by when that is forked", async () => {
    const { app, runId } = await familyOf(
      async (effects) => {
        const asked = effects.child("sub", CHILD);
        return asked.then(
          ({ status }) => status,
          (error: Error) => {
            if (!("code" in error)) throw error;
            return error.message;
          },
        );
      },
      async (effects) => `${await effects.promise("never")}`,
    );
    await app.drive(runId);
    const childId = await childIn(app, runId);
    const fork = await app.fork(person(app), { runId });
    const { run } = await app.drive(fork.runId);
    expect(stateOf(run, "a")).toMatchObject({
      proposal: {
        result: `The child run "${childId}" belongs to the run that this one was forked from; it is not waited for here.`,
      },
    });
    await say(app, fork.runId, cancel).catch(() => undefined);
    expect((await app.ledger.load(childId)).state.status).toBe("running");
  });

  it("is not taken out while its parent runs, nor a parent before its children have ended", async () => {
    const { app, runId } = await familyOf(async (effects) => {
      await effects.child("sub", CHILD);
      return `${await effects.promise("sign-off")}`;
    });
    await app.drive(runId);
    const childId = await childIn(app, runId);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 7_200_000 });
    const gone = async () => (await app.prune({ keep: 0 })).runs.map((one) => one.runId);
    expect(await gone()).toEqual([]);
    await say(app, runId, cancel);
    vi.setSystemTime(Date.now() + 7_200_000);
    expect((await gone()).sort()).toEqual([runId, childId].sort());
  });
});

describe("verify", () => {
  const flawsOf = async (app: RunLedger, ...statements: readonly string[]) => {
    behindTheBack(app.dataDir, (db) => {
      for (const statement of statements) db.exec(statement);
    });
    return (await verified(app.dataDir)).flaws.map(({ kind, runId, message }) => [kind, runId, message]);
  };
  const done = async () => {
    const family = await familyOf(async (effects) => (await effects.child("sub", CHILD)).status);
    await family.app.drive(family.runId);
    return { ...family, childId: await childIn(family.app, family.runId) };
  };

  it("finds both sides telling the same of a family", async () => {
    const { app } = await done();
    expect(await flawsOf(app)).toEqual([]);
  });

  it("names a child that is gone, and one whose end is told otherwise", async () => {
    const { app, runId, childId } = await done();
    const kinds = await flawsOf(app, `UPDATE runs SET status = 'failed' WHERE run_id = '${childId}'`);
    expect(kinds).toContainEqual([
      "lineage",
      runId,
      `Run "${childId}", which it started, has not ended as it says.`,
    ]);
    const flaws = await flawsOf(
      app,
      ...["events", "leases", "snapshots", "keys", "runs"].map(
        (table) => `DELETE FROM ${table} WHERE run_id = '${childId}'`,
      ),
    );
    expect(flaws).toContainEqual(["lineage", runId, `Run "${childId}", which it started, is not there.`]);
  });

  it("names a run that calls one its parent that has not started it", async () => {
    const { app, runId, childId } = await done();
    const flaws = await flawsOf(
      app,
      ...["events", "leases", "snapshots", "keys", "runs"].map(
        (table) => `DELETE FROM ${table} WHERE run_id = '${runId}'`,
      ),
    );
    expect(flaws).toContainEqual([
      ...["lineage", childId, `Run "${runId}", which it names as its parent, has not started it.`],
    ]);
  });
});
