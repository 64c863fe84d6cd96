import { sha256 } from "./canonical.js";
import { LedgerError } from "./errors.js";
import type { PayloadSent } from "./gate-calls.js";
import * as limit from "./limits.js";

/** Null for bytes that are no UTF-8. */
export const textOf = (bytes: Uint8Array): string | null => {
  try {
    // A mark of byte order is part of what is executed, so it stays.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
};

export const bytesOf = (payload: PayloadSent): Uint8Array => {
  const bytes = "text" in payload ? Buffer.from(payload.text) : Buffer.from(payload.base64, "base64");
  if (bytes.length > limit.INTENT_PAYLOAD_BYTES) throw tooLarge(bytes.length);
  if (payload.digest === undefined || payload.digest === sha256(bytes)) return bytes;
  throw new LedgerError("invalid_input", "The payload is not what was sent: it has another digest.", {
    hint: "Text is sent as UTF-8; what is none is sent as base64.",
  });
};

export const tooLarge = (bytes: number): LedgerError =>
  new LedgerError(
    "limit_exceeded",
    `The payload has ${bytes} bytes; ${limit.INTENT_PAYLOAD_BYTES} are the most.`,
    { hint: "Propose it in parts, or name where it lies and its digest." },
  );
