import { isLedgerError, LedgerError } from "../core/errors.js";
import { PATHS_LISTED } from "../core/limits.js";
import type { RunRow, Store } from "../stores/store.js";
import { alteredWords } from "./altered-words.js";
import type { Ledger } from "./ledger.js";

// A run that cannot be read is named where people look and left alone by workers; no other run is touched by it.
export const settingAside = async <T>(store: Store, runId: string, read: () => Promise<T>): Promise<T> => {
  try {
    return await read();
  } catch (error) {
    if (isLedgerError(error) && error.kind === "corrupt" && typeof error.details.seq === "number") {
      const found = { seq: error.details.seq, code: error.code };
      const known = (await store.runRow(runId))?.quarantine;
      if (known?.seq !== found.seq || known.code !== found.code) await store.quarantine(runId, found);
    }
    throw error;
  }
};

/** Runs set aside are tried again each time somebody begins to work here: reading one that has become readable frees it. */
export const readSetAside = async (ledger: Ledger): Promise<void> => {
  for (const { runId } of await ledger.list({ quarantined: true, limit: SET_ASIDE_MAX }))
    await ledger.load(runId).catch((error: unknown) => {
      if (!isLedgerError(error)) throw error;
    });
};

/** For those who ask whether all is well: how many runs there are to worry about, and which. */
export const probeJournals = async (ledger: Ledger): Promise<string> => {
  const bad = await ledger.list({ quarantined: true, limit: SET_ASIDE_MAX });
  const [first] = bad;
  if (first === undefined) await requireOpenable(ledger.store);
  if (first === undefined) return "Every journal that was read could be read.";
  throw new LedgerError("event_unreadable", `${bad.length} runs cannot be read: ${named(bad)}.`, {
    hint: `\`runledger show ${first.runId}\` says why, and what to do.`,
  });
};

/** What is sealed, and what stands beside the journals under a seal. Throws `key_unavailable`, `journal_tampered`. */
const requireOpenable = async (store: Store): Promise<void> => {
  // It throws then, and says where the key belongs.
  if (store.seals.facts().root.state === "missing") store.seals.tokenKey();
  const [altered] = await alteredWords(store);
  if (altered !== undefined)
    throw new LedgerError("journal_tampered", altered, {
      hint: "It counts for nothing. `runledger verify` names all of that kind.",
    });
};

const named = (rows: readonly RunRow[]): string =>
  rows
    .slice(0, PATHS_LISTED)
    .map(({ runId, quarantine }) => `${runId} (event ${quarantine?.seq}: ${quarantine?.code})`)
    .join(", ");

/** Far more than ever were; each costs one reading of its journal. */
const SET_ASIDE_MAX = 1_000;
