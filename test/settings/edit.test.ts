import { chmod, lstat, readdir, readFile, stat, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openSettingsDraft } from "../../src/settings/draft.js";
import { getSetting, loadSettings } from "../../src/settings/load.js";
import { newFolder, put, refusalOf, removeFoldersAfterEach } from "./folders.js";

removeFoldersAfterEach();

/** Of the project that the file lies in, or of the user whose folder it is. */
const setSetting = async ({ file, key, value }: { file: string; key: string; value: string }) => {
  const user = basename(file) === "config.yaml";
  const draft = await openSettingsDraft({
    projectDir: dirname(file),
    env: user ? { XDG_CONFIG_HOME: dirname(dirname(file)) } : {},
    target: user ? "user" : "project",
  });
  expect(draft.file).toBe(file);
  await draft.save([{ key, value }]);
};

const fileWith = async (yaml: string) => put(join(await newFolder(), "runledger.yaml"), yaml);
const afterSetting = async (yaml: string, key: string, value: string) => {
  const file = await fileWith(yaml);
  await setSetting({ file, key, value });
  return readFile(file, "utf8");
};

const COMMENTED = `# How our runs go.

maxParallelSteps: 4 # two per core

# Nobody changes the tests.
protect:
  - test/** # ours
  - "*.lock"

runLedger:
  # A weekend.
  staleTtl: 3d
  validatorTimeout: 2m # enough
`;

