import type { WriteStream } from "node:tty";
import stringWidth from "string-width";
import type { Size } from "./line.js";

/** What a terminal has that does not say. */
const USUAL: Size = { columns: 80, rows: 24 };
/** A terminal that knows these shows all between them at once; the others ignore them. */
const TOGETHER = { begins: "\u001b[?2026h", ends: "\u001b[?2026l" } as const;
/** What is above is written over: some terminals keep a screen that is cleared at once, for scrolling back to it. */
const clearedBelow = (row: number): string => `\u001b[${row + 1};1H\u001b[0m\u001b[J`;

/** What is on the screen, and the way to change it. */
export type Frames = {
  /** Lines as a terminal obeys them, one a row; what reaches the terminal are those that differ from what is there. */
  draw(lines: readonly string[]): void;
  size(): Size;
  /** The screen is ours, and empty for all we know: the next frame is written whole. */
  begin(): void;
  /** The screen is not ours any more: frames that come late are not written. */
  end(): void;
};

// Ink's own ways of writing are of no use here: the plain one erases all lines before each frame, which flickers, and the
// incremental one (6.8) miscounts lines by one. Lines have their place on this screen, so nothing needs to be counted.
export const framesOn = (output: WriteStream): Frames => {
  let there: readonly string[] | undefined;
  let ours = false;
  return {
    draw: (lines) => {
      if (!ours) return;
      const changes = lines.map((line, row) =>
        line === there?.[row] ? "" : written(line, row, output.columns),
      );
      const gone = (there ?? []).slice(lines.length).map((_, index) => written("", lines.length + index, 1));
      const rest = there === undefined && lines.length < output.rows ? clearedBelow(lines.length) : "";
      const text = changes.join("") + gone.join("") + rest;
      there = lines;
      if (text !== "") output.write(TOGETHER.begins + text + TOGETHER.ends);
    },
    size: () => ({ columns: output.columns || USUAL.columns, rows: output.rows || USUAL.rows }),
    begin: () => {
      ours = true;
      there = undefined;
    },
    end: () => {
      ours = false;
    },
  };
};

/** Behind the last column nothing is erased: many terminals would take that for the last column itself. */
const written = (line: string, row: number, columns: number): string =>
  `\u001b[${row + 1};1H${line}${stringWidth(line) < columns ? "\u001b[0m\u001b[K" : ""}`;
