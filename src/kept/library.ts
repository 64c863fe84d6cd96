// What Node loads for `import "runledger"`: one script, started from what V8 compiled of it in a process before (docs/adr/0066).
// build/bundle.mjs exports each name of it; bundlers get modules instead.
import type * as Library from "../index.js";
import { startKept } from "./script.js";

/** From here to the script. */
declare const LIBRARY_FILE: string;

/** From its first ledger on: by then a process has done what it does at its start, and V8 has forgotten nothing of that. */
const USUAL_LIFE_MS = 2_000;

const url = new URL(LIBRARY_FILE, import.meta.url);
const { exports, from, ledgerOpened, keep } = startKept<typeof Library>(url);

const keepLater = (): void => {
  const atEnd = (): void => {
    if (from === undefined) keep("brief");
  };
  const alive = (): void => {
    process.off("exit", atEnd);
    keep("usual");
  };
  process.once("exit", atEnd);
  setTimeout(alive, USUAL_LIFE_MS).unref();
};
if (from !== "usual") void ledgerOpened.then(keepLater);

export const library = exports;