describe("setSetting", () => {
  it("changes one value and keeps every comment, blank line and quote", async () => {
    expect(await afterSetting(COMMENTED, "maxParallelSteps", "8")).toBe(
      COMMENTED.replace("Steps: 4", "Steps: 8"),
    );
    expect(await afterSetting(COMMENTED, "runLedger.staleTtl", "4d")).toBe(COMMENTED.replace("3d", "4d"));
    expect(await afterSetting(COMMENTED, "runLedger.workspaceIsolation", "false")).toBe(
      `${COMMENTED}  workspaceIsolation: false\n`,
    );
  });

  it("leaves a file that nobody may write as it is", async () => {
    const file = await fileWith(COMMENTED);
    await chmod(file, 0o444);
    await expect(setSetting({ file, key: "maxParallelSteps", value: "8" })).rejects.toMatchObject({
      code: "settings_invalid",
      hint: `Make it writable: chmod u+w ${file}`,
    });
    expect(await readFile(file, "utf8")).toBe(COMMENTED);
  });

  it("opens an empty mapping in the way of those around it", async () => {
    expect(
      await afterSetting("agents: {}\n# coder: …\n", "agents.coder", "{ kind: command, run: [a] }"),
    ).toBe("agents:\n  coder:\n    kind: command\n    run:\n      - a\n\n# coder: …\n");
  });

  const LAID_OUT = `agents:
  coder: { kind: command,   run: [a, -b], env: [ X ] }   # aligned
  other:
      kind: command
      run: [ c ]


maxParallelSteps:   4      # as we like it
workspace:
    setup:   []            # none
`;

  it("leaves every section that was not touched as it was written, to the blank", async () => {
    expect(await afterSetting(LAID_OUT, "maxParallelSteps", "8")).toBe(
      LAID_OUT.replace("maxParallelSteps:   4      #", "maxParallelSteps: 8 #"),
    );
    expect(await afterSetting(LAID_OUT, "leaseTtl", "9s")).toBe(`${LAID_OUT}leaseTtl: 9s\n`);
    expect(await afterSetting(LAID_OUT, "workspace.share", "[x]")).toBe(
      LAID_OUT.replace("    setup:   []            # none\n", "  setup: [] # none\n  share:\n    - x\n"),
    );
    expect(await afterSetting("protect: [a]", "leaseTtl", "9s")).toBe("protect: [a]\nleaseTtl: 9s\n");
  });

  it("takes a comment away with the key it stands above, but what heads the file stays", async () => {
    const file = await fileWith("# all\nleaseTtl:  5s\n# about\nmaxParallelSteps: 4\n");
    const draft = await openSettingsDraft({ projectDir: dirname(file), env: {} });
    await draft.save([{ key: "maxParallelSteps", value: undefined }]);
    expect(await readFile(file, "utf8")).toMatch(/^# all\nleaseTtl: +5s\n$/);
    await draft.save([{ key: "leaseTtl", value: undefined }]);
    expect(await readFile(file, "utf8")).toContain("# all\n");
  });

  const ENDING = `leaseTtl:   5s      # soon
retention:
  maxBytes: 1GiB                 # of all
#  completedFor: 7d              # and those
#  failedFor: 30d
`;

  it("leaves what ends the file behind its section, when others come and go", async () => {
    const file = await fileWith(ENDING);
    const draft = await openSettingsDraft({ projectDir: dirname(file), env: {} });
    await draft.save([{ key: "budget.attempts", value: "9" }]);
    await draft.save([{ key: "agentTimeout", value: "5m" }]);
    const grown = `${ENDING}\nbudget:\n  attempts: 9\n`;
    expect(await readFile(file, "utf8")).toBe(`${grown}agentTimeout: 5m\n`);
    await draft.save([{ key: "agentTimeout", value: undefined }]);
    expect(await readFile(file, "utf8")).toBe(grown);
    await draft.save([{ key: "budget.attempts", value: undefined }]);
    expect(await readFile(file, "utf8")).toBe(ENDING);
    await draft.save([
      { key: "retention.maxBytes", value: "2GiB" },
      { key: "agentTimeout", value: "5m" },
    ]);
    const text = await readFile(file, "utf8");
    expect(text.match(/# {2}failedFor: 30d/g)).toHaveLength(1);
    expect(text).toMatch(/30d\n\nagentTimeout: 5m\n$/);
    expect(await afterSetting(`budget:\n  # usd: 5\n${ENDING}`, "budget.attempts", "9")).toContain(
      `${ENDING}\nbudget:\n`,
    );
    expect(await afterSetting(`budget:\n  # usd: 5\n${ENDING}`, "budget.attempts", "9")).not.toMatch(
      /failedFor[\s\S]*failedFor/,
    );
  });

  it("takes only the comment right above a key away with it", async () => {
    const text =
      "leaseTtl:  5s   # soon\n# example\n\n# about\nmaxParallelSteps: 4\n\n# next\nprotect: [ a ]\n";
    const file = await fileWith(text);
    const draft = await openSettingsDraft({ projectDir: dirname(file), env: {} });
    await draft.save([{ key: "maxParallelSteps", value: undefined }]);
    expect(await readFile(file, "utf8")).toBe(text.replace("# about\nmaxParallelSteps: 4\n\n", ""));
  });

  it("keeps the blanks inside of brackets also where something beside them was touched", async () => {
    const text = await afterSetting(LAID_OUT, "agents.coder.timeout", "5m");
    expect(text).toContain("  coder: { kind: command, run: [a, -b], env: [ X ], timeout: 5m } # aligned\n");
    expect(text).toContain("run: [ c ]\n");
  });

  it("changes what was asked and nothing else, however the file is written", async () => {
    const sections = fc.uniqueArray(
      fc.constantFrom(
        "leaseTtl:  5s # soon\n",
        "# about\nmaxParallelSteps: 4\n\n\n",
        "protect: [ a,b ]\n",
        "protect:\n- a # one\n\n- 'b'\n# two\n",
        "workspace: {setup: [[npm,ci]],\n  share: [x]}\n",
        '"runLedger":\n    staleTtl: "2h" # q\n    # last\n',
        "onUnmetCriteria: >-\n  pause\n",
      ),
      { selector: (text) => /\w+/.exec(text.replace(/^#.*\n/, ""))?.[0] ?? "", maxLength: 6 },
    );
    const key = fc.constantFrom("leaseTtl", "maxParallelSteps", "runLedger.validatorTimeout", "agentTimeout");
    const file = await fileWith("");
    await fc.assert(
      fc.asyncProperty(sections, key, fc.constantFrom(undefined, "3s"), async (parts, name, duration) => {
        await put(file, parts.join(""));
        const before = await loadSettings(dirname(file), {});
        const value = name === "maxParallelSteps" && duration !== undefined ? "7" : duration;
        const draft = await openSettingsDraft({ projectDir: dirname(file), env: {} });
        await draft.save([{ key: name, value }]);
        const after = await loadSettings(dirname(file), {});
        const text = await readFile(file, "utf8");
        const [section = ""] = name.split(".");
        // A comment above a key that goes belongs to it, and stands at the end of what is above.
        const untouched = parts.filter(
          (part, at) => !part.includes(section) && !(value === undefined && parts[at + 1]?.includes(section)),
        );
        for (const part of untouched) expect(text).toContain(part.trimEnd());
        for (const [one, origin] of Object.entries(before.origins)) {
          if (one === name || (one.startsWith("agents.") && name === "agentTimeout")) continue;
          expect(after.origins[one]).toBe(origin);
          expect(getSetting(after.settings, one)).toEqual(getSetting(before.settings, one));
        }
        if (value !== undefined)
          expect(getSetting(after.settings, name)).toBe(name === "maxParallelSteps" ? 7 : value);
        else expect(after.origins[name]).toBe("default");
      }),
      { numRuns: 150 },
    );
  });

  it("replaces lists and adds agents", async () => {
    const text = await afterSetting(COMMENTED, "protect", '["spec/**"]');
    expect(text).toContain("# Nobody changes the tests.\nprotect:");
    expect(text).toContain("spec/**");
    expect(text).not.toContain("*.lock");
    const file = await fileWith(COMMENTED);
    await setSetting({ file, key: "agents.coder", value: "{ kind: command, run: [agent, -p] }" });
    await setSetting({ file, key: "agents.coder.timeout", value: "5m" });
    const { settings } = await loadSettings(dirname(file), {});
    expect(settings.agents.coder).toEqual({
      kind: "command",
      run: ["agent", "-p"],
      env: [],
      sandbox: false,
      network: [],
      timeoutMs: 300_000,
    });
    expect(await readFile(file, "utf8")).toContain("# A weekend.");
  });

  it.each(["@daily", "*/5 * * * *", "0 9 * * 1-5"])(
    "takes the cron expression %s as it is typed",
    async (cron) => {
      const file = await fileWith("schedules: { nightly: { cron: '@hourly', plan: p.yaml } }\n");
      await setSetting({ file, key: "schedules.nightly.cron", value: cron });
      const { settings } = await loadSettings(dirname(file), {});
      expect(settings.schedules.nightly?.cron).toBe(cron);
    },
  );

  it("makes the file, and its folder, when there is none", async () => {
    const file = join(await newFolder(), "runledger", "config.yaml");
    await setSetting({ file, key: "runLedger.staleTtl", value: "2h" });
    expect(await readFile(file, "utf8")).toBe("runLedger:\n  staleTtl: 2h\n");
    expect(await readdir(dirname(file))).toEqual(["config.yaml"]);
  });

  it("fills a mapping whose entries are all commented out", async () => {
    const text = await afterSetting(
      "runLedger:\n  # staleTtl: 1h\nleaseTtl: 5s\n",
      "runLedger.staleTtl",
      "2h",
    );
    expect(text).toContain("  staleTtl: 2h\n");
    expect(text).toContain("leaseTtl: 5s\n");
  });

  it("mends a file that was invalid in the same place", async () => {
    expect(await afterSetting("maxParallelSteps: many # hm\n", "maxParallelSteps", "3")).toBe(
      "maxParallelSteps: 3 # hm\n",
    );
  });

  it("follows a link to a file that is not there yet", async () => {
    const folder = await newFolder();
    const link = join(folder, "runledger.yaml");
    await symlink("kept/settings.yaml", link);
    await setSetting({ file: link, key: "leaseTtl", value: "9s" });
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readFile(join(folder, "kept", "settings.yaml"), "utf8")).toBe("leaseTtl: 9s\n");
  });

  it("keeps the mode of the file, and follows a link instead of replacing it", async () => {
    const file = await fileWith(COMMENTED);
    await chmod(file, 0o600);
    const link = join(await newFolder(), "runledger.yaml");
    await symlink(file, link);
    await setSetting({ file: link, key: "leaseTtl", value: "9s" });
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).toContain("leaseTtl: 9s");
    expect(await readdir(dirname(file))).toEqual(["runledger.yaml"]);
  });
});

describe("setSetting refuses and leaves the file as it was", () => {
  it.each([
    [
      "maxParallelSteps",
      "201",
      `1 defect in the settings: maxParallelSteps = "201": maxParallelSteps: found 201, expected at most 200.`,
    ],
    [
      "maxParallelStep",
      "5",
      /maxParallelStep = "5": maxParallelStep: found an unknown key.*did you mean "maxParallelSteps"\?$/,
    ],
    ["runLedger.staleTtl", "5", /^1 defect in the settings: runLedger\.staleTtl = "5"/],
    ["runLedger", "{ staleTtl: 1h, shade: true }", /runLedger\.shade: found an unknown key/],
    [
      "runLedger.authoritativeRead",
      "true",
      /^1 defect in the settings: runLedger\.authoritativeRead = "true": runLedger\.authoritativeRead: found true, expected false, or runLedger\.writeThrough: true with it/,
    ],
    ["agents.system", "{ kind: command, run: [x] }", /a name that is not reserved/],
    ["agents.coder.timeout", "5m", /agents\.coder\.kind: found nothing/],
    ["protect", "**/x", /protect: found "\*\*\/x", expected a list/],
    ["protect", "[", /^1 defect in the YAML: protect:1:2: /],
    ["protect.0", "x", /"protect" holds no settings of its own/],
    ["maxParallelSteps.x", "1", /"maxParallelSteps" holds no settings of its own/],
    ["", "1", /found an unknown key/],
    ["a..b", "1", /found an unknown key/],
    ["__proto__.x", "1", /found an unknown key/],
    ["protect", `["${"x".repeat(1_048_576)}"]`, /at most 131072 are read/],
  ])("%s", async (key, value, message) => {
    const file = await fileWith(COMMENTED);
    const error = await refusalOf(setSetting({ file, key, value }));
    expect(["settings_invalid", "unknown_key"]).toContain(error.code);
    expect(error.message).toMatch(message);
    expect(await readFile(file, "utf8")).toBe(COMMENTED);
    expect(await readdir(dirname(file))).toEqual(["runledger.yaml"]);
  });

  it.each([
    ["61 * * * *", 'minute, hour, day of the month, month and day of the week, such as "0 9 * * 1-5" ('],
    ["0 0 30 2 *", "a day that comes, unlike the 30th of February."],
  ])("a schedule that would never begin anything: %s", async (cron, expected) => {
    const yaml = 'maxParallelSteps: 4\nschedules: { x: { cron: "@hourly", plan: p.yaml } }\n';
    const file = await fileWith(yaml);
    const edit = { key: "schedules.x.cron", value: cron };
    const { message } = await refusalOf(setSetting({ file, ...edit }));
    const found = `schedules.x.cron: found "${cron}", expected ${expected}`;
    expect(message).toContain(`1 defect in the settings: schedules.x.cron = "${cron}": ${found}`);
    expect(await readFile(file, "utf8")).toBe(yaml);
    const { rows } = (await openSettingsDraft({ projectDir: dirname(file), env: {} })).preview([edit]);
    expect(rows.find(({ key }) => key === edit.key)?.defects).toHaveLength(1);
  });

  it("what else is wrong in the file, by its line", async () => {
    const yaml = "leaseTtl: 5s\nprotect: 5\n";
    const file = await fileWith(yaml);
    const error = await refusalOf(setSetting({ file, key: "leaseTtl", value: "6s" }));
    expect(error.message).toBe(`1 defect in the settings: ${file}:2:1: protect: found 5, expected a list.`);
    expect(await readFile(file, "utf8")).toBe(yaml);
  });

  it("a place where no file can be", async () => {
    const file = join(await fileWith(COMMENTED), "runledger", "config.yaml");
    const error = await refusalOf(setSetting({ file, key: "leaseTtl", value: "6s" }));
    expect(error).toMatchObject({ code: "settings_invalid", message: `${file} cannot be written.` });
  });

  it("a list where the settings should be", async () => {
    const file = await fileWith("- a\n");
    const error = await refusalOf(setSetting({ file, key: "leaseTtl", value: "6s" }));
    expect(error.message).toBe(`${file} must be a mapping of settings.`);
  });

  it("a file that is no YAML", async () => {
    const file = await fileWith("a: b: c\n");
    expect((await refusalOf(setSetting({ file, key: "leaseTtl", value: "6s" }))).message).toMatch(
      /:1:4: Nested/,
    );
    expect(await readFile(file, "utf8")).toBe("a: b: c\n");
  });
});
