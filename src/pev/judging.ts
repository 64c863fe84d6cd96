import { judge } from "../../validators/index.js";
import type { Finding } from "../../validators/room.js";
import { firstAndMore } from "../core/and-more.js";
import { isLedgerError } from "../core/errors.js";
import type { Capture } from "../core/events.js";
import * as limit from "../core/limits.js";
import type { Run, StepState, WorkedStep } from "../core/run.js";
import { type ValidatorSpec, validatorDigest } from "../core/spec.js";
import {
  type Conflict,
  type IsolationLevel,
  type Judgement,
  nothingRan,
  type ProvisionRecord,
  protectedAs,
  type Verdict,
  type VerdictReason,
  type Violation,
} from "../core/verdict.js";
import { FREE_SPACE, heldByWalls } from "./at-a-wall.js";
import type { Git } from "./git.js";
import { type ObjectReader, withObjects } from "./object-reader.js";
import { changedFiles, commitTree, filesWith, keep, listTree, mergeOnto, touchedBy } from "./objects.js";
import type { Project } from "./project.js";
import { checkProtection, touchedTests } from "./protect.js";
import { PROVISION_HINT } from "./provision.js";
import { openRoom, type RoomTask } from "./rooms.js";
import { refuseTampering } from "./tampering.js";

// A proposal is judged merged onto the head of now, in a room of its own; what cannot be judged is errored, never lost.
export const judgeProposal = async (
  project: Project,
  run: Run,
  step: WorkedStep,
  signal: AbortSignal,
): Promise<Verdict> => {
  const { state } = step;
  if (state.status !== "verify_pending") throw new Error(`step "${step.spec.id}" has no proposal to judge`);
  const startedAt = performance.now();
  const base = frame(run, step.spec.validator, state);
  try {
    base.isolationLevel = await levelOf(project, run);
    const judged = run.workspaceIsolation
      ? await judgeIsolated(project, run, step, state, signal)
      : await judgeInRoom(project, run, step, null, signal);
    return { ...base, ...judged, durationMs: Math.round(performance.now() - startedAt) };
  } catch (error) {
    return { ...base, ...couldNotRun(error), durationMs: Math.round(performance.now() - startedAt) };
  }
};

/** Acceptance criteria judge the head itself. */
export const judgeCriterion = async (
  project: Project,
  run: Run,
  index: number,
  signal: AbortSignal,
): Promise<Verdict> => {
  const criterion = run.criteria[index];
  if (criterion === undefined) throw new Error(`run "${run.runId}" has no criterion ${index}`);
  const startedAt = performance.now();
  const { validator } = criterion.spec;
  const base = { ...frame(run, validator, null), commit: run.head };
  try {
    base.isolationLevel = await levelOf(project, run);
    const task = {
      name: `criterion-${index}`,
      validator,
      candidate: run.head === null ? null : { commit: run.head, base: run.base ?? run.head },
      timeoutMs: project.validatorTimeoutMs,
      signal,
    };
    // What any step had leave to change may differ from the run's base.
    const mayChange = run.steps.flatMap(({ spec }) => spec.mayChange.paths);
    const judged = await inRoom(project, run, task, mayChange);
    return { ...base, ...judged, durationMs: Math.round(performance.now() - startedAt) };
  } catch (error) {
    return { ...base, ...couldNotRun(error), durationMs: Math.round(performance.now() - startedAt) };
  }
};

type Judged = Partial<Verdict>;
type Proposed = Extract<StepState, { status: "verify_pending" }>;

const judgeIsolated = async (
  project: Project,
  run: Run,
  step: WorkedStep,
  state: Proposed,
  signal: AbortSignal,
): Promise<Judged> => {
  const { capture } = state.proposal;
  const { store } = project;
  if (store === null || run.head === null || capture.commit === null || capture.base === null)
    throw new Error(`the proposal of "${step.spec.id}" has no captured commit`);
  const merged = await mergedOnto(store, run.head, capture);
  if (merged.conflicts.length > 0) {
    const conflicts = await blamed(project, run, capture.base, merged.conflicts);
    return { ...refused("conflict", conflictMessage(conflicts)), conflicts, tree: merged.tree };
  }
  const marked = step.attempt > 1 ? await filesWith(store, merged.tree, conflictMarker(capture.base)) : [];
  if (marked.length > 0) {
    const conflicts = marked.slice(0, limit.PATHS_LISTED).map((path) => ({ path, stepId: null }));
    const message = `The conflict is not resolved; its markers are still in ${firstAndMore(marked)}.`;
    return { ...refused("conflict", message), conflicts, tree: merged.tree };
  }
  const candidate = await withObjects(store, async (objects) => {
    const refusal = await protectionRefusal(project, run, step, capture, objects);
    return refusal ?? candidateCommit({ store, run, step, state, tree: merged.tree, objects });
  });
  if (typeof candidate !== "string") return { ...candidate, tree: merged.tree };
  const judged = await judgeInRoom(project, run, step, { commit: candidate, base: run.head }, signal);
  return { ...judged, commit: candidate, tree: merged.tree };
};

