import { uuidv7 } from "uuidv7";
import { quoted } from "../core/defects.js";
import { LedgerError } from "../core/errors.js";
import type { HostChange, HostRun, HostStep } from "../core/reported.js";
import type { HostQuery, NewHostRun } from "./projection.js";

/** What both shipped tables do with a record before they write it. Pure, but for the id and the time that are missing. */
export const newRecord = (run: NewHostRun): HostRun => ({
  id: run.id ?? uuidv7(),
  kind: run.kind,
  sessionKey: run.sessionKey,
  name: run.name,
  request: run.request,
  descriptor: run.descriptor ?? null,
  createdAt: run.createdAt ?? new Date().toISOString(),
  status: run.status ?? "running",
  result: "",
  error: "",
  steps: [...(run.steps ?? [])],
});

/** Throws `step_not_found`. */
export const changedRecord = (run: HostRun, change: HostChange): HostRun => {
  if (change.kind === "run_status") {
    const { kind: _kind, ...told } = change;
    return { ...run, ...told };
  }
  const at = run.steps.findIndex(({ stepId }) => stepId === stepIdOf(change));
  const known = run.steps[at];
  if (change.kind === "step")
    return {
      ...run,
      steps: known === undefined ? [...run.steps, change.step] : run.steps.with(at, change.step),
    };
  if (known === undefined)
    throw new LedgerError("step_not_found", `Run ${quoted(run.id)} has no step ${quoted(change.stepId)}.`);
  const { kind: _kind, ...told } = change;
  return { ...run, steps: run.steps.with(at, { ...known, ...told }) };
};

const stepIdOf = (change: Exclude<HostChange, { kind: "run_status" }>): HostStep["stepId"] =>
  change.kind === "step" ? change.step.stepId : change.stepId;

export const noRecord = (id: string, where: string): LedgerError =>
  new LedgerError("run_not_found", `There is no run ${quoted(id)} in ${where}.`);

export const recordExists = (id: string, where: string): LedgerError =>
  new LedgerError("run_exists", `Run ${quoted(id)} is in ${where} already.`);

/** By code units, as SQLite's own order is for the characters that ids and times have. */
export const newestFirst = (a: HostRun, b: HostRun): number =>
  compare(b.createdAt, a.createdAt) || compare(b.id, a.id);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A page of records that are in order already. An `after` that is not there has nothing behind it. */
export const pageOf = (
  ordered: readonly HostRun[],
  { statuses, limit, after }: HostQuery,
): readonly HostRun[] => {
  const at = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && at === 0) return [];
  return ordered
    .slice(at)
    .filter(({ status }) => statuses === undefined || statuses.includes(status))
    .slice(0, limit);
};
