import { LedgerError } from "../../../index.js";
import type { Tty } from "../../cli/program.js";
import { framesOn } from "./frames.js";
import { keepAside } from "./keep-aside.js";
import { loadScreen } from "./load-screen.js";
import type { mountScreen, Show } from "./screen.js";
import type { Palette } from "./theme.js";

export type ShowOptions = {
  readonly tty: Tty;
  readonly palette: Palette;
  /** The terminal's second screen, so that what was there before comes back. */
  readonly altScreen: boolean;
  /** Aborts on SIGTERM and the like. */
  readonly interrupted: AbortSignal;
};

/** What a show may ask of the terminal. */
export type Stage = {
  /** Something else than a key changed what is to be drawn. */
  redraw(): void;
  /** Leaves the terminal as it was. */
  end(): void;
  /** For the terminal itself, past the screen (OSC 52). */
  tell(sequence: string): void;
};

const ENTER = { alt: "\u001b[?1049h", own: "\u001b[?25l\u001b[?2004h" } as const;
/** Emptied first, with the cursor at its top: tmux takes lines of a second screen that was resized over to the first one. */
const LEAVE = { alt: "\u001b[H\u001b[J\u001b[?1049l", own: "\u001b[0m\u001b[?2004l\u001b[?25h" } as const;

/** The terminal for a full-screen command; refused where nobody could see or type. `plain` is the command to use instead. */
export const requireTty = (open: (() => Tty | undefined) | undefined, plain: string): Tty => {
  const tty = open?.();
  if (tty !== undefined) return tty;
  throw new LedgerError("invalid_input", "This needs a terminal, for what is typed and for what is shown.", {
    hint: `Without one: ${plain}`,
  });
};

// Whatever ends it, the terminal is left as it was found: the end of the show, an error in it, a signal, an exit or a crash elsewhere.
export const showScreen = async (options: ShowOptions, open: (stage: Stage) => Show): Promise<void> => {
  const { mountScreen: mount } = await loadScreen();
  await new Promise<void>((resolve, reject) => {
    const { tty, interrupted } = options;
    const listeners = new Set<() => void>();
    const redraw = (): void => {
      for (const changed of [...listeners]) changed();
    };
    const stop = (): void => show.stop();
    const finish = (tellCaller: () => void): void => {
      interrupted.removeEventListener("abort", stop);
      process.off("SIGHUP", stop);
      leave();
      tellCaller();
    };
    const show = open({
      redraw,
      end: () => finish(resolve),
      tell: (sequence) => void tty.output.write(sequence),
    });
    interrupted.addEventListener("abort", stop);
    process.on("SIGHUP", stop);
    const leave = takeOver(options, show, {
      mount,
      redraw,
      onChange: (changed) => {
        listeners.add(changed);
        return () => void listeners.delete(changed);
      },
      // Not in the middle of drawing, which is where most errors come from.
      onError: (error) => queueMicrotask(() => finish(() => reject(error))),
    });
    if (interrupted.aborted) stop();
  });
};

type Parts = {
  readonly mount: typeof mountScreen;
  readonly redraw: () => void;
  readonly onChange: (changed: () => void) => () => void;
  readonly onError: (error: unknown) => void;
};

/** Answers with the way to give it back. */
const takeOver = ({ tty, palette, altScreen }: ShowOptions, show: Show, parts: Parts): (() => void) => {
  const { input, output } = tty;
  const frames = framesOn(output);
  const speakAgain = keepAside();
  let returning: NodeJS.Immediate | undefined;
  const enter = (): void => {
    output.write((altScreen ? ENTER.alt : "") + ENTER.own);
    input.setRawMode(true);
    frames.begin();
    parts.redraw();
  };
  const giveBack = (): void => {
    frames.end();
    input.setRawMode(false);
    const below = `\u001b[${frames.size().rows};1H\n`;
    output.write(LEAVE.own + (altScreen ? LEAVE.alt : below));
  };
  const suspend = (): void => {
    giveBack();
    process.kill(process.pid, "SIGTSTP");
    // The next turn comes when it goes on: after fg, or at once where nobody could wake it and so nothing stops it.
    returning = setImmediate(enter);
  };
  const redrawWhole = (): void => {
    frames.begin();
    parts.redraw();
  };
  const leave = (): void => {
    output.off("resize", redrawWhole);
    clearImmediate(returning);
    process.off("exit", leave);
    process.off("uncaughtExceptionMonitor", leave);
    ink.unmount();
    giveBack();
    speakAgain();
  };
  process.once("exit", leave);
  // Before Node prints the error, so that it is seen.
  process.once("uncaughtExceptionMonitor", leave);
  output.on("resize", redrawWhole);
  // What was on the only screen there is goes up, and is not lost.
  if (!altScreen) output.write("\n".repeat(frames.size().rows));
  enter();
  const onScreen: Show = {
    draw: (size) => show.draw(size),
    // Ctrl-Z belongs to the terminal, whatever is shown.
    press: (key) => (key === "ctrl+z" ? suspend() : show.press(key)),
    typing: () => show.typing(),
    stop: () => show.stop(),
  };
  const { onChange, onError } = parts;
  const ink = parts.mount({ show: onScreen, palette, frames, onChange, onError }, input);
  return leave;
};
