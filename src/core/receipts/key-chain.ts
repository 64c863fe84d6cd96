import { canonicalJson } from "../canonical.js";
import { count, flag, list, type Of, orNull, record, text } from "./shapes.js";
import { isSignedBy, publicKeyId } from "./verify.js";

/** A key that receipts are, or were, signed with; told to everybody. Times are ISO 8601, UTC. */
export const isPublishedKeys = list(
  record({
    /** Hex SHA-256 over its SPKI bytes. */
    keyId: text,
    /** PEM, SPKI. */
    publicKey: text,
    from: text,
    /** When the next one took its place; null for the one that signs now. */
    until: orNull(text),
    /**
     * The last event of the ledger, of all runs, that it may have signed for: clocks are put back, and this is not. Null for the
     * one that signs now, and where whoever retired it was killed before saying so; the next who signs does.
     */
    untilPosition: orNull(count),
    /** Base64, over ledger, key and that position, by a later key. */
    untilSignature: orNull(text),
    /** Base64, over ledger, key, time and the key before: by itself, and by that one (null for the first, and behind a lost one). */
    signature: text,
    formerSignature: orNull(text),
    /** Its private half was lost when the next one took its place, so it does not vouch for that one. What it signed is good. */
    lost: flag,
  }),
);
export type PublishedKey = Of<typeof isPublishedKeys>[number];

/** What a key's record is signed over, by itself and by the key before it. */
export const keyWords = (
  ledgerId: string,
  { publicKey, from }: { readonly publicKey: string; readonly from: string },
  former: Pick<PublishedKey, "keyId" | "lost"> | undefined,
): Buffer => {
  const said = { use: "signs receipts", ledgerId, publicKey, from, formerKeyId: former?.keyId ?? null };
  return Buffer.from(canonicalJson(former?.lost === true ? { ...said, formerLost: true } : said));
};

/** What is said of the end of a key, by one that came after it. */
export const keyEndWords = (ledgerId: string, keyId: string, position: number): Buffer =>
  Buffer.from(canonicalJson({ use: "retires a signing key", ledgerId, keyId, position }));

/** What is wrong with the published keys of a ledger, the oldest first: each is as it was signed. Undefined where they hold. */
export const wrongKeyIn = (ledgerId: string, keys: readonly PublishedKey[]): string | undefined => {
  for (const [at, key] of keys.entries()) {
    const [former, later] = [keys[at - 1], keys.slice(at + 1)];
    if (!isAsMade(ledgerId, key, former) || key.until !== (later[0]?.from ?? null))
      return `The record of signing key ${at + 1} is not as it was made.`;
    if (!hasToldEnd(ledgerId, key, later)) return `The end of signing key ${at + 1} is not as it was made.`;
  }
  return undefined;
};

const isAsMade = (ledgerId: string, key: PublishedKey, former: PublishedKey | undefined): boolean => {
  const words = keyWords(ledgerId, key, former);
  if (publicIdOf(key) !== key.keyId || !isSignedBy(key.publicKey, words, key.signature)) return false;
  if (former === undefined || former.lost) return key.formerSignature === null;
  return isSignedBy(former.publicKey, words, key.formerSignature ?? "");
};

const hasToldEnd = (
  ledgerId: string,
  { keyId, untilPosition, untilSignature, lost }: PublishedKey,
  later: readonly PublishedKey[],
): boolean => {
  if (untilPosition === null) return untilSignature === null && (!lost || later.length > 0);
  const words = keyEndWords(ledgerId, keyId, untilPosition);
  return later.some(({ publicKey }) => isSignedBy(publicKey, words, untilSignature ?? ""));
};

const publicIdOf = ({ publicKey }: PublishedKey): string | undefined => {
  try {
    return publicKeyId(publicKey);
  } catch {
    return undefined;
  }
};
