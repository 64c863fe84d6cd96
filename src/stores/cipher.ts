import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { hchacha } from "@noble/ciphers/chacha.js";

/*
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): HChaCha20 makes a key of its own for each nonce, and OpenSSL's
 * ChaCha20-Poly1305, which node:crypto brings, does the rest: long texts several times faster than in JavaScript, and there is
 * no native part to install.
 */

export const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const ALGORITHM = "chacha20-poly1305";
const LENGTHS = { authTagLength: TAG_BYTES };
export const CIPHER_NAME = "XChaCha20-Poly1305";

/**
 * Nonce, sealed bytes, tag. What is `bound` is not in it, and must be said again when it is opened. A nonce is told only to
 * compare with others.
 */
export const sealBytes = (
  key: Uint8Array,
  bound: string | Uint8Array,
  bytes: Uint8Array,
  given?: Uint8Array,
): Buffer => {
  const nonce = given ?? freshNonce(key);
  const cipher = createCipheriv(ALGORITHM, subkeyOf(key, nonce), shortNonce(nonce), LENGTHS);
  cipher.setAAD(typeof bound === "string" ? Buffer.from(bound) : bound, {
    plaintextLength: bytes.byteLength,
  });
  const sealed = cipher.update(bytes);
  cipher.final();
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
};

/** Undefined when it was not sealed by this key, or something else was bound to it, or a bit of it is another. */
export const openBytes = (key: Uint8Array, bound: string, sealed: Uint8Array): Buffer | undefined => {
  const end = sealed.byteLength - TAG_BYTES;
  if (end < NONCE_BYTES) return undefined;
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, subkeyOf(key, nonce), shortNonce(nonce), LENGTHS);
  decipher.setAAD(Buffer.from(bound, "utf8"), { plaintextLength: end - NONCE_BYTES });
  decipher.setAuthTag(sealed.subarray(end));
  const opened = decipher.update(sealed.subarray(NONCE_BYTES, end));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return opened;
};

/** A key of one purpose, made from another: who has it learns nothing of the other. */
export const derived = (key: Uint8Array, purpose: string): Buffer =>
  createHmac("sha256", key).update(`runledger ${purpose}`).digest();

/** Tells keys apart and gives none away; whoever finds another key of the same name has tried 2^64 of them. */
export const keyIdOf = (key: Uint8Array): string => derived(key, "key id").toString("hex", 0, 8);

export const newKey = (): Buffer => randomBytes(KEY_BYTES);

/**
 * Sixteen random bytes, drawn anew for each key and after so many nonces, and a count behind them. As unlikely to come twice as
 * those bytes are, and all that share them share what HChaCha20 makes of them, which takes a third of sealing a small event.
 */
const freshNonce = (key: Uint8Array): Uint8Array => {
  let series = drawn.get(key);
  if (series === undefined || series.used === NONCES_OF_A_SERIES) {
    series = { prefix: randomBytes(PREFIX_BYTES), used: 0 };
    drawn.set(key, series);
  }
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.set(series.prefix);
  nonce.writeUInt32LE(series.used, PREFIX_BYTES);
  series.used += 1;
  return nonce;
};

/** A machine that is copied while it runs goes on with the same series in both. */
const NONCES_OF_A_SERIES = 128;
const PREFIX_BYTES = 16;
const drawn = new WeakMap<Uint8Array, { readonly prefix: Uint8Array; used: number }>();

/** The last one of each key is remembered: what is sealed and read in turn mostly shares it. */
const subkeyOf = (key: Uint8Array, nonce: Uint8Array): Uint8Array => {
  const prefix = nonce.subarray(0, PREFIX_BYTES);
  const last = subkeys.get(key);
  if (last?.prefix.equals(prefix)) return last.subkey;
  const made = { prefix: Buffer.from(prefix), subkey: hchacha20(key, prefix) };
  subkeys.set(key, made);
  return made.subkey;
};

const subkeys = new WeakMap<Uint8Array, { readonly prefix: Buffer; readonly subkey: Uint8Array }>();

/** What HChaCha20 leaves of it, behind four zeros. */
const shortNonce = (nonce: Uint8Array): Uint8Array => {
  const short = new Uint8Array(12);
  short.set(nonce.subarray(PREFIX_BYTES), 4);
  return short;
};

/** A copy: words begin at places that bytes need not begin at. */
const wordsOf = (bytes: Uint8Array): Uint32Array => new Uint32Array(Uint8Array.from(bytes).buffer);

const SIGMA = wordsOf(Buffer.from("expand 32-byte k"));

const hchacha20 = (key: Uint8Array, prefix: Uint8Array): Uint8Array => {
  const words = new Uint32Array(KEY_BYTES / 4);
  hchacha(SIGMA, wordsOf(key), wordsOf(prefix), words);
  return new Uint8Array(words.buffer);
};
