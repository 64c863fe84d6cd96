import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Caller, createRollout, type RunLedger } from "../../src/index.js";
import { hostStep } from "../helpers/cast.js";
import { type Desk, openDesk, shop } from "../helpers/cli.js";
import { orchestrator, person, SESSION } from "../helpers/project.js";
import { memoryTable, settingsOf } from "./hosts.js";

// A run that a host drives, in the ledger of a project in which agents, workers and people are at work too.
const desks: Desk[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const desk of desks.splice(0)) await desk.dispose();
});

const mirrored = async () => {
  const desk = await openDesk(shop);
  desks.push(desk);
  let asked = 0;
  const app = await desk.open({
    coder: () => {
      asked += 1;
      return "done";
    },
  });
  const rollout = createRollout({
    ledger: app,
    projection: memoryTable(),
    settings: settingsOf("write_through"),
  });
  await rollout.create({
    id: "flow-1",
    kind: "workflow",
    sessionKey: SESSION,
    name: "Nightly release",
    request: "release what is ready",
    descriptor: { template: "release" },
    steps: [hostStep("build", { status: "completed", result: "built" }), hostStep("ship \u001b[31m")],
  });
  return { desk, app, rollout, asked: () => asked };
};

const tool = (app: RunLedger, caller: Caller, name: string, input: object): Promise<unknown> => {
  const found = app.toolsFor(caller).find((one) => one.name === name);
  if (found === undefined) throw new Error(`${caller.role} has no ${name}`);
  return found.call(input);
};

describe("Nobody here works on a run that a host drives", () => {
  test("no worker takes it, no list offers it, and driving it starts no agent", async () => {
    const { app, asked } = await mirrored();
    expect(await app.ledger.list({ claimable: true, limit: 10 })).toEqual([]);
    expect((await app.list({ limit: 10 })).map(({ runId, interrupted }) => [runId, interrupted])).toEqual([
      ["flow-1", false],
    ]);
    await app
      .worker({ maxRuns: 2, onTrouble: (_runId, error) => expect.unreachable(String(error)) })
      .drain(new AbortController().signal);
    expect((await app.drive("flow-1")).end).toBe("idle");
    expect(asked()).toBe(0);
  });

  test("agents, orchestrators and people are refused, in words that name the host", async () => {
    const { app } = await mirrored();
    const agent = app.issue({ name: "coder", role: "executor", sessionKey: SESSION });
    const refusal = { code: "run_mirrored", message: expect.stringContaining('its host (workflow "flow-1"') };
    const decision = { action: "skip" } as const;
    for (const [caller, command] of [
      [agent, { type: "start_step", stepId: "ship \u001b[31m", base: null }],
      [person(app), { type: "cancel_run", reason: "no" }],
      [orchestrator(app), { type: "pause_run", reason: "no" }],
      [orchestrator(app), { type: "apply_policy", stepId: "build", decision, reason: "no" }],
      [person(app), { type: "approve_step", stepId: "build", reason: "" }],
      [person(app), { type: "fork_run", from: "flow-1", seq: null }],
    ] as const)
      await expect(
        app.ledger.submit(command.type === "fork_run" ? "run_fork" : "flow-1", command, caller),
      ).rejects.toMatchObject(refusal);
  });

  test("and nobody but the host's own credential reports one, however it is asked", async () => {
    const { app } = await mirrored();
    const change = { kind: "run_status", status: "completed", result: "", error: "" } as const;
    const report = { type: "report_change", change } as const;
    for (const caller of [person(app), orchestrator(app)])
      await expect(app.ledger.submit("flow-1", report, caller)).rejects.toMatchObject({
        code: "access_denied",
      });
    expect(() => app.issue({ name: "host", role: "host", sessionKey: "host" })).toThrow(
      expect.objectContaining({ code: "access_denied" }),
    );
    await expect(
      app.ledger.submit("flow-1", report, { name: "host", role: "host", sessionKey: "host" }),
    ).rejects.toMatchObject({ code: "access_denied" });
  });

  test("while the host's credential cannot touch a run that is judged here", async () => {
    const { app } = await mirrored();
    const step = { id: "a", goal: "Make a", owner_agent: "coder", validator: { type: "test_pass" } };
    const { runId } = await app.createRun(person(app), {
      plan: { goal: "Judged here", steps: [step] },
      sessionKey: SESSION,
      originalRequest: "please",
    });
    const done = { kind: "step_status", stepId: "a", status: "completed", result: "", error: "" } as const;
    await expect(
      app.ledger.submit(runId, { type: "report_change", change: done }, app.host),
    ).rejects.toMatchObject({ code: "run_not_mirrored" });
    for (const command of [
      { type: "start_step", stepId: "a", base: null },
      { type: "cancel_run", reason: "no" },
      { type: "write_note", key: "k", value: "v" },
    ] as const)
      await expect(app.ledger.submit(runId, command, app.host)).rejects.toMatchObject({
        kind: "refused",
      });
  });
});

