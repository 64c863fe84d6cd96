/** What a run that was taken out or erased still tells those who go on from it. */
export type LeftBehind = {
  /** Nothing more happens under these: they happened, or may have, as far as the run knew. */
  readonly keys: readonly string[];
  /** The run that it went on from itself; null for none. */
  readonly from: string | null;
};

/** Where a run that was taken out had come from. */
export type LeftOrigin = {
  readonly ledgerId: string;
  /** Made from the ledger's key, so that nobody who has but the file says this of a run; empty where nothing depends on it. */
  readonly seal: string;
};

export interface LeftBehindStore {
  /** Undefined for one that was made here, and for what a RunLedger of before took out. */
  leftOrigin(runId: string): Promise<LeftOrigin | undefined>;
  /** Also of a run that left nothing but the keys that it took itself. */
  leftBehind(runId: string): Promise<LeftBehind>;
  /** Whether an agent was let through with an intent in it after `since`, which limits count by its events. */
  letThroughSince(runId: string, since: string): Promise<boolean>;
}

/** What is left of a run that was taken out. */
export type Removal = {
  readonly lastSeq: number;
  readonly lastHash: string;
  readonly removedAt: string;
  /** The file it was written to before; null when it was not. */
  readonly archive: string | null;
};

export type Removing = {
  readonly lastHash: string;
  readonly left?: LeftBehind;
  /** Left out for a run that was made here. */
  readonly cameFrom?: LeftOrigin;
} & Omit<Removal, "lastSeq">;

export type Erasing = {
  /** Null for one that was taken out. */
  readonly lastHash: string | null;
  readonly at: string;
  /** Without it, what it left when it was taken out stays. */
  readonly left?: LeftBehind;
};
