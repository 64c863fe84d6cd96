import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSettingsDraft } from "../../src/settings/draft.js";
import { loadSettings } from "../../src/settings/load.js";
import { newFolder, put, refusalOf, removeFoldersAfterEach } from "./folders.js";

removeFoldersAfterEach();

const places = async ({ project = "", user = "", env = {} }) => {
  const projectDir = await newFolder();
  const config = await newFolder();
  const file = join(projectDir, "runledger.yaml");
  const userFile = join(config, "runledger", "config.yaml");
  if (project !== "") await put(file, project);
  if (user !== "") await put(userFile, user);
  return { projectDir, file, userFile, env: { XDG_CONFIG_HOME: config, ...env } };
};

const AGENT = "agents: { coder: { kind: command, run: [sh, -c, 'a: b'] } }\n";

describe("a draft", () => {
  it("shows every key with its value, where it comes from, and what keeps it from being changed", async () => {
    const { projectDir, file, userFile, env } = await places({
      project: `${AGENT}agentTimeout: 5m\nschedules: { nightly: { cron: "@daily", plan: p.yaml } }\nnotify: { desk: { run: [x] } }\n`,
      user: "leaseTtl: 20s\n",
      env: { RUNLEDGER_SET_protect: "[a, b]" },
    });
    const { rows, defects } = (await openSettingsDraft({ projectDir, env })).preview([]);
    expect(defects).toEqual([]);
    const { origins } = await loadSettings(projectDir, env);
    const told = new Map(rows.map((row) => [row.key, row]));
    for (const [key, origin] of Object.entries(origins)) expect(told.get(key)?.origin, key).toBe(origin);
    expect([...told.keys()].sort()).toEqual(Object.keys(origins).sort());
    expect(told.get("agents.coder.run")).toMatchObject({
      text: `[sh, -c, "a: b"]`,
      origin: `project ${file}`,
      group: "agents",
      kind: "words",
    });
    expect(told.get("agents.coder.timeout")).toMatchObject({ value: "5m", origin: `project ${file}` });
    expect(told.get("leaseTtl")).toMatchObject({
      text: "20s",
      origin: `user ${userFile}`,
      locked: undefined,
    });
    expect(told.get("protect")).toMatchObject({
      text: "[a, b]",
      origin: "env RUNLEDGER_SET_protect",
      locked: "RUNLEDGER_SET_protect is set, and what the environment says counts",
    });
    const user = (await openSettingsDraft({ projectDir, env, target: "user" })).preview([]);
    expect(user.rows.find(({ key }) => key === "agentTimeout")?.locked).toMatch(
      /project's file counts before/,
    );
  });

  it("says at once what a change would break, in the words of the file", async () => {
    const { projectDir, env } = await places({ project: AGENT });
    const draft = await openSettingsDraft({ projectDir, env });
    const withChange = (key: string, value: string) => {
      const { rows, defects } = draft.preview([{ key, value }]);
      return { row: rows.find((row) => row.key === key), defects };
    };
    const both = await openSettingsDraft(await places({ project: "rollout: { tables: host.db }\n" }));
    const { rows } = both.preview([{ key: "rollout.board", value: "BOARD.md" }]);
    const wrong = rows.filter(({ defects }) => defects.length > 0);
    expect(wrong.map(({ key }) => key)).toEqual(["rollout.tables", "rollout.board"]);
    expect(wrong[0]?.defects[0]).toMatch(/tables or board, not both/);
    const number = withChange("maxParallelSteps", "900");
    expect(number.row).toMatchObject({
      changed: true,
      value: 900,
      defects: ["found 900, expected at most 200"],
    });
    expect(number.defects[0]).toBe(
      (await refusalOf(draft.save([{ key: "maxParallelSteps", value: "900" }]))).message,
    );
    expect(withChange("protect", "[").row).toMatchObject({ changed: true, text: "[", value: [] });
    expect(withChange("protect", "[").row?.defects[0]).toMatch(/^1 defect in the YAML: protect:1:2/);
    expect(withChange("protect", "[/a]").row?.defects).toEqual([
      `found "/a", expected a path relative to the project`,
    ]);
    expect(withChange("runLedger.authoritativeRead", "true").row?.defects[0]).toMatch(
      /writeThrough: true with it/,
    );
    expect(withChange("runLedger.staleTtl", "1h")).toMatchObject({ row: { changed: false }, defects: [] });
  });

  it("writes several changes at once or none, and keeps what others wrote meanwhile", async () => {
    const { projectDir, file, env } = await places({ project: "# ours\nleaseTtl: 5s # quick\n" });
    const draft = await openSettingsDraft({ projectDir, env });
    await put(file, "# ours\nleaseTtl: 5s # quick\nmaxParallelSteps: 2\n");
    const both = [
      { key: "runLedger.authoritativeRead", value: "true" },
      { key: "runLedger.writeThrough", value: "true" },
      { key: "leaseTtl", value: undefined },
    ];
    await refusalOf(draft.save(both.slice(0, 1)));
    expect(await readFile(file, "utf8")).toContain("leaseTtl: 5s # quick");
    await draft.save(both);
    expect(await readFile(file, "utf8")).toBe(
      "# ours\nmaxParallelSteps: 2\nrunLedger:\n  authoritativeRead: true\n  writeThrough: true\n",
    );
    await draft.save([
      { key: "runLedger.authoritativeRead", value: undefined },
      { key: "runLedger.writeThrough", value: undefined },
    ]);
    expect(await readFile(file, "utf8")).toBe("# ours\nmaxParallelSteps: 2\n");
  });
});

