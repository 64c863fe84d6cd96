import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLedgerError } from "../../src/core/errors.js";
import { getSetting, loadSettings } from "../../src/settings/load.js";
import { newFolder, put, refusalOf, removeFoldersAfterEach } from "./folders.js";

removeFoldersAfterEach();

const projectWith = async (yaml: string | Uint8Array) => {
  const project = await newFolder();
  const file = await put(join(project, "runledger.yaml"), yaml);
  return { project, file };
};

const messageFor = async (yaml: string | Uint8Array, env = {}) => {
  const { project, file } = await projectWith(yaml);
  const error = await refusalOf(loadSettings(project, env));
  expect(error.code).toBe("settings_invalid");
  return error.message.replaceAll(file, "FILE");
};

describe("loadSettings", () => {
  it("gives every key its default where nothing is said", async () => {
    const project = await newFolder();
    const { settings, origins, file } = await loadSettings(project, {});
    expect(settings).toEqual({
      agents: {},
      budget: {},
      maxParallelSteps: 4,
      protect: [],
      workspace: { setup: [], share: [], cache: [], sparse: [], passEnv: [] },
      isolation: { minimum: 0, maximum: 3, visible: [], network: [] },
      limits: {
        memoryBytes: 8 * 1024 ** 3,
        processes: 4_096,
        diskBytes: 20 * 1024 ** 3,
        files: 1_000_000,
        outputBytes: 4 * 1024 ** 3,
      },
      retention: { completedForMs: null, failedForMs: null, maxBytes: null, everyMs: 3_600_000 },
      secrets: { names: [], except: [] },
      onUnmetCriteria: "fail",
      changeValidator: "orchestrator",
      agentTimeoutMs: 1_800_000,
      leaseTtlMs: 30_000,
      planner: null,
      orchestrator: null,
      trustPlans: false,
      durable: {
        paidAmbiguous: "rerun",
        encryption: false,
        keyCommand: [],
        effectsPerAttempt: 100_000,
        eventsPerRun: 1_000_000,
        resultBytes: 1_048_576,
        checkpoints: "sqlite",
        checkpointEvery: 0,
        checkpointsKept: 20,
        checkpointBefore: [],
        checkpointAt: ["approval_requested", "risky_boundary"],
      },
      schedules: {},
      notify: {},
      runLedger: {
        enabled: false,
        shadow: false,
        writeThrough: false,
        authoritativeRead: false,
        projectionRetired: false,
        workspaceIsolation: true,
        staleTtlMs: 3_600_000,
        validatorTimeoutMs: 120_000,
        maxRunHistory: 100,
        plannerMaxRetries: 2,
      },
      rollout: { tables: "", board: "" },
    });
    expect(file).toBe(join(project, "runledger.yaml"));
    expect(Object.keys(origins).sort()).toEqual([
      "agentTimeout",
      "agents",
      ...["budget.attempts", "budget.time", "budget.tokens", "budget.usd"],
      "changeValidator",
      "durable.checkpointAt",
      "durable.checkpointBefore",
      "durable.checkpointEvery",
      "durable.checkpoints",
      "durable.checkpointsKept",
      "durable.effectsPerAttempt",
      "durable.encryption",
      "durable.eventsPerRun",
      "durable.keyCommand",
      "durable.paidAmbiguous",
      "durable.resultSize",
      "isolation.maximum",
      "isolation.minimum",
      "isolation.network",
      "isolation.visible",
      "leaseTtl",
      "limits.disk",
      "limits.files",
      "limits.memory",
      "limits.output",
      "limits.processes",
      "maxParallelSteps",
      "notify",
      "onUnmetCriteria",
      "orchestrator",
      "planner",
      "protect",
      "retention.completedFor",
      "retention.every",
      "retention.failedFor",
      "retention.maxBytes",
      "rollout.board",
      "rollout.tables",
      "runLedger.authoritativeRead",
      "runLedger.enabled",
      "runLedger.maxRunHistory",
      "runLedger.plannerMaxRetries",
      "runLedger.projectionRetired",
      "runLedger.shadow",
      "runLedger.staleTtl",
      "runLedger.validatorTimeout",
      "runLedger.workspaceIsolation",
      "runLedger.writeThrough",
      "schedules",
      "secrets.except",
      "secrets.names",
      "trustPlans",
      "workspace.cache",
      "workspace.passEnv",
      "workspace.setup",
      "workspace.share",
      "workspace.sparse",
    ]);
    expect(new Set(Object.values(origins))).toEqual(new Set(["default"]));
  });

  it("reads every key", async () => {
    const { project } = await projectWith(`
agents:
  coder: { kind: command, run: [agent, --print], env: [API_KEY], timeout: 10m }
  reviewer: { kind: command, run: [review] }
maxParallelSteps: 8
protect: ["test/**"]
workspace: { setup: [[npm, ci]], share: [node_modules], cache: [.venv], sparse: [packages/a], passEnv: [CI] }
isolation: { minimum: 1, maximum: 2, visible: [/srv/models], network: ["*.example.com", "localhost:8080"] }
limits: { memory: 2g, processes: 100, disk: 1.5 GiB, files: 5000, output: 10MB }
retention: { completedFor: 7d, failedFor: forever, maxBytes: 1GiB, every: 15m }
secrets: { names: [CI_KEY], except: [API_KEY] }
onUnmetCriteria: pause
changeValidator: human
budget: { tokens: 2000000, usd: 2.5, time: 2h, attempts: 20 }
agentTimeout: 45m
leaseTtl: 2s
planner: coder
orchestrator: reviewer
trustPlans: true
runLedger:
  { workspaceIsolation: false, staleTtl: 7d, validatorTimeout: 1m30s, maxRunHistory: 7, enabled: true, plannerMaxRetries: 0,
    shadow: true, writeThrough: true, authoritativeRead: true, projectionRetired: true }
durable:
  { paidAmbiguous: skip, effectsPerAttempt: 50, eventsPerRun: 5000, resultSize: 64KiB,
    checkpoints: file, checkpointEvery: 50, checkpointsKept: 5, checkpointBefore: [guarded], checkpointAt: [risky_boundary],
    encryption: true, keyCommand: [secret-tool, lookup] }
notify: { desk: { run: [notify-send], timeout: 5s } }
schedules: { nightly: { cron: "0 3 * * 1-5", timeZone: Europe/Berlin, plan: nightly.yaml, catchUp: skip } }
rollout: { board: BOARD.md }
`);
    const { settings } = await loadSettings(project, {});
    expect(settings).toEqual({
      budget: { tokens: 2_000_000, nanoUsd: 2_500_000_000, timeMs: 7_200_000, attempts: 20 },
      agents: {
        coder: {
          kind: "command",
          run: ["agent", "--print"],
          env: ["API_KEY"],
          sandbox: false,
          network: [],
          timeoutMs: 600_000,
        },
        reviewer: {
          kind: "command",
          run: ["review"],
          env: [],
          sandbox: false,
          network: [],
          timeoutMs: 2_700_000,
        },
      },
      maxParallelSteps: 8,
      protect: ["test/**"],
      workspace: {
        setup: [["npm", "ci"]],
        share: ["node_modules"],
        cache: [".venv"],
        sparse: ["packages/a"],
        passEnv: ["CI"],
      },
      isolation: {
        minimum: 1,
        maximum: 2,
        visible: ["/srv/models"],
        network: ["*.example.com", "localhost:8080"],
      },
      limits: {
        memoryBytes: 2 * 1024 ** 3,
        processes: 100,
        diskBytes: 1_536 * 1024 ** 2,
        files: 5_000,
        outputBytes: 10_000_000,
      },
      retention: {
        completedForMs: 604_800_000,
        failedForMs: null,
        maxBytes: 1_073_741_824,
        everyMs: 900_000,
      },
      secrets: { names: ["CI_KEY"], except: ["API_KEY"] },
      onUnmetCriteria: "pause",
      changeValidator: "human",
      agentTimeoutMs: 2_700_000,
      leaseTtlMs: 2_000,
      planner: "coder",
      orchestrator: "reviewer",
      trustPlans: true,
      durable: {
        paidAmbiguous: "skip",
        encryption: true,
        keyCommand: ["secret-tool", "lookup"],
        effectsPerAttempt: 50,
        eventsPerRun: 5_000,
        resultBytes: 65_536,
        checkpoints: "file",
        checkpointEvery: 50,
        checkpointsKept: 5,
        checkpointBefore: ["guarded"],
        checkpointAt: ["risky_boundary"],
      },
      schedules: {
        nightly: {
          cron: "0 3 * * 1-5",
          timeZone: "Europe/Berlin",
          plan: "nightly.yaml",
          goal: "",
          catchUp: "skip",
          enabled: true,
        },
      },
      notify: {
        desk: {
          run: ["notify-send"],
          url: "",
          secretEnv: "",
          env: [],
          events: [
            ...["step_approval", "plan_approval", "effect_in_doubt", "escalated", "verification_errored"],
            ...["unmet_criteria", "budget", "intent_approval", "intent_reminder", "intent_escalated"],
            ...["intent_expired", "intent_unknown", "run_failed"],
          ],
          privateNetwork: false,
          timeoutMs: 5_000,
        },
      },
      runLedger: {
        enabled: true,
        shadow: true,
        writeThrough: true,
        authoritativeRead: true,
        projectionRetired: true,
        workspaceIsolation: false,
        staleTtlMs: 604_800_000,
        validatorTimeoutMs: 90_000,
        maxRunHistory: 7,
        plannerMaxRetries: 0,
      },
      rollout: { tables: "", board: "BOARD.md" },
    });
  });

  it("lets the environment win over the project, and the project over the user, value by value", async () => {
    const { project, file } = await projectWith(
      "maxParallelSteps: 2\nprotect: [p]\nagents: { coder: { kind: command, run: [b] } }\nagentTimeout: 9m\n",
    );
    const config = await newFolder();
    const userFile = await put(
      join(config, "runledger", "config.yaml"),
      "maxParallelSteps: 1\nprotect: [u, v]\nleaseTtl: 5s\nagents: { coder: { kind: command, run: [a], env: [X] } }\nrunLedger: { staleTtl: 3h, validatorTimeout: 3m }\n",
    );
    const { settings, origins } = await loadSettings(project, {
      XDG_CONFIG_HOME: config,
      HOME: "/nonexistent",
      RUNLEDGER_SET_maxParallelSteps: "3",
      RUNLEDGER_SET_runLedger__staleTtl: "2h",
      RUNLEDGER_SET_workspace__setup: "[[make, deps]]",
      RUNLEDGER_SETTING: "not ours",
    });
    expect(settings).toMatchObject({
      maxParallelSteps: 3,
      protect: ["p"],
      leaseTtlMs: 5_000,
      agents: { coder: { run: ["b"], env: ["X"], timeoutMs: 540_000 } },
      workspace: { setup: [["make", "deps"]] },
      runLedger: { staleTtlMs: 7_200_000, validatorTimeoutMs: 180_000 },
    });
    expect(origins).toMatchObject({
      maxParallelSteps: "env RUNLEDGER_SET_maxParallelSteps",
      protect: `project ${file}`,
      leaseTtl: `user ${userFile}`,
      "agents.coder.run": `project ${file}`,
      "agents.coder.env": `user ${userFile}`,
      "agents.coder.timeout": `project ${file}`,
      "runLedger.staleTtl": "env RUNLEDGER_SET_runLedger__staleTtl",
      "runLedger.validatorTimeout": `user ${userFile}`,
      "runLedger.workspaceIsolation": "default",
      "workspace.setup": "env RUNLEDGER_SET_workspace__setup",
      onUnmetCriteria: "default",
    });
  });

  it("finds the user file below HOME, and ignores a relative XDG_CONFIG_HOME", async () => {
    const home = await newFolder();
    await put(join(home, ".config", "runledger", "config.yaml"), "maxParallelSteps: 7\n");
    for (const env of [{ HOME: home }, { HOME: home, XDG_CONFIG_HOME: "relative" }]) {
      expect((await loadSettings(await newFolder(), env)).settings.maxParallelSteps).toBe(7);
    }
  });

  it.each(["", "# only a comment\n", "---\n", "{}", "\uFEFFmaxParallelSteps: 4\n"])(
    "takes %j as a file that leaves all defaults",
    async (yaml) => {
      const { project } = await projectWith(yaml);
      expect((await loadSettings(project, {})).settings.maxParallelSteps).toBe(4);
    },
  );
});

