import { Transform, useInput } from "ink";
import { type ReactNode, useCallback, useEffect, useReducer, useRef } from "react";
import { type Key, keysOf } from "./keys.js";
import { cutLine, type Line, painted, type Size } from "./line.js";
import type { Palette } from "./theme.js";

/** What a full-screen command shows: lines for a size, and what a key does. */
export interface Show {
  /** Pure and quick: it is asked at every change, and whenever the terminal has another size. */
  draw(size: Size): readonly Line[];
  press(key: Key): void;
  /** The terminal asks to end (a signal): finish what must be finished, then end. */
  stop(): void;
}

type Props = {
  readonly show: Show;
  readonly palette: Palette;
  readonly size: () => Size;
  /** Answers with the way to stop telling. */
  readonly onChange: (changed: () => void) => () => void;
  readonly onError: (error: unknown) => void;
};

const PASTE = { begins: "[200~", ends: "[201~" } as const;

/**
 * All of the screen is one text. Ink measures, wraps and remembers every text it is given, for ever; what is drawn here changes
 * with every key, so Ink gets blank lines of the right number, and the real ones take their place on the way out.
 */
export const Screen = ({ show, palette, size, onChange, onError }: Props): ReactNode => {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => onChange(redraw), [onChange]);
  useInput(usePress(show, onError));
  const { columns, rows } = size();
  const lines = attempt(() => show.draw({ columns, rows }), onError) ?? [];
  const blank = Array.from({ length: rows }, () => " ").join("\n");
  const drawn = (_: string, row: number): string => painted(cutLine(lines[row] ?? [], columns), palette);
  return <Transform transform={drawn}>{blank}</Transform>;
};

// What is pasted is text: a line break in it must not answer a question.
const usePress = (show: Show, onError: (error: unknown) => void): Parameters<typeof useInput>[0] => {
  const pasting = useRef(false);
  return useCallback(
    (input, key) => {
      if (input === PASTE.begins || input === PASTE.ends) {
        pasting.current = input === PASTE.begins;
        return;
      }
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
