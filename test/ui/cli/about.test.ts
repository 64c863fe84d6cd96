import { chmod, mkdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { CAST, type Desk, openDesk, planOf, shapeOf, shop, step } from "../../helpers/cli.js";

const desks: Desk[] = [];
const open = async (files = shop): Promise<Desk> => {
  const desk = await openDesk(files);
  desks.push(desk);
  return desk;
};
afterEach(async () => {
  for (const desk of desks.splice(0)) await desk.dispose();
});

type Finding = { check: string; status: string; message: string; fix: string | null; mended: string | null };
const findingsOf = async (desk: Desk, ...more: string[]) =>
  (await desk.json("doctor", ...more)).findings as Finding[];
const finding = async (desk: Desk, check: string, ...more: string[]) =>
  (await findingsOf(desk, ...more)).find((one) => one.check === check);

describe("doctor", () => {
  it("finds a missing program, missing shared paths, and says how to mend them", async () => {
    const desk = await open({
      "package.json": "{}\n",
      "runledger.yaml":
        "agents:\n  ghost: { kind: command, run: [no-such-program-here] }\n  lost: { kind: command, run: [./bin/lost] }\nworkspace: { share: [node_modules] }\nisolation: { maximum: 1 }\n",
    });
    const { code, out, err } = await desk.type("doctor");
    expect(code).toBe(1);
    expect(
      desk.masked(out.replace(/Node [\d.]+/, "Node N").replace(/at \w{7}$/m, "at HEAD")),
    ).toMatchInlineSnapshot(`
      "✔  ledger              PLACE/data
      ✔  node                Node N
      ✔  repository          PLACE/repo at HEAD
      ✔  journals            Every journal that was read could be read.
      ✔  anchor              There is no event yet.
      ✔  privacy             Only you can read the ledger.
      ✔  leftovers           Nothing is left of processes that have ended.
      ✔  temporary folder    /tmp
      ✔  workspaces          PLACE/state/runledger/workspaces
      ✘  agent ghost         Its program "no-such-program-here" is not there or not executable. Mend agents.ghost.run.
      ✘  agent lost          Its program "PLACE/repo/bin/lost" is not there or not executable. Mend agents.lost.run.
      ✔  toolchain node      node, npm found
      ✘  share node_modules  is not there. Install your dependencies, or mend workspace.share.
      ✔  isolation           Level 1: clean rooms, scrubbed environment, limits. Code under test runs as you. isolation.maximum asks for no more.
      ✔  walls               Memory and processes are looked up from time to time: isolation.maximum asks for no control groups.
      "
    `);
    expect(err).toBe("3 things to mend.\n");
    const findings = await findingsOf(desk);
    expect(shapeOf(findings)).toEqual([
      { check: "string", status: "string", message: "string", fix: "null", mended: "null" },
    ]);
    expect(findings).toContainEqual(
      expect.objectContaining({ check: "agent ghost", status: "fail", fix: expect.any(String) }),
    );
  });

  it("finds that there is no repository", async () => {
    const desk = await open();
    const env = { GIT_CEILING_DIRECTORIES: desk.place };
    await desk.write({ "../plain/file": "" });
    const { code, out } = await desk.typeWith({ cwd: join(desk.place, "plain"), env }, "doctor");
    expect(code).toBe(1);
    expect(out).toMatch(/✘ {2}repository +.*not.*repository/);
  });

  it("is content with a project that can work", async () => {
    const desk = await open();
    expect(await desk.type("doctor")).toMatchObject({ code: 0, err: "Ready.\n" });
    expect(await desk.type("doctor", "--quiet")).toMatchObject({ code: 0, err: "" });
    expect(await desk.type("doctor", "--fix")).toMatchObject({ code: 0, err: "0 mended. Ready.\n" });
  });

  it.each([
    [
      "stages that do nothing because the rollout is off",
      "runLedger: { shadow: true, writeThrough: true }\n",
      /^shadow, writeThrough do nothing while runLedger\.enabled is off/,
    ],
    ["a rollout without a stage", "runLedger: { enabled: true }\n", /^It is enabled without a stage/],
    [
      "a stage beside a later one",
      "runLedger: { enabled: true, shadow: true, writeThrough: true }\n",
      /^shadow says nothing beside writeThrough/,
    ],
  ])("warns of %s", async (_, yaml, message) => {
    const desk = await open({ "runledger.yaml": CAST + yaml });
    const [found] = (await findingsOf(desk)).filter(({ message: told }) => message.test(told));
    expect(found).toMatchObject({ check: "rollout", status: "warn" });
    const { code, err } = await desk.type(...(found?.fix ?? "").split(" ").slice(1));
    expect([code, err]).toEqual([0, expect.stringMatching(/^runLedger\./)]);
    expect((await findingsOf(desk)).filter(({ message: told }) => message.test(told))).toEqual([]);
  });

  it("warns of a validator that may work longer than a tool call waits", async () => {
    const desk = await open({ "runledger.yaml": `${CAST}runLedger: { validatorTimeout: 10m }\n` });
    expect(await finding(desk, "timeouts")).toMatchObject({ status: "warn" });
    await desk.type("config", "set", "runLedger.validatorTimeout", "599s");
    expect(await finding(desk, "timeouts")).toBeUndefined();
  });

  it("warns of changes that no commit has, of variables that are not set, and of set-up that cannot start", async () => {
    const desk = await open({
      "runledger.yaml": `${CAST}workspace: { setup: [[no-such-tool], [./own.sh]], passEnv: [NOT_SET_HERE, PATH] }\n`,
    });
    await desk.write({ "new.txt": "" });
    expect(await finding(desk, "checkout")).toMatchObject({
      status: "warn",
      message: "1 uncommitted (new.txt): a run starts from a commit.",
    });
    expect(await finding(desk, "variable NOT_SET_HERE")).toMatchObject({ status: "warn" });
    expect(await finding(desk, "variable PATH")).toBeUndefined();
    expect(await finding(desk, "set-up no-such-tool")).toMatchObject({ status: "fail" });
    expect(await finding(desk, "set-up ./own.sh")).toMatchObject({ status: "ok" });
    desk.commit();
    expect(await finding(desk, "checkout")).toBeUndefined();
  });

  it("finds what no workspace could hold: submodules, Git LFS, pointers of it", async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`;
    const desk = await open({ ...shop, "big.bin": pointer, "a/.gitattributes": "*.bin filter=lfs\n" });
    const told = async () => (await finding(desk, "repository"))?.message;
    expect(await told()).toContain("a/.gitattributes keeps files in Git LFS");
    desk.git("rm", "--quiet", "a/.gitattributes");
    desk.commit();
    await desk.write({ "big.bin": "the file itself" });
    expect(await told()).toContain("big.bin is in Git LFS, and the commit has a pointer to it");
    desk.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},vendor/lib`);
    desk.git("commit", "--quiet", "--message", "submodule");
    expect(await finding(desk, "repository")).toMatchObject({
      status: "fail",
      message: expect.stringContaining("vendor/lib is a submodule"),
      fix: expect.any(String),
    });
  });

  it("warns of a lockfile whose package manager is not there", async () => {
    const desk = await open({ ...shop, "pnpm-lock.yaml": "", "uv.lock": "" });
    const bin = join(desk.place, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "uv"), "", { mode: 0o755 });
    const env = { PATH: `${bin}:/usr/bin:/bin` };
    const { out } = await desk.typeWith({ env }, "doctor", "--json");
    const { findings } = JSON.parse(out) as { findings: Finding[] };
    expect(findings.filter(({ check }) => /^toolchain (pnpm|uv)$/.test(check))).toMatchObject([
      { check: "toolchain pnpm", status: "warn", fix: expect.stringContaining("workspace.share") },
    ]);
  });

  it("says what .worktreeinclude brings, names what it does not, and why nothing comes", async () => {
    const desk = await open({ ...shop, ".gitignore": ".env*\n" });
    expect(await finding(desk, ".worktreeinclude")).toBeUndefined();
    await desk.write({ ".worktreeinclude": ".env.local\n" });
    expect(await finding(desk, ".worktreeinclude")).toMatchObject({ status: "warn" });
    await desk.write({ ".env.local": "x", "notes.txt": "x", ".worktreeinclude": ".env.local\nnotes.txt\n" });
    const told = (await findingsOf(desk)).filter(({ check }) => check === ".worktreeinclude");
    expect(told).toMatchObject([
      { status: "ok", message: "1 file goes into fresh trees, secrets in them too" },
      { status: "warn", message: expect.stringMatching(/^notes\.txt: .*not ignored/) },
    ]);
    await symlink("/etc/passwd", join(desk.repo, ".env.link"));
    await desk.write({ ".worktreeinclude": ".env*\n" });
    expect(await finding(desk, ".worktreeinclude")).toMatchObject({
      status: "fail",
      message: expect.stringContaining(".env.link is a link that leaves the checkout"),
    });
  });

  it.each([
    ["set-up is missing", "cache: [deps]", "does nothing without workspace.setup."],
    [
      "it is shared as well",
      "cache: [deps], share: [deps], setup: [[sh]]",
      "deps is in workspace.share as well.",
    ],
    ["it is tracked", "cache: [README.md], setup: [[sh]]", "Nothing is kept: README.md is tracked."],
    ["there is no lockfile", "cache: [deps], setup: [[sh]]", "Nothing is kept: the tree has no lockfile."],
  ])("warns of a cache that keeps nothing because %s", async (_, keys, message) => {
    const desk = await open({ ...shop, "runledger.yaml": `${CAST}workspace: { ${keys} }\n` });
    expect(await finding(desk, "workspace.cache")).toMatchObject({ status: "warn", message });
  });

  it("finds a place where no workspace can be made", async () => {
    const desk = await open();
    await writeFile(join(desk.place, "a-file"), "");
    const env = { XDG_STATE_HOME: join(desk.place, "a-file") };
    const { out } = await desk.typeWith({ env }, "doctor", "--json");
    const { findings } = JSON.parse(out) as { findings: Finding[] };
    expect(findings.find(({ check }) => check === "workspaces")).toMatchObject({
      status: "fail",
      message: `${env.XDG_STATE_HOME} is no folder that can be written.`,
    });
  });
});

