/**
 * What can be wrong: the database file itself, its anchor, an event that is not as it was written or is gone, one that cannot
 * be read or follows from nothing, the row that lists show, a snapshot, a key, a blob that an event names, a checkpoint, who
 * started whom, the key of an encrypted run, and a receipt.
 */
export type FlawKind =
  | "file"
  | "anchor"
  | "chain"
  | "event"
  | "list"
  | "snapshot"
  | "key"
  | "blob"
  | "checkpoint"
  | "lineage"
  | "seal"
  | "receipt";

export type Flaw = {
  readonly kind: FlawKind;
  readonly runId: string | null;
  /** The event it stands at. */
  readonly seq: number | null;
  /** One sentence. */
  readonly message: string;
};

/** The first of them, by name, and how many there are in all: a spoilt ledger must not fill the memory. */
export const collectFlaws = () => {
  const flaws: Flaw[] = [];
  let count = 0;
  return {
    flaws,
    count: () => count,
    add: (
      kind: FlawKind,
      message: string,
      at: { readonly runId?: string; readonly seq?: number } = {},
    ): void => {
      count += 1;
      if (flaws.length < FLAWS_LISTED)
        flaws.push({ kind, runId: at.runId ?? null, seq: at.seq ?? null, message });
    },
  };
};

export type Add = ReturnType<typeof collectFlaws>["add"];

const FLAWS_LISTED = 1_000;
