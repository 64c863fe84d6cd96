import type { CommandOf } from "../commands.js";
import { quoted } from "../defects.js";
import { LedgerError } from "../errors.js";
import type { EventBody, Role } from "../events.js";
import { requireVisible } from "../fit-keys.js";
import { isGoverned, isIdempotentUnder, isOwnIntent } from "../intents.js";
import * as limit from "../limits.js";
import type { Run } from "../run.js";
import {
  answersFor,
  type BegunEffect,
  type FirstRecorded,
  isBeginning,
  isReplayable,
  type Lineage,
  type Tracked,
} from "../tracked.js";
import {
  alreadyDone,
  type DecideContext,
  type Decider,
  requireLive,
  requireRole,
  requireRoom,
  requireSession,
} from "./guards.js";

/** Of the engine and of hosts nobody records a run: what they do is recorded by itself. */
const RECORDERS: readonly Role[] = ["orchestrator", "executor", "human"];

// It is born whole, as every run is; its parent is looked up by the ledger, so nobody can make one up.
export const startTracked: Decider<"start_run"> = (command, run, context) => {
  const { caller } = context;
  requireRole(caller, "start a tracked run", ...RECORDERS);
  if (run !== undefined) return sameRun(run, command);
  const { agentId, intentSummary, runtime, permissions, blockedCapabilities } = command;
  return [
    {
      type: "run_created",
      version: 4,
      payload: {
        goal: intentSummary,
        originalRequest: intentSummary,
        workspaceIsolation: false,
        base: null,
        forkedFrom: null,
        source: null,
        parent: null,
      },
    },
    {
      type: "tracking_started",
      version: 1,
      payload: {
        agentId,
        runtime,
        permissions,
        blockedCapabilities: [...new Set(blockedCapabilities)],
        lineage: command.parentRunId === null ? null : lineageOf(command.parentRunId, context),
      },
    },
  ];
};

const sameRun = (run: Run, { agentId, intentSummary, parentRunId }: CommandOf<"start_run">) => {
  const { tracked, goal } = run;
  const same =
    tracked?.agentId === agentId &&
    goal === intentSummary &&
    (tracked.lineage?.runId ?? null) === parentRunId;
  if (same) return alreadyDone;
  throw new LedgerError("run_exists", `Run "${run.runId}" exists already, with other content.`, {
    hint: "Give the new run another id, or none.",
  });
};

const lineageOf = (runId: string, { caller, facts }: DecideContext): Lineage => {
  const parent = facts?.parent;
  if (parent === undefined)
    throw new LedgerError("run_not_found", `There is no run ${quoted(runId)} to go on from.`, {
      hint: "`runledger list` shows the runs of this project.",
    });
  requireSession(parent.run, caller);
  const depth = (parent.run.tracked?.lineage?.depth ?? 0) + 1;
  if (depth > limit.LINEAGE_DEPTH_MAX)
    throw new LedgerError(
      "limit_exceeded",
      `Runs go on from each other at most ${limit.LINEAGE_DEPTH_MAX} times; this would be the ${depth}th.`,
      { hint: "Start a run without a parent." },
    );
  return { runId, seq: parent.run.seq, hash: parent.hash, depth };
};

