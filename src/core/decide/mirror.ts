import { canonicalJson } from "../canonical.js";
import { quoted } from "../defects.js";
import { LedgerError } from "../errors.js";
import type { EventBody } from "../events.js";
import * as limit from "../limits.js";
import { hostRunOf, hostStepOf } from "../mirror.js";
import type { HostRun, HostStep } from "../reported.js";
import { findStep, type Run } from "../run.js";
import { alreadyDone, type Decided, type Decider, requireLive, requireRole } from "./guards.js";

// A run that a host drives, as the host says it is: made here when it is not there yet, brought up to date when it is.
export const mirrorRun: Decider<"mirror_run"> = ({ projection, record, existing }, run, { caller }) => {
  requireRole(caller, "report a run of a host", "host");
  if (run === undefined) return [created(projection, record), ...reported(record)];
  const known = requireSameRun(run, projection, record);
  const events = [...record.steps.flatMap((step) => stepEvents(run, step)), ...runEvents(known, record)];
  if (existing === "refuse" && (events.length > 0 || factsOf(known) !== factsOf(record))) throw exists(run);
  if (events.length === 0) return alreadyDone;
  requireLive(run);
  requireStepsLeft(run, events);
  return events;
};

const created = (projection: string, record: HostRun): Decided => ({
  type: "run_created",
  version: 4,
  sessionKey: record.sessionKey,
  payload: {
    goal: record.name,
    originalRequest: record.request,
    workspaceIsolation: false,
    base: null,
    forkedFrom: null,
    parent: null,
    source: {
      kind: record.kind,
      projection,
      hostId: record.id,
      createdAt: record.createdAt,
      descriptor: record.descriptor,
    },
  },
});

const reported = (record: HostRun): readonly EventBody[] => [
  ...record.steps.map((step) => stepReported(step, true)),
  ...(record.status === "pending" && record.result === "" && record.error === ""
    ? []
    : [runReported(record)]),
];

const requireSameRun = (run: Run, projection: string, record: HostRun): HostRun => {
  const known = hostRunOf(run);
  if (known !== undefined && run.source?.projection === projection && known.id === record.id) return known;
  throw exists(run);
};

/** What makes two runs of the same name different ones; a time of creation may be told anew with every try. */
const factsOf = ({ kind, sessionKey, name, request, descriptor }: HostRun): string =>
  canonicalJson({ kind, sessionKey, name, request, descriptor });

const exists = (run: Run): LedgerError =>
  new LedgerError("run_exists", `Run "${run.runId}" exists already, with other content.`);

// Reports are of what is, not of what happened: the same one again says nothing new.
export const reportChange: Decider<"report_change"> = ({ change }, run, { caller }) => {
  requireRole(caller, "report a change of a host's run", "host");
  const known = requireMirrored(run);
  const events =
    change.kind === "run_status" ? runEvents(known, change) : stepEvents(run, stepAfter(run, change));
  if (events.length === 0) return alreadyDone;
  requireLive(run);
  requireStepsLeft(run, events);
  return events;
};

const stepAfter = (
  run: Run,
  change: Exclude<Parameters<typeof reportChange>[0]["change"], { kind: "run_status" }>,
): HostStep => {
  if (change.kind === "step") return change.step;
  const { kind: _kind, stepId, ...report } = change;
  const step = findStep(run, stepId);
  if (step === undefined)
    throw new LedgerError("step_not_found", `Run "${run.runId}" has no step ${quoted(stepId)}.`, {
      hint: "Report the step itself first.",
    });
  return { ...hostStepOf(step), ...report };
};

// Whether the host's table has what is recorded here: told only when that changes, or it would be told with every write.
export const syncProjection: Decider<"sync_projection"> = ({ state, error }, run, { caller }) => {
  requireRole(caller, "report how a projection stands", "host");
  requireMirrored(run);
  if ((run.degraded !== null) === (state === "degraded")) return alreadyDone;
  const target = run.source?.projection ?? "";
  return [{ type: "projection_synced", version: 1, payload: { target, status: state, error } }];
};

const requireMirrored = (run: Run): HostRun => {
  const known = hostRunOf(run);
  if (known !== undefined) return known;
  throw new LedgerError("run_not_mirrored", `Run "${run.runId}" is driven here; no host reports it.`, {
    hint: "Its steps are completed by verdicts only.",
  });
};

type Outcome = Pick<HostRun, "status" | "result" | "error">;

const isSame = (a: Outcome | HostStep, b: Outcome | HostStep): boolean =>
  a.status === b.status && a.result === b.result && a.error === b.error;

const runEvents = (known: HostRun, said: Outcome): readonly EventBody[] =>
  isSame(known, said) ? [] : [runReported(said)];

const runReported = ({ status, result, error }: Outcome): EventBody => ({
  type: "run_reported",
  version: 1,
  payload: { status, result, error },
});

const stepEvents = (run: Run, said: HostStep): readonly EventBody[] => {
  const step = findStep(run, said.stepId);
  const known = step && hostStepOf(step);
  const sameRow = known !== undefined && canonicalJson(rowOf(known)) === canonicalJson(rowOf(said));
  return sameRow && isSame(known, said) ? [] : [stepReported(said, !sameRow)];
};

const rowOf = ({ goal, agent, dependsOn }: HostStep) => ({ goal, agent, dependsOn });

const stepReported = (step: HostStep, withRow: boolean): EventBody => {
  const { stepId, status, result, error } = step;
  const row = withRow ? rowOf(step) : null;
  return { type: "step_reported", version: 1, payload: { stepId, status, result, error, row } };
};

const requireStepsLeft = (run: Run, events: readonly EventBody[]): void => {
  const added = events.filter(
    (event) => event.type === "step_reported" && findStep(run, event.payload.stepId) === undefined,
  );
  if (added.length === 0 || run.steps.length + added.length <= limit.STEPS_PER_PLAN) return;
  throw new LedgerError("limit_exceeded", `A run holds at most ${limit.STEPS_PER_PLAN} steps.`);
};
