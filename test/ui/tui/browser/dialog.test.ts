import { expect, it } from "vitest";
import { dialogBox, opened } from "../../../../src/ui/tui/browser/dialog.js";
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
  const { content } = dialogBox(opened(dialog), 60);
  expect(content.length).toBeLessThanOrEqual(16);
  const text = plainText(content);
  expect(text).toContain("a long story");
  expect(text).toMatch(/…\n\nReason[\s\S]*runledger approve\n\nenter approve it/);
  for (const short of ["one line", "two\nlines"])
    expect(plainText(dialogBox(opened({ ...dialog, text: [short] }), 60).content)).not.toContain("…");
});
