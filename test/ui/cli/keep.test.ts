import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { CAST, type Desk, openDesk, shapeOf, shop } from "../../helpers/cli.js";

const desks: Desk[] = [];
const open = async (files = shop): Promise<Desk> => {
  const desk = await openDesk(files);
  desks.push(desk);
  return desk;
};
afterEach(async () => {
  for (const desk of desks.splice(0)) await desk.dispose();
});

describe("init", () => {
  it("says where it may not write, and why", async () => {
    const desk = await open({ "README.md": "# New\n" });
    await symlink(join(desk.repo, "gone", "runledger.yaml"), join(desk.repo, "runledger.yaml"));
    expect(await desk.type("init")).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /error \[settings_invalid\]: .*runledger\.yaml cannot be written \(E[A-Z]+\)\.\n.*hint/s,
      ),
    });
  });

  it("writes a settings file that holds, and leaves one that is there alone", async () => {
    const desk = await open({ "README.md": "# New\n" });
    const first = await desk.type("init");
    expect(first.code).toBe(0);
    expect(desk.masked(first.out + first.err)).toMatchInlineSnapshot(`
      "PLACE/repo/runledger.yaml
      Name an agent in it, then: runledger run plan.yaml
      "
    `);
    const file = join(desk.repo, "runledger.yaml");
    await writeFile(file, `${await readFile(file, "utf8")}# mine\n`);
    const written = await readFile(file, "utf8");
    const second = await desk.type("init");
    expect([second.code, second.err]).toEqual([0, "It was there already and stays as it is.\n"]);
    expect(await desk.json("init")).toEqual({
      schemaVersion: 1,
      file,
      created: false,
      data: join(desk.place, "data"),
    });
    expect(await readFile(file, "utf8")).toBe(written);
    expect((await desk.type("config", "list")).code).toBe(0);
  });

  it("writes it at the top of the project, from wherever it is typed", async () => {
    const desk = await open({ "deep/down/file": "" });
    const { out } = await desk.typeWith({ cwd: join(desk.repo, "deep", "down") }, "init");
    expect(desk.masked(out)).toBe("PLACE/repo/runledger.yaml\n");
  });
});