// Facts may come late: also of a run that was interrupted, for what a slow answer told is true all the same.
export const recordEvent: Decider<"record_event"> = (command, run, context) => {
  const { happened } = command.event;
  const tracked = happened === undefined ? requireRecorder(run, context) : requireTeller(run, context);
  const { eventType, sideEffectClass, sideEffectKey } = command.event;
  if (context.endsOnly === true) requireDoneOfBegun(run, command.event);
  // What is begun can always be ended: there are never more ends than beginnings.
  if (!isEndOfBegun(run, command.event)) requireRoom(run, "Clients", context.rules);
  requireKey(eventType, sideEffectClass, sideEffectKey);
  // What became of something that was begun can always be said, also under a key of before, and who has that is told.
  const isNew = context.facts?.taken === undefined && !isEndOfBegun(run, command.event);
  if (isNew && happened === undefined) requireVisible(sideEffectKey);
  if (happened !== undefined) requireBegun(run, command.event, context);
  if (isBeginning(eventType)) requireCapable(tracked, sideEffectClass);
  const skipped = skippedFor(run, command, context);
  if (skipped === null && isBeginning(eventType) && sideEffectKey !== null) requireRoomToBegin(tracked);
  const { happened: _, ...said } = command.event;
  const isUnder = skipped === null && happened !== false && isDoneUnderIntent(run, command.event);
  const payload = {
    ...{ ...said, skipped },
    ...(isUnder ? { underIntent: true as const } : {}),
    ...(happened === false ? { happened } : {}),
    ...(happened === false && isBegunByOthers(run, command.event, context)
      ? { othersBegun: true as const }
      : {}),
  };
  return [{ type: "event_recorded", version: 1, payload }];
};

/** What became of something that was begun a person may say also of a run that is over: its key is taken for ever. */
const requireTeller = (run: Run, context: DecideContext): Tracked => {
  if (context.caller.role !== "human") return requireRecorder(run, context);
  requireSession(run, context.caller);
  return requireTracked(run);
};

/**
 * It takes no key that is free: unsaid, what was begun would stay in doubt for good. It gives none back either (`happened: false`), for
 * whoever may do it would do it again: that is said by who began it, with a key of that destination, or by a person.
 */
const requireDoneOfBegun = (run: Run, said: SaidOfEvent): void => {
  if (isEndOfBegun(run, said) && said.happened !== false) return;
  throw new LedgerError(
    "access_denied",
    `This SDK key does not open the destination of ${quoted(said.sideEffectKey ?? "")}: of what its run has begun it says that it is done.`,
    { hint: "`runledger sdk-key list` tells what it opens." },
  );
};

const requireBegun = (run: Run, said: SaidOfEvent, context: DecideContext): void => {
  const { sideEffectKey: key, happened } = said;
  if (isEndOfBegun(run, said)) {
    if (happened === false) requireOwnBeginning(run, said, context);
    return;
  }
  const begun = key === null ? undefined : begunUnder(run, key);
  const of = begun === undefined ? "Nothing" : `A side effect of class "${begun.class}"`;
  throw new LedgerError("effect_not_open", `${of} is begun under ${quoted(key ?? "no key")} in this run.`, {
    hint: "Whether it happened is said at the end of what was begun, under its key and class: runledger runs inspect RUN",
  });
};

/** That nothing happened one worker knows of what it began itself, and a person of all that was begun. */
const requireOwnBeginning = (run: Run, said: SaidOfEvent, context: DecideContext): void => {
  const begun = beginningsUnder(run, said.sideEffectKey);
  if (begun.some((one) => isAnsweredBy(one, said, context))) return;
  const [by] = begun.map((one) => one.by.actorId);
  throw new LedgerError(
    "effect_not_open",
    `What is begun under ${quoted(said.sideEffectKey ?? "")} was begun by ${quoted(by ?? "")}, and may be under way.`,
    {
      hint: "Whoever began it says what became of it, whoever resumed the run since, or a person: runledger runs answer.",
    },
  );
};

const isBegunByOthers = (run: Run, said: SaidOfEvent, context: DecideContext): boolean =>
  beginningsUnder(run, said.sideEffectKey).some((one) => !isAnsweredBy(one, said, context));

const isAnsweredBy = (one: BegunEffect, { actorId }: SaidOfEvent, { caller }: DecideContext): boolean =>
  caller.role === "human" || answersFor(one, { name: caller.name, actorId });

const isDoneUnderIntent = (run: Run, { sideEffectClass, sideEffectKey: key }: SaidOfEvent): boolean =>
  key !== null && !isReplayable(sideEffectClass) && isGoverned(run, key);

