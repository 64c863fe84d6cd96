import { basename } from "node:path";
import type { Caller, RunLedger } from "../../../index.js";
import { openBrowser } from "../../tui/browser/browser.js";
import { requireTty, showScreen } from "../../tui/kit/terminal.js";
import { paletteOf, type ThemeName } from "../../tui/kit/theme.js";
import { EXIT } from "../exit-codes.js";
import type { Bench } from "../program.js";

export type TuiOptions = {
  readonly theme: ThemeName;
  readonly altScreen: boolean;
  readonly runId?: string;
};

/** How often it is asked whether anything changed, in whatever process. */
const TICK_MS = 250;

export const browse = async (
  app: RunLedger,
  { terminal, output }: Bench,
  caller: Caller,
  { theme, altScreen, runId }: TuiOptions,
): Promise<number> => {
  const tty = requireTty(terminal.tty, runId === undefined ? "runledger list" : `runledger show ${runId}`);
  const palette = paletteOf(theme, terminal.env, output.colour);
  let timer: NodeJS.Timeout | undefined;
  try {
    await showScreen({ tty, palette, altScreen, interrupted: terminal.interrupted }, (stage) => {
      const project = basename(app.projectDir);
      const browser = openBrowser(
        { app, caller, project, now: Date.now, ...(runId === undefined ? {} : { runId }) },
        stage,
      );
      timer = setInterval(() => void browser.tick().catch(() => undefined), TICK_MS);
      return browser;
    });
  } finally {
    clearInterval(timer);
  }
  return EXIT.done;
};
