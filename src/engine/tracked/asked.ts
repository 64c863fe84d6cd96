import type { Caller } from "../../core/commands.js";
import { requireSession } from "../../core/decide/guards.js";
import { requireTracked } from "../../core/decide/tracked.js";
import { misfit } from "../../core/defects.js";
import type { Run } from "../../core/run.js";
import type { Tracked } from "../../core/tracked.js";
import type { Ledger } from "../../ledger/ledger.js";

type Schema<T> = {
  readonly safeParse: (
    value: unknown,
  ) =>
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: { readonly issues: Parameters<typeof misfit>[1] } };
};

/** What a client asked, or `invalid_input` with every part of it that does not fit. */
export const readInput = <T>(schema: Schema<T>, input: unknown, method: string): T => {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw misfit(`the input of ${method}`, parsed.error.issues, input);
};

export type TrackedRun = Run & { readonly tracked: Tracked };

/** A run that a client of this session records; any of them for a person. */
export const loadTracked = async (ledger: Ledger, caller: Caller, runId: string): Promise<TrackedRun> => {
  const run = await ledger.load(runId);
  requireSession(run, ledger.check(caller));
  return { ...run, tracked: requireTracked(run) };
};

/** The answer to a second call under the same key is that to the first. */
export const under = (idempotencyKey: string | undefined) =>
  idempotencyKey === undefined ? {} : { idempotencyKey };
