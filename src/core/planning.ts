import { quoted } from "./defects.js";
import { LedgerError } from "./errors.js";
import type { PolicyAction } from "./events.js";
import { readPlan } from "./plan.js";
import type { Run } from "./run.js";
import { type Plan, type StepSpec, type ValidatorSpec, validatorDigest } from "./spec.js";

/** No id of a plan begins so: whatever a plan brings, it brings no second one of these. */
export const PLANNING_STEP = "_plan";

/**
 * The step that a run has before it has a plan: what its agent proposes is the plan, and it never completes, for all steps
 * of the plan take its place. A planner has answered the defects of its own plans by then, so it is asked no second time.
 */
export const planningStep = (goal: string, planner: string): StepSpec => ({
  id: PLANNING_STEP,
  goal,
  ownerAgent: planner,
  dependsOn: [],
  toolProfile: ["coding"],
  validator: { type: "orchestrator_approval", target: "", params: {} },
  mayChange: { paths: [], only: true },
  maxRetries: 0,
});

export const isPlanning = ({ spec }: { readonly spec: Pick<StepSpec, "id"> }): boolean =>
  spec.id === PLANNING_STEP;

/** The plan that a planner's text holds, for the goal in the words of whoever wants it. Throws with every defect. */
export const planProposed = (
  { goal }: Pick<Run, "goal">,
  text: string,
  agents: readonly string[] | null,
): Plan => ({ ...readPlan(text, agents === null ? {} : { agents }), goal });

/** A run's plan, as a person looks at it before it is carried out, or as it stands now. */
export type ShownPlan = {
  readonly state: "proposed" | "attached";
  /** The event that proposed it: what is approved is what was looked at. */
  readonly proposalSeq: number | null;
  readonly plan: Plan;
};

/** Undefined while there is none. Throws where a proposed one cannot be carried out any more. */
export const shownPlan = (run: Run, agents: readonly string[] | null): ShownPlan | undefined => {
  const planning = run.steps.find(isPlanning)?.state;
  if (planning === undefined && run.planDigest === null) return undefined;
  if (planning === undefined) return { state: "attached", proposalSeq: null, plan: planOf(run) };
  if (planning.status !== "verify_pending") return undefined;
  const { seq, result } = planning.proposal;
  return { state: "proposed", proposalSeq: seq, plan: planProposed(run, result, agents) };
};

/** With what policy actions have made of it. */
const planOf = ({ goal, protect, steps, criteria }: Run): Plan => ({
  goal,
  protect: [...protect],
  steps: steps.map(({ spec }) => spec),
  acceptanceCriteria: criteria.map(({ spec }) => spec),
});

/** What of a plan a shell would run, whole, and for what. */
export const commandsOf = ({ steps, acceptanceCriteria }: Plan) =>
  [
    ...steps.map(({ id, validator }) => ({ of: `step ${id}`, validator })),
    ...acceptanceCriteria.map(({ description, validator }) => ({
      of: `criterion ${quoted(description)}`,
      validator,
    })),
  ].flatMap(({ of, validator }) =>
    validator.type === "command_pass" ? [{ of, command: validator.target }] : [],
  );

/** What may be said of a plan that could not be made. The rest is of work on files. */
export const PLANNING_ANSWERS: readonly string[] = ["retry", "change_agent", "abort", "escalate"];

export const planningAnswerOnly = (action: string): LedgerError =>
  new LedgerError("invalid_input", `"${action}" is no answer where a plan could not be made.`, {
    hint: `Answer ${PLANNING_ANSWERS.join(", ")}, or write the plan yourself: runledger plan edit`,
  });

/**
 * Commands that nobody has approved yet: of all judges only `command_pass` brings one. A model that leads a run judges by those
 * that its plan has, or by what needs no command.
 */
export const requireApprovedCommands = (
  { steps, criteria }: Pick<Run, "steps" | "criteria">,
  decision: PolicyAction,
): void => {
  const known = new Set([...steps, ...criteria].map(({ spec }) => validatorDigest(spec.validator)));
  const [unknown] = broughtBy(decision).filter(
    (one) => one.type === "command_pass" && !known.has(validatorDigest(one)),
  );
  if (unknown === undefined) return;
  throw new LedgerError("access_denied", `No person has approved the command ${quoted(unknown.target)}.`, {
    hint: "Judge by a command_pass of the plan as it stands, by another type, or escalate.",
  });
};

const broughtBy = (decision: PolicyAction): readonly ValidatorSpec[] => {
  if (decision.action === "change_validator") return [decision.newValidator];
  return decision.action === "decompose" ? decision.newSteps.map(({ validator }) => validator) : [];
};
