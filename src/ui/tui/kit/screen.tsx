import { Writable } from "node:stream";
import type { ReadStream, WriteStream } from "node:tty";
import { type Instance, render, useInput } from "ink";
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useReducer, useRef } from "react";
import type { Frames } from "./frames.js";
import { type Key, keysOf } from "./keys.js";
import { cutLine, type Line, painted, type Size } from "./line.js";
import type { Palette } from "./theme.js";

/** What a full-screen command shows: lines for a size, and what a key does. */
export interface Show {
  /** Pure and quick: it is asked at every change, and whenever the terminal has another size. */
  draw(size: Size): readonly Line[];
  press(key: Key): void;
  /** Whether keys are text at the moment; when they are orders, nothing can be pasted. */
  typing(): boolean;
  /** The terminal asks to end (a signal): finish what must be finished, then end. */
  stop(): void;
}

type Props = {
  readonly show: Show;
  readonly palette: Palette;
  readonly frames: Pick<Frames, "draw" | "size">;
  /** Answers with the way to stop telling. */
  readonly onChange: (changed: () => void) => () => void;
  readonly onError: (error: unknown) => void;
};

const PASTE = { begins: "[200~", ends: "[201~" } as const;

/** Keys come from `input`. */
export const mountScreen = (props: Props, input: ReadStream): Pick<Instance, "unmount"> =>
  render(
    <Screen {...props} />,
    // In its debug mode Ink writes at once and nothing of its own about the cursor, and what it writes goes nowhere.
    { stdin: input, stdout: nowhere(), debug: true, exitOnCtrlC: false, patchConsole: false },
  );

const nowhere = (): WriteStream =>
  new Writable({ write: (_chunk, _encoding, done) => done() }) as unknown as WriteStream;

/**
 * Ink keeps the screen alive and reads its keys; the lines go past it. It would lay out and style each cell by itself, which takes
 * 40 ms for a large terminal, and remember every text it ever measured.
 */
const Screen = ({ show, palette, frames, onChange, onError }: Props): ReactNode => {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => onChange(redraw), [onChange]);
  useInput(usePress(show, onError));
  const { columns, rows } = frames.size();
  const lines = attempt(() => show.draw({ columns, rows }), onError) ?? [];
  useLayoutEffect(() => frames.draw(lines.map((line) => painted(cutLine(line, columns), palette).trimEnd())));
  return null;
};

// What is pasted is text: a line break in it must not answer a question, and none of it is an order.
const usePress = (show: Show, onError: (error: unknown) => void): Parameters<typeof useInput>[0] => {
  const pasting = useRef(false);
  return useCallback(
    (input, key) => {
      if (input === PASTE.begins || input === PASTE.ends) {
        pasting.current = input === PASTE.begins;
        return;
      }
      if (pasting.current && !show.typing()) return;
      const keys = pasting.current ? [...input].map((char) => (char < " " ? " " : char)) : keysOf(input, key);
      for (const one of keys) attempt(() => show.press(one), onError);
    },
    [show, onError],
  );
};

const attempt = <T,>(work: () => T, onError: (error: unknown) => void): T | undefined => {
  try {
    return work();
  } catch (error) {
    onError(error);
    return undefined;
  }
};
