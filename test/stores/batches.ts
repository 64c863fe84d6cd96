import { sha256 } from "../../src/core/canonical.js";
import type { EventType } from "../../src/core/events.js";
import type { AppendBatch, NewEventRow, RunProjection } from "../../src/stores/store.js";

export const projection: RunProjection = {
  status: "running",
  goal: "Make it so",
  sessionKey: "session-1",
  stepsTotal: 3,
  stepsCompleted: 1,
  blocker: null,
  runnable: true,
  wakeAt: null,
};

/** An event as the journal would make it; stores look at nothing but its seq and type. */
export const eventAt = (
  runId: string,
  seq: number,
  type: EventType = seq === 1 ? "run_created" : "note_written",
): NewEventRow => ({
  seq,
  type,
  version: 1,
  at: new Date(Date.UTC(2026, 0, 1) + seq).toISOString(),
  actor: { name: "planner", role: "orchestrator" },
  sessionKey: "session-1",
  attempt: seq % 2 === 0 ? seq : null,
  payload: JSON.stringify({ runId, seq, text: "größer als ASCII ✓" }),
  prevHash: sha256(`${runId} ${seq - 1}`),
  hash: sha256(`${runId} ${seq}`),
});

/** `count` events after `expectedSeq`; 0 makes the run. */
export const batchOf = (
  runId: string,
  expectedSeq: number,
  more: Partial<AppendBatch> & { readonly count?: number } = {},
): AppendBatch => {
  const { count = 1, ...rest } = more;
  const events = Array.from({ length: count }, (_, index) => eventAt(runId, expectedSeq + 1 + index));
  return { runId, expectedSeq, events, projection, ...rest };
};