/** What started from the head of now is merged already. */
const mergedOnto = async (
  store: Git,
  head: string,
  { base, tree, commit }: Capture,
): Promise<{ tree: string; conflicts: readonly string[] }> => {
  if (tree === null || commit === null) throw new Error("nothing was captured");
  return base === head ? { tree, conflicts: [] } : mergeOnto({ store, head, commit });
};

/** After a conflict the next attempt starts on the head that it collided with, and git names that commit in the markers. */
const conflictMarker = (base: string): string => `<<<<<<< ${base}`;

const blamed = async (
  project: Project,
  run: Run,
  base: string,
  paths: readonly string[],
): Promise<Conflict[]> => {
  if (project.store === null || run.head === null) return [];
  const commits = await touchedBy({ store: project.store, base, head: run.head, paths });
  const stepOf = new Map<string, string>();
  for (const { spec, state } of run.steps)
    if (state.status === "completed" && state.verdict?.commit) stepOf.set(state.verdict.commit, spec.id);
  return paths
    .slice(0, limit.PATHS_LISTED)
    .map((path) => ({ path, stepId: stepOf.get(commits.get(path)?.[0] ?? "") ?? null }));
};

const conflictMessage = (conflicts: readonly Conflict[]): string => {
  const named = conflicts.map(({ path, stepId }) => (stepId === null ? path : `${path} (step "${stepId}")`));
  return `The change conflicts with work that was verified meanwhile: ${named.join(", ")}.`;
};

const protectionRefusal = async (
  project: Project,
  run: Run,
  step: WorkedStep,
  { base, commit, filesChanged }: Capture,
  objects: ObjectReader,
): Promise<Judged | null> => {
  const { store } = project;
  if (store === null || base === null || commit === null) return null;
  const found = await checkProtection({
    changed: filesChanged === 0 ? [] : await changedFiles({ store, from: base, to: commit }),
    step: step.spec,
    protect: { plan: run.protect, settings: project.protect },
    base: (await listTree(store, base)).map(({ path }) => path),
    validators: [...run.steps, ...run.criteria].map(({ spec }) => spec.validator),
    read: (side, path) => readText(objects, side === "before" ? base : commit, path),
  });
  if (found.violations.length > 0) {
    const told = found.violations.map((one) => `${one.path} (${protectedAs(one)})`);
    return {
      ...refused("protected", `The change touches protected paths: ${firstAndMore(told)}.`),
      ...undoing(found.violations),
    };
  }
  if (found.outside.length > 0)
    return {
      ...refused(
        "outside_may_change",
        `The step may only change ${step.spec.mayChange.paths.join(", ")}; it changed ${firstAndMore(found.outside)}.`,
      ),
      missing: found.outside.slice(0, limit.PATHS_LISTED),
    };
  return null;
};

const undoing = (violations: readonly Violation[]): Judged => {
  const named = violations.slice(0, limit.PATHS_LISTED);
  return {
    hint: "Undo these changes; what judges the work may only be changed by a step that says so in may_change.",
    protectedPaths: named.map(({ path }) => path),
    violations: named,
  };
};

/** What people write is smaller; a package.json that is not cannot be compared and so counts as changed. */
const TEXT_BYTES_MAX = 1_048_576;

const readText = async (objects: ObjectReader, commit: string, path: string): Promise<string | undefined> => {
  try {
    return (await objects.file(commit, path, TEXT_BYTES_MAX))?.toString("utf8");
  } catch (error) {
    if (isLedgerError(error, "limit_exceeded")) return undefined;
    throw error;
  }
};

// Work without a difference leaves the head where it is: no empty commits in the series.
const candidateCommit = async (input: {
  readonly store: Git;
  readonly run: Run;
  readonly step: WorkedStep;
  readonly state: Proposed;
  readonly tree: string;
  readonly objects: ObjectReader;
}): Promise<string> => {
  const { store, run, step, state, tree, objects } = input;
  if (run.head === null) throw new Error("no head to commit onto");
  if ((await objects.treeOf(run.head)) === tree) return run.head;
  const commit = await commitTree({
    store,
    tree,
    parent: run.head,
    message: commitMessage(run, step),
    at: state.proposal.at,
  });
  await keep(store, run.runId, commit);
  return commit;
};

const commitMessage = (run: Run, { spec, attempt, candidate }: WorkedStep): string => {
  const [subject = spec.id] = spec.goal.trim().split("\n");
  const raced = candidate === undefined ? "" : `RunLedger-Candidate: ${candidate}\n`;
  return `${subject}\n\nRunLedger-Run: ${run.runId}\nRunLedger-Step: ${spec.id}\nRunLedger-Attempt: ${attempt}\n${raced}RunLedger-Agent: ${spec.ownerAgent}\n`;
};

