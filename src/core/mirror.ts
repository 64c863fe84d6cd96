import type { Actor } from "./events.js";
import type { HostRun, HostRunStatus, HostStep, HostStepStatus } from "./reported.js";
import type { Report, Run, RunState, RunStatus, Step, StepState, StepStatus } from "./run.js";
import type { StepSpec } from "./spec.js";

/** What a report brings with it that a state shows. */
export type Told = Report & { readonly at: string; readonly by: Actor };

/** A host's words in the ledger's. Both directions are total by their types and undo each other. */
export const runStateOf: { readonly [S in HostRunStatus]: (told: Told) => RunState } = {
  pending: () => ({ status: "planning" }),
  running: () => ({ status: "running" }),
  paused: ({ error, result, at, by }) => ({
    status: "paused",
    reason: "reported",
    message: error || result,
    stepId: null,
    since: at,
    by,
  }),
  completed: ({ result, at }) => ({ status: "completed", at, summary: result }),
  failed: ({ error, at }) => ({ status: "failed", at, reason: "reported", message: error, unmet: [] }),
  cancelled: ({ error, at }) => ({ status: "failed", at, reason: "cancelled", message: error, unmet: [] }),
};

const hostRunStatus: {
  readonly [S in RunStatus]: (state: Extract<RunState, { status: S }>) => HostRunStatus;
} = {
  planning: () => "pending",
  running: () => "running",
  paused: () => "paused",
  completed: () => "completed",
  failed: ({ reason }) => (reason === "cancelled" ? "cancelled" : "failed"),
};

/** No step that a host reports is ever verified: nobody here has judged it. */
export const stepStateOf: { readonly [S in HostStepStatus]: (told: Told) => StepState } = {
  pending: () => ({ status: "pending" }),
  running: ({ at }) => ({ status: "in_progress", startedAt: at }),
  completed: ({ at }) => ({
    status: "completed",
    how: "reported",
    completedAt: at,
    proposal: null,
    verdict: null,
  }),
  failed: () => ({ status: "failed", proposal: null, verdict: null }),
  skipped: ({ at }) => ({
    status: "completed",
    how: "skipped",
    completedAt: at,
    proposal: null,
    verdict: null,
  }),
  cancelled: ({ error }) => ({ status: "interrupted", reason: error, tail: "" }),
};

const hostStepStatus: {
  readonly [S in StepStatus]: (state: Extract<StepState, { status: S }>) => HostStepStatus;
} = {
  pending: () => "pending",
  in_progress: () => "running",
  racing: () => "running",
  verify_pending: () => "running",
  completed: ({ how }) => (how === "skipped" ? "skipped" : "completed"),
  failed: () => "failed",
  interrupted: () => "cancelled",
};

/** The status of a run in its host's words. */
const hostStatusOf = ({ state }: Run): HostRunStatus =>
  (hostRunStatus[state.status] as (state: RunState) => HostRunStatus)(state);

/** The host's record as the ledger knows it; undefined for a run that no host reports. */
export const hostRunOf = (run: Run): HostRun | undefined => {
  const { source, report } = run;
  if (source === null) return undefined;
  return {
    id: source.hostId,
    kind: source.kind,
    sessionKey: run.sessionKey,
    name: run.goal,
    request: run.originalRequest,
    descriptor: source.descriptor,
    createdAt: source.createdAt,
    status: hostStatusOf(run),
    ...(report ?? NOTHING_TOLD),
    steps: run.steps.map(hostStepOf),
  };
};

export const hostStepOf = ({ spec, state, report }: Step): HostStep => ({
  stepId: spec.id,
  goal: spec.goal,
  agent: spec.ownerAgent,
  dependsOn: spec.dependsOn,
  status: (hostStepStatus[state.status] as (state: StepState) => HostStepStatus)(state),
  ...(report ?? NOTHING_TOLD),
});

const NOTHING_TOLD: Report = { result: "", error: "" };

/** A step of a host has no judge here; the type wants one, so it is the one that never runs by itself. */
export const reportedSpec = (step: Pick<HostStep, "stepId" | "goal" | "agent" | "dependsOn">): StepSpec => ({
  id: step.stepId,
  goal: step.goal,
  ownerAgent: step.agent,
  dependsOn: step.dependsOn,
  toolProfile: [],
  validator: { type: "orchestrator_approval", target: "", params: {} },
  mayChange: { paths: [], only: false },
  maxRetries: 0,
});

/** Where the ledger's lists find runs of these statuses; some of what is found there may be of another. */
export const runStatusesFor = (statuses: readonly HostRunStatus[]): readonly RunStatus[] => {
  const nobody = { ...NOTHING_TOLD, at: "", by: { name: "", role: "host" } } as const;
  return [...new Set(statuses.map((status) => runStateOf[status](nobody).status))];
};
