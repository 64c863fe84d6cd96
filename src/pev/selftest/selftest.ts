import { createHash } from "node:crypto";
import { decide } from "../../core/decide/index.js";
import { noEffects } from "../../core/effects.js";
import { LedgerError } from "../../core/errors.js";
import { readPlan } from "../../core/plan.js";
import type { Run, Step } from "../../core/run.js";
import type { Plan, StepSpec, ValidatorType } from "../../core/spec.js";
import type { Verdict } from "../../core/verdict.js";
import { newRunId } from "../../ledger/run-id.js";
import type { BaseOptions, Pev } from "../engine.js";
import type { Git } from "../git.js";
import { judgeProposal } from "../judging.js";
import { dropRun } from "../objects.js";
import type { Project } from "../project.js";
import { type Planted, plant } from "./changes.js";
import { type Cheat, cheats } from "./cheats.js";
import { findingsOf, type SelftestReport, type Trial, type TriedValidator } from "./report.js";
import { openScene } from "./scene.js";
import { openSolution, type Solution } from "./solution.js";

export type SelftestOptions = Partial<BaseOptions> & {
  /** Reference solutions: a commit, branch, range, patch file or folder, or `STEP=` and one of these for that step alone. */
  readonly solutions?: readonly string[];
  /** Where relative paths of solutions start; the project's folder when not given. */
  readonly directory?: string;
  /** Only these steps; criteria are left out then. */
  readonly steps?: readonly string[];
  readonly validator?: ValidatorType;
  /** Aborted, it throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** What goes on, for whoever waits. */
  readonly tell?: (sentence: string) => void;
};

/**
 * Proves that the validators of a plan bite: each judges what must fail and what must pass, in the same rooms and under
 * the same rules as a run's work. Nothing is journaled, and what it makes in the private store goes with it.
 */
export const selftest = async (
  pev: Pev,
  givenPlan: unknown,
  options: SelftestOptions = {},
): Promise<SelftestReport> => {
  const plan = readPlan(givenPlan);
  const runId = newRunId();
  const store = requireStore(pev.project);
  const { allowDirty = [], includeUncommitted = false } = options;
  // Refused here rather than by every verdict.
  const isolationLevel = await pev.project.isolation.level(true);
  const leave = pev.attend(runId);
  try {
    const base = await pev.captureBase(runId, { allowDirty, includeUncommitted });
    if (base === null) throw new Error("an isolated project has no base");
    const bench = await openBench({ pev, store, runId, base, plan, options });
    const validators: TriedValidator[] = [];
    for (const subject of bench.subjects) validators.push(await tryValidator(bench, subject));
    const { solutions } = bench;
    const hasSolution = solutions.whole !== undefined || solutions.ofStep.size > 0;
    return {
      goal: plan.goal,
      base,
      isolationLevel,
      hasSolution,
      validators,
      findings: findingsOf(validators),
    };
  } finally {
    await leave();
    await dropRun(store, runId);
  }
};

const requireStore = ({ store, folder }: Project): Git => {
  if (store !== null) return store;
  throw new LedgerError("unsupported_repository", `There are no rooms of their own for ${folder}.`, {
    hint: "The self-test plants cheats, so it needs `runLedger.workspaceIsolation: true` and a git repository.",
  });
};

/** One validator of the plan, as a step of the trial. */
type Subject = { readonly name: string; readonly stepId: string | null; readonly spec: StepSpec };

type Bench = {
  readonly project: Project;
  readonly store: Git;
  readonly runId: string;
  readonly base: string;
  readonly baseTree: string;
  readonly run: Run;
  readonly subjects: readonly Subject[];
  readonly solutions: Solutions;
  /** What all steps together have leave to change. */
  readonly mayChange: StepSpec["mayChange"];
  readonly signal: AbortSignal;
  readonly tell: (sentence: string) => void;
};

type Solutions = { readonly whole: Solution | undefined; readonly ofStep: ReadonlyMap<string, Solution> };

