import { PassThrough, Writable } from "node:stream";
import xterm from "@xterm/headless";
import { expect, onTestFinished } from "vitest";
import type { Tty } from "../../src/ui/cli/program.js";
import type { Line, Size } from "../../src/ui/tui/kit/line.js";
import type { Show } from "../../src/ui/tui/kit/screen.js";
import { type Stage, showScreen } from "../../src/ui/tui/kit/terminal.js";
import { type Palette, paletteOf } from "../../src/ui/tui/kit/theme.js";

/** What a key sends; everything else sends itself. */
const SENDS: Readonly<Record<string, string>> = {
  up: "\u001b[A",
  down: "\u001b[B",
  right: "\u001b[C",
  left: "\u001b[D",
  pageup: "\u001b[5~",
  pagedown: "\u001b[6~",
  home: "\u001b[H",
  end: "\u001b[F",
  enter: "\r",
  escape: "\u001b",
  tab: "\t",
  "shift+tab": "\u001b[Z",
  backspace: "\u007f",
  "ctrl+c": "\u0003",
  "ctrl+u": "\u0015",
};

/** A terminal as a program that emulates one sees it, and somebody who types at it. */
export type FakeTerminal = {
  readonly tty: Tty;
  /** One after the other, each read by itself. */
  press(...keys: readonly string[]): Promise<void>;
  /** The whole screen, without blanks at the ends of lines and below the last one. */
  text(): Promise<string>;
  /** The same with colours and weights, as SGR sequences. */
  styled(): Promise<string>;
  /** Until the screen says so. */
  shows(what: string | RegExp): Promise<void>;
  resize(size: Size): Promise<void>;
  /** Everything that was written, as it was. */
  written(): string;
  readonly state: { raw: boolean; alt(): boolean; cursorHidden(): boolean };
};

export const fakeTerminal = (size: Size): FakeTerminal => {
  const terminal = new xterm.Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true });
  const chunks: string[] = [];
  const state = {
    raw: false,
    alt: () => terminal.buffer.active.type === "alternate",
    cursorHidden: () =>
      chunks.join("").lastIndexOf("\u001b[?25l") > chunks.join("").lastIndexOf("\u001b[?25h"),
  };
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    ref: () => input,
    unref: () => input,
    setRawMode: (raw: boolean) => {
      state.raw = raw;
      return input;
    },
  });
  const output = Object.assign(
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        chunks.push(chunk.toString("utf8"));
        // A real one turns a line feed into a new line.
        terminal.write(chunk.toString("utf8").replaceAll("\n", "\r\n"));
        done();
      },
    }),
    { isTTY: true, ...size },
  );
  const settled = (): Promise<void> =>
    new Promise((done) => output.write("", () => terminal.write("", done)));
  const text = async (): Promise<string> => {
    await settled();
    return rowsOf(terminal)
      .map((row) => row.translateToString(true))
      .join("\n")
      .trimEnd();
  };
  onTestFinished(() => terminal.dispose());
  return {
    tty: { input, output } as unknown as Tty,
    press: async (...keys) => {
      for (const key of keys) {
        input.write(SENDS[key] ?? key);
        // An escape alone is known by nothing following it.
        await new Promise((done) => setImmediate(() => setImmediate(done)));
      }
    },
    text,
    styled: async () => {
      await settled();
      return rowsOf(terminal).map(styledRow).join("\n").trimEnd();
    },
    shows: (what) =>
      expect
        .poll(text, { timeout: 8_000, interval: 10 })
        .toMatch(what instanceof RegExp ? what : literally(what)),
    resize: async ({ columns, rows }) => {
      await settled();
      terminal.resize(columns, rows);
      Object.assign(output, { columns, rows });
      output.emit("resize");
    },
    written: () => chunks.join(""),
    state,
  };
};

const literally = (text: string): RegExp => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));

type Row = NonNullable<ReturnType<xterm.Terminal["buffer"]["active"]["getLine"]>>;

const rowsOf = ({ buffer, rows }: xterm.Terminal): Row[] =>
  Array.from({ length: rows }, (_, row) => buffer.active.getLine(buffer.active.baseY + row)).filter(
    (row) => row !== undefined,
  );

const styledRow = (row: Row): string => {
  let styled = "";
  let now = "";
  for (let at = 0; at < row.length; at += 1) {
    const cell = row.getCell(at);
    if (cell === undefined || cell.getWidth() === 0) continue;
    const codes = [
      cell.isBold() ? "1" : "",
      cell.isInverse() ? "7" : "",
      cell.isFgPalette() ? `38;5;${cell.getFgColor()}` : "",
      cell.isBgPalette() ? `48;5;${cell.getBgColor()}` : "",
    ].filter((code) => code !== "");
    const style = codes.join(";");
    if (style !== now) styled += `${now === "" ? "" : "\u001b[0m"}${style === "" ? "" : `\u001b[${style}m`}`;
    now = style;
    styled += cell.getChars() || " ";
  }
  return (now === "" ? styled : `${styled}\u001b[0m`).replace(/ +$/, "");
};

export const DARK: Palette = paletteOf("dark", {}, true);
export const LIGHT: Palette = paletteOf("light", {}, true);

/** A show on such a terminal; ended with the test when it has not ended before. */
export const shown = (
  terminal: FakeTerminal,
  open: (stage: Stage) => Show,
  options: {
    readonly palette?: Palette;
    readonly altScreen?: boolean;
    readonly interrupted?: AbortSignal;
  } = {},
): Promise<void> => {
  let stage: Stage | undefined;
  const { palette = DARK, altScreen = true, interrupted = new AbortController().signal } = options;
  const ended = showScreen({ tty: terminal.tty, palette, altScreen, interrupted }, (given) => {
    stage = given;
    return open(given);
  });
  let over = false;
  const settled = () => {
    over = true;
  };
  ended.then(settled, settled);
  onTestFinished(() => {
    if (!over) stage?.end();
  });
  return ended;
};

/** Lines as text, for what needs no terminal to be looked at. */
export const plainText = (lines: readonly Line[]): string =>
  lines
    .map((line) =>
      line
        .map(({ text }) => text)
        .join("")
        .trimEnd(),
    )
    .join("\n");