describe("doctor --fix", () => {
  const data = (desk: Desk, ...path: string[]) => join(desk.place, "data", ...path);

  it("takes the ledger from the eyes of others", async () => {
    const desk = await open();
    await desk.type("status");
    await chmod(data(desk), 0o755);
    expect(await finding(desk, "privacy")).toMatchObject({ status: "warn", mended: null });
    expect((await stat(data(desk))).mode & 0o777).toBe(0o755);
    const mended = await finding(desk, "privacy", "--fix");
    expect(desk.masked(mended?.mended ?? "")).toBe("PLACE/data is yours alone now.");
    expect((await stat(data(desk))).mode & 0o777).toBe(0o700);
    expect(await finding(desk, "privacy")).toMatchObject({ status: "ok" });
  });

  it("removes git locks of its own that are old, and no other", async () => {
    const desk = await open();
    await desk.type("status");
    const [old, young] = ["old.lock", "young.lock"].map((name) => data(desk, "store.git", "refs", name));
    for (const lock of [old, young]) await writeFile(lock ?? "", "");
    const then = new Date(Date.now() - 60_000);
    await utimes(old ?? "", then, then);
    const theirs = join(desk.repo, ".git", "index.lock");
    await writeFile(theirs, "");
    await utimes(theirs, then, then);
    const found = await finding(desk, "locks", "--fix");
    expect(found?.mended).toBe(`Removed: ${old}.`);
    await expect(stat(old ?? "")).rejects.toThrow();
    await stat(young ?? "");
    await rm(theirs);
  });

  it("removes what dead processes left, and keeps work that was not proposed yet", async () => {
    const desk = await open();
    const run = (
      await desk.type("run", await planOf(desk, "p.json", [step("a", "maker")]), "--no-drive")
    ).out.trim();
    const root = join(desk.place, "state", "runledger", "workspaces");
    const place = (id: string, more: object) => ({
      id,
      kind: "workspace",
      path: join(root, id),
      runId: run,
      stepId: "a",
      owner: "elsewhere:1:1",
      createdAt: new Date().toISOString(),
      ...more,
    });
    const [kept, gone] = [
      "00000000-0000-4000-8000-000000000001",
      "00000000-0000-4000-8000-000000000002",
    ] as const;
    const { hostname } = await import("node:os");
    const owner = `${hostname()}:999999999:1`;
    for (const one of [place(kept, { base: "b", owner }), place(gone, { runId: "run_gone", owner })]) {
      await mkdir(one.path, { recursive: true });
      await writeFile(data(desk, "places", `${one.id}.json`), JSON.stringify(one));
    }
    expect(await finding(desk, "leftovers")).toMatchObject({
      status: "warn",
      message: "1 place of processes that have ended.",
    });
    expect((await finding(desk, "leftovers", "--fix"))?.mended).toMatch(/gone/);
    await stat(join(root, kept));
    await expect(stat(join(root, gone))).rejects.toThrow();
    expect(await finding(desk, "leftovers")).toMatchObject({ status: "ok" });
  });

  it("migrates settings of before and goes on looking; sections of others it leaves to a person", async () => {
    const desk = await open({ "runledger.yaml": `${CAST}runledger: { stalettl: 1h }\n` });
    expect(await findingsOf(desk)).toMatchObject([
      { check: "ledger", status: "fail", fix: expect.stringMatching(/runledger config migrate/) },
    ]);
    const { code, out, err } = await desk.type("doctor", "--fix");
    expect([code, err]).toEqual([0, "1 mended. Ready.\n"]);
    expect(desk.masked(out)).toMatch(/✔ {2}settings +.*the old text is in PLACE\/data\/settings-before/);
    expect(out).toMatch(/✔ {2}repository/);
    const others = `${CAST}gateway: { port: 1 }\n`;
    await writeFile(join(desk.repo, "runledger.yaml"), others);
    expect((await desk.type("doctor", "--fix")).code).toBe(1);
    expect(await readFile(join(desk.repo, "runledger.yaml"), "utf8")).toBe(others);
  });
});

