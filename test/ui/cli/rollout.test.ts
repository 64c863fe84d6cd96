import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  createRollout,
  createTeammateMirror,
  openMarkdownBoard,
  openSqlTables,
  type Rollout,
} from "../../../src/index.js";
import { type Desk, openDesk, shapeOf } from "../../helpers/cli.js";
import { hostRun, hostStep, newRun } from "../../rollout/projection-suite.js";

const desks: Desk[] = [];
afterEach(async () => {
  for (const desk of desks.splice(0)) await desk.dispose();
});

const open = async (settings: string): Promise<Desk> => {
  const desk = await openDesk({ "README.md": "# A shop\n", "runledger.yaml": settings });
  desks.push(desk);
  return desk;
};

/** A host that is started anew at the stage of the settings, and ends. */
const host = async (desk: Desk, work: (rollout: Rollout) => Promise<unknown>): Promise<void> => {
  const app = await desk.open();
  const projection = openMarkdownBoard({ file: join(desk.repo, "BOARD.md") });
  await work(createRollout({ ledger: app, projection, settings: app.settings.runLedger }));
};
const boardOf = (desk: Desk) => openMarkdownBoard({ file: join(desk.repo, "BOARD.md") });
const settingsOf = (desk: Desk): Promise<string> => readFile(join(desk.repo, "runledger.yaml"), "utf8");

const BOARD = "# our board\nrollout:\n  board: BOARD.md # for people\n";
const staged = (...keys: string[]): string =>
  `${BOARD}runLedger: { ${["enabled", ...keys].map((key) => `${key}: true`).join(", ")} }\n`;

