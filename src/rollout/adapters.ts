import { cutShort } from "../core/cut.js";
import { GOAL_CHARS } from "../core/limits.js";
import type { HostRun, HostRunStatus, HostStep, HostStepStatus } from "../core/reported.js";
import type { HostQuery } from "./projection.js";
import type { Completion, Rollout } from "./rollout.js";

/** What came of a run, a step or a task; "" or left out for nothing. */
type Outcome = { readonly result?: string; readonly error?: string };

export type WorkflowStep = {
  readonly id: string;
  readonly goal: string;
  readonly agent?: string;
  readonly dependsOn?: readonly string[];
};

export type Workflow = {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly definition: HostRun["descriptor"];
  readonly sessionKey: string;
  readonly startedAt: string;
  readonly status: HostRunStatus;
  readonly result: string;
  readonly error: string;
  readonly steps: readonly (Required<WorkflowStep> & {
    readonly status: HostStepStatus;
    readonly result: string;
    readonly error: string;
  })[];
};

export type NewWorkflow = Pick<Workflow, "name" | "sessionKey"> &
  Partial<Pick<Workflow, "id" | "description" | "definition" | "startedAt">> & {
    readonly steps: readonly WorkflowStep[];
  };

/** A host's store of workflows, kept by a rollout. Its words for statuses are the rollout's own, in both directions. */
export interface WorkflowAdapter {
  /** A running workflow with all of its steps pending. Answers with the id that names it everywhere. */
  create(workflow: NewWorkflow): Promise<string>;
  addStep(id: string, step: WorkflowStep): Promise<void>;
  runStatus(id: string, status: Exclude<HostRunStatus, Completion["status"]>): Promise<void>;
  stepStatus(id: string, stepId: string, status: HostStepStatus, outcome?: Outcome): Promise<void>;
  complete(id: string, status: Completion["status"], outcome?: Outcome): Promise<void>;
  read(id: string): Promise<Workflow | undefined>;
  /** Newest first. Tasks and other runs of the host are none of them. */
  list(query: HostQuery): Promise<readonly Workflow[]>;
}

export const createWorkflowAdapter = (rollout: Rollout): WorkflowAdapter => ({
  create: async ({ name, sessionKey, description, definition, steps, ...given }) => {
    const { run } = await rollout.create({
      kind: "workflow",
      name,
      sessionKey,
      request: description ?? "",
      descriptor: definition ?? null,
      status: "running",
      steps: steps.map(newStep),
      ...(given.id === undefined ? {} : { id: given.id }),
      ...(given.startedAt === undefined ? {} : { createdAt: given.startedAt }),
    });
    return run.id;
  },
  addStep: async (id, step) => void (await rollout.update(id, { kind: "step", step: newStep(step) })),
  runStatus: async (id, status) =>
    void (await rollout.update(id, { kind: "run_status", status, ...told({}) })),
  stepStatus: async (id, stepId, status, outcome = {}) =>
    void (await rollout.update(id, { kind: "step_status", stepId, status, ...told(outcome) })),
  complete: async (id, status, outcome = {}) =>
    void (await rollout.complete(id, { status, ...told(outcome) })),
  read: async (id) => {
    const run = await rollout.read(id);
    return run?.kind === "workflow" ? workflowOf(run) : undefined;
  },
  list: async (query) => (await ofKind(rollout, "workflow", query)).map(workflowOf),
});

/** The words of a host's task manager. */
export type TaskStatus = "pending" | "running" | "done" | "failed" | "cancelled";

export type BackgroundTask = {
  readonly id: string;
  readonly prompt: string;
  readonly sessionKey: string;
  /** Where it was asked for: channel, teammate, whatever the host keeps. */
  readonly origin: HostRun["descriptor"];
  readonly createdAt: string;
  readonly status: TaskStatus;
  readonly result: string;
  readonly error: string;
};

export type NewTask = Pick<BackgroundTask, "prompt" | "sessionKey"> &
  Partial<Pick<BackgroundTask, "origin" | "createdAt">> & {
    /** So that a task, the teammate that was spawned for it and its run share one. */
    readonly id?: string;
    readonly agent?: string;
  };

