import type { CheckpointReason } from "../core/checkpoints.js";
import type { Caller } from "../core/commands.js";
import type { EffectClass } from "../core/effects.js";
import { isLedgerError } from "../core/errors.js";
import { named, workedStep } from "../core/race.js";
import { findStep, isActive, type Run, type WorkedStep } from "../core/run.js";
import type { CheckpointManager } from "../ledger/checkpoints/checkpoints.js";
import type { Ledger } from "../ledger/ledger.js";
import type { AgentVersions } from "./agents/versions.js";
import type { EffectsOptions } from "./effects/calls.js";

/** When checkpoints are taken that nobody asks for. */
export type CheckpointPolicy = {
  /** So many events after the last one; null for never. */
  readonly every: number | null;
  /** Before an effect of one of these classes happens. */
  readonly before: readonly EffectClass[];
};

/** What the executor and the agents' work need of checkpoints. */
export interface Checkpointing {
  /** Of one attempt, for its context. */
  ofAttempt(runId: string, step: WorkedStep, epoch: number): Pick<EffectsOptions, "checkpoints" | "before">;
  /** An agent stops before its attempt ends: what it remembered is signed again, with what the run knows now. */
  signMemory(
    runId: string,
    step: WorkedStep,
    reason: Extract<CheckpointReason, "wait" | "interruption">,
    epoch: number,
  ): Promise<void>;
  signIfDue(run: Run, epoch: number): Promise<void>;
  /** So many events have happened that it would. */
  isDue(run: Run, seq: number): boolean;
}

export const createCheckpointing = (options: {
  readonly ledger: Ledger;
  readonly engine: Caller;
  readonly manager: CheckpointManager;
  readonly versions: AgentVersions;
  readonly policy: CheckpointPolicy;
}): Checkpointing => {
  const { ledger, engine: caller, manager, versions, policy } = options;
  const isDue = ({ checkpoint }: Run, seq: number): boolean =>
    policy.every !== null && seq - (checkpoint?.seq ?? 0) >= policy.every;
  return {
    ofAttempt: (runId, step, epoch) => {
      const of = ofStep(step);
      return {
        checkpoints: {
          last: step.effects.checkpoint,
          sign: async (told) =>
            void (await manager.sign(runId, { reason: "turn", of, told }, { caller, epoch })),
          restore: () => manager.restore(runId, step),
          passOver: async (told) => {
            const command = { type: "pass_over_checkpoints", ...of, ...told } as const;
            await ledger.submit(runId, command, caller, { epoch });
          },
          memoryFrom: (version) => versions.pathFrom(step.spec.ownerAgent, version ?? ""),
          blockedKeys: async () => manager.blockedKeys(await ledger.load(runId)),
        },
        before: {
          classes: policy.before,
          sign: async () => void (await manager.sign(runId, { reason: "policy", of }, { caller, epoch })),
        },
      };
    },
    signMemory: async (runId, step, reason, epoch) => {
      // What no agent remembers, the journal tells as well.
      if (!(await isRemembering(ledger, runId, step))) return;
      await manager.sign(runId, { reason, of: ofStep(step) }, { caller, epoch }).catch(unlessOver);
    },
    isDue,
    signIfDue: async (run, epoch) => {
      if (!isActive(run) || !isDue(run, run.seq)) return;
      await manager.signRun(run.runId, "policy", { caller, epoch }).catch(unlessOver);
    },
  };
};

const ofStep = (step: WorkedStep) => ({
  stepId: step.spec.id,
  ...named(step),
  attempt: step.attempt,
});

const isRemembering = async (ledger: Ledger, runId: string, step: WorkedStep): Promise<boolean> => {
  const found = findStep(await ledger.load(runId), step.spec.id);
  return found !== undefined && workedStep(found, step.candidate).effects.checkpoint !== null;
};

/** Somebody ended the attempt or took the run over at this moment: nothing is lost that one needs. */
const unlessOver = (error: unknown): void => {
  if (!isLedgerError(error) || (error.kind !== "refused" && error.kind !== "conflict")) throw error;
};
