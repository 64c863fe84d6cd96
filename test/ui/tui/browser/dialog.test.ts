import { expect, it } from "vitest";
import { dialogBox, opened } from "../../../../src/ui/tui/browser/dialog.js";
import { boxed } from "../../../../src/ui/tui/kit/frame.js";
import { plainText } from "../../../helpers/screens.js";

it("what is asked stays on the screen, however much an agent says", () => {
  const dialog = {
    title: "Approve",
    text: ["Proposal 7:", "a long story ".repeat(500)],
    fields: [{ name: "reason", label: "Reason", required: false }],
    twin: () => "runledger approve",
    confirm: "approve it",
    done: () => undefined,
  };
  const { content } = dialogBox(opened(dialog), { columns: 60, rows: 24 });
  expect(content.length).toBeLessThanOrEqual(16);
  const text = plainText(content);
  expect(text).toContain("a long story");
  expect(text).toMatch(/…\n\nReason[\s\S]*runledger approve\n\nenter approve it/);
  for (const short of ["one line", "two\nlines"])
    expect(
      plainText(dialogBox(opened({ ...dialog, text: [short] }), { columns: 60, rows: 24 }).content),
    ).not.toContain("…");
});

it("what Enter does stays on a small screen behind a plan of long commands, and each of those is told to be cut", () => {
  const commands = ["one", "two", "three"].map((name) => `$ ${name} ${"and more ".repeat(60)}`);
  const dialog = {
    title: "Approve",
    text: ["Proposal 7:", "A plan of 9 steps, which brings 5 commands:", ...commands, "… and 2 more"],
    fields: [{ name: "reason", label: "Reason", required: false }],
    twin: () => `runledger approve ${"of a run ".repeat(12)}`,
    confirm: "approve it",
    done: () => undefined,
  };
  const shownOn = (columns: number, rows: number): readonly string[] => {
    const screen = Array.from({ length: rows }, () => []);
    const size = { columns, rows };
    return plainText(boxed(screen, dialogBox(opened(dialog), size), size)).split("\n");
  };
  for (const [columns, rows] of [
    [60, 20],
    [80, 24],
    [60, 14],
  ] as const) {
    const lines = shownOn(columns, rows);
    expect(lines.find((line) => line.includes("enter approve it"))).toBeDefined();
    expect(lines.join("\n")).toContain("Reason");
    expect(lines.join("\n")).toContain("…");
  }
  const seen = shownOn(60, 20).join("\n");
  for (const name of ["one", "two", "three"]) expect(seen).toMatch(new RegExp(`\\$ ${name}.*…`));
});
