import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";
import type { ReceiptStore, Seals } from "./store.js";
import { toldInOurWords, unlessMissing, writeWhole } from "./whole-file.js";

/** In the ledger's folder: the receipts of its runs, and the keys that they are signed with. */
export const RECEIPTS_FOLDER = "receipts";

/** A file for each run, written once. That of a sealed run only its key opens, and it is gone with that. */
export const fileReceipts = (folder: string, seals: Pick<Seals, "of">): ReceiptStore => ({
  put: (runId, text) =>
    inOurWords(async () => {
      const cipher = seals.of(runId);
      const bytes = cipher === null ? text : cipher.sealBytes(Buffer.from(text), PLACE);
      await writeWhole(fileOf(folder, runId), bytes);
    }),
  get: (runId) =>
    inOurWords(async () => {
      const kept = await readFile(fileOf(folder, runId)).catch(unlessMissing);
      if (kept === undefined) return undefined;
      const bytes = seals.of(runId)?.openBytes(kept, PLACE) ?? kept;
      return Buffer.from(bytes).toString("utf8");
    }),
  names: () =>
    inOurWords(async () => {
      const names = (await readdir(folder).catch(unlessMissing)) ?? [];
      return names.flatMap((name) => (name.endsWith(ENDING) ? [name.slice(0, -ENDING.length)] : []));
    }),
  remove: (runId) => inOurWords(() => rm(fileOf(folder, runId), { force: true })),
});

const PLACE = "receipt";
const ENDING = ".json";

/** Hosts name runs too, and what names a file is checked where it does. */
const fileOf = (folder: string, runId: string): string => {
  if (/^[A-Za-z0-9][\w-]*$/.test(runId)) return join(folder, `${runId}${ENDING}`);
  throw new LedgerError("invalid_input", `"${runId}" cannot name a file.`);
};

const inOurWords = <T>(work: () => Promise<T>): Promise<T> =>
  toldInOurWords(work, (code, cause) => {
    if (code === undefined) return cause;
    if (code === "EEXIST") return new LedgerError("seq_conflict", "There is a receipt of this run already.");
    return new LedgerError("store_unavailable", `A receipt cannot be read or written (${code}).`, {
      hint: "Check the disk and the owner of the ledger's folder.",
      cause,
    });
  });