const isEndOfBegun = (run: Run, { eventType, sideEffectKey: key, sideEffectClass }: SaidOfEvent): boolean =>
  key !== null && !isBeginning(eventType) && begunUnder(run, key)?.class === sideEffectClass;

type SaidOfEvent = CommandOf<"record_event">["event"];

const requireKey = (eventType: string, kind: SaidOfEvent["sideEffectClass"], key: string | null) => {
  if (key === null && !isReplayable(kind))
    throw new LedgerError("invalid_input", `A side effect of class "${kind}" needs a sideEffectKey.`, {
      hint: 'Give what makes it one and the same act, such as "salesforce.import:batch-2026-03-22".',
    });
  if (eventType === "interruption_detected" && kind !== "none")
    throw new LedgerError("invalid_input", "An interruption does nothing to the world.", {
      hint: 'Leave sideEffectClass out, or make it "none".',
    });
};

/** What was taken from it at its start it does not begin; what it did all the same is recorded. */
const requireCapable = ({ blockedCapabilities }: Tracked, kind: string): void => {
  if (!blockedCapabilities.includes(kind)) return;
  throw new LedgerError("access_denied", `This run may not do anything of class "${kind}".`, {
    hint: "Its blockedCapabilities were told when it was started.",
  });
};

const requireRoomToBegin = ({ begun }: Tracked): void => {
  if (begun.length < limit.TRACKED_OPEN_MAX) return;
  throw new LedgerError(
    "limit_exceeded",
    `${begun.length} side effects are begun and not said to be done; ${limit.TRACKED_OPEN_MAX} are the most.`,
    { hint: "Record tool_call_finished with the key of each." },
  );
};

/** Null for what is done for the first time, and for the end of what was begun here. */
const skippedFor = (
  run: Run,
  { event }: CommandOf<"record_event">,
  { facts }: DecideContext,
): FirstRecorded | null => {
  const { sideEffectKey: key, sideEffectClass, eventType, happened } = event;
  // What did not happen here is said whoever has the key.
  if (key === null || isReplayable(sideEffectClass) || happened === false) return null;
  const taken = facts?.taken;
  if (taken === undefined || (isGoverned(run, key) && isFreeUnderIntent(run, key))) return null;
  const begun = taken.runId === run.runId ? begunUnder(run, key) : undefined;
  return begun !== undefined && !isBeginning(eventType) ? null : taken;
};

/** Its intent has the key until its client begins. One that does no harm twice may be begun again until it is done. */
const isFreeUnderIntent = (run: Run, key: string): boolean => {
  if (run.tracked?.underIntents.includes(key)) return false;
  return begunUnder(run, key) === undefined || isIdempotentUnder(run, key);
};

/** Undefined when nothing under that key is under way in this run. */
const begunUnder = (run: Run, key: string): BegunEffect | undefined => beginningsUnder(run, key)[0];

/** More than one only under an intent that may be done twice. */
const beginningsUnder = ({ tracked }: Run, key: string | null): readonly BegunEffect[] =>
  tracked?.begun.filter((one) => one.key === key) ?? [];

/** The key that an event takes in the ledger; null for one that takes none. */
export const keyTakenBy = (
  run: Run | undefined,
  events: readonly EventBody[],
): (EventBody & { type: "event_recorded" }) | null => {
  for (const event of events) {
    if (event.type !== "event_recorded") continue;
    const { sideEffectKey: key, sideEffectClass, skipped, happened } = event.payload;
    if (key === null || skipped !== null || happened === false || isReplayable(sideEffectClass)) continue;
    if (run !== undefined && (isGoverned(run, key) || begunUnder(run, key) !== undefined)) continue;
    return event;
  }
  return null;
};

/** The key that is free again because it is known that nothing happened under it; null for none. */
export const keyFreedBy = (events: readonly EventBody[]): string | null => {
  for (const event of events)
    if (event.type === "event_recorded" && event.payload.happened === false && !event.payload.othersBegun)
      return event.payload.sideEffectKey;
  return null;
};