const judgeInRoom = async (
  project: Project,
  run: Run,
  { spec, state }: WorkedStep,
  candidate: RoomTask["candidate"],
  signal: AbortSignal,
): Promise<Judged> => {
  const approved = state.status === "verify_pending" && state.approval !== null;
  if (spec.validator.type === "orchestrator_approval" && approved)
    return { outcome: "passed", reason: "approved", message: "Approved." };
  const task = {
    name: spec.id,
    validator: spec.validator,
    candidate,
    timeoutMs: spec.timeoutMs ?? project.validatorTimeoutMs,
    signal,
  };
  return inRoom(project, run, task, spec.mayChange.paths);
};

/** These judges start programs, so the room needs the project's dependencies. */
const STARTS_PROGRAMS: ReadonlySet<ValidatorSpec["type"]> = new Set([
  "build_pass",
  "test_pass",
  "command_pass",
]);

const inRoom = async (
  project: Project,
  run: Run,
  task: RoomTask,
  mayChange: readonly string[],
): Promise<Judged> => {
  const { validator, candidate } = task;
  const room = await openRoom(project, run, task);
  // Tests that pass are run at the base as well; while they run, its room is laid out.
  if (validator.type === "test_pass" && candidate !== null)
    void project.roomsAhead?.prepare(run.runId, candidate.base);
  try {
    const provision = STARTS_PROGRAMS.has(validator.type) ? await room.provision() : [];
    const failure = provision.find(({ outcome }) => outcome === "failed");
    if (failure !== undefined)
      return {
        ...heldByWalls(notProvisioned(failure), await room.foundAtWalls()),
        provision: [...provision],
      };
    const judged = await judge(validator, room);
    const finding = await refuseTampering(validator, room, heldByWalls(judged, await room.foundAtWalls()));
    return { ...(await heldToItsTests(project, task, finding, mayChange)), provision: [...provision] };
  } finally {
    await room.dispose();
  }
};

/** A pass by tests that the proposal changed itself is none, whatever their files are called. */
const heldToItsTests = async (
  { store }: Project,
  { candidate }: RoomTask,
  { judgedBy = [], ...judgement }: Finding,
  mayChange: readonly string[],
): Promise<Judged> => {
  if (judgement.outcome !== "passed" || store === null || candidate === null) return judgement;
  const touched = await withObjects(store, (objects) =>
    touchedTests({ judgedBy, mayChange, readBase: (path) => readText(objects, candidate.base, path) }),
  );
  if (touched.length === 0) return judgement;
  const violations = touched.map(
    (path): Violation => ({
      path,
      change: "modified",
      rule: "held_tests",
      names: [],
    }),
  );
  const message = `The change touches files that held tests at the base: ${firstAndMore(touched)}.`;
  return { ...judgement, outcome: "failed", reason: "protected", message, ...undoing(violations) };
};

const notProvisioned = ({ what }: ProvisionRecord): Judgement => ({
  ...nothingRan(),
  outcome: "errored",
  reason: "provision_failed",
  message: `The room could not be prepared: ${what}`,
  hint: `${PROVISION_HINT} Then resume the run.`,
});

/** Of the rooms of this run; one below what the settings demand makes no verdict. */
const levelOf = ({ isolation }: Project, run: Run): Promise<IsolationLevel> =>
  isolation.level(run.workspaceIsolation);

/** A verdict with everything filled in but the judgement. */
const frame = (run: Run, validator: ValidatorSpec, state: Proposed | null): Verdict => ({
  ...refused("check_failed", ""),
  proposalSeq: state?.proposal.seq ?? null,
  base: state === null ? run.base : state.proposal.capture.base,
  head: run.head,
  commit: null,
  tree: state?.proposal.capture.tree ?? null,
  validator: { type: validator.type, target: validator.target, digest: validatorDigest(validator) },
  isolationLevel: run.workspaceIsolation ? 1 : 0,
  protectedPaths: [],
  conflicts: [],
  provision: [],
  durationMs: 0,
});

const refused = (reason: VerdictReason, message: string): Judgement => ({
  outcome: "failed",
  reason,
  message,
  ...nothingRan(),
});

const couldNotRun = (error: unknown): Judged => {
  const message = error instanceof Error ? error.message : String(error);
  const full = /ENOSPC|No space left/.test(message);
  return {
    outcome: "errored",
    reason: full ? "no_space" : "room_failed",
    message: `The proposal could not be judged: ${message}`,
    hint: full
      ? FREE_SPACE
      : isLedgerError(error) && error.hint !== undefined
        ? error.hint
        : "`runledger doctor` says what this machine lacks.",
  };
};
