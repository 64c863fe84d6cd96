import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openSettingsDraft } from "../../../../src/index.js";
import { settingKeys } from "../../../../src/settings/keys.js";
import { drawEditor, listRows } from "../../../../src/ui/tui/settings/draw.js";
import { openEditor, press } from "../../../../src/ui/tui/settings/state.js";
import { plainText } from "../../../helpers/screens.js";
import { newFolder, put, removeFoldersAfterEach } from "../../../settings/folders.js";

removeFoldersAfterEach();

const YAML = "agents:\n  coder: { kind: command, run: [x] }\nprotect: [a]\nleaseTtl: 9s\n";

const editorOf = async (yaml: string) => {
  const projectDir = await newFolder();
  await put(join(projectDir, "runledger.yaml"), yaml);
  return openEditor(await openSettingsDraft({ projectDir, env: {} }));
};

describe("the editor's list", () => {
  it("has every key that the schema has, with its title, in some section", async () => {
    const all = `${YAML}schedules: { nightly: { cron: "@daily", plan: p.yaml } }\nnotify: { desk: { run: [x] } }\n`;
    const { items } = await editorOf(all);
    const ofModel = await editorOf("agents: { coder: { kind: llm, provider: openai, model: m } }\n");
    const ofCli = await editorOf("agents: { coder: { kind: subprocess, preset: codex } }\n");
    const rows = [...items, ...ofModel.items, ...ofCli.items].flatMap((item) =>
      item.kind === "row" ? [item.row] : [],
    );
    const shown = new Set(rows.map(({ key }) => key.replace(/\.(coder|nightly|desk)\./, ".NAME.")));
    expect([...shown].sort()).toEqual(
      settingKeys()
        .map(({ key }) => key)
        .sort(),
    );
    const editor = await editorOf(all);
    const text = [editor, ofModel, ofCli]
      .map((one) => plainText(drawEditor(one, { columns: 80, rows: 100 })))
      .join("\n");
    for (const { title } of settingKeys()) expect(text).toContain(title);
  });
});

describe("an agent with a long name", () => {
  it("leaves the title of each of its settings room", async () => {
    const editor = await editorOf(`agents: { ${"long-name-".repeat(6)}: { kind: command, run: [x] } }\n`);
    const text = plainText(drawEditor(editor, { columns: 80, rows: 200 }));
    const titles = editor.items.flatMap((item) =>
      item.kind === "row" && item.row.key.startsWith("agents.") ? [item.row.title] : [],
    );
    expect(titles.length).toBeGreaterThan(3);
    for (const title of titles) expect(text).toMatch(new RegExp(`long.*… · ${title}`));
  });
});

describe.each([
  ["agent", "a", "coder", "an agent"],
  ["schedule", "c", "nightly", "a schedule"],
  ["target", "w", "desk", "a target"],
])("a new %s", (one, letter, taken, a) => {
  it.each([
    ["a dot in it", "a.b", `No dots in the name of ${a}.`],
    ["words that a shell would take for a command", "x; ls", 'At most 64 letters, digits, "-" and "_"'],
    ["a name that is taken", taken, `There is ${a} ${taken}.`],
    ["no name", "", `${a[0]?.toUpperCase()}${a.slice(1)} needs a name.`],
  ])("that cannot be made with %s says why, and what was typed stays", async (_what, name, why) => {
    const editor = [letter, ...name, "enter"].reduce(
      (now, key) => press(now, key, 10).editor,
      await editorOf(
        `${YAML}schedules: { nightly: { cron: "@daily", plan: p.yaml } }\nnotify: { desk: { run: [x] } }\n`,
      ),
    );
    expect(editor.edits).toEqual([]);
    const text = plainText(drawEditor(editor, { columns: 80, rows: 24 }));
    expect(text).toContain(`Name of the new ${one}: ${name}`.trimEnd());
    expect(text).toContain(why);
    expect(plainText(drawEditor(press(editor, "x", 10).editor, { columns: 80, rows: 24 }))).not.toContain(
      why,
    );
  });
});

describe("whatever is typed", () => {
  const key = fc.constantFrom(
    ...[
      "j",
      "k",
      "g",
      "G",
      "enter",
      "enter",
      " ",
      "left",
      "right",
      "x",
      "D",
      "u",
      "u",
      "a",
      "c",
      "tab",
      "shift+tab",
    ],
    ...[
      "?",
      "q",
      "escape",
      "s",
      "d",
      "backspace",
      "ctrl+u",
      "ctrl+w",
      "pagedown",
      "[",
      "]",
      "1",
      "m",
      "é",
      "'",
    ],
  );
  const size = { columns: 80, rows: 24 };

  it("the editor says of its changes what the file would say, and undo leads back to the beginning", async () => {
    const fresh = await editorOf(YAML);
    fc.assert(
      fc.property(fc.array(key, { maxLength: 60 }), (keys) => {
        let editor = fresh;
        for (const one of keys) {
          editor = press(editor, one, listRows(editor, size)).editor;
          expect(drawEditor(editor, size)).toHaveLength(size.rows);
          expect(editor.items[editor.place.at]?.kind).toBe("row");
        }
        expect(editor.preview).toEqual(editor.draft.preview(editor.edits));
        expect(editor.edits.length === 0 || editor.past.length > 0).toBe(true);
        const list = { ...editor, mode: { kind: "list" } as const };
        let back = list;
        for (const _ of list.past) back = { ...press(back, "u", 10).editor, mode: { kind: "list" } };
        expect([back.edits, back.past]).toEqual([[], []]);
        expect(back.preview).toEqual(fresh.preview);
      }),
      { numRuns: 60 },
    );
  });
});
