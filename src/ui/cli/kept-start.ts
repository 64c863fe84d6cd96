// How an installed command line starts: the program is one script, and what V8 compiled of it is kept beside it for the next process
// (docs/adr/0060). build/bundle.mjs puts this in the place of start.ts, which runs as it is from the sources.
import { startKept } from "../../kept/script.js";
import { loadScreen } from "../tui/kit/load-screen.js";
import type * as Program from "./start.js";

/** From here to the program. */
declare const PROGRAM_FILE: string;

/** V8 forgets the code of a start when a life is long, and would keep it for nobody. */
const SHORT_LIFE_MS = 10_000;

export const start: typeof Program.start = async (words) => {
  const url = new URL(PROGRAM_FILE, import.meta.url);
  const { exports, from, ledgerOpened, keep } = startKept<typeof Program>(url, loadScreen);
  let hasOpenedLedger = false;
  void ledgerOpened.then(() => {
    hasOpenedLedger = true;
  });
  await exports.start(words);
  if (hasOpenedLedger && from === undefined && performance.now() < SHORT_LIFE_MS) keep("usual");
};