describe("status", () => {
  it("says where everything is, counts the runs, and shows every setting in its group", async () => {
    const desk = await open();
    await desk.type("run", await planOf(desk, "plan.json", [step("a", "maker")]), "--no-drive");
    await desk.type("run", await planOf(desk, "bad.json", [step("a", "liar")]));
    const { code, out, err } = await desk.type("status");
    expect([code, err]).toEqual([0, ""]);
    expect(desk.masked(out)).toMatchInlineSnapshot(`
      "project  PLACE/repo
      ledger   PLACE/data
      rollout  off: no host adopts the ledger by stages
      runs     0 planning, 1 running, 1 paused, 0 completed, 0 failed
               1 due and driven by nobody, 1 waiting for a person
      agents   maker, liar, breaker

      GROUP      SETTING                       VALUE                                                                           FROM
      RunLedger  runLedger.enabled             false                                                                           default
                 runLedger.shadow              false                                                                           default
                 runLedger.writeThrough        false                                                                           default
                 runLedger.authoritativeRead   false                                                                           default
                 runLedger.projectionRetired   false                                                                           default
                 runLedger.workspaceIsolation  true                                                                            default
                 runLedger.staleTtl            1h                                                                              default
                 runLedger.validatorTimeout    2m                                                                              default
                 runLedger.maxRunHistory       100                                                                             default
                 runLedger.plannerMaxRetries   2                                                                               default
      Run        maxParallelSteps              4                                                                               default
                 protect                       []                                                                              default
                 onUnmetCriteria               fail                                                                            default
                 changeValidator               orchestrator                                                                    default
                 leaseTtl                      30s                                                                             default
                 planner                       ""                                                                              default
                 orchestrator                  ""                                                                              default
                 trustPlans                    false                                                                           default
      Durable    durable.paidAmbiguous         rerun                                                                           default
                 durable.encryption            false                                                                           default
                 durable.keyCommand            []                                                                              default
                 durable.effectsPerAttempt     100000                                                                          default
                 durable.eventsPerRun          1000000                                                                         default
                 durable.resultSize            1MiB                                                                            default
                 durable.checkpoints           sqlite                                                                          default
                 durable.checkpointEvery       0                                                                               default
                 durable.checkpointsKept       20                                                                              default
                 durable.checkpointBefore      []                                                                              default
                 durable.checkpointAt          [approval_requested, risky_boundary]                                            default
      Budget     budget.tokens                 -                                                                               default
                 budget.usd                    -                                                                               default
                 budget.time                   -                                                                               default
                 budget.attempts               -                                                                               default
      Gate       gate.environment              ""                                                                              default
                 gate.policies                 gate-policies                                                                   default
      Agents     agentTimeout                  30m                                                                             default
                 agents.maker.kind             command                                                                         project
                 agents.maker.run              [sh, -c, mkdir -p out; echo made > out/$RUNLEDGER_STEP_ID.txt; echo "made it"]  project
                 agents.maker.env              []                                                                              default
                 agents.maker.sandbox          false                                                                           default
                 agents.maker.network          []                                                                              default
                 agents.maker.timeout          30m                                                                             default
                 agents.liar.kind              command                                                                         project
                 agents.liar.run               [sh, -c, 'echo "All done, tests pass!"']                                        project
                 agents.liar.env               []                                                                              default
                 agents.liar.sandbox           false                                                                           default
                 agents.liar.network           []                                                                              default
                 agents.liar.timeout           30m                                                                             default
                 agents.breaker.kind           command                                                                         project
                 agents.breaker.run            [sh, -c, echo "no disk" >&2; exit 7]                                            project
                 agents.breaker.env            []                                                                              default
                 agents.breaker.sandbox        false                                                                           default
                 agents.breaker.network        []                                                                              default
                 agents.breaker.timeout        30m                                                                             default
      Workspace  workspace.setup               []                                                                              default
                 workspace.share               []                                                                              default
                 workspace.cache               []                                                                              default
                 workspace.sparse              []                                                                              default
                 workspace.passEnv             []                                                                              default
      Isolation  isolation.minimum             0                                                                               default
                 isolation.maximum             3                                                                               default
                 isolation.visible             []                                                                              default
                 isolation.network             []                                                                              default
      Limits     limits.memory                 8GiB                                                                            default
                 limits.processes              4096                                                                            default
                 limits.disk                   20GiB                                                                           default
                 limits.files                  1000000                                                                         default
                 limits.output                 4GiB                                                                            default
      Retention  retention.completedFor        forever                                                                         default
                 retention.failedFor           forever                                                                         default
                 retention.maxBytes            unlimited                                                                       default
                 retention.every               1h                                                                              default
      Secrets    secrets.names                 []                                                                              default
                 secrets.except                []                                                                              default
      Rollout    rollout.tables                ""                                                                              default
                 rollout.board                 ""                                                                              default
      "
    `);
    const told = await desk.json("status");
    expect(shapeOf(told)).toMatchInlineSnapshot(`
      {
        "agents": [
          "string",
        ],
        "authoritativeRead": "boolean",
        "data": "string",
        "enabled": "boolean",
        "ledgerId": "string",
        "maxParallelSteps": "number",
        "maxRunHistory": "number",
        "plannerMaxRetries": "number",
        "project": "string",
        "projectionRetired": "boolean",
        "rollout": "string",
        "runs": {
          "completed": "number",
          "failed": "number",
          "interrupted": "number",
          "paused": "number",
          "planning": "number",
          "quarantined": "number",
          "running": "number",
          "waiting": "number",
        },
        "schemaVersion": "number",
        "settings": {
          "agentTimeout": "string",
          "agents": {
            "breaker": {
              "env": [],
              "kind": "string",
              "network": [],
              "run": [
                "string",
              ],
              "sandbox": "boolean",
              "timeout": "string",
            },
            "liar": {
              "env": [],
              "kind": "string",
              "network": [],
              "run": [
                "string",
              ],
              "sandbox": "boolean",
              "timeout": "string",
            },
            "maker": {
              "env": [],
              "kind": "string",
              "network": [],
              "run": [
                "string",
              ],
              "sandbox": "boolean",
              "timeout": "string",
            },
          },
          "budget": {
            "attempts": "null",
            "time": "null",
            "tokens": "null",
            "usd": "null",
          },
          "changeValidator": "string",
          "durable": {
            "checkpointAt": [
              "string",
            ],
            "checkpointBefore": [],
            "checkpointEvery": "number",
            "checkpoints": "string",
            "checkpointsKept": "number",
            "effectsPerAttempt": "number",
            "encryption": "boolean",
            "eventsPerRun": "number",
            "keyCommand": [],
            "paidAmbiguous": "string",
            "resultSize": "string",
          },
          "gate": {
            "environment": "string",
            "policies": "string",
          },
          "isolation": {
            "maximum": "number",
            "minimum": "number",
            "network": [],
            "visible": [],
          },
          "leaseTtl": "string",
          "limits": {
            "disk": "string",
            "files": "number",
            "memory": "string",
            "output": "string",
            "processes": "number",
          },
          "maxParallelSteps": "number",
          "notify": {},
          "onUnmetCriteria": "string",
          "orchestrator": "string",
          "planner": "string",
          "protect": [],
          "retention": {
            "completedFor": "string",
            "every": "string",
            "failedFor": "string",
            "maxBytes": "string",
          },
          "rollout": {
            "board": "string",
            "tables": "string",
          },
          "runLedger": {
            "authoritativeRead": "boolean",
            "enabled": "boolean",
            "maxRunHistory": "number",
            "plannerMaxRetries": "number",
            "projectionRetired": "boolean",
            "shadow": "boolean",
            "staleTtl": "string",
            "validatorTimeout": "string",
            "workspaceIsolation": "boolean",
            "writeThrough": "boolean",
          },
          "schedules": {},
          "secrets": {
            "except": [],
            "names": [],
          },
          "trustPlans": "boolean",
          "workspace": {
            "cache": [],
            "passEnv": [],
            "setup": [],
            "share": [],
            "sparse": [],
          },
        },
        "shadow": "boolean",
        "staleTtlMs": "number",
        "validatorTimeoutMs": "number",
        "workspaceIsolation": "boolean",
        "writeThrough": "boolean",
      }
    `);
    const { out: listed } = await desk.type("config", "list", "--json");
    const { settings } = JSON.parse(listed) as { settings: { key: string }[] };
    // Nothing begins by the clock here and nobody is told, so there is no key of that to show.
    const shown = settings.filter(({ key }) => !["schedules", "notify"].includes(key));
    for (const { key } of shown) expect(out).toContain(` ${key} `);
  });

  it("names the stage of the rollout", async () => {
    const desk = await open();
    for (const key of ["enabled", "writeThrough"])
      await desk.type("config", "set", `runLedger.${key}`, "true");
    expect((await desk.type("status")).out).toMatch(/^rollout +write through$/m);
    expect((await desk.json("status")).rollout).toBe("write_through");
  });
});
