import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { openSettingsDraft, type SettingsTarget } from "../../../../src/index.js";
import type { Size } from "../../../../src/ui/tui/kit/line.js";
import type { Palette } from "../../../../src/ui/tui/kit/theme.js";
import { settingsShow } from "../../../../src/ui/tui/settings/show.js";
import { DARK, type FakeTerminal, fakeTerminal, LIGHT, shown } from "../../../helpers/screens.js";
import { newFolder, put, removeFoldersAfterEach } from "../../../settings/folders.js";

removeFoldersAfterEach();

const TINY: Size = { columns: 60, rows: 20 };
const USUAL: Size = { columns: 80, rows: 24 };
const LARGE: Size = { columns: 200, rows: 60 };

const PROJECT = `# Ours.
agents:
  coder: { kind: command, run: [claude, -p], env: [API_KEY] } # the good one
maxParallelSteps: 8 # two per core
protect: ["docs/**", "*.lock"]
runLedger:
  # A weekend.
  staleTtl: 3d
`;

type Opened = { readonly terminal: FakeTerminal; readonly file: string; readonly ended: Promise<void> };

/** The editor at a terminal, where a variable and the user's file say something too; folders have names of one length. */
const open = async (
  size: Size,
  { palette = DARK, target = "project" }: { palette?: Palette; target?: SettingsTarget } = {},
): Promise<Opened> => {
  const file = await put(join(folder, "project", "runledger.yaml"), PROJECT);
  await put(join(folder, "runledger", "config.yaml"), "leaseTtl: 20s\n");
  const env = { XDG_CONFIG_HOME: folder, RUNLEDGER_SET_changeValidator: "human" };
  const reopen = () => openSettingsDraft({ projectDir: join(folder, "project"), env, target });
  const terminal = fakeTerminal(size);
  const ended = shown(terminal, settingsShow({ draft: await reopen(), reopen }), { palette });
  await terminal.shows("Automation → RunLedger");
  return { terminal, file, ended };
};

let folder: string;
beforeEach(async () => {
  folder = await newFolder();
});

const masked = async (terminal: FakeTerminal): Promise<string> =>
  (await terminal.text()).replaceAll(folder, "PLACE");
const SHOTS: readonly (readonly [string, Size])[] = [
  ["60x20", TINY],
  ["80x24", USUAL],
  ["200x60", LARGE],
];
const shot = (name: string) => `./screens/${name}.txt`;

describe.each(SHOTS)("at %s", (size, measures) => {
  it("shows every section with values, origins and what is chosen", async () => {
    const { terminal } = await open(measures);
    await expect(await masked(terminal)).toMatchFileSnapshot(shot(`opened-${size}`));
  });

  it("shows what is unsaved, what does not hold, and why, at once", async () => {
    const { terminal } = await open(measures);
    await terminal.press("j", "j", "j", "enter");
    await terminal.shows("does not hold yet");
    await expect(await masked(terminal)).toMatchFileSnapshot(shot(`contradiction-${size}`));
  });

  it("checks what is being typed at every key", async () => {
    const { terminal } = await open(measures);
    await terminal.press("j", "j", "j", "j", "j", "j", "enter", "ctrl+u", ..."12 yaks");
    await terminal.shows("12 yaks");
    await expect(await masked(terminal)).toMatchFileSnapshot(shot(`typing-${size}`));
  });

  it("explains its keys, and asks before changes are dropped", async () => {
    const { terminal } = await open(measures);
    await terminal.press("?");
    await expect(await masked(terminal)).toMatchFileSnapshot(shot(`keys-${size}`));
    await terminal.press("j", "enter", "q");
    await terminal.shows("Not saved yet");
    await expect(await masked(terminal)).toMatchFileSnapshot(shot(`leaving-${size}`));
  });
});

