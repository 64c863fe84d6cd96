import { isLedgerError } from "../core/errors.js";
import type { Ledger } from "../ledger/ledger.js";
import { absent } from "../ledger/removal.js";
import type { RunRow } from "../stores/store.js";

/** Another run that may hold what this one told, or that told it: a fork has copies, a parent and its children tell each other. */
export type Relative = {
  readonly runId: string;
  /** What it is to `of`, which is the run that was asked for or a relative that is nearer to it. */
  readonly relation: "parent" | "child" | "source" | "fork";
  readonly of: string;
  readonly status: RunRow["status"];
  /** Locked and erased ones are found by what others say of them. */
  readonly seal: RunRow["seal"];
};

type Links = Map<string, Omit<Relative, "status" | "seal">[]>;

/**
 * All that are forks, sources, parents or children of it, over any number of steps, nearest first; those of the ledger, not of
 * its archive. Reads the first event of every run. Throws `run_not_found`.
 */
export const relativesOf = async (ledger: Ledger, runId: string): Promise<readonly Relative[]> => {
  const { store } = ledger;
  const [row, removal] = await Promise.all([store.runRow(runId), store.removalOf(runId)]);
  if (row === undefined && removal === undefined) throw await absent(store, runId);
  const { rows, links } = await allLinks(ledger);
  const found = new Map<string, Relative>();
  const reached = [runId];
  for (const from of reached)
    for (const link of links.get(from) ?? []) {
      const there = rows.get(link.runId);
      if (there === undefined || link.runId === runId || found.has(link.runId)) continue;
      found.set(link.runId, { ...link, status: there.status, seal: there.seal });
      reached.push(link.runId);
    }
  return [...found.values()];
};

/** So many rows at a time. */
const PAGE = 250;

const allLinks = async (
  ledger: Ledger,
): Promise<{ readonly rows: ReadonlyMap<string, RunRow>; readonly links: Links }> => {
  const rows = new Map<string, RunRow>();
  const links: Links = new Map();
  const link = (of: string, runId: string, relation: Relative["relation"]): void => {
    const known = links.get(of);
    if (known === undefined) links.set(of, [{ runId, relation, of }]);
    else known.push({ runId, relation, of });
  };
  for (let last: RunRow | undefined; ; ) {
    const page = await ledger.list({ limit: PAGE, ...(last && { afterRunId: last.runId }) });
    for (const row of page) {
      rows.set(row.runId, row);
      const { source, parent } = await originsOf(ledger, row);
      if (source !== null) {
        link(row.runId, source, "source");
        link(source, row.runId, "fork");
      }
      if (parent !== null) {
        link(row.runId, parent, "parent");
        link(parent, row.runId, "child");
      }
    }
    last = page.at(-1);
    if (page.length < PAGE) return { rows, links };
  }
};

type Origins = { readonly source: string | null; readonly parent: string | null };

const NONE: Origins = { source: null, parent: null };

/** Of one that cannot be read nobody knows: the others are named all the same. */
const originsOf = async (ledger: Ledger, { runId, seal }: RunRow): Promise<Origins> => {
  if (seal === "erased" || seal === "locked") return NONE;
  try {
    const [first, second] = await ledger.events(runId, 0, 2);
    if (first?.type !== "run_created") return NONE;
    const { forkedFrom, parent } = first.payload;
    // One that its client began from another is told like a child: it says what it goes on from.
    const lineage = second?.type === "tracking_started" ? second.payload.lineage : null;
    return { source: forkedFrom?.runId ?? null, parent: parent?.runId ?? lineage?.runId ?? null };
  } catch (error) {
    if (isLedgerError(error)) return NONE;
    throw error;
  }
};