describe("rollout advance and retreat", () => {
  it("go through all stages and back; comments stay, and the host's reads are the same everywhere", async () => {
    const desk = await open(BOARD);
    await host(desk, (rollout) => rollout.create(newRun({ id: "task-1" })));
    const stages = ["shadow", "write_through", "authoritative_read", "projection_retired"];
    for (const [at, stage] of stages.entries()) {
      if (at === 1) expect((await desk.type("rollout", "replay")).code).toBe(0);
      const { code, out, err } = await desk.type("rollout", "advance");
      expect([code, out.split(" → ")[1]?.split(":")[0], err.split("\n").at(-2)]).toEqual([
        0,
        stage,
        "It counts for hosts that are started from now on.",
      ]);
      await host(desk, async (rollout) => {
        expect(rollout.stage).toBe(stage);
        await rollout.create(newRun({ id: `run-${at}` }));
        expect(await rollout.list({ limit: 10 })).toHaveLength(at + 2);
      });
    }
    expect(await desk.type("rollout", "advance")).toMatchObject({
      code: 5,
      err: expect.stringContaining("rollout_ended"),
    });
    expect(await boardOf(desk).read("run-3")).toBeUndefined();
    for (const stage of [...stages.slice(0, -1).reverse(), "off"]) {
      const { code, out } = await desk.type("rollout", "retreat");
      expect([code, out.split(" → ")[1]?.split(":")[0]]).toEqual([0, stage]);
      await host(desk, async (rollout) => expect(await rollout.list({ limit: 10 })).toHaveLength(5));
    }
    expect(await desk.type("rollout", "retreat")).toMatchObject({
      code: 5,
      err: expect.stringContaining("rollout_ended"),
    });
    expect(await boardOf(desk).list({ limit: 10 })).toHaveLength(5);
    expect(await settingsOf(desk)).toMatch(/^# our board\nrollout:\n {2}board: BOARD.md # for people\n/);
  });

  it("are refused while a difference is unexplained, and the hint leads on", async () => {
    const desk = await open(staged("shadow"));
    await boardOf(desk).save(hostRun("task-1"));
    const before = await settingsOf(desk);
    const refused = await desk.type("rollout", "advance");
    expect(refused).toMatchObject({ code: 5, out: "" });
    expect(refused.err).toMatch(/1 differences .* unexplained[\s\S]*runledger rollout replay/);
    expect(await settingsOf(desk)).toBe(before);
    expect((await desk.type("rollout", "retreat")).code).toBe(0);
  });

  it("write nothing where another layer would not let it count, and say so", async () => {
    const desk = await open(staged("shadow"));
    const before = await settingsOf(desk);
    const { code, err } = await desk.typeWith(
      { env: { RUNLEDGER_SET_runLedger__enabled: "false" } },
      "rollout",
      "advance",
    );
    expect([code, err]).toEqual([2, expect.stringContaining("config list --show-origin")]);
    expect(await settingsOf(desk)).toBe(before);
  });

  it("need the name of the host's table", async () => {
    const desk = await open("");
    for (const command of ["drift", "replay", "advance", "retreat"])
      expect(await desk.type("rollout", command)).toMatchObject({
        code: 2,
        err: expect.stringContaining("config set rollout.tables FILE"),
      });
    expect(await desk.json("rollout", "status")).toEqual({
      schemaVersion: 1,
      stage: "off",
      table: null,
      runs: null,
    });
    expect((await desk.type("config", "set", "rollout.board", "BOARD.md")).code).toBe(0);
    expect(await desk.type("config", "set", "rollout.tables", "host.db")).toMatchObject({
      code: 2,
      err: expect.stringContaining("not both"),
    });
  });
});

describe("rollout drift, explain and replay", () => {
  it("name each difference, take a person's word for it, and forget it when a side changes", async () => {
    const desk = await open(staged("writeThrough"));
    await host(desk, (rollout) => rollout.create(newRun({ id: "task-1" })));
    await boardOf(desk).update("task-1", { kind: "run_status", status: "paused", result: "", error: "" });
    const { code, out, err } = await desk.type("rollout", "drift");
    expect(code).toBe(1);
    expect(out).toMatch(/^DIFFERENCE .*\n[0-9a-f]{12} +run_status +task-1 +paused +running/);
    expect(err).toContain('runledger rollout explain DIFFERENCE --reason "…"');
    const [digest = ""] = out.split("\n")[1]?.split(" ") ?? [];
    expect(await desk.type("rollout", "explain", digest, "--reason", "a person paused it")).toMatchObject({
      code: 0,
      err: "1 difference of run task-1 explained.\n",
    });
    expect(await desk.type("rollout", "drift")).toMatchObject({
      code: 0,
      err: "Every difference is explained.\n1 explained: --all shows them.\n",
    });
    expect((await desk.type("rollout", "drift", "--all")).out).toMatch(/@terminal: a person paused it$/m);
    await boardOf(desk).update("task-1", { kind: "run_status", status: "failed", result: "", error: "" });
    expect((await desk.type("rollout", "drift")).code).toBe(1);
    expect((await desk.type("rollout", "explain", "task-1", "--reason", "known")).code).toBe(0);
    await writeFile(join(desk.repo, "BOARD.md"), "");
    await host(desk, (rollout) => rollout.create(newRun({ id: "task-3" })));
    await writeFile(join(desk.repo, "BOARD.md"), "");
    expect((await desk.type("rollout", "explain", "task-3", "--reason", "known")).code).toBe(0);
    const cut = await desk.type("rollout", "drift", "--all", "--limit", "1");
    expect(cut).toMatchObject({ code: 1, err: expect.stringContaining("1 more: --limit shows them.") });
    expect(await desk.type("rollout", "explain", "task-2", "--reason", "known")).toMatchObject({ code: 4 });
  });

  it("repair towards the ledger from write-through on; twice changes nothing", async () => {
    const desk = await open(staged("writeThrough"));
    await host(desk, (rollout) => rollout.create(newRun({ id: "task-1" })));
    const file = join(desk.repo, "BOARD.md");
    await writeFile(file, "mine\n");
    expect(await desk.type("rollout", "replay")).toMatchObject({
      code: 0,
      out: "1 run checked against the ledger's word, 1 repaired.\nrepaired  task-1\n",
    });
    const repaired = await readFile(file, "utf8");
    expect((await desk.type("rollout", "replay")).out).toContain("0 repaired");
    expect(await readFile(file, "utf8")).toBe(repaired);
    expect(await desk.type("rollout", "drift")).toMatchObject({ code: 0, out: "" });
  });

  it("name what could not be repaired, and end with 1", async () => {
    const desk = await open(staged("writeThrough"));
    await host(desk, (rollout) => rollout.create(newRun({ id: "task-1" })));
    await writeFile(join(desk.repo, "BOARD.md"), "<!-- runledger:end -->\n");
    const { code, out } = await desk.type("rollout", "replay");
    expect([code, out]).toEqual([
      1,
      expect.stringMatching(/failed {4}task-1: The board .* cannot be read at line 1/),
    ]);
    const { runs } = await desk.json("rollout", "status");
    expect(runs).toEqual({ synced: 0, pending: 0, degraded: 1 });
  });

  it("make an agent's text harmless for the terminal", async () => {
    const desk = await open(staged("shadow"));
    await boardOf(desk).save(hostRun("task\u001b[31m\u202e1"));
    const { out } = await desk.type("rollout", "drift");
    expect(out.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it("work on tables in SQL as well", async () => {
    const desk = await open(staged("shadow").replace("board: BOARD.md", "tables: data/host.db"));
    const tables = await openSqlTables({ file: join(desk.repo, "data/host.db") });
    await tables.save(hostRun("task-1"));
    tables.close();
    expect((await desk.type("rollout", "drift")).out).toContain("missing_in_ledger");
    expect((await desk.type("rollout", "replay")).code).toBe(0);
    expect(await desk.json("rollout", "status")).toMatchObject({
      table: { name: "workflow_tables", file: join(desk.repo, "data/host.db") },
      runs: { synced: 1 },
    });
    expect((await desk.type("rollout", "advance")).code).toBe(0);
  });
});

describe("a teammate that waits for a grant", () => {
  const request = {
    grantRequestId: "run:shell",
    agent: "coder",
    tool: "shell",
    reason: "to build\u001b[31m",
  };

  it("is seen in show, why, list, the journal and run_read, several at once", async () => {
    const desk = await open(staged("writeThrough"));
    const app = await desk.open();
    const projection = boardOf(desk);
    const settings = app.settings.runLedger;
    const rollout = createRollout({ ledger: app, projection, settings });
    const { run } = await rollout.create(newRun({ steps: [hostStep("build", { status: "running" })] }));
    const mirror = createTeammateMirror({ ledger: app, projection, settings });
    const other = { ...request, grantRequestId: "run:web", tool: "web", attempt: 3 };
    await mirror.tell({ id: run.id, blocked: [request, other] });

    const waits =
      'It waits until "coder" (shell, request run:shell), "coder" (web, request run:web) may go on.';
    const shown = (await desk.type("show", run.id)).out;
    expect(shown).toContain(waits);
    expect(shown).toMatch(
      /^blocked +teammate +coder waits for the grant of web \(run:web, attempt 3\): to build/m,
    );
    expect((await desk.type("why", run.id)).out).toBe(
      `${waits}\n  Grant or deny it where the host asks for it; the ledger only mirrors it.\n`,
    );
    expect(await desk.json("why", run.id)).toMatchObject({ for: "person" });
    expect((await desk.json("list")).runs).toMatchObject([{ blocker: waits }]);
    const asked = app.issue({ name: "orchestrator", role: "orchestrator", sessionKey: "session-1" });
    const read = async () =>
      app
        .toolsFor(asked)
        .find(({ name }) => name === "run_read")
        ?.call({ run_id: run.id });
    expect(await read()).toMatchObject({
      teammate_runtime_condition: "blocked_waiting_approval",
      teammate_blocked_reason: "to build\u001b[31m",
      teammate_grant_request_id: "run:web",
      teammate_grant_attempt: 3,
      teammate_grant_state: "pending",
      teammates_blocked: [
        {
          teammate: "coder",
          tool: "shell",
          grant_request_id: "run:shell",
          grant_attempt: 1,
          grant_state: "pending",
        },
        { tool: "web" },
      ],
    });

    await mirror.tell({ id: run.id, blocked: [], answered: { "run:shell": "granted", "run:web": "denied" } });
    expect(await read()).toMatchObject({
      teammate_runtime_condition: null,
      teammate_grant_request_id: null,
      teammate_grant_attempt: null,
      teammate_grant_state: null,
      teammates_blocked: [],
    });
    const told = (await desk.type("journal", run.id)).out;
    expect(told).toContain("coder waits for the grant of shell (run:shell, attempt 1): to build");
    expect(told).toContain("coder goes on: run:shell was granted");
    expect(told).toContain("coder goes on: run:web was denied");
    expect(shown + told).not.toContain("\u001b");
  });
});

describe("what people and programs see", () => {
  it("status tells stage, table and runs; so does the ledger's own status", async () => {
    const desk = await open(staged("shadow"));
    await host(desk, (rollout) => rollout.create(newRun({ id: "task-1" })));
    expect(desk.masked((await desk.type("rollout", "status")).out)).toBe(
      `stage  shadow: the host as before; the ledger records alongside
table  markdown_board, PLACE/repo/BOARD.md
runs   1 synced, 0 pending, 0 degraded
`,
    );
    expect((await desk.type("status")).out).toMatch(/^rollout +shadow$/m);
    expect(await desk.json("status")).toMatchObject({ rollout: "shadow" });
  });

  it("JSON keeps its shape", async () => {
    const desk = await open(staged("shadow"));
    await boardOf(desk).save(hostRun("task-1"));
    expect(shapeOf(await desk.json("rollout", "drift"))).toMatchInlineSnapshot(`
      {
        "drift": [
          {
            "digest": "string",
            "explained": "null",
            "id": "string",
            "kind": "string",
            "ledger": "null",
            "projection": "string",
            "stepId": "null",
          },
        ],
        "explained": "number",
        "schemaVersion": "number",
        "unexplained": "number",
      }
    `);
    expect(
      shapeOf(await desk.json("rollout", "explain", "task-1", "--reason", "later")),
    ).toMatchInlineSnapshot(`
      {
        "explained": [
          "string",
        ],
        "reason": "string",
        "schemaVersion": "number",
      }
    `);
    expect(shapeOf(await desk.json("rollout", "replay"))).toMatchInlineSnapshot(`
      {
        "checked": "number",
        "failed": [],
        "repaired": [
          "string",
        ],
        "schemaVersion": "number",
        "truth": "string",
      }
    `);
    expect(shapeOf(await desk.json("rollout", "advance"))).toMatchInlineSnapshot(`
      {
        "changes": [
          {
            "key": "string",
            "value": "boolean",
          },
        ],
        "from": "string",
        "schemaVersion": "number",
        "to": "string",
      }
    `);
    expect(shapeOf(await desk.json("rollout", "retreat"))).toMatchInlineSnapshot(`
      {
        "changes": [
          {
            "key": "string",
            "value": "boolean",
          },
        ],
        "from": "string",
        "replayed": {
          "checked": "number",
          "failed": [],
          "repaired": [],
          "truth": "string",
        },
        "schemaVersion": "number",
        "to": "string",
      }
    `);
    expect(shapeOf(await desk.json("rollout", "status"))).toMatchInlineSnapshot(`
      {
        "runs": {
          "degraded": "number",
          "pending": "number",
          "synced": "number",
        },
        "schemaVersion": "number",
        "stage": "string",
        "table": {
          "file": "string",
          "name": "string",
        },
      }
    `);
  });
});