describe("colours", () => {
  it.each([
    ["dark", DARK],
    ["light", LIGHT],
  ])("of a %s terminal", async (name, palette) => {
    const { terminal } = await open(USUAL, { palette });
    await terminal.press("j", "enter", "j", "j", "enter");
    await terminal.shows("does not hold yet");
    const styled = (await terminal.styled()).replaceAll(folder, "PLACE").replaceAll("\u001b", "␛");
    await expect(styled).toMatchFileSnapshot(shot(`styled-${name}`));
  });
});

describe("at a terminal too small for anything", () => {
  it.each([
    { columns: 20, rows: 8 },
    { columns: 10, rows: 3 },
    { columns: 1, rows: 1 },
  ])("$columns×$rows draws what fits and goes on working", async (size) => {
    const { terminal, ended } = await open(USUAL);
    await terminal.resize(size);
    await terminal.press("j", "G", "?", "x", "a", "escape", "g", "enter", "enter", "q", "d");
    await ended;
  });
});

describe("the editor", () => {
  it("switches, types, undoes, and saves with every comment in its place", async () => {
    const { terminal, file } = await open(USUAL);
    await terminal.press("enter", "j", "j", "enter");
    await terminal.shows("2 unsaved");
    await terminal.press("u");
    await terminal.shows("1 unsaved");
    await terminal.press("j", "j", "j", "j", "enter", "ctrl+u", ..."36h", "enter");
    await terminal.shows("2 unsaved");
    await terminal.press("s");
    await terminal.shows("2 changes are in");
    await terminal.shows("nothing unsaved");
    expect(await readFile(file, "utf8")).toBe(
      PROJECT.replace("staleTtl: 3d", "staleTtl: 36h\n  enabled: true"),
    );
  });

  it("saves nothing that does not hold, says why, and loses no change", async () => {
    const { terminal, file } = await open(USUAL);
    await terminal.press("j", "j", "j", "enter", "s");
    await terminal.shows("Not saved. 1 defect in the settings: runLedger.authoritativeRead");
    await terminal.press("q", "s");
    await terminal.shows("Not saved.");
    expect(await readFile(file, "utf8")).toBe(PROJECT);
    await terminal.press("k", "enter");
    await terminal.shows("2 unsaved");
    await terminal.press("s");
    await terminal.shows("2 changes are in");
  });

  it("takes what is pasted only where a value is typed", async () => {
    const { terminal, file } = await open(USUAL);
    await terminal.press("\u001b[200~ s q\u001b[201~", "j");
    await terminal.shows("nothing unsaved");
    expect(await readFile(file, "utf8")).toBe(PROJECT);
    await terminal.press("j", "j", "j", "j", "j", "enter", "ctrl+u", "\u001b[200~36h\u001b[201~");
    await terminal.shows("Stale after: 36h");
  });

  it("takes text where there was none, as it is typed", async () => {
    const { terminal } = await open(USUAL);
    await terminal.press("G", "enter", ..."BOARD.md", "enter");
    await terminal.shows(/• Markdown board +BOARD\.md +unsaved/);
  });

  it("takes no text that is wrong, and keeps it to be mended", async () => {
    const { terminal } = await open(USUAL);
    await terminal.press("tab", "enter", "ctrl+u", ..."900", "enter");
    await terminal.shows("! found 900, expected at most 200");
    await terminal.press("backspace", "enter");
    await terminal.shows(/• Parallel steps +90 /);
  });

  it("does not change what a variable sets, and says so", async () => {
    const { terminal } = await open(USUAL);
    await terminal.press("tab", "j", "j", "j", "enter");
    await terminal.shows("changeValidator cannot be changed here: RUNLEDGER_SET_changeValidator is set");
    await terminal.shows("nothing unsaved");
  });

  it("leaves a value out, so that what lies below counts", async () => {
    const { terminal, file } = await open(USUAL);
    await terminal.press("tab", "x");
    await terminal.shows(/• Parallel steps +4 +unsaved/);
    await terminal.shows("runledger config unset maxParallelSteps");
    await terminal.press("s");
    await terminal.shows("1 change is in");
    expect(await readFile(file, "utf8")).toBe(PROJECT.replace("maxParallelSteps: 8 # two per core\n", ""));
  });

  it("makes a new agent, changes one, takes one out", async () => {
    const { terminal, file } = await open(LARGE);
    await terminal.press("a", ..."reviewer", "enter");
    await terminal.shows("reviewer · Program: []");
    await terminal.press("ctrl+u", ..."[sh, -c, review]", "enter");
    await terminal.shows(/reviewer · Program +\[sh, -c, review\] +unsaved/);
    await terminal.press("s");
    await terminal.shows("changes are in");
    expect(await readFile(file, "utf8")).toContain(
      "  reviewer:\n    kind: command\n    run:\n      - sh\n      - -c\n      - review\n",
    );
    await terminal.press("k", "D", "s");
    await terminal.shows("1 change is in");
    expect(await readFile(file, "utf8")).not.toContain("reviewer");
    expect(await readFile(file, "utf8")).toContain("# the good one");
  });

  it("makes a new schedule where there was none, changes it, takes it out", async () => {
    const { terminal, file } = await open(USUAL);
    await terminal.press("c", ..."nightly", "enter");
    await terminal.shows("nightly · When: @daily");
    await terminal.shows("✔ text");
    await terminal.press("ctrl+u", ..."30 2 * *");
    await terminal.shows("! found");
    await terminal.press(..." 1-5", "enter");
    await terminal.shows("nightly · Plan: ");
    await terminal.press("enter");
    await terminal.shows("! found");
    await terminal.press(..."plans/nightly.yaml");
    await expect(await masked(terminal)).toMatchFileSnapshot(shot("schedule-80x24"));
    await terminal.press("enter");
    await terminal.shows(/nightly · Plan +plans\/nightly.yaml +unsaved/);
    await terminal.press("s");
    await terminal.shows("changes are in");
    expect(await readFile(file, "utf8")).toContain(
      "schedules:\n  nightly:\n    cron: 30 2 * * 1-5\n    plan: plans/nightly.yaml\n",
    );
    await terminal.press("j", "enter", ..."Tidy up", "enter", "j", "right", "s");
    await terminal.shows("2 changes are in");
    expect(await readFile(file, "utf8")).toContain("    goal: Tidy up\n    catchUp: all\n");
    await terminal.press("D", "s");
    await terminal.shows("1 change is in");
    expect(await readFile(file, "utf8")).toBe(PROJECT);
  });

  it("counts what comes back to what it was as no change, and leaves without asking", async () => {
    const { terminal, ended, file } = await open(USUAL);
    await terminal.press("enter");
    await terminal.shows("1 unsaved");
    await terminal.press("enter");
    await terminal.shows("nothing unsaved");
    await terminal.press("q");
    await ended;
    expect(await readFile(file, "utf8")).toBe(PROJECT);
  });

  it("drops changes only when told to", async () => {
    const { terminal, ended, file } = await open(USUAL);
    await terminal.press("enter", "q", "escape", "q", "d");
    await ended;
    expect(await readFile(file, "utf8")).toBe(PROJECT);
  });

  it("saves and leaves in one", async () => {
    const { terminal, ended, file } = await open(USUAL);
    await terminal.press("enter", "q", "s");
    await ended;
    expect(await readFile(file, "utf8")).toContain("enabled: true");
  });

  it("writes the user's file when that is meant, below what the project says", async () => {
    const { terminal } = await open(USUAL, { target: "user" });
    await terminal.press("enter", "s");
    await terminal.shows("1 change is in");
    expect(await readFile(join(folder, "runledger", "config.yaml"), "utf8")).toBe(
      "leaseTtl: 20s\nrunLedger:\n  enabled: true\n",
    );
    await terminal.press("tab", "enter");
    await terminal.shows("the project's file counts before the user's");
  });
});
