import type { TrackedReason } from "./checkpoints.js";
import type { EventOf, JournalEvent } from "./events.js";
import { isGoverned } from "./intents.js";
import { isTerminal, type Run } from "./run.js";
import {
  answersFor,
  type BegunEffect,
  isBeginning,
  isProgress,
  isReplayable,
  isSameWorker,
  type Tracked,
} from "./tracked.js";

type TrackingType =
  | "tracking_started"
  | "event_recorded"
  | "handoff_opened"
  | "handoff_completed"
  | "tracking_resumed";

/** How the events of tracked runs change what is known of them. */
export const trackingEvolvers: { readonly [T in TrackingType]: (run: Run, event: EventOf<T>) => Run } = {
  tracking_started: (run, { payload }) => ({
    ...run,
    state: { status: "running" },
    tracked: { ...untouched, ...payload },
  }),
  event_recorded: (run, event) => {
    const recorded = changed(run, (tracked) => afterRecorded(tracked, event, isKeyOfIntent(run, event)));
    const { eventType, payload } = event.payload;
    return eventType === "interruption_detected" ? interrupted(recorded, event, reasonIn(payload)) : recorded;
  },
  handoff_opened: (run, { payload }) =>
    changed(run, (tracked) => ({
      ...tracked,
      handoffs: [...tracked.handoffs, payload],
      handoffsInAll: tracked.handoffsInAll + 1,
    })),
  handoff_completed: (run, { payload }) =>
    changed(run, (tracked) => ({
      ...tracked,
      handoffs: tracked.handoffs.filter(({ id }) => id !== payload.id),
    })),
  tracking_resumed: (run, { actor }) => ({
    ...changed(run, (tracked) => ({
      ...tracked,
      interrupted: null,
      resumes: tracked.resumes + 1,
      begun: tracked.begun.map((one) => resumedBy(one, actor.name)),
    })),
    state: { status: "running" },
  }),
};

/** What any event means for a tracked run, whoever wrote it. */
export const withTracking = (run: Run, event: JournalEvent): Run => {
  if (run.tracked === null) return run;
  if (event.type === "checkpoint_sealed") return afterCheckpoint(run, event);
  const reason = boundaryAt(event);
  const due = reason === null ? run.tracked.due : { reason, seq: event.seq };
  const lastSafeSeq = isProgressOfGate(event) ? event.seq : run.tracked.lastSafeSeq;
  return changed(run, (tracked) => ({ ...tracked, due, lastSafeSeq }));
};

/** What the gate itself does brings a run forward too (seed 000). */
const isProgressOfGate = (event: JournalEvent): boolean =>
  event.type === "policy_checked" ||
  event.type === "intent_approved" ||
  (event.type === "intent_reported" && event.payload.outcome === "succeeded");

const untouched = {
  currentStep: null,
  lastSafeSeq: null,
  interrupted: null,
  recorded: 0,
  skipped: 0,
  artifacts: 0,
  keys: 0,
  begun: [],
  underIntents: [],
  handoffs: [],
  handoffsInAll: 0,
  resumes: 0,
  checkpoints: 0,
  due: null,
} as const;

const changed = (run: Run, change: (tracked: Tracked) => Tracked): Run =>
  run.tracked === null ? run : { ...run, tracked: change(run.tracked) };

const resumedBy = (one: BegunEffect, name: string): BegunEffect =>
  one.resumedBy.includes(name) ? one : { ...one, resumedBy: [...one.resumedBy, name] };

const isKeyOfIntent = (run: Run, { payload }: EventOf<"event_recorded">): boolean =>
  payload.sideEffectKey !== null && isGoverned(run, payload.sideEffectKey);

const afterRecorded = (
  tracked: Tracked,
  { payload, seq, at, actor }: EventOf<"event_recorded">,
  isOfIntent: boolean,
): Tracked => {
  const { eventType, stepName, sideEffectClass, sideEffectKey: key, skipped, happened, artifact } = payload;
  const by = { name: actor.name, actorId: payload.actorId };
  const counted: Tracked = {
    ...tracked,
    currentStep: stepName ?? tracked.currentStep,
    lastSafeSeq: isProgress(eventType) ? seq : tracked.lastSafeSeq,
    recorded: tracked.recorded + 1,
    skipped: tracked.skipped + (skipped === null ? 0 : 1),
    artifacts: tracked.artifacts + (artifact === null ? 0 : 1),
  };
  if (key === null || isReplayable(sideEffectClass) || (skipped !== null && happened !== false))
    return counted;
  const others = counted.begun.filter((one) => one.key !== key);
  const wasBegun = others.length < counted.begun.length;
  const wasDone = counted.underIntents.includes(key);
  // That a second beginning came to nothing does not undo the first one, which was done.
  if (payload.othersBegun === true)
    return { ...counted, begun: counted.begun.filter((one) => one.key !== key || !answersFor(one, by)) };
  if (happened === false)
    return { ...counted, keys: counted.keys - (wasBegun && !wasDone ? 1 : 0), begun: others };
  const keys = counted.keys + (wasBegun || wasDone ? 0 : 1);
  if (isBeginning(eventType)) {
    const ofOthers = counted.begun.filter((one) => one.key !== key || !isSameWorker(one.by, by));
    const begun = { key, class: sideEffectClass, by, resumedBy: [], seq, at };
    return { ...counted, keys, begun: [...ofOthers, begun] };
  }
  const underIntents = isOfIntent && !wasDone ? [...counted.underIntents, key] : counted.underIntents;
  return { ...counted, keys, begun: others, underIntents };
};

const interrupted = (run: Run, { seq, at, actor }: JournalEvent, reason: string): Run =>
  run.tracked === null || isTerminal(run)
    ? run
    : {
        ...run,
        tracked: { ...run.tracked, interrupted: { seq, at, reason } },
        state: {
          status: "paused",
          reason: "interrupted",
          message: reason,
          stepId: null,
          since: at,
          by: actor,
        },
      };

const reasonIn = (payload: unknown): string => {
  const said = typeof payload === "object" && payload !== null && "reason" in payload ? payload.reason : null;
  return typeof said === "string" && said !== "" ? said : "Its client was interrupted.";
};

/** Taken because something went wrong, it says so of the run too. */
const afterCheckpoint = (run: Run, event: EventOf<"checkpoint_sealed">): Run => {
  const { reason } = event.payload;
  const sealed = changed(run, (tracked) => ({
    ...tracked,
    checkpoints: tracked.checkpoints + 1,
    due: null,
  }));
  if (reason !== "interruption" && reason !== "failure") return sealed;
  return interrupted(
    sealed,
    event,
    reason === "failure" ? "Its client failed." : "Its client was interrupted.",
  );
};

/** Behind these a checkpoint is worth most: what comes next must not be done twice (seed 000, "One ugly path"). */
const boundaryAt = (event: JournalEvent): TrackedReason | null => {
  switch (event.type) {
    case "approval_requested":
      return "approval_requested";
    case "execution_ordered":
    case "intent_reported":
      return "risky_boundary";
    case "event_recorded": {
      const { sideEffectClass, skipped } = event.payload;
      return skipped === null && !isReplayable(sideEffectClass) ? "risky_boundary" : null;
    }
    default:
      return null;
  }
};
