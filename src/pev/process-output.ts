import { LOG_BYTES, TAIL_BYTES } from "../core/limits.js";

/** Keeps what a program printed within fixed memory, however much and whatever it prints. */
export class OutputLog {
  readonly #head = new HeadBytes(LOG_BYTES / 2);
  readonly #end = new LastBytes(LOG_BYTES / 2);
  #bytes = 0;

  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    const kept = this.#head.add(chunk);
    if (kept < chunk.length) this.#end.add(chunk.subarray(kept));
  }

  /** Valid UTF-8 of at most TAIL_BYTES, cut between characters. */
  tail(): string {
    const end = Buffer.concat([
      this.#head.bytes().subarray(-TAIL_BYTES),
      this.#end.bytes().subarray(-TAIL_BYTES),
    ]);
    return lastBytesOfText(cleanText(end.subarray(-TAIL_BYTES), this.#bytes > TAIL_BYTES), TAIL_BYTES);
  }

  /** All of it up to LOG_BYTES, else both ends with a line in between that says how much is missing. */
  log(): Buffer | null {
    if (this.#bytes === 0) return null;
    const head = this.#head.bytes();
    const end = this.#end.bytes();
    const missing = this.#bytes - head.length - end.length;
    const gap = missing > 0 ? `\n[... ${missing} bytes left out ...]\n` : "";
    return Buffer.concat([head, Buffer.from(gap), end]);
  }
}

/** The first bytes, in one growing buffer: a million tiny chunks cost no more than one large one. */
export class HeadBytes {
  #buffer = Buffer.alloc(0);
  #length = 0;

  constructor(readonly bytesMax: number) {}

  /** Says how many bytes of the chunk still had room. */
  add(chunk: Buffer): number {
    const kept = Math.min(chunk.length, this.bytesMax - this.#length);
    if (this.#length + kept > this.#buffer.length) this.#grow(this.#length + kept);
    chunk.copy(this.#buffer, this.#length, 0, kept);
    this.#length += kept;
    return kept;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  text(): string {
    return cleanText(this.bytes(), false);
  }

  #grow(needed: number): void {
    const larger = Buffer.alloc(Math.min(this.bytesMax, Math.max(needed, this.#buffer.length * 2)));
    this.#buffer.copy(larger);
    this.#buffer = larger;
  }
}

/** The last bytes, in a ring that is only made when something flows into it. */
class LastBytes {
  #ring = Buffer.alloc(0);
  #written = 0;

  constructor(readonly bytesMax: number) {}

  /** A pipe hands over far less at once than the ring holds. */
  add(chunk: Buffer): void {
    if (this.#ring.length === 0) this.#ring = Buffer.alloc(this.bytesMax);
    const untilWrap = chunk.copy(this.#ring, this.#written % this.bytesMax);
    chunk.copy(this.#ring, 0, untilWrap);
    this.#written += chunk.length;
  }

  bytes(): Buffer {
    if (this.#written <= this.bytesMax) return this.#ring.subarray(0, this.#written);
    const at = this.#written % this.bytesMax;
    return Buffer.concat([this.#ring.subarray(at), this.#ring.subarray(0, at)]);
  }
}

/** NUL and invalid bytes would break stores, terminals and prompts further up; they become U+FFFD. */
const cleanText = (bytes: Buffer, cutInFront: boolean): string =>
  bytes
    .subarray(cutInFront ? continuationBytes(bytes) : 0)
    .toString("utf8")
    .replaceAll("\0", "\uFFFD");

/** A replaced byte grows to three, so clean text can be longer than the bytes it came from. */
const lastBytesOfText = (text: string, bytesMax: number): string => {
  const bytes = Buffer.from(text).subarray(-bytesMax);
  return bytes.subarray(continuationBytes(bytes)).toString("utf8");
};

/** How many leading bytes belong to a character that began before the cut; never more than three. */
const continuationBytes = (bytes: Buffer): number => {
  const first = bytes.subarray(0, 3).findIndex((byte) => (byte & 0xc0) !== 0x80);
  return first === -1 ? Math.min(3, bytes.length) : first;
};
