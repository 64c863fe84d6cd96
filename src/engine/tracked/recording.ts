import { sha256 } from "../../core/canonical.js";
import type { Caller, CommandOf } from "../../core/commands.js";
import { requireTracked } from "../../core/decide/tracked.js";
import { LedgerError } from "../../core/errors.js";
import type { StoredEvent } from "../../core/events.js";
import { isTerminal, type Run } from "../../core/run.js";
import { ClientEventType, type EventRecorded, trackedEventTypes } from "../../core/tracked.js";
import {
  type EndedRun,
  EndRunInput,
  RecordArtifactInput,
  RecordEventInput,
  type RecordedEvent,
  StartRunInput,
} from "../../core/tracked-wire.js";
import type { Ledger } from "../../ledger/ledger.js";
import { newRunId } from "../../ledger/run-id.js";
import { loadTracked, readInput, under } from "./asked.js";
import { eventIdOf } from "./events.js";
import type { TrackedParts, TrackedRuns } from "./tracked.js";

type Recording = Pick<TrackedRuns, "startRun" | "recordEvent" | "recordArtifact" | "completeRun" | "failRun">;

export type OpensKeys = {
  /** Whether whoever calls may record that side effect; of any other it may only say that what its run has begun is done. */
  readonly opensKey?: (sideEffectKey: string) => boolean;
};

/** What a client says of its own work. */
export const recording = (parts: TrackedParts, caller: Caller, { opensKey }: OpensKeys): Recording => ({
  startRun: async (input) => {
    const asked = readInput(StartRunInput, input, "startRun");
    const { idempotencyKey, parentRunId = null, runtime = null } = asked;
    const { agentId, intentSummary, permissions = {}, blockedCapabilities = [] } = asked;
    const said = { agentId, intentSummary, parentRunId, runtime, permissions, blockedCapabilities };
    const { ledger } = parts;
    const command = { type: "start_run", ...said } as const;
    const { run } = await ledger.submit(newRunId(), command, caller, under(idempotencyKey));
    const { runId, createdAt } = run;
    return { runId, ledgerId: ledger.store.ledgerId, status: "active", createdAt };
  },
  recordEvent: async (input) => {
    requireOfClients(input);
    const asked = readInput(RecordEventInput, input, "recordEvent");
    const { runId, idempotencyKey, actorId = await agentOf(parts.ledger, runId) } = asked;
    const { happened } = asked;
    const event = { ...eventOf(asked), actorId, ...(happened === undefined ? {} : { happened }) };
    const { sideEffectKey: key } = asked;
    const endsOnly = key !== undefined && opensKey?.(key) === false;
    return record(parts, caller, { runId, idempotencyKey, event, endsOnly });
  },
  recordArtifact: async (input) => {
    const asked = readInput(RecordArtifactInput, input, "recordArtifact");
    const run = await loadTracked(parts.ledger, caller, asked.runId);
    const { runId, idempotencyKey, actorId = run.tracked.agentId, stepName = null } = asked;
    const artifact = await artifactOf(parts.ledger, run, asked);
    const event = { ...eventOf({ eventType: "artifact_created" }), actorId, stepName, artifact };
    const recorded = await record(parts, caller, { runId, idempotencyKey, event });
    return { ...recorded, contentHash: artifact.contentHash, kept: artifact.blob !== null };
  },
  completeRun: (input) => end(parts, caller, readInput(EndRunInput, input, "completeRun"), "completed"),
  failRun: (input) => end(parts, caller, readInput(EndRunInput, input, "failRun"), "failed"),
});

/** Whoever could say of itself that it was approved would need nobody's approval. */
const requireOfClients = (input: unknown): void => {
  const eventType = typeof input === "object" && input !== null && "eventType" in input && input.eventType;
  const isLedgers = trackedEventTypes.some((one) => one === eventType);
  if (!isLedgers || ClientEventType.options.some((one) => one === eventType)) return;
  throw new LedgerError("access_denied", `"${eventType}" is recorded by the ledger itself, of what it did.`, {
    hint: `Clients record: ${ClientEventType.options.join(", ")}.`,
  });
};

