import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { diskError } from "./disk-errors.js";

/** The newest event that was acknowledged, of whatever run: a database without it has lost something. */
export type Anchored = {
  readonly ledgerId: string;
  readonly position: number;
  readonly hash: string;
};

/** What stands in an anchor. */
export type AnchorRead = {
  readonly newest: Anchored | null;
  /** Records that are not as anybody wrote them. */
  readonly damaged: number;
};

/** The anchor of a ledger, held open by who writes to it. */
export type Anchor = {
  /** After the commit and before its acknowledgement; the system brings it to the disk when it likes. */
  readonly hold: (anchored: Anchored) => void;
  readonly close: () => void;
};

/** Beside the database, in a file of its own: whoever puts back the one has not put back the other. */
export const ANCHOR_FILE = "ledger.anchor";

// Each position has its own place, so a writer that was stopped between its commit and this one, and goes on later, writes
// over nothing newer than 32 positions. Records lie within sectors of a disk, so that none is cut by a loss of power.
const RECORDS = 32;
const RECORD_BYTES = 128;
const FORMAT = "rl1";

export const openAnchor = (file: string): Anchor => {
  const place = inOurWords(file, () => openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600));
  // One for all records: it is written before the next one is made.
  const record = Buffer.alloc(RECORD_BYTES);
  let isOpen = true;
  return {
    hold: (anchored) => {
      const at = (anchored.position % RECORDS) * RECORD_BYTES;
      record.write(recordOf(anchored), "latin1");
      inOurWords(file, () => writeSync(place, record, 0, RECORD_BYTES, at));
    },
    close: () => {
      if (isOpen) closeSync(place);
      isOpen = false;
    },
  };
};

/** Undefined when there is no such file. */
export const readAnchor = (file: string): AnchorRead | undefined => {
  const bytes = inOurWords(file, () => readIfThere(file));
  if (bytes === undefined) return undefined;
  let newest: Anchored | null = null;
  let damaged = bytes.length > RECORDS * RECORD_BYTES ? 1 : 0;
  for (let at = 0; at < Math.min(bytes.length, RECORDS * RECORD_BYTES); at += RECORD_BYTES) {
    const record = bytes.subarray(at, at + RECORD_BYTES);
    if (record.every((byte) => byte === 0)) continue;
    const anchored = parsed(record);
    if (anchored === undefined || anchored.position % RECORDS !== at / RECORD_BYTES) damaged += 1;
    else if (newest === null || anchored.position > newest.position) newest = anchored;
  }
  return { newest, damaged };
};

const recordOf = ({ ledgerId, position, hash }: Anchored): string => {
  const said = `${FORMAT} ${ledgerId.padEnd(32)} ${String(position).padStart(16)} ${hash.padEnd(64)}`;
  return `${said} ${sumOf(said)}\n`;
};

const parsed = (record: Buffer): Anchored | undefined => {
  const text = record.toString("latin1");
  const [, said = "", ledgerId = "", position = "", hash = "", sum] =
    /^(rl1 (.{32}) ( *\d+) (.{64})) ([0-9a-f]{8})\n$/.exec(text) ?? [];
  if (sum !== sumOf(said)) return undefined;
  return { ledgerId: ledgerId.trimEnd(), position: Number(position), hash: hash.trimEnd() };
};

/** Against what breaks by itself; whoever means harm can write it too, as he can the whole file. */
const sumOf = (said: string): string => crc32(said).toString(16).padStart(8, "0");

const readIfThere = (file: string): Buffer | undefined => {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

const inOurWords = <T>(file: string, work: () => T): T => {
  try {
    return work();
  } catch (cause) {
    const hint = "Make it a file that you may read and write, on a disk that works.";
    throw diskError(`the ledger's anchor ${file}`, hint, cause);
  }
};
