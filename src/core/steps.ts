import { noEffects } from "./effects.js";
import { rosterOf } from "./race.js";
import { type Criterion, findStep, type Run, type Step } from "./run.js";
import type { CriterionSpec, StepSpec } from "./spec.js";

export const newStep = (spec: StepSpec): Step => ({
  spec,
  attempt: 0,
  retryCount: 0,
  base: null,
  feedback: null,
  fresh: false,
  effects: noEffects,
  candidates: rosterOf(spec),
  lastDecision: null,
  report: null,
  state: { status: "pending" },
});

export const newCriterion = (spec: CriterionSpec): Criterion => ({
  spec,
  state: { status: "unchecked", errors: 0 },
});

// New steps stand right behind the one they replace, inherit what it waited for, and whoever waited for it waits for their last.
export const replaced = (run: Run, stepId: string, newSteps: readonly StepSpec[]): Run => {
  const parent = findStep(run, stepId);
  if (parent === undefined) return run;
  const needed = new Set(newSteps.flatMap((spec) => spec.dependsOn));
  const last = newSteps.filter((spec) => !needed.has(spec.id)).map((spec) => spec.id);
  const steps = run.steps.flatMap((step) => {
    if (step.spec.id === stepId) return [step, ...newSteps.map((spec) => newStep(inheriting(spec, parent)))];
    return [rewired(step, stepId, last)];
  });
  return { ...run, steps };
};

const inheriting = (spec: StepSpec, parent: Step): StepSpec =>
  spec.dependsOn.length === 0 ? { ...spec, dependsOn: parent.spec.dependsOn } : spec;

const rewired = (step: Step, from: string, to: readonly string[]): Step =>
  step.spec.dependsOn.includes(from)
    ? {
        ...step,
        spec: { ...step.spec, dependsOn: step.spec.dependsOn.flatMap((id) => (id === from ? to : [id])) },
      }
    : step;