/** A host's task manager, kept by a rollout: each task is a run of one step. */
export interface BackgroundAdapter {
  /** Before the task starts. Answers with the id that the task manager must use. */
  prepare(task: NewTask): Promise<string>;
  /** How a task stands now. The same again changes nothing, so it may be told after a crash once more. */
  sync(task: Pick<BackgroundTask, "id" | "status"> & Outcome): Promise<void>;
  read(id: string): Promise<BackgroundTask | undefined>;
  /** Newest first. Workflows and other runs of the host are none of them. */
  list(query: HostQuery): Promise<readonly BackgroundTask[]>;
}

/** The only step of a task. */
const TASK_STEP = "background-task";

export const createBackgroundAdapter = (rollout: Rollout): BackgroundAdapter => ({
  prepare: async ({ id, prompt, sessionKey, origin, createdAt, agent }) => {
    const goal = cutShort(prompt, GOAL_CHARS);
    const { run } = await rollout.create({
      kind: "background",
      name: goal,
      request: prompt,
      sessionKey,
      descriptor: origin ?? null,
      status: "pending",
      steps: [newStep({ id: TASK_STEP, goal, agent: agent ?? "" })],
      ...(id === undefined ? {} : { id }),
      ...(createdAt === undefined ? {} : { createdAt }),
    });
    return run.id;
  },
  sync: async ({ id, status, ...outcome }) => {
    const said = hostStatus[status];
    const report = told(outcome);
    // The step first: a run that is over takes no more words about its steps.
    await rollout.update(id, { kind: "step_status", stepId: TASK_STEP, status: said, ...report });
    if (isEnd(said)) await rollout.complete(id, { status: said, ...report });
    else await rollout.update(id, { kind: "run_status", status: said, ...report });
  },
  read: async (id) => {
    const run = await rollout.read(id);
    return run?.kind === "background" ? taskOf(run) : undefined;
  },
  list: async (query) => (await ofKind(rollout, "background", query)).map(taskOf),
});

/** One to one, so that what is read back is what was said. A task that is cancelled leaves no step that seems at work. */
const hostStatus = {
  pending: "pending",
  running: "running",
  done: "completed",
  failed: "failed",
  cancelled: "cancelled",
} as const satisfies { readonly [T in TaskStatus]: HostStepStatus & HostRunStatus };

/** A host that pauses a task says so elsewhere; its task manager knows only that it has begun. */
const taskStatus: { readonly [S in HostRunStatus]: TaskStatus } = {
  pending: "pending",
  running: "running",
  paused: "running",
  completed: "done",
  failed: "failed",
  cancelled: "cancelled",
};

const isEnd = (status: HostRunStatus): status is Completion["status"] =>
  status === "completed" || status === "failed" || status === "cancelled";

const told = ({ result = "", error = "" }: Outcome) => ({ result, error });

const newStep = ({ id, goal, agent = "", dependsOn = [] }: WorkflowStep): HostStep => ({
  stepId: id,
  goal,
  agent,
  dependsOn: [...dependsOn],
  status: "pending",
  result: "",
  error: "",
});

const workflowOf = ({
  id,
  name,
  request,
  descriptor,
  sessionKey,
  createdAt,
  steps,
  ...run
}: HostRun): Workflow => ({
  id,
  name,
  description: request,
  definition: descriptor,
  sessionKey,
  startedAt: createdAt,
  status: run.status,
  result: run.result,
  error: run.error,
  steps: steps.map(({ stepId, ...step }) => ({ id: stepId, ...step })),
});

const taskOf = ({
  id,
  request,
  sessionKey,
  descriptor,
  createdAt,
  status,
  result,
  error,
}: HostRun): BackgroundTask => ({
  id,
  prompt: request,
  sessionKey,
  origin: descriptor,
  createdAt,
  status: taskStatus[status],
  result,
  error,
});

/** Runs asked for at once while those of one kind are looked for. */
const RUNS_PER_PAGE = 100;

/** Filtered before limited: a hundred tasks must not hide the one workflow behind them. */
const ofKind = async (
  rollout: Rollout,
  kind: HostRun["kind"],
  query: HostQuery,
): Promise<readonly HostRun[]> => {
  const found: HostRun[] = [];
  let { after } = query;
  while (found.length < query.limit) {
    const page = await rollout.list({
      ...query,
      limit: RUNS_PER_PAGE,
      ...(after === undefined ? {} : { after }),
    });
    found.push(...page.filter((run) => run.kind === kind));
    after = page.at(-1)?.id;
    if (page.length < RUNS_PER_PAGE) break;
  }
  return found.slice(0, query.limit);
};
