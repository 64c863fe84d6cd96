import type { HostRun, HostStep } from "../core/reported.js";
import type { Difference, DriftKind } from "./drift.js";

type Stays = (kind: DriftKind, stepId?: string) => boolean;

/**
 * What the side that has `now` becomes: the truth, but in every difference that a person explained what it has. Undefined:
 * that it has nothing is explained.
 */
export const repairedRecord = (
  now: HostRun | undefined,
  truth: HostRun,
  explained: readonly Pick<Difference, "kind" | "stepId">[],
): HostRun | undefined => {
  if (now === undefined) return explained.length === 0 ? truth : undefined;
  const stays: Stays = (kind, stepId) =>
    explained.some((one) => one.kind === kind && one.stepId === (stepId ?? null));
  const { kind, sessionKey, name, request, descriptor, createdAt } = now;
  return {
    ...truth,
    ...(stays("run_status") ? { status: now.status } : {}),
    ...(stays("run_outcome") ? { result: now.result, error: now.error } : {}),
    ...(stays("run_facts") ? { kind, sessionKey, name, request, descriptor, createdAt } : {}),
    steps: repairedSteps(now.steps, truth.steps, stays),
  };
};

const repairedSteps = (now: readonly HostStep[], truth: readonly HostStep[], stays: Stays): HostStep[] => {
  const present = new Map(now.map((step, place) => [step.stepId, { step, place }]));
  const meant = new Set(truth.map(({ stepId }) => stepId));
  const asItIs = ({ stepId }: HostStep): boolean =>
    stays("step_missing_in_projection", stepId) || stays("step_missing_in_ledger", stepId);
  const steps = [
    ...truth.flatMap((step) => {
      const known = present.get(step.stepId)?.step;
      if (known === undefined) return asItIs(step) ? [] : [step];
      return [repairedStep(known, step, stays)];
    }),
    ...now.filter((step) => !meant.has(step.stepId) && asItIs(step)),
  ];
  if (!stays("step_order")) return steps;
  const placeOf = ({ stepId }: HostStep): number => present.get(stepId)?.place ?? now.length;
  return steps.sort((a, b) => placeOf(a) - placeOf(b));
};

const repairedStep = (now: HostStep, truth: HostStep, stays: Stays): HostStep => {
  const { stepId, goal, agent, dependsOn } = now;
  return {
    ...truth,
    ...(stays("step_status", stepId) ? { status: now.status } : {}),
    ...(stays("step_outcome", stepId) ? { result: now.result, error: now.error } : {}),
    ...(stays("step_facts", stepId) ? { goal, agent, dependsOn } : {}),
  };
};