describe("What is reported is never shown as verified", () => {
  test("at the terminal, where a host's words can do no harm either", async () => {
    const { desk } = await mirrored();
    const { out } = await desk.type("show", "flow-1");
    expect(desk.masked(out)).toMatchInlineSnapshot(`
      "Nightly release
      flow-1  running as reported by its host  started AGO 
      It is driven by its host (workflow "flow-1" of "board").

      STEP   STATUS    AGENT  JUDGE           ATTEMPTS  LAST WORD
      build  reported  coder  none: reported  -         built
      ship   pending   coder  none: reported  -
      "
    `);
    const why = await desk.type("why", "flow-1");
    expect(why.out).toContain('It is driven by its host (workflow "flow-1" of "board").');
  });

  test("and the end of such a run says who said so", async () => {
    const { desk, rollout } = await mirrored();
    await rollout.complete("flow-1", { status: "completed", result: "released", error: "" });
    const { out } = await desk.type("show", "flow-1");
    expect(out).toContain("completed as reported by its host");
    expect(out).toContain("nothing was verified here: released");
    expect((await desk.type("journal", "flow-1")).out).not.toContain("run_completed");
  });

  test("nor is it hidden that the host's table is behind", async () => {
    const { desk, app } = await mirrored();
    const behind = { type: "sync_projection", state: "degraded", error: "locked \u001b[31m" } as const;
    await app.ledger.submit("flow-1", behind, app.host);
    expect((await desk.type("show", "flow-1")).out).toMatch(/^mirror +board is behind: locked *$/m);
    expect((await desk.type("journal", "flow-1")).out).toMatch(
      /projection_synced +host +board · degraded · locked/,
    );
    expect(await tool(app, orchestrator(app), "run_read", { run_id: "flow-1" })).toMatchObject({
      projection_error: behind.error,
    });
  });

  test("and there is nothing of it to be brought into a checkout", async () => {
    const { app } = await mirrored();
    await expect(app.patch("flow-1")).rejects.toMatchObject({ code: "run_mirrored" });
    await expect(app.apply("flow-1")).rejects.toMatchObject({ code: "run_mirrored" });
  });

  test("nor leads the name of a step to the log of another run", async () => {
    const { app, rollout } = await mirrored();
    const folder = join(app.dataDir, "logs", "run_other");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "secret.0.log"), "of another run");
    const stepId = "../run_other/secret";
    await rollout.update("flow-1", { kind: "step", step: hostStep(stepId) });
    await mkdir(join(app.dataDir, "logs", "flow-1"));
    expect((await app.logs("flow-1", stepId)).agentLog).toBeNull();
    expect(dirname(app.agentLog("flow-1", stepId, 0))).toBe(join(app.dataDir, "logs", "flow-1"));
  });

  test("to agents that read it", async () => {
    const { app } = await mirrored();
    const answer = await tool(app, orchestrator(app), "run_read", { run_id: "flow-1" });
    expect(answer).toMatchObject({
      source_kind: "workflow",
      source_descriptor: { template: "release" },
      reported: true,
      steps: [
        {
          step_id: "build",
          status: "completed",
          how: "reported",
          reported: true,
          validator: null,
          result: "built",
        },
        { status: "pending", reported: true, validator: null },
      ],
    });
  });
});