describe("config", () => {
  it("gets, sets and lists values with their origin, and keeps comments", async () => {
    const desk = await open({ "runledger.yaml": `# who works here\n${CAST}` });
    expect(await desk.type("config", "get", "maxParallelSteps")).toEqual({ code: 0, out: "4\n", err: "" });
    const set = await desk.type("config", "set", "maxParallelSteps", "2");
    expect([set.code, set.out, desk.masked(set.err)]).toEqual([
      0,
      "",
      "maxParallelSteps = 2  (PLACE/repo/runledger.yaml)\n",
    ]);
    expect(await desk.type("config", "set", "runLedger.staleTtl", "90m", "--quiet")).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    expect(await readFile(join(desk.repo, "runledger.yaml"), "utf8")).toMatch(/^# who works here\n/);
    const { out } = await desk.typeWith(
      { env: { RUNLEDGER_SET_leaseTtl: "20s" } },
      "config",
      "list",
      "--show-origin",
    );
    expect(desk.masked(out)).toMatchInlineSnapshot(`
      "KEY                           VALUE                                                                                 ORIGIN
      agents.maker.kind             command                                                                               project PLACE/repo/runledger.yaml
      agents.maker.run              ["sh","-c","mkdir -p out; echo made > out/$RUNLEDGER_STEP_ID.txt; echo \\"made it\\""]  project PLACE/repo/runledger.yaml
      agents.maker.env              []                                                                                    default
      agents.maker.sandbox          false                                                                                 default
      agents.maker.network          []                                                                                    default
      agents.maker.timeout          30m                                                                                   default
      agents.liar.kind              command                                                                               project PLACE/repo/runledger.yaml
      agents.liar.run               ["sh","-c","echo \\"All done, tests pass!\\""]                                          project PLACE/repo/runledger.yaml
      agents.liar.env               []                                                                                    default
      agents.liar.sandbox           false                                                                                 default
      agents.liar.network           []                                                                                    default
      agents.liar.timeout           30m                                                                                   default
      agents.breaker.kind           command                                                                               project PLACE/repo/runledger.yaml
      agents.breaker.run            ["sh","-c","echo \\"no disk\\" >&2; exit 7"]                                            project PLACE/repo/runledger.yaml
      agents.breaker.env            []                                                                                    default
      agents.breaker.sandbox        false                                                                                 default
      agents.breaker.network        []                                                                                    default
      agents.breaker.timeout        30m                                                                                   default
      maxParallelSteps              2                                                                                     project PLACE/repo/runledger.yaml
      protect                       []                                                                                    default
      workspace.setup               []                                                                                    default
      workspace.share               []                                                                                    default
      workspace.cache               []                                                                                    default
      workspace.sparse              []                                                                                    default
      workspace.passEnv             []                                                                                    default
      isolation.minimum             0                                                                                     default
      isolation.maximum             3                                                                                     default
      isolation.visible             []                                                                                    default
      isolation.network             []                                                                                    default
      secrets.names                 []                                                                                    default
      secrets.except                []                                                                                    default
      onUnmetCriteria               fail                                                                                  default
      changeValidator               orchestrator                                                                          default
      trustPlans                    false                                                                                 default
      schedules                     {}                                                                                    default
      gate.environment                                                                                                    default
      gate.policies                 gate-policies                                                                         default
      rollout.tables                                                                                                      default
      rollout.board                                                                                                       default
      planner                                                                                                             default
      orchestrator                                                                                                        default
      limits.memory                 8GiB                                                                                  default
      limits.processes              4096                                                                                  default
      limits.disk                   20GiB                                                                                 default
      limits.files                  1000000                                                                               default
      limits.output                 4GiB                                                                                  default
      retention.completedFor        forever                                                                               default
      retention.failedFor           forever                                                                               default
      retention.maxBytes            unlimited                                                                             default
      retention.every               1h                                                                                    default
      durable.paidAmbiguous         rerun                                                                                 default
      durable.encryption            false                                                                                 default
      durable.keyCommand            []                                                                                    default
      durable.effectsPerAttempt     100000                                                                                default
      durable.eventsPerRun          1000000                                                                               default
      durable.checkpoints           sqlite                                                                                default
      durable.checkpointEvery       0                                                                                     default
      durable.checkpointsKept       20                                                                                    default
      durable.checkpointBefore      []                                                                                    default
      durable.checkpointAt          ["approval_requested","risky_boundary"]                                               default
      durable.resultSize            1MiB                                                                                  default
      budget.tokens                 null                                                                                  default
      budget.usd                    null                                                                                  default
      budget.time                   null                                                                                  default
      budget.attempts               null                                                                                  default
      notify                        {}                                                                                    default
      agentTimeout                  30m                                                                                   default
      leaseTtl                      20s                                                                                   env RUNLEDGER_SET_leaseTtl
      runLedger.enabled             false                                                                                 default
      runLedger.shadow              false                                                                                 default
      runLedger.writeThrough        false                                                                                 default
      runLedger.authoritativeRead   false                                                                                 default
      runLedger.projectionRetired   false                                                                                 default
      runLedger.workspaceIsolation  true                                                                                  default
      runLedger.staleTtl            1h30m                                                                                 project PLACE/repo/runledger.yaml
      runLedger.validatorTimeout    2m                                                                                    default
      runLedger.maxRunHistory       100                                                                                   default
      runLedger.plannerMaxRetries   2                                                                                     default
      "
    `);
  });

  it("with --json has stable fields", async () => {
    const desk = await open();
    expect(await desk.json("config", "get", "runLedger.staleTtl")).toEqual({
      schemaVersion: 1,
      key: "runLedger.staleTtl",
      value: "1h",
    });
    expect(shapeOf(await desk.json("config", "list"))).toEqual({
      schemaVersion: "number",
      settings: [{ key: "string", value: "string", origin: "string" }],
    });
    expect(await desk.json("config", "set", "maxParallelSteps", "3")).toEqual({
      schemaVersion: 1,
      key: "maxParallelSteps",
      value: 3,
      file: join(desk.repo, "runledger.yaml"),
    });
  });

  it("refuses unknown keys and bad values, and then writes nothing", async () => {
    const desk = await open();
    const file = join(desk.repo, "runledger.yaml");
    const before = await readFile(file, "utf8");
    const get = await desk.type("config", "get", "runLedger.staleTl");
    expect([get.code, get.out, get.err]).toMatchInlineSnapshot(`
      [
        2,
        "",
        "error [unknown_key]: There is no setting "runLedger.staleTl".
      hint: Did you mean "runLedger.staleTtl"?
      ",
      ]
    `);
    const unknown = await desk.type("config", "set", "maxParalelSteps", "2");
    expect([unknown.code, desk.masked(unknown.err)]).toMatchInlineSnapshot(`
      [
        2,
        "error [settings_invalid]: 1 defect in the settings:
        maxParalelSteps = "2": found an unknown key, expected one of "version", "agents", "maxParallelSteps", "protect", "workspace", "isolation", "limits", "retention", "secrets", "onUnmetCriteria", "changeValidator", "agentTimeout", …; did you mean "maxParallelSteps"?
      hint: Nothing was written. \`runledger config list\` shows every key, and docs/settings.md what each takes.
      ",
      ]
    `);
    const bad = await desk.type("config", "set", "runLedger.staleTtl", "soon");
    expect([bad.code, desk.masked(bad.err)]).toMatchInlineSnapshot(`
      [
        2,
        "error [settings_invalid]: 1 defect in the settings:
        runLedger.staleTtl = "soon": found "soon", expected a duration such as "2m", from 1ms to 365d
      hint: Nothing was written. \`runledger config list\` shows every key, and docs/settings.md what each takes.
      ",
      ]
    `);
    expect(await readFile(file, "utf8")).toBe(before);
  });
});

describe("settings that do not hold", () => {
  it("are refused by every command, each defect in a line of its own with its place in the file", async () => {
    const desk = await open({
      "runledger.yaml": "maxParalel: 2\nagents:\n  a: { kind: command }\nleaseTtl: 1ms\n",
    });
    const { code, out, err } = await desk.type("list");
    expect([code, out]).toEqual([2, ""]);
    expect(desk.masked(err)).toMatchInlineSnapshot(`
      "error [settings_invalid]: 3 defects in the settings:
        PLACE/repo/runledger.yaml:3:3: agents.a.run: found nothing, expected the program and its arguments, as a list
        PLACE/repo/runledger.yaml:4:1: leaseTtl: found "1ms", expected a duration such as "2m", from 2s to 1d
        PLACE/repo/runledger.yaml:1:1: maxParalel: found an unknown key, expected one of "version", "agents", "maxParallelSteps", "protect", "workspace", "isolation", "limits", "retention", "secrets", "onUnmetCriteria", "changeValidator", "agentTimeout", …
      hint: Mend it there; \`runledger config schema\` and docs/settings.md describe every key.
      "
    `);
    const doctor = await desk.type("doctor");
    expect(doctor.code).toBe(1);
    expect(desk.masked(doctor.out)).toContain("✘  ledger  3 defects in the settings");
  });
});