describe("loadSettings refuses, naming file, line and column", () => {
  it.each<[string, string]>([
    [
      "runLedger:\n  staleTTL: 1h\n",
      `1 defect in the settings: FILE:2:3: runLedger.staleTTL: found an unknown key, expected one of "enabled", "shadow", "writeThrough", "authoritativeRead", "projectionRetired", "workspaceIsolation", "staleTtl", "validatorTimeout", "maxRunHistory", "plannerMaxRetries"; did you mean "staleTtl"?`,
    ],
    [
      "\nmaxParallelSteps: 201",
      "1 defect in the settings: FILE:2:1: maxParallelSteps: found 201, expected at most 200.",
    ],
    [
      "maxParallelSteps: 0",
      "1 defect in the settings: FILE:1:1: maxParallelSteps: found 0, expected at least 1.",
    ],
    [
      "protect: [a, /b]",
      '1 defect in the settings: FILE:1:14: protect[1]: found "/b", expected a path relative to the project.',
    ],
    [
      "leaseTtl: 1s",
      `1 defect in the settings: FILE:1:1: leaseTtl: found "1s", expected a duration such as "2m", from 2s to 1d.`,
    ],
    [
      "agentTimeout: 90",
      `1 defect in the settings: FILE:1:1: agentTimeout: found 90, expected a duration such as "2m", from 1ms to 1d.`,
    ],
    [
      "onUnmetCriteria: pasue",
      `1 defect in the settings: FILE:1:1: onUnmetCriteria: found "pasue", expected one of "fail", "pause"; did you mean "pause"?`,
    ],
    ["runLedger:\n", "1 defect in the settings: FILE:1:1: runLedger: found null, expected an object."],
    [
      "runLedger: { workspaceIsolation: 'yes' }",
      `1 defect in the settings: FILE:1:14: runLedger.workspaceIsolation: found "yes", expected true or false.`,
    ],
    [
      "runLedger:\n  shadow: true\n  authoritativeRead: true\n",
      "1 defect in the settings: FILE:3:3: runLedger.authoritativeRead: found true, expected false, or runLedger.writeThrough: true with it: what is not written to the ledger first cannot be read from it alone.",
    ],
    [
      "runLedger: { projectionRetired: true, writeThrough: true }",
      "1 defect in the settings: FILE:1:14: runLedger.projectionRetired: found true, expected false, or runLedger.authoritativeRead: true with it: a projection that is still read cannot be retired.",
    ],
    ["a: b: c", "1 defect in the YAML: FILE:1:4: Nested mappings are not allowed in compact mappings."],
    [
      "maxParallelSteps: 1\nmaxParallelSteps: 2",
      `1 defect in the YAML: FILE:2:1: the key "maxParallelSteps" again.`,
    ],
    [
      "protect: &all [a]\nworkspace: { share: *all }",
      `1 defect in the YAML: FILE:2:21: no aliases here; text that begins with "*" needs quotes.`,
    ],
    ["protect: !secret [a]", "1 defect in the YAML: FILE:1:10: Unresolved tag: !secret."],
    ["agents: !!set { a }", "1 defect in the YAML: FILE:1:15: no tags here."],
    ["agents: !!omap [a: 1]", "1 defect in the YAML: FILE:1:16: no tags here."],
    [
      "null: 1",
      '1 defect in the settings: FILE:1:1: settings[""]: found an unknown key, expected one of "version", "agents", "maxParallelSteps", "protect", "workspace", "isolation", "limits", "retention", "secrets", "onUnmetCriteria", "changeValidator", "agentTimeout", ….',
    ],
    ["? [a]\n: 1", "1 defect in the YAML: FILE:1:3: a key must be text."],
    ["1: a\n'1': b", `1 defect in the YAML: FILE:2:1: the key "1" again.`],
    ["- a", "FILE must be a mapping of settings."],
    ["five", "FILE must be a mapping of settings."],
    [
      "a: 1\n---\nb: 2",
      "1 defect in the YAML: FILE:2:1: Source contains multiple documents; please use YAML.parseAllDocuments().",
    ],
  ])("%j", async (yaml, message) => {
    expect(await messageFor(yaml)).toBe(message);
  });

  it.each([
    "orchestrator",
    "Orchestrator",
    "LANGO-ORCHESTRATOR",
    "' system '",
    "a b",
    "a/b",
    "-a",
    "''",
    "__proto__",
    "'x\\ny'",
    "../x",
    `"${"a".repeat(65)}"`,
  ])("an agent called %s", async (name) => {
    expect(await messageFor(`agents:\n  ${name}: { kind: command, run: [x] }\n`)).toMatch(
      /^1 defect in the settings: FILE:2:3: agents/,
    );
  });

  it("agents that cannot be started", async () => {
    const message = await messageFor(
      "agents:\n  a: { run: [] }\n  b: { kind: oracle, run: [' '], env: [A-B], timeout: 0s }\n",
    );
    expect(message).toMatch(/^6 defects in the settings: /);
    expect(message).toContain(
      `FILE:2:3: agents.a.kind: found nothing, expected one of "command", "subprocess", "llm", "tools"`,
    );
    expect(message).toContain("FILE:2:8: agents.a.run: found a list of 0, expected at least 1 entry");
    expect(message).toContain(
      `FILE:3:8: agents.b.kind: found "oracle", expected one of "command", "subprocess", "llm", "tools"`,
    );
  });

  it.each([
    ["{ kind: command }", "agents.a.run: found nothing, expected the program and its arguments, as a list"],
    [
      "{ kind: command, run: [x], model: m }",
      'agents.a.model: found "m", expected no model for an agent of kind "command"',
    ],
    [
      "{ kind: llm, provider: anthropic }",
      "agents.a.model: found nothing, expected the name its provider has for it",
    ],
    ["{ kind: llm, provider: anthropic, model: m, run: [x] }", "expected no run for an agent"],
    [
      "{ kind: llm, provider: openai-compatible, model: m }",
      "expected the address of an openai-compatible provider",
    ],
    ["{ kind: llm, provider: openai, model: m, baseUrl: 'http://a:b@c' }", "agents.a.baseUrl: found"],
    ["{ kind: tools, run: [x] }", 'expected no run for an agent of kind "tools"'],
    ["{ kind: tools, timeout: 5m }", 'expected no timeout for an agent of kind "tools"'],
    ["{ kind: tools, env: [A] }", 'no env for an agent of kind "tools": nobody here starts it'],
    ["{ kind: tools, sandbox: true }", 'no sandbox for an agent of kind "tools": nobody here starts it'],
  ])("an agent that is neither a program nor a model: %s", async (agent, defect) => {
    expect(await messageFor(`agents: { a: ${agent} }\n`)).toContain(defect);
  });

  it.each([".", "./", ".git", "./.git/hooks", ".GIT", ".runledger", "..", "/x", "!a", "-a"])(
    "sharing %j with agents",
    async (path) => {
      expect(await messageFor(`workspace: { share: ["${path}"] }`)).toMatch(/workspace\.share\[0\]: found/);
    },
  );

  it("but not sharing what only looks like it", async () => {
    const { project } = await projectWith(
      "workspace: { share: [.github, .gitignore, a/.git-x, node_modules/] }",
    );
    expect((await loadSettings(project, {})).settings.workspace.share).toHaveLength(4);
  });

  it("all defects of all places at once, each where it was written", async () => {
    const { project, file } = await projectWith("protect: 5\nmaxParallelStep: 2\n");
    const config = await newFolder();
    const userFile = await put(join(config, "runledger", "config.yaml"), "# mine\nleaseTtl: soon\n");
    const env = {
      XDG_CONFIG_HOME: config,
      RUNLEDGER_SET_changeValidator: "me",
      RUNLEDGER_SET_run__Ledger: "1",
    };
    const error = await refusalOf(loadSettings(project, env));
    expect(error.details.defects).toMatchObject([
      { where: `${file}:1:1`, path: "protect", found: "5" },
      { where: "env RUNLEDGER_SET_changeValidator", path: "changeValidator", found: `"me"` },
      { where: `${userFile}:2:1`, path: "leaseTtl", found: `"soon"` },
      { where: `${file}:2:1`, path: "maxParallelStep" },
      { where: "env RUNLEDGER_SET_run__Ledger", path: "run" },
    ]);
  });

  it("a value that two files get wrong, by the one that counts", async () => {
    const config = await newFolder();
    await put(join(config, "runledger", "config.yaml"), "protect: 5\n");
    expect(await messageFor("protect: 6\n", { XDG_CONFIG_HOME: config })).toBe(
      "1 defect in the settings: FILE:1:1: protect: found 6, expected a list.",
    );
  });

  it("a broken value in the environment, by the variable's name", async () => {
    const env = { RUNLEDGER_SET_protect: "[" };
    expect(await messageFor("{}", env)).toMatch(/^1 defect in the YAML: RUNLEDGER_SET_protect:1:2: /);
    expect(await messageFor("{}", { RUNLEDGER_SET_protect: "" })).toMatch(
      /protect: found null, expected a list/,
    );
  });

  it("files that are no settings: too large, not UTF-8, a folder", async () => {
    expect(await messageFor(`#${"x".repeat(131_072)}`)).toBe(
      "FILE has 131073 bytes; at most 131072 are read.",
    );
    expect(await messageFor(Uint8Array.of(0xff, 0xfe, 0x00))).toMatch(/^FILE cannot be read: /);
    const project = await newFolder();
    await mkdir(join(project, "runledger.yaml"));
    expect((await refusalOf(loadSettings(project, {}))).message).toMatch(/is not a regular file/);
    const linked = await newFolder();
    await symlink("/dev/zero", join(linked, "runledger.yaml"));
    expect((await refusalOf(loadSettings(linked, {}))).message).toMatch(/is not a regular file/);
  });

  // Comparing each key with all others takes minutes here; so does unfolding aliases of aliases.
  it.each([
    ["many keys", Array.from({ length: 12_000 }, (_, i) => `k${i}: 1`).join("\n"), /^12000 defects/],
    ["many repeated keys", "a: 1\n".repeat(20_000), /^19999 defects/],
    ["deep lists", "[".repeat(100_000), /^FILE:1:\d+: more than 100 levels of nesting\.$/],
    ["deep mappings", "{a: ".repeat(30_000), /^FILE:1:\d+: more than 100 levels/],
    ["deep dashes", "- ".repeat(60_000), /^FILE:1:\d+: more than 100 levels/],
    [
      "aliases of aliases",
      ["a0: &a0 [x, x, x]"]
        .concat(
          Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}, *a${i}]`),
        )
        .join("\n"),
      /no aliases here/,
    ],
  ])("hostile YAML soon: %s", async (_, yaml, message) => {
    expect(await messageFor(yaml)).toMatch(message);
  });

  it("whatever the file holds, it is read or refused on purpose", async () => {
    const { project, file } = await projectWith("");
    const keys = [
      "agents",
      "coder",
      "protect",
      "run",
      "kind",
      "runLedger",
      "staleTtl",
      "workspace",
      "__proto__",
      "length",
    ];
    const line = fc.tuple(
      fc.nat({ max: 3 }),
      fc.constantFrom(...keys, "- x", "*a", "&a", "? ", "!!map", "<<", "%YAML 1.1", "---"),
      fc.constantFrom(
        ":",
        ": 5",
        ": {}",
        ": []",
        ": [a]",
        ": 1h",
        ": |",
        ": null",
        ": {length: {toString: null}}",
        "",
      ),
    );
    const yaml = fc
      .array(
        line.map(([indent, key, rest]) => `${"  ".repeat(indent)}${key}${rest}`),
        { maxLength: 8 },
      )
      .map((lines) => lines.join("\n"));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 4, arbitrary: yaml }, fc.string({ unit: "binary" })),
        async (text) => {
          await put(file, text);
          await loadSettings(project, {}).catch((error: unknown) => {
            if (!isLedgerError(error, "settings_invalid")) throw error;
          });
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe("the stages of the rollout", () => {
  const STAGES = ["writeThrough", "authoritativeRead", "projectionRetired"] as const;
  const every = Array.from({ length: 2 ** 5 }, (_, bits) => bits);

  it.each(every)("are refused exactly when a later one is without the one before it: %i", async (bits) => {
    const on = (bit: number) => Math.floor(bits / 2 ** bit) % 2 === 1;
    const [write, read, retired] = STAGES.map((_, index) => on(index));
    const lines = STAGES.map((stage, index) => `  ${stage}: ${on(index)}\n`).join("");
    const { project } = await projectWith(`runLedger:\n${lines}  enabled: ${on(3)}\n  shadow: ${on(4)}\n`);
    const refused = (read && !write) || (retired && !read);
    const loaded = await loadSettings(project, {}).catch((error: unknown) => error);
    expect(isLedgerError(loaded, "settings_invalid")).toBe(refused);
  });

  it("may be named in different places", async () => {
    const { project, file } = await projectWith("runLedger: { authoritativeRead: true }\n");
    const env = { RUNLEDGER_SET_runLedger__writeThrough: "true" };
    expect((await loadSettings(project, env)).settings.runLedger.authoritativeRead).toBe(true);
    const error = await refusalOf(
      loadSettings(project, { ...env, RUNLEDGER_SET_runLedger__writeThrough: "false" }),
    );
    expect(error.details.defects).toMatchObject([{ where: `${file}:1:14` }]);
  });
});

describe("getSetting", () => {
  const settings = async () =>
    (
      await loadSettings(
        (
          await projectWith("agents: { coder: { kind: command, run: [x] } }\nagentTimeout: 1h2m3s\n")
        ).project,
        {},
      )
    ).settings;

  it("says a value as it would stand in the file, to the millisecond", async () => {
    const given = await settings();
    expect(getSetting(given, "runLedger.staleTtl")).toBe("1h");
    expect(getSetting(given, "agentTimeout")).toBe("3723000ms");
    expect(getSetting(given, "agents.coder")).toEqual({
      kind: "command",
      run: ["x"],
      env: [],
      sandbox: false,
      network: [],
      timeout: "3723000ms",
    });
    expect(getSetting(given, "limits")).toEqual({
      memory: "8GiB",
      processes: 4_096,
      disk: "20GiB",
      files: 1_000_000,
      output: "4GiB",
    });
    expect(getSetting(given, "retention")).toEqual({
      completedFor: "forever",
      failedFor: "forever",
      maxBytes: "unlimited",
      every: "1h",
    });
    expect(getSetting(given, "runLedger")).toEqual({
      enabled: false,
      shadow: false,
      writeThrough: false,
      authoritativeRead: false,
      projectionRetired: false,
      workspaceIsolation: true,
      staleTtl: "1h",
      validatorTimeout: "2m",
      maxRunHistory: 100,
      plannerMaxRetries: 2,
    });
  });

  it.each([
    ["runLedger.staleTTL", `Did you mean "runLedger.staleTtl"?`],
    ["runledger.staleTtl", `Did you mean "runLedger.staleTtl"?`],
    ["agents.codr.run", `Did you mean "agents.coder.run"?`],
    ["protect.0", undefined],
    ["", undefined],
    ["__proto__", undefined],
    ["toString", undefined],
  ])("knows no %j", async (key, hint) => {
    const given = await settings();
    const error = await refusalOf(Promise.resolve().then(() => getSetting(given, key)));
    expect(error).toMatchObject({ code: "unknown_key", hint });
  });
});
