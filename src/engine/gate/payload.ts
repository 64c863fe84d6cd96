import { readFile, stat } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "../../core/canonical.js";
import { LedgerError } from "../../core/errors.js";
import type { PayloadSent } from "../../core/gate-calls.js";
import * as limit from "../../core/limits.js";
import { textOf, tooLarge } from "../../core/payload.js";

/**
 * What is to leave the building, as an SDK takes it: bytes, any value that JSON can tell, or text. Text that begins with `./`, `../`
 * or `/`, and a file's URL, is a path: whoever proposes reads the file, and the ledger never does. `{ text }` is text whatever it
 * looks like.
 */
export type PayloadGiven = string | URL | Uint8Array | { readonly text: string } | object | null;

/** As an SDK elsewhere has read it: whatever it looks like, it is no path here. Not checked yet. */
export class ReadElsewhere {
  constructor(readonly payload: unknown) {}
}

const PATH = /^\.{0,2}\//;

/** Read by whoever proposes, so that a gate gets what it is about and no path. Throws `file_not_found`. */
export const readPayload = async (given: PayloadGiven): Promise<PayloadSent> => {
  if (given instanceof ReadElsewhere) return given.payload as PayloadSent;
  if (given instanceof URL) return fileAt(fileURLToPath(given), "Name a file that is there and can be read.");
  if (typeof given === "string")
    return PATH.test(given) ? fileAt(given, TAKEN_FOR_PATH) : { type: "text", text: given };
  if (given instanceof Uint8Array) return sent("bytes", given);
  if (isText(given)) return { type: "text", text: given.text };
  const text = JSON.stringify(given);
  if (text !== undefined) return { type: "json", text };
  throw new LedgerError("invalid_input", "The payload is nothing that JSON can tell.", {
    hint: "Give text, a path that begins with ./ or /, bytes, or a value of lists and plain objects.",
  });
};

const isText = (given: object | null): given is { readonly text: string } =>
  given !== null && "text" in given && typeof given.text === "string" && Object.keys(given).length === 1;

/** Who gave text did not mean a file. */
const TAKEN_FOR_PATH = "Text that begins with ./ or / is a path; { text } is text whatever it looks like.";

const fileAt = async (path: string, hint: string): Promise<PayloadSent> => {
  try {
    const { size } = await stat(path);
    if (size > limit.INTENT_PAYLOAD_BYTES) throw tooLarge(size);
    return sent(extname(path).slice(1).toLowerCase() || "bytes", await readFile(path));
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    throw new LedgerError("file_not_found", `The payload ${JSON.stringify(path)} cannot be read.`, {
      hint,
      cause,
    });
  }
};

/** As text where it is some, so that policies can read it. */
const sent = (type: string, bytes: Uint8Array): PayloadSent => {
  const [text, digest] = [textOf(bytes), sha256(bytes)];
  return text === null
    ? { type, base64: Buffer.from(bytes).toString("base64"), digest }
    : { type, text, digest };
};
