import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";
import { named } from "../core/race.js";
import type { Run, WorkedStep } from "../core/run.js";
import type { Verdict } from "../core/verdict.js";
import { ownerOfThisProcess } from "../ledger/owner.js";
import type { Project } from "./project.js";
import { type LaidNote, laidIn, provisionWorkspace } from "./provision-workspace.js";
import { unlessElsewhere } from "./transfer.js";
import { createWorkspace, layTree } from "./workspace.js";

export type StepWorkspace = {
  /** Where the agent works. */
  readonly folder: string;
  /** A private folder around it, for what the agent is told; registered, and swept when its process ends. */
  readonly place: string;
  /** The commit it started from; null without workspace isolation. */
  readonly base: string | null;
};

/**
 * The owner agent's private clone: the same one after a crash and on a retry, a new one when the step asks for it. Aborted
 * while it makes one, it removes that and throws the signal's reason.
 */
export const openStepWorkspace = async (
  project: Project,
  run: Run,
  step: WorkedStep,
  signal: AbortSignal,
): Promise<StepWorkspace> => {
  const left = await workspacesOf(project, run.runId, step);
  const existing = wholeOf(left);
  const starting = step.state.status === "pending";
  const collided = starting && !step.fresh ? conflictOf(step) : null;
  if (existing !== undefined && !(starting && (step.fresh || collided !== null))) {
    await project.places.update(existing.id, { owner: ownerOfThisProcess() });
    return workspaceAt(project, run, existing);
  }
  // What a crash left half-made goes too.
  for (const one of left) await project.disposal.later(one);
  return make(project, run, step, collided, signal);
};

/** Where the work of a started step lies. One that is gone is never made anew here: nobody worked in it. */
export const requireStepWorkspace = async (
  project: Project,
  run: Run,
  step: WorkedStep,
): Promise<{ folder: string; base: string; laid: LaidNote }> => {
  const existing = wholeOf(await workspacesOf(project, run.runId, step));
  if (existing !== undefined && existing.base !== null) {
    const { path, base } = existing;
    return { folder: workOf(path), base, laid: await laidIn(path) };
  }
  throw new LedgerError("workspace_unfit", `The workspace of step "${step.spec.id}" is not there any more.`, {
    hint: "Start the step again; it then gets a new one.",
  });
};

type Home = { readonly id: string; readonly path: string; readonly base: string | null };

/** An agent's files and what it is told stand side by side in one registered folder. */
const workOf = (path: string): string => join(path, "work");

const workspaceAt = (project: Project, run: Run, { path, base }: Home): StepWorkspace => ({
  folder: run.workspaceIsolation ? workOf(path) : project.folder,
  place: path,
  base,
});

// Registered first, marked as whole last: what a crash left half-made is not mistaken for a workspace. One without a clone is
// whole as soon as it is there.
const make = async (
  project: Project,
  run: Run,
  step: WorkedStep,
  collided: Verdict | null,
  signal: AbortSignal,
): Promise<StepWorkspace> => {
  const { places, workspaceRoot } = project;
  const id = randomUUID();
  const path = join(workspaceRoot, id);
  const of = { runId: run.runId, stepId: step.spec.id, ...named(step) };
  const isWhole = run.workspaceIsolation ? {} : { base: WITHOUT_BASE };
  await places.register({ id, kind: "workspace", path, ...of, ...isWhole });
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    if (!run.workspaceIsolation) return workspaceAt(project, run, { id, path, base: null });
    const base = await clone(project, run, step, path, collided, signal);
    await places.update(id, { base });
    return workspaceAt(project, run, { id, path, base });
  } catch (error) {
    await project.disposal.later({ id, path });
    throw error;
  }
};

/** Of a workspace that has no commit to name. */
const WITHOUT_BASE = "none";

const clone = async (
  project: Project,
  run: Run,
  step: WorkedStep,
  path: string,
  collided: Verdict | null,
  signal: AbortSignal,
): Promise<string> => {
  const { store } = project;
  const commit = collided?.head ?? (step.state.status === "pending" ? run.head : step.base);
  if (store === null || commit === null)
    throw new LedgerError("workspace_unfit", `Run "${run.runId}" was started with workspace isolation.`, {
      hint: "Set runLedger.workspaceIsolation back to true.",
    });
  const folder = workOf(path);
  const { cone } = project;
  await createWorkspace({ store, folder, commit, cone }).catch(unlessElsewhere(store, run.runId));
  if (collided !== null && collided.tree !== null)
    await layTree({ store, folder, commit, tree: collided.tree, cone });
  signal.throwIfAborted();
  await provisionWorkspace(project, run, step, path, folder, commit, signal);
  return commit;
};

/** The verdict that refused the last attempt because others changed the same lines: its tree has the conflicts marked. */
const conflictOf = ({ feedback }: WorkedStep): Verdict | null =>
  feedback?.kind === "verdict" && feedback.verdict.reason === "conflict" ? feedback.verdict : null;

type Left = { readonly id: string; readonly path: string; readonly base?: string | undefined };

const wholeOf = (left: readonly Left[]): Home | undefined => {
  for (const { id, path, base } of left) {
    if (base === undefined) continue;
    const whole = { id, path, base: base === WITHOUT_BASE ? null : base };
    if (existsSync(whole.base === null ? path : workOf(path))) return whole;
  }
  return undefined;
};

const workspacesOf = async ({ places }: Project, runId: string, step?: WorkedStep) =>
  (await places.list(step === undefined ? { runId } : { runId, stepId: step.spec.id })).flatMap((place) =>
    place.kind === "workspace" &&
    place.path !== null &&
    (step === undefined || place.candidate === step.candidate)
      ? [{ ...place, path: place.path }]
      : [],
  );

/** A completed step's work is in commits; its folder is of no use any more. Without a step: those of the whole run. */
export const disposeWorkspaces = async (
  project: Project,
  runId: string,
  step?: WorkedStep,
): Promise<void> => {
  for (const workspace of await workspacesOf(project, runId, step)) await project.disposal.later(workspace);
};

/** Runs that workspaces are kept for. */
export const runsWithWorkspaces = async ({ places }: Project): Promise<readonly string[]> => [
  ...new Set((await places.list()).flatMap(({ kind, runId }) => (kind === "workspace" ? [runId] : []))),
];
