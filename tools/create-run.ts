import type { Caller, CommandOf } from "../src/core/commands.js";
import { LedgerError } from "../src/core/errors.js";
import { readPlan } from "../src/core/plan.js";
import type { Run } from "../src/core/run.js";
import { newRunId } from "../src/ledger/run-id.js";
import type { BaseOptions } from "../src/pev/engine.js";
import { keyed, type ToolHost } from "./tool.js";

type NewAny = Partial<BaseOptions> & {
  /** The caller's own when not given; another one is refused. */
  readonly sessionKey?: string;
  readonly originalRequest: string;
  readonly idempotencyKey?: string;
};

export type NewRun = NewAny & {
  /** JSON text (a planner's whole answer will do), or the plan as a value. */
  readonly plan: unknown;
  /** Names that may own a step; those of the ledger's rules when not given. */
  readonly agents?: readonly string[];
};

export type NewGoal = NewAny & {
  /** What is to be true in the end, in plain words. */
  readonly goal: string;
  /** The agent that makes the plan. */
  readonly planner?: string | undefined;
};

// The one way to make a run, for tools, terminal and hosts: plan checked, base captured, then one append.
export const createRun = async (host: ToolHost, caller: Caller, input: NewRun): Promise<Run> => {
  const { ledger, pev } = host;
  requireOwnSession(caller, input);
  const agents = input.agents ?? ledger.rules.agents;
  const plan = readPlan(input.plan, agents === null ? {} : { agents });
  return born(host, caller, input, { goal: plan.goal, plan }, () => pev.requireJudgeable(plan));
};

/** The plan of a run that has none yet, or the one that takes its planner's place. */
export type NewPlan = Pick<NewRun, "plan" | "agents" | "idempotencyKey">;

export const attachPlan = async (
  { ledger, pev }: ToolHost,
  caller: Caller,
  runId: string,
  input: NewPlan,
): Promise<Run> => {
  const agents = input.agents ?? ledger.rules.agents;
  const plan = readPlan(input.plan, agents === null ? {} : { agents });
  const command = { type: "attach_plan", plan } as const;
  const earlier = await ledger.answered(runId, command, caller, input.idempotencyKey);
  if (earlier !== undefined) return earlier;
  await pev.requireJudgeable(plan);
  return (await ledger.submit(runId, command, caller, keyed(input.idempotencyKey))).run;
};

/** The same for a run whose plan is still to be made. */
export const planRun = async (host: ToolHost, caller: Caller, input: NewGoal): Promise<Run> => {
  requireOwnSession(caller, input);
  const { goal, planner } = input;
  if (planner === undefined)
    throw new LedgerError("agent_not_found", "Nobody is named who turns a goal into a plan.", {
      hint: "Name an agent of the settings: planner: NAME in runledger.yaml, or --planner NAME.",
    });
  return born(host, caller, input, { goal, planner }, async () => undefined);
};

const requireOwnSession = (caller: Caller, { sessionKey }: NewAny): void => {
  if (sessionKey !== undefined && caller.sessionKey !== sessionKey)
    throw new LedgerError("session_mismatch", "The session key is not the caller's.", {
      hint: `The session comes from the credential: leave the key out, or give "${caller.sessionKey}".`,
    });
};

type Wanted = Pick<CommandOf<"create_run">, "goal" | "plan" | "planner">;

const born = async (
  { ledger, pev }: ToolHost,
  caller: Caller,
  input: NewAny,
  wanted: Wanted,
  check: () => Promise<unknown>,
): Promise<Run> => {
  const command = {
    type: "create_run",
    ...wanted,
    originalRequest: input.originalRequest,
    workspaceIsolation: pev.project.store !== null,
    base: null,
  } as const;
  const runId = newRunId();
  const earlier = await ledger.answered(runId, command, caller, input.idempotencyKey);
  if (earlier !== undefined) return earlier;
  await check();
  const base = await pev.captureBase(runId, {
    allowDirty: input.allowDirty ?? [],
    includeUncommitted: input.includeUncommitted ?? false,
  });
  const { run } = await ledger.submit(runId, { ...command, base }, caller, keyed(input.idempotencyKey));
  return run;
};
