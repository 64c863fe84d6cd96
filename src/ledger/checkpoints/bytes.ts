import { gunzipSync, gzipSync } from "node:zlib";
import type { CheckpointContent } from "../../core/checkpoints.js";
import { LedgerError } from "../../core/errors.js";
import type { JsonDelta } from "../../core/json-delta.js";
import * as limit from "../../core/limits.js";
import type { CheckpointName, CheckpointStore } from "../../stores/store.js";

/** A checkpoint as it is stored: whole, or as what differs from the one before it. */
export type Packed =
  | { readonly kind: "full"; readonly content: CheckpointContent }
  | { readonly kind: "delta"; readonly delta: JsonDelta };

// The two places where bytes of checkpoints come to be and are read again.

export const writeBytes = (store: CheckpointStore, name: CheckpointName, packed: Packed): Promise<void> => {
  const text = Buffer.from(JSON.stringify(packed));
  if (text.byteLength > limit.CHECKPOINT_BYTES)
    throw new LedgerError(
      "limit_exceeded",
      `The checkpoint has ${text.byteLength} bytes; ${limit.CHECKPOINT_BYTES} are the most.`,
      { hint: "Keep less in the notes of the run." },
    );
  return store.put(name, gzipSync(text));
};

/** Undefined when there are none; `unreadable` when they were not written so. */
export const readBytes = async (
  store: CheckpointStore,
  name: CheckpointName,
): Promise<Packed | "unreadable" | undefined> => {
  const bytes = await store.get(name);
  if (bytes === undefined) return undefined;
  try {
    const text = gunzipSync(bytes, { maxOutputLength: limit.CHECKPOINT_BYTES });
    return JSON.parse(text.toString("utf8")) as Packed;
  } catch {
    // What it holds is compared with its hash anyway; bytes that are no JSON have none.
    return "unreadable";
  }
};
