import type { PublishedKey } from "../core/receipts/key-chain.js";

export type { PublishedKey } from "../core/receipts/key-chain.js";

/** Where the receipts of runs lie: one text for each, which nothing changes. */
export interface ReceiptStore {
  /** Throws `seq_conflict` when there is one already. */
  put(runId: string, text: string): Promise<void>;
  get(runId: string): Promise<string | undefined>;
  /** Ids of all runs that have one. */
  names(): Promise<readonly string[]>;
  remove(runId: string): Promise<void>;
}

export type RotatedSigningKey = {
  readonly keyId: string;
  readonly formerKeyId: string;
  readonly formerLost: boolean;
};

/** What a ledger signs with. */
export interface SigningKeys {
  /** The oldest first; none before the first receipt. Throws `key_unavailable` where one is not as it was made. */
  published(): Promise<readonly PublishedKey[]>;
  /** Ed25519 over each, all with one key; the first key is made now. */
  sign(
    texts: readonly Uint8Array[],
    at: string,
  ): Promise<{ readonly keyId: string; readonly signatures: readonly Buffer[] }>;
  /**
   * A new key, which the former one vouches for; that one's private half is gone. Where it is gone already, or cannot be read, somebody
   * must say that it is lost; `invalid_input` where it is not.
   */
  rotate(at: string, rotating?: { readonly lost: boolean }): Promise<RotatedSigningKey>;
  /** Who may read the private half, as the file system has it; undefined before there is one. `key_unavailable` where it cannot be used. */
  mode(): Promise<{ readonly file: string; readonly mode: number } | undefined>;
  /** Takes it from the eyes of others. */
  protect(): Promise<void>;
}
