import type { Caller } from "../src/core/commands.js";
import { LedgerError } from "../src/core/errors.js";
import { readPlan } from "../src/core/plan.js";
import type { Run } from "../src/core/run.js";
import { newRunId } from "../src/ledger/run-id.js";
import type { BaseOptions } from "../src/pev/engine.js";
import type { ToolHost } from "./tool.js";

export type NewRun = Partial<BaseOptions> & {
  /** JSON text (a planner's whole answer will do), or the plan as a value. */
  readonly plan: unknown;
  /** The caller's own when not given; another one is refused. */
  readonly sessionKey?: string;
  readonly originalRequest: string;
  /** Names that may own a step; those of the ledger's rules when not given. */
  readonly agents?: readonly string[];
  readonly idempotencyKey?: string;
};

// The one way to make a run, for tools, terminal and hosts: plan checked, base captured, then one append.
export const createRun = async (host: ToolHost, caller: Caller, input: NewRun): Promise<Run> => {
  const { ledger, pev } = host;
  if (input.sessionKey !== undefined && caller.sessionKey !== input.sessionKey)
    throw new LedgerError("session_mismatch", "The session key is not the caller's.", {
      hint: `The session comes from the credential: leave the key out, or give "${caller.sessionKey}".`,
    });
  const agents = input.agents ?? ledger.rules.agents;
  const plan = readPlan(input.plan, agents === null ? {} : { agents });
  const command = {
    type: "create_run",
    goal: plan.goal,
    originalRequest: input.originalRequest,
    workspaceIsolation: pev.project.store !== null,
    base: null,
    plan,
  } as const;
  const runId = newRunId();
  const earlier = await ledger.answered(runId, command, caller, input.idempotencyKey);
  if (earlier !== undefined) return earlier;
  await pev.requireHeldOut(plan);
  const base = await pev.captureBase(runId, {
    allowDirty: input.allowDirty ?? [],
    includeUncommitted: input.includeUncommitted ?? false,
  });
  const { run } = await ledger.submit(
    runId,
    { ...command, base },
    caller,
    input.idempotencyKey === undefined ? {} : { idempotencyKey: input.idempotencyKey },
  );
  return run;
};