/** The checkpoint itself, and that older ones went for it. */
const EVENTS_OF_CHECKPOINT = 2;

export const openHandoff: Decider<"open_handoff"> = ({ handoff }, run, context) => {
  const tracked = requireRecorder(run, context);
  if (tracked.handoffs.some(({ id }) => id === handoff.id)) return alreadyDone;
  // The checkpoint that was signed for it had room, and must not tell of a handoff that never was.
  const isBehindItsOwn = handoff.checkpointId !== null && run.checkpoint?.id === handoff.checkpointId;
  requireRoom(run, "Clients", context.rules, isBehindItsOwn ? EVENTS_OF_CHECKPOINT : 0);
  if (tracked.handoffs.length >= limit.TRACKED_OPEN_MAX)
    throw new LedgerError(
      "limit_exceeded",
      `${limit.TRACKED_OPEN_MAX} handoffs are open; complete one first.`,
    );
  return [{ type: "handoff_opened", version: 1, payload: handoff }];
};

export const completeHandoff: Decider<"complete_handoff"> = ({ id, summary }, run, context) => {
  const tracked = requireRecorder(run, context);
  if (tracked.handoffs.some((open) => open.id === id))
    return [{ type: "handoff_completed", version: 1, payload: { id, by: context.caller.name, summary } }];
  throw new LedgerError("invalid_input", `Run "${run.runId}" has no open handoff ${quoted(id)}.`, {
    hint: `Open ones: ${tracked.handoffs.map((open) => open.id).join(", ") || "none"}.`,
  });
};

// What is recorded is only that somebody goes on: what they may not do again the journal says at any time.
export const resumeTracked: Decider<"resume_tracked"> = (
  { checkpointId, broken, blockedKeys },
  run,
  context,
) => {
  requireRecorder(run, context);
  // Once for each interruption, and without it nothing that was approved could be executed.
  if (run.state.status !== "paused") requireRoom(run, "Clients", context.rules);
  return [{ type: "tracking_resumed", version: 1, payload: { checkpointId, broken, blockedKeys } }];
};

export const endTracked: Decider<"end_tracked"> = ({ outcome, message }, run, context) => {
  requireRole(context.caller, "end a tracked run", ...RECORDERS);
  requireSession(run, context.caller);
  requireTracked(run);
  if (run.state.status === outcome) return alreadyDone;
  requireLive(run);
  if (outcome === "failed")
    return [{ type: "run_failed", version: 1, payload: { reason: "aborted", message, unmet: [] } }];
  requireNothingBegun(run);
  return [{ type: "run_completed", version: 1, payload: { summary: message, waivers: [] } }];
};

/** What somebody may be doing has its key for ever, and no list of a run that is done tells of it any more. */
const requireNothingBegun = (run: Run): void => {
  const begun = run.intents.find(
    (intent) => isOwnIntent(run, intent) && (intent.status === "ordered" || intent.status === "unknown"),
  );
  if (begun === undefined) return;
  const { intentId, status } = begun;
  const why = status === "ordered" ? "is under way" : "may have happened, and nobody knows";
  throw new LedgerError(
    "intent_ordered",
    `Run "${run.runId}" is not done: its intent "${intentId}" ${why}.`,
    {
      hint: "Report what became of it, or have a person say it: runledger intents report. failRun ends the run all the same.",
      details: { intentId, status },
    },
  );
};

export const requireTracked = ({ runId, tracked }: Run): Tracked => {
  if (tracked !== null) return tracked;
  throw new LedgerError("run_not_tracked", `Run "${runId}" has a plan: its own agents record what they do.`, {
    hint: "Only a run that was begun with startRun takes events of its client.",
  });
};

const requireRecorder = (run: Run, { caller }: DecideContext): Tracked => {
  requireRole(caller, "record what a client does", ...RECORDERS);
  requireSession(run, caller);
  const tracked = requireTracked(run);
  requireLive(run);
  return tracked;
};
