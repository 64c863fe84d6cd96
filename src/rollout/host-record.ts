import { uuidv7 } from "uuidv7";
import { quoted } from "../core/defects.js";
import { LedgerError } from "../core/errors.js";
import type { HostChange, HostRun } from "../core/reported.js";
import { changedRecord, type HostQuery, type NewHostRun, newRecord } from "./projection.js";

/** What both shipped tables do with records before they write or after they read them. */

export const recordNow = (run: NewHostRun): HostRun =>
  newRecord(run, { id: uuidv7(), at: new Date().toISOString() });

/** Throws `step_not_found`. */
export const recordAfter = (run: HostRun, change: HostChange): HostRun => {
  const after = changedRecord(run, change);
  if (after !== undefined) return after;
  const step = "stepId" in change ? quoted(change.stepId) : "";
  throw new LedgerError("step_not_found", `Run ${quoted(run.id)} has no step ${step}.`);
};

export const noRecord = (id: string, where: string): LedgerError =>
  new LedgerError("run_not_found", `There is no run ${quoted(id)} in ${where}.`);

export const recordExists = (id: string, where: string): LedgerError =>
  new LedgerError("run_exists", `Run ${quoted(id)} is in ${where} already.`);

/** The order of a projection's lists. By bytes, as SQLite has it, so that all tables and the ledger list alike. */
export const newestFirst = (a: HostRun, b: HostRun): number =>
  byBytes(b.createdAt, a.createdAt) || byBytes(b.id, a.id);

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** A page of records that are in order already. Throws `run_not_found` for an `after` that is not there. */
export const pageOf = (
  ordered: readonly HostRun[],
  { statuses, limit, after }: HostQuery,
  where: string,
): readonly HostRun[] => {
  const at = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && at === 0) throw noRecord(after, where);
  return ordered
    .slice(at)
    .filter(({ status }) => statuses === undefined || statuses.includes(status))
    .slice(0, limit);
};
