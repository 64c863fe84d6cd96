import { isLedgerError } from "../../core/errors.js";
import type { AnchorState, Audit, RunRow, Seals } from "../../stores/store.js";
import { alteredWords } from "../altered-words.js";
import type { CheckpointSources } from "./checkpoints.js";
import { type Add, collectFlaws, type Flaw } from "./flaws.js";
import { checkKeys } from "./keys.js";
import { publishedKeys, type ReceiptSources } from "./receipts.js";
import { checkRemovals, type RemovalSources } from "./removals.js";
import { checkRun, type Unread } from "./run.js";

/** What was looked at, and all that is wrong with it. */
export type Verification = {
  readonly runs: number;
  readonly events: number;
  readonly snapshots: number;
  readonly keys: number;
  /** As often as events name them. */
  readonly blobs: number;
  readonly checkpoints: number;
  readonly receipts: number;
  /** That did not hold when an attempt went on, as journals say, whatever is left of them; the first thousand. */
  readonly passedOver: readonly PassedOverFound[];
  readonly anchor: Pick<AnchorState, "state" | "position" | "later">;
  /** The first thousand. */
  readonly flaws: readonly Flaw[];
  readonly flawsInAll: number;
  /** Runs of which nothing but the chain could be checked, or, where the archive is gone, the receipt; the first thousand. */
  readonly unread: readonly { readonly runId: string; readonly because: Unread | "gone" }[];
  readonly unreadInAll: number;
};

type PassedOverFound = {
  readonly runId: string;
  /** The event that says so. */
  readonly seq: number;
  readonly checkpoint: string;
  /** In words that follow its id. */
  readonly why: string;
};

export type VerifyOptions = {
  readonly runId?: string;
  readonly signal: AbortSignal;
  /** Where checkpoints and receipts lie beside the database, and the keys that their signatures are checked with. */
  readonly sources: CheckpointSources & RemovalSources & { readonly receipts: ReceiptSources };
};

const PAGE = 100;
const UNREAD_LISTED = 1_000;
const PASSED_OVER_LISTED = 1_000;

/** The whole ledger, or one run of it; page by page, at one moment, whoever writes meanwhile. Nothing is changed. */
export const verifyLedger = async (
  audit: Audit,
  { runId, signal, sources }: VerifyOptions,
): Promise<Verification> => {
  const { flaws, add, count } = collectFlaws();
  const seen = { runs: 0, events: 0, snapshots: 0, keys: 0, blobs: 0, checkpoints: 0, receipts: 0 };
  const unread: Verification["unread"][number][] = [];
  let unreadInAll = 0;
  const passOver = ({ runId, because }: Verification["unread"][number]): void => {
    unreadInAll += 1;
    if (unread.length < UNREAD_LISTED) unread.push({ runId, because });
  };
  const passedOver: PassedOverFound[] = [];
  const anchor = checkAnchor(audit, add);
  try {
    const { lastPosition } = runId === undefined ? await checkWhole(audit, add) : await audit.tally();
    const hasRoot = whetherRootIsHere(audit.store.seals);
    const signed = { ...sources.receipts, trusted: await publishedKeys(sources.receipts, add) };
    const isAlone = runId !== undefined;
    let newer = Number.POSITIVE_INFINITY;
    for await (const row of runsOf(audit, runId)) {
      const {
        firstPosition,
        unread: because,
        passedOver: then,
        ...one
      } = await checkRun(audit.store, row, { lastPosition, add, signal, sources, signed, hasRoot, isAlone });
      for (const name of ["events", "snapshots", "blobs", "checkpoints", "receipts"] as const)
        seen[name] += one[name];
      seen.runs += 1;
      for (const { broken, seq } of then)
        for (const { id, why } of broken)
          if (passedOver.length < PASSED_OVER_LISTED)
            passedOver.push({ runId: row.runId, seq, checkpoint: id, why });
      if (because !== null) passOver({ runId: row.runId, because });
      if (firstPosition !== null && firstPosition >= newer)
        add("list", "It is listed as older than a run that began before it.", { runId: row.runId, seq: 1 });
      newer = firstPosition ?? newer;
    }
    if (!isAlone) {
      const gone = (of: string): void => passOver({ runId: of, because: "gone" });
      await checkRemovals(audit, { sources, signed, add, passOver: gone, signal });
    }
    seen.keys = await checkKeys(audit, runId, { add, signal });
  } catch (error) {
    // Pages of the file that cannot be read end the check; what was found until then is told.
    if (!isLedgerError(error, "store_unavailable")) throw error;
    add("file", `${error.message} The check ends here.`);
  }
  return { ...seen, passedOver, anchor, flaws, flawsInAll: count(), unread, unreadInAll };
};

/** The facts are of all keys there are, so they are asked for once, and only for the sake of a run that is locked. */
const whetherRootIsHere = (seals: Seals): (() => boolean) => {
  let isHere: boolean | undefined;
  return () => {
    isHere ??= seals.facts().root.state === "here";
    return isHere;
  };
};

const checkAnchor = ({ anchored }: Audit, add: Add): Verification["anchor"] => {
  const { state, position, later, damaged, refusal } = anchored;
  if (refusal !== null) add("anchor", `${refusal.message} ${refusal.hint ?? ""}`.trim());
  if (damaged > 0) add("anchor", `${damaged} of its records ${damaged === 1 ? "is" : "are"} not as written.`);
  return { state, position, later };
};

/** So many sentences of the database about its own file, and rows without a run. */
const SAID = 20;

const checkWhole = async (audit: Audit, add: Add): Promise<{ readonly lastPosition: number }> => {
  for (const sentence of await audit.faultsInFile(SAID)) add("file", sentence);
  for (const sentence of await alteredWords(audit.store)) add("file", sentence);
  const faults = await audit.faultsInSchema();
  for (const sentence of faults) add("file", sentence);
  const tally = await audit.tally();
  const { lastPosition, events, removed, firstFree } = tally;
  const gone = lastPosition - events - removed;
  const first = removed === 0 && firstFree !== null ? `, the first at position ${firstFree}` : "";
  if (gone > 0) add("chain", `${gone} events are gone that were not removed with their run${first}.`);
  if (gone < 0) add("chain", `There are ${-gone} events more than were appended.`);
  // Without its indexes the database cannot say which rows belong to nothing.
  for (const { table, runId, seq } of faults.length > 0 ? [] : await audit.orphans(SAID))
    add("chain", `A row of ${table} belongs to a run that there is not.`, {
      ...(runId === null ? {} : { runId }),
      ...(seq === null ? {} : { seq }),
    });
  return tally;
};

async function* runsOf({ store }: Audit, runId: string | undefined): AsyncGenerator<RunRow> {
  if (runId !== undefined) {
    const row = await store.runRow(runId);
    if (row !== undefined) yield row;
    return;
  }
  for (let last: RunRow | undefined; ; ) {
    const page = await store.list({ limit: PAGE, ...(last === undefined ? {} : { afterRunId: last.runId }) });
    yield* page;
    last = page.at(-1);
    if (page.length < PAGE) return;
  }
}