const end = async (
  { ledger }: TrackedParts,
  caller: Caller,
  { runId, message = "" }: EndRunInput,
  outcome: EndedRun["status"],
): Promise<EndedRun> => {
  await ledger.submit(runId, { type: "end_tracked", outcome, message }, caller);
  return { runId, status: outcome };
};

const agentOf = async (ledger: Ledger, runId: string): Promise<string> =>
  requireTracked(await ledger.load(runId)).agentId;

type Asked = {
  readonly runId: string;
  readonly idempotencyKey: string | undefined;
  readonly event: CommandOf<"record_event">["event"];
  readonly endsOnly?: boolean;
};

const record = async (
  { ledger, signIfDue }: TrackedParts,
  caller: Caller,
  { runId, idempotencyKey, event, endsOnly = false }: Asked,
): Promise<RecordedEvent> => {
  const command = { type: "record_event", event } as const;
  const asked = { ...under(idempotencyKey), ...(endsOnly && { endsOnly }) };
  const { events } = await ledger.submit(runId, command, caller, asked);
  await signIfDue(runId);
  return recordedIn(events);
};

type SaidOfEvent = Pick<EventRecorded, "eventType"> & {
  readonly payload?: EventRecorded["payload"] | undefined;
  readonly sideEffectClass?: EventRecorded["sideEffectClass"] | undefined;
  readonly stepName?: string | undefined;
  readonly inputHash?: string | undefined;
  readonly outputHash?: string | undefined;
  readonly sideEffectKey?: string | undefined;
};

const eventOf = (said: SaidOfEvent): Omit<EventRecorded, "skipped" | "actorId"> => ({
  eventType: said.eventType,
  stepName: said.stepName ?? null,
  payload: said.payload ?? null,
  inputHash: said.inputHash ?? null,
  outputHash: said.outputHash ?? null,
  sideEffectClass: said.sideEffectClass ?? "none",
  sideEffectKey: said.sideEffectKey ?? null,
  artifact: null,
});

/** What was told twice is told once: the event of the first time. */
const recordedIn = (events: readonly StoredEvent[]): RecordedEvent => {
  const event = events.find((one) => one.type === "event_recorded");
  if (event?.type !== "event_recorded") throw new Error("recording an event appends it");
  const { eventType, skipped } = event.payload;
  return {
    eventId: eventIdOf(event),
    seq: event.seq,
    eventType,
    timestamp: event.at,
    status: skipped === null ? "recorded" : "skipped",
    first: skipped,
  };
};

/** Bytes that come along are kept, and are what the hash says. A run that is over keeps no more, and refuses what is new to it. */
const artifactOf = async (
  { store }: Ledger,
  run: Run,
  asked: RecordArtifactInput,
): Promise<NonNullable<EventRecorded["artifact"]>> => {
  const { artifactType: type, uri, contentHash, content, metadata = {} } = asked;
  const bytes = content === undefined ? undefined : Buffer.from(content, "base64");
  const found = bytes === undefined ? contentHash : sha256(bytes);
  if (found === undefined)
    throw new LedgerError("invalid_input", `Artifact "${uri}" has neither a contentHash nor its content.`, {
      hint: "Give the SHA-256 of its bytes, or the bytes in base64.",
    });
  if (contentHash !== undefined && contentHash !== found)
    throw new LedgerError(
      "invalid_input",
      `The content of artifact "${uri}" has another hash than contentHash says.`,
      {
        hint: `It is ${found}.`,
      },
    );
  if (bytes !== undefined && !isTerminal(run)) await store.putBlob(bytes, run.runId);
  return { type, uri, contentHash: found, blob: bytes === undefined ? null : found, metadata };
};