/** What a self-test is made of. */
type Parts = {
  readonly pev: Pev;
  readonly store: Git;
  readonly runId: string;
  readonly base: string;
  readonly plan: Plan;
  readonly options: SelftestOptions;
};

const openBench = async (parts: Parts): Promise<Bench> => {
  const { pev, store, runId, base, plan, options } = parts;
  const { stdout } = await store.run(["rev-parse", "--verify", `${base}^{tree}`]);
  const given = plan.steps.map(({ mayChange }) => mayChange);
  const paths = given.flatMap((one) => one.paths);
  const mayChange = { paths, only: given.every(({ only }) => only) };
  return {
    // Logs of trials are read here and by nobody later.
    project: { ...pev.project, putBlob: async (bytes) => createHash("sha256").update(bytes).digest("hex") },
    store,
    runId,
    base,
    baseTree: stdout.trim(),
    run: runOf(runId, base, plan),
    subjects: subjectsOf(plan, mayChange, options),
    solutions: await openSolutions({ pev, store, runId, base, plan, options }),
    mayChange,
    signal: options.signal ?? new AbortController().signal,
    tell: options.tell ?? (() => undefined),
  };
};

/** The run that such a plan would begin, as the rules make it, and as no journal will know it. */
const runOf = (runId: string, base: string, plan: Plan): Run => {
  const caller = { name: "selftest", role: "orchestrator", sessionKey: "selftest" } as const;
  const rules = {
    staleTtlMs: 0,
    onUnmetCriteria: "pause",
    changeValidator: "human",
    agents: null,
  } as const;
  const command = {
    type: "create_run",
    goal: plan.goal,
    originalRequest: "runledger selftest",
    workspaceIsolation: true,
    base,
    plan,
  } as const;
  return decide(command, undefined, { caller, at: new Date().toISOString(), rules }, runId).run;
};

/** A criterion is tried as a step that may change what any step may: what reaches it came past their judges. */
const subjectsOf = (
  plan: Plan,
  mayChange: StepSpec["mayChange"],
  { steps, validator }: SelftestOptions,
): readonly Subject[] => {
  const unknown = steps?.find((id) => plan.steps.every((step) => step.id !== id));
  if (unknown !== undefined)
    throw new LedgerError("step_not_found", `The plan has no step "${unknown}".`, {
      hint: `Its steps: ${plan.steps.map(({ id }) => id).join(", ")}.`,
    });
  const ofSteps = plan.steps.map((spec) => ({ name: `step ${spec.id}`, stepId: spec.id, spec }));
  const [first] = plan.steps;
  const ofCriteria = plan.acceptanceCriteria.flatMap((criterion, at) => {
    if (first === undefined || steps !== undefined) return [];
    const { timeoutMs: _, ...rest } = first;
    const spec = { ...rest, id: `criterion-${at + 1}`, validator: criterion.validator, mayChange };
    return [{ name: `criterion ${at + 1}`, stepId: null, spec }];
  });
  const wanted = ({ stepId, spec }: Subject): boolean =>
    (validator === undefined || spec.validator.type === validator) &&
    (steps === undefined || (stepId !== null && steps.includes(stepId)));
  return [...ofSteps, ...ofCriteria].filter(wanted);
};

const openSolutions = async (parts: Parts): Promise<Solutions> => {
  const { pev, plan, options, ...where } = parts;
  const validators = [...plan.steps, ...plan.acceptanceCriteria].map(({ validator }) => validator);
  const { folder, redactor } = pev.project;
  const source = {
    ...where,
    projectDir: folder,
    directory: options.directory ?? folder,
    validators,
    redactor,
  };
  let whole: Solution | undefined;
  const ofStep = new Map<string, Solution>();
  for (const given of options.solutions ?? []) {
    const step = plan.steps.find(({ id }) => given.startsWith(`${id}=`));
    if (step === undefined) whole = await openSolution(source, given);
    else ofStep.set(step.id, await openSolution(source, given.slice(step.id.length + 1)));
  }
  return { whole, ofStep };
};

