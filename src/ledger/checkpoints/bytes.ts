import { gunzipSync, gzipSync } from "node:zlib";
import { CHECKPOINT_FORMAT, type CheckpointContent, PackedCheckpoint } from "../../core/checkpoints.js";
import { LedgerError } from "../../core/errors.js";
import { deltaOf } from "../../core/json-delta.js";
import * as limit from "../../core/limits.js";
import type { CheckpointName, CheckpointStore } from "../../stores/store.js";

/** As what differs, if there is something that it can differ from and that is shorter. */
export const packed = (
  content: CheckpointContent,
  before: CheckpointContent | null,
): { readonly full: boolean; readonly text: string } => {
  const whole = JSON.stringify({
    format: CHECKPOINT_FORMAT,
    kind: "full",
    content,
  } satisfies PackedCheckpoint);
  if (before === null) return { full: true, text: whole };
  const delta = deltaOf(before, content);
  const text = JSON.stringify({ format: CHECKPOINT_FORMAT, kind: "delta", delta } satisfies PackedCheckpoint);
  return text.length < whole.length ? { full: false, text } : { full: true, text: whole };
};

// The two places where bytes of checkpoints come to be and are read again.

export const writeBytes = (store: CheckpointStore, name: CheckpointName, json: string): Promise<void> => {
  const text = Buffer.from(json);
  if (text.byteLength > limit.CHECKPOINT_BYTES)
    throw new LedgerError(
      "limit_exceeded",
      `The checkpoint has ${text.byteLength} bytes; ${limit.CHECKPOINT_BYTES} are the most.`,
      { hint: "Keep less in the notes of the run." },
    );
  return store.put(name, gzipSync(text));
};

/** Undefined when there are none; `unreadable` when they were not written so, `newer` when another version wrote them. */
export const readBytes = async (
  store: CheckpointStore,
  name: CheckpointName,
): Promise<PackedCheckpoint | "unreadable" | "newer" | undefined> => {
  const bytes = await store.get(name);
  if (bytes === undefined) return undefined;
  try {
    const text = gunzipSync(bytes, { maxOutputLength: limit.CHECKPOINT_BYTES });
    const read = PackedCheckpoint.safeParse(JSON.parse(text.toString("utf8")));
    if (!read.success) return "unreadable";
    return (read.data.format ?? 1) > CHECKPOINT_FORMAT ? "newer" : read.data;
  } catch {
    // What it holds is compared with its hash anyway; bytes that are no JSON have none.
    return "unreadable";
  }
};
