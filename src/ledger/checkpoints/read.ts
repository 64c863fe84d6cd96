import { digestOf } from "../../core/canonical.js";
import { proposalDigest } from "../../core/checkpoint-facts.js";
import {
  CheckpointContent,
  type KeptIn,
  type PackedCheckpoint,
  type SignedCheckpoint,
} from "../../core/checkpoints.js";
import type { StoredEvent } from "../../core/events.js";
import { applyDelta } from "../../core/json-delta.js";
import * as limit from "../../core/limits.js";
import type { CheckpointStore } from "../../stores/store.js";
import { readBytes } from "./bytes.js";
import { signatureHolds } from "./sign.js";

export type CheckpointStores = Readonly<Record<KeptIn, CheckpointStore>>;

/** What checking a checkpoint needs. */
export type CheckpointParts = {
  readonly stores: CheckpointStores;
  /** Null where the ledger has none: then no signature can be told to hold. */
  readonly key: () => Promise<Uint8Array | null>;
  readonly eventAt: (runId: string, seq: number) => Promise<StoredEvent | undefined>;
  /** Not thinned out. */
  readonly isKept: (runId: string, id: string) => Promise<boolean>;
};

/** Its content when all holds, or why it cannot be used, in words that follow "it". */
export type Checked =
  | { readonly content: CheckpointContent }
  | { readonly why: string; readonly lack: "broken" | "gone" | "thinned" };

export type SignedEvent = Extract<StoredEvent, { type: "checkpoint_sealed" }>;

export const isSigned = (event: StoredEvent | undefined): event is SignedEvent =>
  event?.type === "checkpoint_sealed";

/** The signature, what it was signed on, the bytes, and what they come to. */
export const checkCheckpoint = async (
  parts: CheckpointParts,
  { runId, payload }: SignedEvent,
  depth = 0,
): Promise<Checked> => {
  const key = await parts.key();
  if (key === null) return broken("cannot be checked: the ledger's key is not there");
  if (!signatureHolds(key, runId, payload)) return broken("does not hold under its signature");
  const signedOn = await parts.eventAt(runId, payload.eventLogPosition);
  if (signedOn?.hash !== payload.journalHash) return broken("was signed on another journal");
  if (!(await parts.isKept(runId, payload.id))) return { why: "was thinned out", lack: "thinned" };
  const packed = await readBytes(parts.stores[payload.keptIn], { runId, id: payload.id });
  if (packed === undefined) return { why: "is gone", lack: "gone" };
  if (packed === "unreadable") return broken("is not as it was written");
  if (packed === "newer") return broken("is none that this version can read");
  const checked = await unpacked(parts, runId, payload, packed, depth);
  if ("why" in checked) return checked;
  for (const pending of checked.content.pendingProposals)
    if (!isProposed(await parts.eventAt(runId, pending.seq), pending.digest))
      return broken("holds another proposal than was made");
  return checked;
};

/** Whatever was approved since was approved of the proposal in the journal: a checkpoint that holds another one is no use. */
const isProposed = (event: StoredEvent | undefined, digest: string): boolean =>
  event?.type === "step_result_proposed" &&
  proposalDigest({ ...event.payload, seq: event.seq, at: event.at }) === digest;

const unpacked = async (
  parts: CheckpointParts,
  runId: string,
  payload: SignedCheckpoint,
  packed: PackedCheckpoint,
  depth: number,
): Promise<Checked> => {
  const former = packed.kind === "full" ? null : await formerOf(parts, runId, payload, depth);
  if (former !== null && "why" in former) return former;
  try {
    // Whoever can write there can write what no stack is deep enough for.
    const value = packed.kind === "full" ? packed.content : applyDelta(former?.content, packed.delta);
    return asSigned(value, payload);
  } catch {
    return broken("is not as it was written");
  }
};

const asSigned = (value: unknown, { contentHash }: SignedCheckpoint): Checked => {
  if (value === null || typeof value !== "object" || digestOf(value) !== contentHash)
    return broken("is not as it was signed");
  const content = CheckpointContent.safeParse(value);
  if (!content.success) return broken("is none that this version can read");
  // The limit holds for what is read too: who wrote it may have known another one.
  const bytes = Buffer.byteLength(JSON.stringify(content.data.workingMemory));
  return bytes <= limit.CHECKPOINT_MEMORY_BYTES
    ? { content: content.data }
    : broken(`holds a memory of ${bytes} bytes; ${limit.CHECKPOINT_MEMORY_BYTES} are the most`);
};

const formerOf = async (
  parts: CheckpointParts,
  runId: string,
  { former }: SignedCheckpoint,
  depth: number,
): Promise<Checked> => {
  const event = former === null ? undefined : await parts.eventAt(runId, former);
  if (!isSigned(event) || depth >= limit.CHECKPOINT_FULL_EVERY)
    return broken("builds on one that there is not");
  const checked = await checkCheckpoint(parts, event, depth + 1);
  if ("content" in checked) return checked;
  const { id } = event.payload;
  // None is thinned out that a kept one builds on: this one is not among those that may be missing.
  const lack = checked.lack === "thinned" ? "broken" : checked.lack;
  return { lack, why: `builds on ${id}, which ${checked.why.replace(/^builds on \S+, which /, "")}` };
};

const broken = (why: string): Checked => ({ why, lack: "broken" });
