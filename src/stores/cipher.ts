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
  nonce = freshNonce(),
): Buffer => {
  const cipher = createCipheriv(ALGORITHM, hchacha20(key, nonce), shortNonce(nonce), LENGTHS);
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
  const decipher = createDecipheriv(ALGORITHM, hchacha20(key, nonce), shortNonce(nonce), LENGTHS);
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

/** Drawn from the system many at a time: asking it costs more than sealing a small event. */
const freshNonce = (): Uint8Array => {
  if (drawn.byteLength < NONCE_BYTES) drawn = randomBytes(NONCE_BYTES * NONCES_DRAWN);
  const nonce = drawn.subarray(0, NONCE_BYTES);
  drawn = drawn.subarray(NONCE_BYTES);
  return nonce;
};

const NONCES_DRAWN = 128;
let drawn = Buffer.alloc(0);

/** What HChaCha20 leaves of it, behind four zeros. */
const shortNonce = (nonce: Uint8Array): Uint8Array => {
  const short = new Uint8Array(12);
  short.set(nonce.subarray(16), 4);
  return short;
};

/** A copy: words begin at places that bytes need not begin at. */
const wordsOf = (bytes: Uint8Array): Uint32Array => new Uint32Array(Uint8Array.from(bytes).buffer);

const SIGMA = wordsOf(Buffer.from("expand 32-byte k"));

const hchacha20 = (key: Uint8Array, nonce: Uint8Array): Uint8Array => {
  const words = new Uint32Array(KEY_BYTES / 4);
  hchacha(SIGMA, wordsOf(key), wordsOf(nonce.subarray(0, 16)), words);
  return new Uint8Array(words.buffer);
};