const tryValidator = async (bench: Bench, { name, stepId, spec }: Subject): Promise<TriedValidator> => {
  const { validator } = spec;
  const trials: Trial[] = [];
  bench.tell(`Trying ${name} (${validator.type}).`);
  if (validator.type === "orchestrator_approval") {
    const message = "a person or the orchestrator judges it";
    return { name, stepId, validator, trials: [notTried("nothing changed", "nothing", message)] };
  }
  const nothing = await judged(bench, spec, { commit: bench.base, tree: bench.baseTree }, 0);
  trials.push(trialOf("nothing changed", "nothing", nothing));
  const solution = await trySolution(bench, spec, stepId);
  if (solution !== undefined) trials.push(solution);
  const scene = await openScene(bench.store, bench.base, validator);
  for (const cheat of cheats.filter(({ against }) => against.has(validator.type))) {
    const changes = cheat.plant(scene);
    if ("notApplicable" in changes) trials.push(notTried(cheat.name, "cheat", changes.notApplicable));
    else if (nothing.outcome === "errored")
      trials.push(notTried(cheat.name, "cheat", "not even the base could be judged"));
    else {
      const planted = await plant({ ...bench, modes: scene.modes, name: refName(spec, cheat), changes });
      trials.push(trialOf(cheat.name, "cheat", await judged(bench, spec, planted, changes.size)));
    }
  }
  return { name, stepId, validator, trials };
};

/** Of letters that a ref may have. */
const refName = ({ id }: StepSpec, { name }: Cheat): string =>
  `${id}/${name}`.replace(/[^A-Za-z0-9/-]+/g, "-");

/** A solution of all steps at once may change what any of them may; one for a step is held to that step's own leave. */
const trySolution = async (
  bench: Bench,
  spec: StepSpec,
  stepId: string | null,
): Promise<Trial | undefined> => {
  const { whole, ofStep } = bench.solutions;
  const own = stepId === null ? undefined : ofStep.get(stepId);
  const solution = own ?? whole;
  if (solution === undefined) return undefined;
  const step = own === undefined ? { ...spec, mayChange: bench.mayChange } : spec;
  const { stdout } = await bench.store.run(["rev-parse", "--verify", `${solution.commit}^{tree}`]);
  const planted = { commit: solution.commit, tree: stdout.trim() };
  const verdict = await judged(bench, step, planted, 1, solution.base);
  return trialOf("reference solution", "solution", verdict);
};

const trialOf = (submission: string, kind: Trial["kind"], verdict: Verdict): Trial => {
  const { outcome, reason, message, durationMs } = verdict;
  const asItShould = outcome === (kind === "solution" ? "passed" : "failed");
  return { submission, kind, outcome, reason, message, durationMs, asItShould };
};

const notTried = (submission: string, kind: Trial["kind"], message: string): Trial => ({
  submission,
  kind,
  outcome: "not_applicable",
  reason: null,
  message,
  durationMs: 0,
  asItShould: true,
});

/** By the run's own judge, as the first proposal of the step. */
const judged = async (
  { project, run, signal }: Bench,
  spec: StepSpec,
  { commit, tree }: Planted,
  filesChanged: number,
  base = run.base,
): Promise<Verdict> => {
  signal.throwIfAborted();
  const capture = { base, tree, commit, patch: null, filesChanged };
  const at = new Date().toISOString();
  const proposal = { seq: run.seq, at, result: "", evidence: [], capture };
  const step: Step = {
    spec,
    attempt: 1,
    retryCount: 0,
    base,
    feedback: null,
    fresh: false,
    effects: noEffects,
    candidates: [],
    lastDecision: null,
    report: null,
    state: { status: "verify_pending", proposal, approval: null, errors: 0, lastError: null },
  };
  const verdict = await judgeProposal(project, run, step, signal);
  signal.throwIfAborted();
  return verdict;
};
