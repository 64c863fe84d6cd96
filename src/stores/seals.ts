/** Seals and opens what is kept of one run, with a key that nothing else has. */
export type RunCipher = {
  readonly runId: string;
  readonly keyId: string;
  /** A text that only this key opens, and only in the place that is told. */
  seal(text: string, place: string): string;
  /** Undefined when it was not sealed so. */
  open(sealed: string, place: string): string | undefined;
  sealBytes(bytes: Uint8Array, place: string): Uint8Array;
  openBytes(sealed: Uint8Array, place: string): Uint8Array | undefined;
  /** What bytes of this digest are kept under: the digest itself would tell who guesses them. */
  nameOf(hash: string): string;
  /** What the digest of a command is kept as: the digest itself would tell who guesses the command. */
  tagOf(digest: string): string;
  /** The key as it is kept, under the ledger's. */
  readonly kept: KeptRunKey;
  /** For a bundle that others are to read. */
  bare(): BareRunKey;
};

export type KeptRunKey = {
  readonly runId: string;
  /** The ledger that it was made in, bound into all that it seals: an imported run takes it along. */
  readonly ledgerId: string;
  readonly keyId: string;
  /** The ledger's key of then, by its id. */
  readonly wrappedBy: string;
  /** Null: it was destroyed. */
  readonly wrapped: string | null;
  readonly erasedAt: string | null;
};

/** Without a key: it is where the bundle is to be read. */
export type BareRunKey = Pick<KeptRunKey, "ledgerId" | "keyId"> & { readonly key: Uint8Array | null };

/** Plain: kept as it is. Locked: its key cannot be opened here, now. */
export type SealState = "plain" | "open" | "locked" | "erased";

/** Keys of the runs of a store. What is asked throws `run_erased`, and `key_unavailable` without the root key. */
export interface Seals {
  /** Null for a run that is kept plain. Asked each time: another process may have erased it. */
  of(runId: string): RunCipher | null;
  /**
   * For a run to come, and kept with its first events. Null where runs are kept plain, unless it goes on from one that is not.
   * A fork has the key that was made ahead; any other run a new one, whatever an import that was cut off left under its name.
   */
  forNew(runId: string, from?: string): RunCipher | null;
  /** Makes and keeps it before there are events: for bytes that must be here first. */
  keepAhead(runId: string, from: string): RunCipher | null;
  /** For a run from elsewhere, with the key that it brings or the one of it that is kept here. Keeps nothing. Throws `run_exists`. */
  forArrival(runId: string, brought: BareRunKey): RunCipher;
  /** Once its events were read: keeps that key, before there are events here too. Null for one that came plain. Throws `run_exists`. */
  keepArrival(runId: string, cipher: RunCipher | null): void;
  /** What promises' tokens are made from. */
  tokenKey(): Uint8Array;
  /** The same for who must not make one, nor complain: null where there is none, or it cannot be opened. */
  tokenKeyIfAny(): Uint8Array | null;
  /** A new root and a new key of the ledger: all keys of runs are wrapped anew, or none is. */
  rotate(): Rotated;
  facts(): SealFacts;
}

export type Rotated = {
  readonly rootId: string;
  readonly formerRootId: string;
  /** Keys of runs that were wrapped anew. */
  readonly runs: number;
};

export type SealFacts = {
  /** New runs are sealed. */
  readonly isOn: boolean;
  readonly algorithm: string;
  readonly root: {
    readonly from: RootSource;
    /** Under which the ledger's key is; null when there is none yet. */
    readonly id: string | null;
    /** None: nothing was sealed here yet. */
    readonly state: "none" | "here" | "missing";
  };
  readonly ledgerKeyId: string | null;
  /** Sealed runs, those whose key was destroyed, and all others that are here. */
  readonly runs: { readonly sealed: number; readonly erased: number; readonly plain: number };
};

export type RootSource = "file" | "environment" | "command" | "none";
