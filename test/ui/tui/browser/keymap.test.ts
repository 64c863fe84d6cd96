import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { helpLines } from "../../../../src/ui/tui/browser/help.js";
import {
  type Binding,
  commandOf,
  keyMap,
  keyName,
  type PageName,
} from "../../../../src/ui/tui/browser/keymap.js";
import { boxWidth } from "../../../../src/ui/tui/kit/frame.js";
import { lineWidth } from "../../../../src/ui/tui/kit/line.js";
import { moved } from "../../../../src/ui/tui/kit/list.js";
import { plainText } from "../../../helpers/screens.js";

const PAGES: readonly PageName[] = [
  "runs",
  "run",
  "step",
  "journal",
  "event",
  "questions",
  "checkpoints",
  "schedules",
  "intents",
  "intent",
  "mandates",
];
const bindings = Object.entries(keyMap) as [keyof typeof keyMap, Binding][];

describe("the keys", () => {
  it("mean one thing on each page", () => {
    for (const page of PAGES)
      for (const [name, { keys, pages }] of bindings)
        if (pages === undefined || pages.includes(page))
          for (const key of keys) expect([page, key, commandOf(key, page)]).toEqual([page, key, name]);
  });

  it("that move do move", () => {
    const moving = bindings.filter(([, { group }]) => group === "move").flatMap(([, { keys }]) => keys);
    for (const key of moving)
      expect(moved({ at: 50, top: 45 }, key, 100, 10)).not.toEqual({ at: 50, top: 45 });
  });

  it("are all told side by side on the usual screen of 80 columns, in two straight columns", () => {
    const width = boxWidth(80);
    for (const page of PAGES)
      for (const line of helpLines(page, width)) {
        const text = plainText([line]);
        expect([page, text, lineWidth(line) <= width]).toEqual([page, text, true]);
        expect([page, text, text.charAt(width / 2 - 1).trim()]).toEqual([page, text, ""]);
      }
  });

  it("are documented, all of them and no others", async () => {
    const text = await readFile(new URL("../../../../docs/browser.md", import.meta.url), "utf8");
    const [, table = ""] = text.split(/## Keys\n\n/);
    const rows = (table.split("\n\n")[0] ?? "").split("\n").slice(2);
    const told = rows.map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    expect(told).toEqual(
      bindings.map(([, { keys, does, pages }]) => [
        keys.map((key) => `\`${keyName(key)}\``).join(" "),
        does,
        pages === undefined ? "everywhere" : pages.join(", "),
      ]),
    );
  });
});
