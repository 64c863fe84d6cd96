import { describe, expect, it } from "vitest";
import type { LedgerError } from "../../../../src/index.js";
import { span } from "../../../../src/ui/tui/kit/line.js";
import type { Show } from "../../../../src/ui/tui/kit/screen.js";
import { requireTty, type Stage } from "../../../../src/ui/tui/kit/terminal.js";
import { type FakeTerminal, fakeTerminal, shown } from "../../../helpers/screens.js";

/** Shows the keys it was given, and its size. */
const keyboard =
  (more: Partial<Show> = {}) =>
  (stage: Stage): Show => {
    const keys: string[] = [];
    return {
      draw: ({ columns, rows }) => [
        [span(`${columns}×${rows}`)],
        ...Array.from({ length: rows - 2 }, (_, row) => [span(`row ${row}`, "dim")]),
        [span(`keys ${keys.join(" ")}`)],
      ],
      press: (key) => {
        if (key === "q") stage.end();
        else keys.push(key);
        stage.redraw();
      },
      typing: () => true,
      stop: () => stage.end(),
      ...more,
    };
  };

const expectRestored = async (terminal: FakeTerminal): Promise<void> => {
  await terminal.text();
  expect(terminal.state.raw).toBe(false);
  expect(terminal.state.alt()).toBe(false);
  expect(terminal.state.cursorHidden()).toBe(false);
};

describe("a show at a terminal", () => {
  it("takes the second screen, raw keys, hides the cursor, and gives all of it back", async () => {
    const terminal = fakeTerminal({ columns: 40, rows: 6 });
    const ended = shown(terminal, keyboard());
    await terminal.shows("40×6");
    expect(terminal.state.raw).toBe(true);
    expect(terminal.state.alt()).toBe(true);
    expect(terminal.state.cursorHidden()).toBe(true);
    await terminal.press("a", "up", "escape", "tab", "shift+tab", "enter", "pagedown", "ctrl+c", "backspace");
    await terminal.shows("keys a up escape tab shift+tab");
    await terminal.press("x", "q", "y");
    await ended;
    await expectRestored(terminal);
    // A frame that came late would be seen here.
    expect(await terminal.text()).toBe("");
  });

  it("knows every key of one read, and text that is pasted as text", async () => {
    const terminal = fakeTerminal({ columns: 60, rows: 4 });
    shown(terminal, keyboard());
    await terminal.press("jjG\r", "\u001b[200~yes\rno\u001b[201~", "k");
    await terminal.shows(/keys j j G enter y e s {3}n o k$/);
  });

  it("takes nothing that is pasted for orders", async () => {
    const terminal = fakeTerminal({ columns: 60, rows: 4 });
    shown(terminal, keyboard({ typing: () => false }));
    await terminal.press("j", "\u001b[200~xqs\u001b[201~", "k");
    await terminal.shows(/keys j k$/);
  });

  it("draws only what has changed", async () => {
    const terminal = fakeTerminal({ columns: 40, rows: 12 });
    shown(terminal, keyboard());
    await terminal.shows("row 5");
    const before = terminal.written().length;
    await terminal.press("x");
    await terminal.shows("keys x");
    const drawn = terminal.written().slice(before);
    expect(drawn).toContain("keys x");
    expect(drawn).not.toContain("row");
    expect(drawn).not.toContain("\u001b[2J");
  });

  it.each([
    ["wider", { columns: 60, rows: 6 }],
    ["narrower", { columns: 20, rows: 6 }],
    ["higher", { columns: 40, rows: 9 }],
    ["lower", { columns: 40, rows: 4 }],
  ])("draws all of it again when the terminal gets %s", async (_what, size) => {
    const terminal = fakeTerminal({ columns: 40, rows: 6 });
    shown(terminal, keyboard());
    await terminal.press("a");
    await terminal.shows("keys a");
    await terminal.resize(size);
    const rows = Array.from({ length: size.rows - 2 }, (_, row) => `row ${row}`);
    const whole = [`${size.columns}×${size.rows}`, ...rows, "keys a"].join("\n");
    await expect.poll(terminal.text).toBe(whole);
    await terminal.press("b");
    await expect.poll(terminal.text).toBe(`${whole} b`);
  });

  it("ends on a signal, by the show's own word", async () => {
    const terminal = fakeTerminal({ columns: 40, rows: 6 });
    const signal = new AbortController();
    const ended = shown(terminal, keyboard(), { interrupted: signal.signal });
    await terminal.shows("40×6");
    signal.abort();
    await ended;
    await expectRestored(terminal);
  });

  it.each(["draw", "press"] as const)("an error in %s ends it, with the terminal restored", async (where) => {
    const terminal = fakeTerminal({ columns: 40, rows: 6 });
    const planted = new Error("planted");
    let broken = where === "press";
    const ended = shown(terminal, (stage) => ({
      ...keyboard()(stage),
      [where]: () => {
        if (broken) throw planted;
        broken = true;
        return [];
      },
    }));
    const failed = expect(ended).rejects.toBe(planted);
    await terminal.press("a", "b");
    await failed;
    await expectRestored(terminal);
  });

  it("keeps what is said beside it away from the screen, and says it afterwards", async () => {
    const terminal = fakeTerminal({ columns: 40, rows: 6 });
    const said: string[] = [];
    const write = process.stderr.write;
    process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0;
    try {
      const ended = shown(terminal, keyboard());
      await terminal.shows("40×6");
      process.stderr.write("aside\n");
      process.emitWarning("careful");
      await new Promise((done) => process.nextTick(done));
      expect(said).toEqual([]);
      await terminal.press("q");
      await ended;
      expect(said).toEqual(["aside\n", "Warning: careful\n"]);
    } finally {
      process.stderr.write = write;
    }
  });

  it("leaves what was on the only screen there is where it can be scrolled to", async () => {
    const terminal = fakeTerminal({ columns: 40, rows: 4 });
    terminal.tty.output.write("before\n");
    const ended = shown(terminal, keyboard(), { altScreen: false });
    await terminal.shows("40×4");
    expect(terminal.written()).not.toContain("\u001b[?1049h");
    await terminal.press("q");
    await ended;
    expect(await terminal.text()).toContain("keys");
  });

  it("is refused without a terminal, with the command to use instead", () => {
    const refusal = (open: Parameters<typeof requireTty>[0]) => () => requireTty(open, "runledger list");
    for (const open of [undefined, () => undefined])
      expect(refusal(open)).toThrow(
        expect.objectContaining({
          code: "invalid_input",
          hint: "Without one: runledger list",
        }) as LedgerError,
      );
  });
});
