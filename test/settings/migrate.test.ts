import { chmod, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLedgerError } from "../../src/core/errors.js";
import { migrateSettings } from "../../src/settings/draft.js";
import { loadSettings } from "../../src/settings/load.js";
import { migrated } from "../../src/settings/migrate.js";
import { newFolder, put, refusalOf, removeFoldersAfterEach } from "./folders.js";

removeFoldersAfterEach();

const projectWith = async (yaml: string) => {
  const projectDir = await newFolder();
  return { projectDir, file: await put(join(projectDir, "runledger.yaml"), yaml), env: {} };
};

/** As the program of the origin writes it, durations as its JSON output has them. */
const ORIGIN = `# our bot

server:
  host: localhost
logging: { level: info }
runledger: # of the bot
  enabled: true
  shadow: true
  writethrough: false
  authoritativeRead: false
  workspaceIsolation: false # not yet
  staleTtl: 3600000000000 # an hour
  maxRunHistory: 0
  validatorTimeout: 150000000000
  # of its planner
  plannerMaxRetries: 2
`;

describe("migrated", () => {
  it("makes a file of the origin one of ours, with every comment that is about something that stays", () => {
    const { text, moved, others } = migrated(ORIGIN, "f", { leaveOutOthers: true });
    expect(text).toBe(`# our bot

runLedger:
  # of the bot
  enabled: true
  shadow: true
  writeThrough: false
  authoritativeRead: false
  workspaceIsolation: false # not yet
  staleTtl: 1h # an hour
  maxRunHistory: 0
  validatorTimeout: 2m30s
  # of its planner
  plannerMaxRetries: 2
`);
    expect(others).toEqual(["server", "logging"]);
    expect(moved.map(({ move, key, how }) => `${move}: ${key} ${how}`)).toEqual([
      "letter-case: runledger is spelt runLedger",
      "letter-case: runLedger.writethrough is spelt writeThrough",
      "nanoseconds: runLedger.staleTtl 3600000000000 nanoseconds are 1h",
      "nanoseconds: runLedger.validatorTimeout 150000000000 nanoseconds are 2m30s",
      "other-programs: server left out: not RunLedger's",
      "other-programs: logging left out: not RunLedger's",
    ]);
  });

  it("keeps sections of other programs unless told otherwise", () => {
    const { text, others } = migrated(ORIGIN, "f");
    expect(others).toEqual(["server", "logging"]);
    expect(text).toContain("server:\n  host: localhost\n");
  });

  it("reads the origin's JSON", () => {
    const json = '{ "runLedger": { "enabled": true, "staleTtl": 7200000000000, "plannerMaxRetries": 2 } }';
    expect(migrated(json, "f").text).toBe(
      '{ "runLedger": { "enabled": true, "staleTtl": 2h, "plannerMaxRetries": 2 } }\n',
    );
  });

  it("writes globs of 0.1.0 as they are written now, where it is known what they mean", () => {
    const yaml = "protect:\n  - 'v{1..3}/**' # old\n  - '@(a|b)/*'\n  - '!(x)'\n  - src/**\n";
    const { text, moved } = migrated(yaml, "f");
    expect(text).toBe("protect:\n  - 'v{1,2,3}/**' # old\n  - '{a,b}/*'\n  - '!(x)'\n  - src/**\n");
    expect(moved.map(({ key }) => key)).toEqual(["protect.0", "protect.1"]);
  });

  it.each([
    ["a file of today", "# mine\nrunLedger:   { staleTtl: 2h }\nversion: 1\n"],
    ["an empty file", "# only a remark\n"],
    ["a number that is no whole count of milliseconds", "runLedger: { staleTtl: 60 }\n"],
    ["a misspelt key, which is told as one", "maxParalelSteps: 2\n"],
    ["a key that is there in both spellings", "leaseTTL: 2s\nleaseTtl: 3s\n"],
    ["something else than a block", "runLedger: 5\nprotect: x\n"],
  ])("leaves %s as it is, to the letter", (_, yaml) => {
    expect(migrated(yaml, "f", { leaveOutOthers: true })).toEqual({ text: yaml, moved: [], others: [] });
  });

  it("does nothing the second time, whatever was in the file", () => {
    const key = fc.constantFrom(
      "runledger",
      "runLedger",
      "RUNLEDGER",
      "protect",
      "logging",
      "agents",
      "leasettl",
    );
    const inner = fc.constantFrom("staleTtl", "stalettl", "plannerMaxRetries", "PlannerMaxRetries", "x");
    const value = fc.constantFrom("1h", "3600000000000", "5", "null", "[ '{1..4}' ]", "{}", "true");
    const line = fc.oneof(
      fc.tuple(key, value).map(([name, text]) => `${name}: ${text}`),
      fc.tuple(key, inner, value).map(([name, below, text]) => `${name}:\n  # why\n  ${below}: ${text} # so`),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), fc.boolean(), (lines, leaveOutOthers) => {
        const yaml = lines.join("\n");
        try {
          const once = migrated(yaml, "f", { leaveOutOthers });
          const again = migrated(once.text, "f", { leaveOutOthers });
          expect(again.text).toBe(once.text);
          expect(again.moved).toEqual([]);
        } catch (error) {
          if (!isLedgerError(error, "settings_invalid")) throw error;
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("migrateSettings", () => {
  it("writes what is valid, keeps the old text where git does not see it, and does nothing the second time", async () => {
    const { projectDir, file, env } = await projectWith(ORIGIN);
    const first = await migrateSettings({ projectDir, env, leaveOutOthers: true });
    expect(await readFile(first.backup ?? "", "utf8")).toBe(ORIGIN);
    expect((await loadSettings(projectDir, env)).settings.runLedger).toMatchObject({
      enabled: true,
      staleTtlMs: 3_600_000,
      maxRunHistory: 0,
    });
    const written = await readFile(file, "utf8");
    const second = await migrateSettings({ projectDir, env, leaveOutOthers: true });
    expect(second).toEqual({ file, moved: [], others: [], backup: undefined });
    expect(await readFile(file, "utf8")).toBe(written);
    await put(file, ORIGIN.replace("enabled: true", "enabled: false"));
    const third = await migrateSettings({ projectDir, env, leaveOutOthers: true });
    expect(third.backup).not.toBe(first.backup);
    expect(await readFile(first.backup ?? "", "utf8")).toBe(ORIGIN);
    expect(await readFile(join(projectDir, ".runledger/settings-before/.gitignore"), "utf8")).toBe("*\n");
  });

  it("says in a dry run what it would do, and writes nothing", async () => {
    const { projectDir, file, env } = await projectWith(ORIGIN);
    const { moved, others, backup } = await migrateSettings({ projectDir, env, dryRun: true });
    expect([moved.length, others, backup]).toEqual([4, ["server", "logging"], undefined]);
    expect(await readFile(file, "utf8")).toBe(ORIGIN);
    expect(await readdir(projectDir)).toEqual(["runledger.yaml"]);
  });

  it.each([
    ["sections of another program", ORIGIN, /sections that are not RunLedger's: "server", "logging"/],
    [
      "stages that contradict themselves",
      "runledger: { authoritativeRead: true }\n",
      /writeThrough: true with it/,
    ],
    ["what was wrong before and still is", "runledger: { staleTtl: soon }\n", /:1:14: runLedger\.staleTtl/],
    [
      "a newer version",
      "version: 2\nrunledger: {}\n",
      /is of version 2; this RunLedger knows versions up to 1/,
    ],
  ])("refuses %s and leaves the file as it was", async (_, yaml, message) => {
    const { projectDir, file, env } = await projectWith(yaml);
    expect((await refusalOf(migrateSettings({ projectDir, env }))).message).toMatch(message);
    expect(await readFile(file, "utf8")).toBe(yaml);
    expect(await readdir(projectDir)).toEqual(["runledger.yaml"]);
  });

  it("writes nothing where the old text cannot be kept", async () => {
    const { projectDir, file } = await projectWith("runledger: { enabled: true }\n");
    const blocked = await put(join(await newFolder(), "a-file"), "");
    const refused = await refusalOf(migrateSettings({ projectDir, env: { RUNLEDGER_HOME: blocked } }));
    expect(refused.message).toMatch(/cannot be kept/);
    expect(await readFile(file, "utf8")).toBe("runledger: { enabled: true }\n");
  });

  it("does the same for the user's file, and keeps its mode", async () => {
    const config = await newFolder();
    const file = await put(join(config, "runledger", "config.yaml"), "leasettl: 5s\n");
    await chmod(file, 0o600);
    const env = { XDG_CONFIG_HOME: config };
    const { backup } = await migrateSettings({ projectDir: await newFolder(), env, target: "user" });
    expect(await readFile(file, "utf8")).toBe("leaseTtl: 5s\n");
    expect(backup).toBe(join(config, "runledger", "settings-before", "config.yaml.1"));
  });
});

describe("a file of before", () => {
  it("is refused with the way to mend it", async () => {
    const { projectDir, env } = await projectWith(ORIGIN);
    expect((await refusalOf(loadSettings(projectDir, env))).hint).toMatch(/: runledger config migrate$/);
    const config = await newFolder();
    await put(join(config, "runledger", "config.yaml"), "runLedger: { stalettl: 1h }\n");
    const user = await refusalOf(loadSettings(await newFolder(), { XDG_CONFIG_HOME: config }));
    expect(user.hint).toMatch(/: runledger config migrate --user$/);
  });

  it("is not suspected where something is merely wrong", async () => {
    const { projectDir, env } = await projectWith("maxParalelSteps: 2\nleaseTtl: 5\n");
    expect((await refusalOf(loadSettings(projectDir, env))).hint).toBeUndefined();
  });

  it("of a newer version is left to the program that wrote it", async () => {
    const { projectDir, env } = await projectWith("version: 7\nfuture: yes\n");
    const { message, hint } = await refusalOf(loadSettings(projectDir, env));
    expect(message).toMatch(/version 7/);
    expect(hint).toMatch(/newer RunLedger/);
  });
});
