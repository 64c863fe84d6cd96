import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";

/*
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): HChaCha20 makes a key of its own for each nonce, and OpenSSL's
 * ChaCha20-Poly1305, which node:crypto brings, does the rest. So there is no native part to install, and none to load.
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

const SIGMA = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
const DOUBLE_ROUNDS = 10;

/** The rounds of ChaCha20 over key and the nonce's first 16 bytes; the outer words of what comes out are the key. */
const hchacha20 = (key: Uint8Array, nonce: Uint8Array): Buffer => {
  const x = new Int32Array(16);
  x.set(SIGMA);
  for (let word = 0; word < 8; word += 1) x[4 + word] = wordAt(key, word);
  for (let word = 0; word < 4; word += 1) x[12 + word] = wordAt(nonce, word);
  for (let round = 0; round < DOUBLE_ROUNDS; round += 1) {
    quarter(x, 0, 4, 8, 12);
    quarter(x, 1, 5, 9, 13);
    quarter(x, 2, 6, 10, 14);
    quarter(x, 3, 7, 11, 15);
    quarter(x, 0, 5, 10, 15);
    quarter(x, 1, 6, 11, 12);
    quarter(x, 2, 7, 8, 13);
    quarter(x, 3, 4, 9, 14);
  }
  const out = Buffer.allocUnsafe(KEY_BYTES);
  for (let word = 0; word < 4; word += 1) {
    out.writeInt32LE(x[word] ?? 0, word * 4);
    out.writeInt32LE(x[12 + word] ?? 0, 16 + word * 4);
  }
  return out;
};

const wordAt = (bytes: Uint8Array, word: number): number => {
  const at = word * 4;
  const byte = (offset: number): number => bytes[at + offset] ?? 0;
  return byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24);
};

const quarter = (x: Int32Array, a: number, b: number, c: number, d: number): void => {
  mix(x, a, b, d, 16);
  mix(x, c, d, b, 12);
  mix(x, a, b, d, 8);
  mix(x, c, d, b, 7);
};

/** Adds `from` to `to`, and turns what that makes of `other`. */
const mix = (x: Int32Array, to: number, from: number, other: number, bits: number): void => {
  const sum = ((x[to] ?? 0) + (x[from] ?? 0)) | 0;
  x[to] = sum;
  const mixed = (x[other] ?? 0) ^ sum;
  x[other] = (mixed << bits) | (mixed >>> (32 - bits));
};