describe("a change is refused when it contradicts", () => {
  const on = (key: string) => [{ key: `runLedger.${key}`, value: "true" }];
  const off = (key: string) => [{ key: `runLedger.${key}`, value: "false" }];

  it("what lies below or above it, and taken where they agree", async () => {
    const apart = {
      project: "runLedger: { authoritativeRead: true }\n",
      user: "runLedger: { writeThrough: true }\n",
    };
    const { projectDir, file, env } = await places(apart);
    expect((await loadSettings(projectDir, env)).settings.runLedger.authoritativeRead).toBe(true);
    const user = await openSettingsDraft({ projectDir, env, target: "user" });
    const refused = await refusalOf(user.save(off("writeThrough")));
    expect(refused.details.defects).toMatchObject([
      { where: `${file}:1:14`, path: "runLedger.authoritativeRead" },
    ]);
    const project = await openSettingsDraft({ projectDir, env });
    await project.save(on("projectionRetired"));
    expect((await loadSettings(projectDir, env)).settings.runLedger.projectionRetired).toBe(true);
  });

  it("the files once a variable that helps is gone", async () => {
    const { projectDir, env } = await places({ env: { RUNLEDGER_SET_runLedger__writeThrough: "true" } });
    const project = await openSettingsDraft({ projectDir, env });
    expect((await refusalOf(project.save(on("authoritativeRead")))).message).toMatch(
      /writeThrough: true with it/,
    );
  });

  it("but not for what another place says wrong", async () => {
    const { projectDir, file, env } = await places({ user: "leaseTtl: soon\n" });
    await (await openSettingsDraft({ projectDir, env })).save([{ key: "maxParallelSteps", value: "3" }]);
    expect(await readFile(file, "utf8")).toBe("maxParallelSteps: 3\n");
  });

  it("and half of an agent may be in the user's file", async () => {
    const { projectDir, env } = await places({ user: AGENT });
    await (await openSettingsDraft({ projectDir, env })).save([{ key: "agents.coder.timeout", value: "1m" }]);
    expect((await loadSettings(projectDir, env)).settings.agents.coder).toMatchObject({ timeoutMs: 60_000 });
  });
});