const bundleOf = async (app: RunLedger, runId: string): Promise<Readable> => {
  const lines: string[] = [];
  for await (const line of app.exportRun(runId)) lines.push(line);
  return Readable.from([Buffer.from(lines.join(""))]);
};

const elsewhere = async (): Promise<RunLedger> => {
  const desk = await openDesk(shop);
  desks.push(desk);
  return desk.open();
};

const hostOf = (ledger: RunLedger, projection = memoryTable()) =>
  createRollout({ ledger, projection, settings: settingsOf("authoritative_read") });

test("A host's run can be taken elsewhere as it is, and is nobody's to drive there either", async () => {
  const { app } = await mirrored();
  const there = await elsewhere();
  await there.importRun(person(there), await bundleOf(app, "flow-1"));
  expect(await there.ledger.load("flow-1")).toEqual(await app.ledger.load("flow-1"));
  expect((await there.view("flow-1")).origin).not.toBeNull();
  expect(await there.ledger.list({ claimable: true, limit: 10 })).toEqual([]);
});

test("A host's run that was taken elsewhere is its host's there: found by the host's id, followed by its table, not pruned", async () => {
  const { app, rollout } = await mirrored();
  const id = "task 7 / ü";
  await rollout.create({ id, kind: "workflow", sessionKey: SESSION, name: "By its own name", request: "" });
  await rollout.complete(id, { status: "completed", result: "made", error: "" });
  const runId = (await app.ledger.store.mirrorOf({ projection: "board", hostId: id }))?.runId ?? "";
  expect(runId).toMatch(/^run_/);
  const there = await elsewhere();
  await there.importRun(person(there), await bundleOf(app, runId));
  const table = memoryTable();
  const host = hostOf(there, table);
  expect(await host.read(id)).toEqual(await hostOf(app).read(id));
  expect((await host.list({ limit: 9 })).map((run) => run.id)).toEqual([id]);
  expect((await host.status()).runs).toEqual({ synced: 0, pending: 1, degraded: 0 });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 7_200_000 });
  expect((await there.prune({ keep: 0 })).runs).toEqual([]);
  expect((await host.replay()).repaired).toEqual([id]);
  expect(table.records.get(id)).toEqual(await host.read(id));
});

test("A host's run is not taken in where its host has another one of that id, and nothing of it stays", async () => {
  const { app, rollout } = await mirrored();
  const id = "task 7 / ü";
  const run = { id, kind: "workflow", sessionKey: SESSION, name: "By its own name", request: "" } as const;
  await rollout.create(run);
  const runId = (await app.ledger.store.mirrorOf({ projection: "board", hostId: id }))?.runId ?? "";
  const there = await elsewhere();
  await hostOf(there).create({ ...run, name: "Another" });
  await expect(there.importRun(person(there), await bundleOf(app, runId))).rejects.toMatchObject({
    code: "run_exists",
  });
  expect(await there.ledger.list({ limit: 9 })).toHaveLength(1);
  expect(await hostOf(there).read(id)).toMatchObject({ name: "Another" });
});

test("A host's runs are not pruned with those of the ledger, and count for nothing in its history", async () => {
  const { app, rollout } = await mirrored();
  await rollout.complete("flow-1", { status: "completed", result: "", error: "" });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 7_200_000 });
  for (const limit of [{ keep: 0 }, { olderThanMs: 0 }, { maxBytes: 0 }])
    expect((await app.prune(limit)).runs).toEqual([]);
  expect(await rollout.read("flow-1")).toMatchObject({ status: "completed" });
});

test("A prompt is told of active runs only where the ledger is read, not because a key of a rollout that is off says so", async () => {
  for (const enabled of [true, false]) {
    const keys = `enabled: ${enabled}, writeThrough: true, authoritativeRead: true`;
    const desk = await openDesk({ ...shop, "runledger.yaml": `runLedger: { ${keys} }\n` });
    desks.push(desk);
    const app = await desk.open();
    const rollout = createRollout({
      ledger: app,
      projection: memoryTable(),
      settings: settingsOf("write_through"),
    });
    await rollout.create({ kind: "workflow", sessionKey: SESSION, name: "Nightly", request: "" });
    expect(await app.activeRunSummaries(SESSION)).toHaveLength(enabled ? 1 : 0);
  }
});
