import { LedgerError } from "../errors.js";
import type { EventBody } from "../events.js";
import * as limit from "../limits.js";
import { passedOverIn } from "../passed-over.js";
import { named, workedStep, workedSteps } from "../race.js";
import type { Run } from "../run.js";
import { thinnable } from "../thinning.js";
import { requireAttempt } from "./effects.js";
import {
  alreadyDone,
  type Decider,
  type Rules,
  requireLive,
  requireRole,
  requireRoom,
  requireSession,
  requireState,
  requireStep,
} from "./guards.js";

// What is appended says what was signed. Whether the signature holds, only who has the key can tell: nobody here believes it.
export const signCheckpoint: Decider<"seal_checkpoint"> = ({ checkpoint }, run, context) => {
  const { caller, rules } = context;
  const agents = run.tracked === null ? [] : (["executor"] as const);
  requireRole(caller, "sign a checkpoint", "engine", "orchestrator", "human", ...agents);
  requireSession(run, caller);
  if (run.checkpoint?.id === checkpoint.id) return alreadyDone;
  requireLive(run);
  if (checkpoint.previousSeal !== (run.checkpoint?.signature ?? null)) throw overtaken(run);
  if (checkpoint.eventLogPosition > run.seq)
    throw new LedgerError("invalid_input", `Event ${checkpoint.eventLogPosition} has not happened yet.`);
  requireFormer(run, checkpoint, caller);
  // What the engine signs for itself, it may.
  if (checkpoint.reason === "turn") requireRoom(run, "Agents", rules);
  if (run.tracked !== null && caller.role !== "engine") requireRoom(run, "Clients", rules);
  return [{ type: "checkpoint_sealed", version: 1, payload: checkpoint }, ...thinned(run, rules)];
};

/** In the same breath as the new one, which is one of those that stay. */
const thinned = (run: Run, { recording }: Rules): readonly EventBody[] => {
  const ids = thinnable(run, (recording?.checkpointsKept ?? limit.CHECKPOINTS_KEPT) - 1).map(({ id }) => id);
  return ids.length === 0 ? [] : [{ type: "checkpoints_thinned", version: 1, payload: { ids } }];
};

const requireFormer = (
  run: Run,
  { of, former, turn }: Parameters<typeof signCheckpoint>[0]["checkpoint"],
  caller: Parameters<typeof requireStep>[1],
): void => {
  if (of === null) {
    if (former === null && turn === 0) return;
    throw new LedgerError("invalid_input", "A checkpoint of no attempt holds no memory.");
  }
  const step = workedStep(requireStep(run, caller, of.stepId), of.candidate);
  requireState(step, "in_progress", "step_not_in_progress");
  requireAttempt(step, of.attempt);
  if (former !== (step.effects.checkpoint?.seq ?? null)) throw overtaken(run);
};

const overtaken = ({ runId }: Run): LedgerError =>
  new LedgerError("checkpoint_overtaken", `Another checkpoint of run "${runId}" was signed meanwhile.`, {
    hint: "Take it again.",
  });

// Each is told once, however many lives of the attempt come past it.
export const passOverCheckpoints: Decider<"pass_over_checkpoints"> = (command, run, { caller }) => {
  requireRole(caller, "pass over checkpoints", "engine");
  requireLive(run);
  const step = workedStep(requireStep(run, caller, command.stepId), command.candidate);
  requireState(step, "in_progress", "step_not_in_progress");
  requireAttempt(step, command.attempt);
  const told = passedOverIn(run);
  const broken = command.broken.filter(({ id }) => !told.has(id));
  if (broken.length === 0) return alreadyDone;
  const payload = { stepId: step.spec.id, ...named(step), broken, from: command.from };
  return [{ type: "checkpoints_passed_over", version: 1, attempt: step.attempt, payload }];
};

// A memory that cannot be trusted or read any more is given up; the attempt goes on from its first line, and what it did is
// read back.
export const discardCheckpoints: Decider<"discard_checkpoints"> = ({ reason }, run, { caller }) => {
  requireRole(caller, "set a memory aside", "orchestrator", "human");
  requireSession(run, caller);
  requireLive(run);
  return withoutMemory(run, reason);
};

export const withoutMemory = (run: Run, reason: string): readonly EventBody[] =>
  run.steps.flatMap(workedSteps).flatMap((step): readonly EventBody[] => {
    if (step.effects.checkpoint === null || step.state.status !== "in_progress") return [];
    const payload = { stepId: step.spec.id, ...named(step), reason };
    return [{ type: "checkpoint_discarded", version: 1, attempt: step.attempt, payload }];
  });

/** Nobody goes on with a memory that another version of its agent left behind, unless it can be brought over. */
export const requireSameAgents = (run: Run, { takesMemoryOf }: Pick<Rules, "takesMemoryOf">): void => {
  if (takesMemoryOf === undefined) return;
  for (const { spec, attempt, effects, state } of run.steps.flatMap(workedSteps)) {
    const { checkpoint } = effects;
    if (state.status !== "in_progress" || checkpoint === null) continue;
    if (takesMemoryOf(spec.ownerAgent, checkpoint.agentVersion ?? "")) continue;
    throw new LedgerError(
      "agent_changed",
      `Agent "${spec.ownerAgent}" is not the one that left its memory at turn ${checkpoint.turn} of "${spec.id}".`,
      {
        hint: `Give the agent a migration from ${checkpoint.agentVersion}, or go on from the journal alone: runledger resume ${run.runId} --anew`,
        details: {
          stepId: spec.id,
          attempt,
          checkpoint: checkpoint.id,
          agentVersion: checkpoint.agentVersion,
        },
      },
    );
  }
};
