import { digestOf } from "./canonical.js";
import type { CheckpointFacts, PendingProposal, UnresolvedApproval } from "./checkpoints.js";
import type { EffectCall } from "./effects.js";
import type { JournalEvent } from "./events.js";
import * as limit from "./limits.js";
import { newest } from "./newest.js";
import { nextActions, openWaits } from "./next.js";
import { named, workedSteps } from "./race.js";
import { awaitsApproval, hasPolicyRequest, type Proposal, type Run, type WorkedStep } from "./run.js";
import { followTracked, hasTracking, trackedSuggestion } from "./tracked-facts.js";

type Receipt = CheckpointFacts["receipts"][number];
type Artifact = CheckpointFacts["artifacts"][number];

/** Follows a run in the order of its events, so that a checkpoint need not read the whole journal again. */
export const followFacts = ({ forkedFrom }: Pick<Run, "forkedFrom">) => {
  const open = new Map<string, EffectCall>();
  const receipts = newest<Receipt>();
  const artifacts = newest<Artifact>();
  const blocked = new Set<string>();
  const notes = new Map<string, string>();
  const tracked = followTracked(blocked);
  const take = (event: JournalEvent): void => {
    switch (event.type) {
      case "effect_intended": {
        const { call } = event.payload;
        open.set(placeOf(event, call.position), call);
        if (call.key !== null) blocked.add(call.key);
        return;
      }
      case "effect_settled": {
        const place = placeOf(event, event.payload.position);
        const call = event.payload.call ?? open.get(place);
        open.delete(place);
        if (call === undefined || (call.class !== "guarded" && call.key === null)) return;
        const { outcome, stepId } = event.payload;
        // What is known not to have happened gives its key back.
        if (call.key !== null && outcome.kind === "failed" && !outcome.happened) blocked.delete(call.key);
        else if (call.key !== null) blocked.add(call.key);
        const { seq, attempt } = event;
        receipts.add({ seq, stepId, attempt, name: call.name, key: call.key, status: outcome.kind });
        return;
      }
      case "step_result_proposed": {
        const { seq, attempt, payload } = event;
        artifacts.add({ seq, stepId: payload.stepId, attempt, tree: payload.capture.tree });
        return;
      }
      case "event_recorded":
        tracked.take(event);
        return;
      case "note_written":
        // What a fork took over was there when it began.
        if (event.seq > (forkedFrom?.seq ?? 0)) notes.set(event.payload.key, digestOf(event.payload.value));
        return;
    }
  };
  const told = (): CheckpointFacts => ({
    receipts: receipts.listed(),
    receiptsInAll: receipts.inAll(),
    artifacts: artifacts.listed(),
    artifactsInAll: artifacts.inAll(),
    blockedEffectKeys: [...blocked].slice(-limit.CHECKPOINT_LISTED),
    blockedEffectKeysInAll: blocked.size,
    memoryDelta: Object.fromEntries(notes),
  });
  return {
    ...{ take, told, tracked: tracked.told },
    blockedKeys: (): ReadonlySet<string> => new Set(blocked),
    /** Those of them that another run had: this one has done nothing under them. */
    skippedKeys: (): ReadonlySet<string> => new Set(tracked.skippedKeys),
  };
};

const placeOf = (
  { attempt, payload }: Extract<JournalEvent, { type: "effect_intended" | "effect_settled" }>,
  position: number,
): string => JSON.stringify([payload.stepId, payload.candidate ?? null, attempt, position]);

const everyStep = (run: Run): readonly WorkedStep[] => run.steps.flatMap(workedSteps);

/** What a claim is compared by. */
export const proposalDigest = ({ seq, at, result, evidence, capture }: Proposal): string =>
  digestOf({ seq, at, result, evidence, capture });

/** Claims whose judge has not spoken yet. */
export const pendingProposals = (run: Run): PendingProposal[] =>
  everyStep(run).flatMap((step) => {
    const { spec, attempt, state } = step;
    if (state.status !== "verify_pending") return [];
    const { proposal } = state;
    return [
      { stepId: spec.id, ...named(step), attempt, seq: proposal.seq, digest: proposalDigest(proposal) },
    ];
  });

/** What a person, or somebody outside, has yet to answer. */
export const unresolvedApprovals = (run: Run): UnresolvedApproval[] => {
  const of = ({ spec, attempt }: WorkedStep) => ({ stepId: spec.id, attempt, position: null });
  return [
    ...run.steps.filter(awaitsApproval).map((step) => ({ kind: "approval" as const, ...of(step) })),
    ...run.steps.filter(hasPolicyRequest).map((step) => ({ kind: "policy" as const, ...of(step) })),
    ...openWaits(run).flatMap(({ step, wait }) =>
      wait.kind === "promise" ? [{ kind: "promise" as const, ...of(step), position: wait.position }] : [],
    ),
    ...everyStep(run).flatMap((step) =>
      step.effects.open.flatMap(({ call, decision }) =>
        decision === "fail" ? [{ kind: "effect" as const, ...of(step), position: call.position }] : [],
      ),
    ),
  ];
};

/** What is to be done first when the run goes on, where its agent does not say it. */
export const suggestedAction = (run: Run): string => {
  if (hasTracking(run)) return trackedSuggestion(run);
  const [action] = nextActions(run);
  if (action === undefined) return run.state.status === "paused" ? "resume" : "wait";
  return "stepId" in action ? `${action.kind} ${action.stepId}` : action.kind;
};
