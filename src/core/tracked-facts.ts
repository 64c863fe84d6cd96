import type { ListedArtifact, TrackedFacts, TrackedPacket, TrackedReceipt } from "./checkpoints.js";
import type { EventOf } from "./events.js";
import type { IntentStatus } from "./intents.js";
import { newest } from "./newest.js";
import type { Run } from "./run.js";
import { type EventRecorded, isBeginning, isReplayable, type Tracked } from "./tracked.js";

/** Follows what a client records, in the order of its events, so that a checkpoint need not read the whole journal again. */
export const followTracked = (blocked: Set<string>) => {
  const receipts = newest<TrackedReceipt>();
  const artifacts = newest<ListedArtifact>();
  const done = new Set<string>();
  const skippedKeys = new Set<string>();
  const take = ({ seq, at, payload }: EventOf<"event_recorded">): void => {
    const { eventType, actorId, stepName, sideEffectClass, sideEffectKey, skipped, happened, artifact } =
      payload;
    const isFree = happened === false && payload.othersBegun !== true;
    if (sideEffectKey !== null && !isReplayable(sideEffectClass)) {
      if (skipped === null) skippedKeys.delete(sideEffectKey);
      else if (!blocked.has(sideEffectKey)) skippedKeys.add(sideEffectKey);
      if (!isFree) blocked.add(sideEffectKey);
      else if (!done.has(sideEffectKey)) blocked.delete(sideEffectKey);
      if (happened !== false && skipped === null && !isBeginning(eventType)) done.add(sideEffectKey);
    }
    if (sideEffectClass !== "none" && sideEffectClass !== "read") {
      const status = statusOfRecorded(payload);
      receipts.add({ seq, at, eventType, actorId, stepName, sideEffectClass, sideEffectKey, status });
    }
    if (artifact === null) return;
    const { type, uri, contentHash, metadata } = artifact;
    artifacts.add({ seq, at, type, uri, contentHash, metadata });
  };
  const told = (): TrackedFacts => ({
    receipts: receipts.listed(),
    receiptsInAll: receipts.inAll(),
    artifacts: artifacts.listed(),
    artifactsInAll: artifacts.inAll(),
  });
  return { take, told, skippedKeys };
};

const statusOfRecorded = ({ eventType, skipped, happened }: EventRecorded): TrackedReceipt["status"] => {
  if (skipped !== null) return "skipped";
  if (happened === false) return "not_happened";
  return isBeginning(eventType) ? "begun" : "recorded";
};

/** What a checkpoint of such a run holds beside what every one holds. */
export const trackedPacket = (
  { goal, tracked }: Run & { readonly tracked: Tracked },
  facts: TrackedFacts,
  ledgerId: string,
): TrackedPacket => ({
  ...facts,
  ledgerId,
  agentId: tracked.agentId,
  runtime: tracked.runtime,
  intentSummary: goal,
  currentStep: tracked.currentStep,
  lastSafeSeq: tracked.lastSafeSeq,
  permissions: tracked.permissions,
  blockedCapabilities: [...tracked.blockedCapabilities],
  begunKeys: [...new Set(tracked.begun.map(({ key }) => key))],
  openHandoffs: tracked.handoffs.map(({ id }) => id),
});

/** Somebody is asked, and has not answered. */
export type UnansweredApproval = {
  readonly kind: "intent" | "handoff";
  readonly id: string;
  /** What it is about: a destination, or whom the work was left to. */
  readonly about: string;
  readonly summary: string;
};

export const unansweredApprovals = (
  run: Run & { readonly tracked: Tracked },
): readonly UnansweredApproval[] => [
  ...run.intents
    .filter(({ status }) => status === "pending_approval")
    .map(({ intentId, content, policy }) => ({
      kind: "intent" as const,
      id: intentId,
      about: content.destination,
      summary: policy?.detail ?? "",
    })),
  ...run.tracked.handoffs
    .filter(({ kind }) => kind === "approval")
    .map(({ id, to, summary }) => ({ kind: "handoff" as const, id, about: to, summary })),
];

/** What is to be done first by whoever goes on, where nobody has said it. */
export const trackedSuggestion = ({ intents, tracked }: Run & { readonly tracked: Tracked }): string => {
  const { begun, handoffs, currentStep } = tracked;
  const [open] = begun;
  if (open !== undefined) return `find_out_whether_it_happened ${open.key}`;
  const due = intents.find(({ status }) => status in TO_DO);
  if (due !== undefined) return `${TO_DO[due.status]} ${due.intentId}`;
  const [handoff] = handoffs;
  if (handoff !== undefined) return `complete_handoff ${handoff.id}`;
  return currentStep === null ? "continue" : `continue ${currentStep}`;
};

const TO_DO: { readonly [S in IntentStatus]?: string } = {
  unknown: "find_out_whether_it_happened",
  ordered: "execute",
  approved: "execute",
  pending_approval: "wait_for_approval",
};

export const hasTracking = (run: Run): run is Run & { readonly tracked: Tracked } => run.tracked !== null;
