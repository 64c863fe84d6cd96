import type { Caller } from "../../core/commands.js";
import { requireSession } from "../../core/decide/guards.js";
import { requireTracked } from "../../core/decide/tracked.js";
import { misfit } from "../../core/defects.js";
import { LedgerError } from "../../core/errors.js";
import type { Run } from "../../core/run.js";
import type { Tracked } from "../../core/tracked.js";
import type { Ledger } from "../../ledger/ledger.js";
import { absent } from "../../ledger/removal.js";

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

/** The same where the journal may not be readable: the list says whose run it is. */
export const requireOwnRow = async ({ store }: Ledger, caller: Caller, runId: string): Promise<void> => {
  const row = await store.runRow(runId);
  if (row === undefined) throw await absent(store, runId);
  if (caller.role === "human" || row.sessionKey === caller.sessionKey) return;
  throw new LedgerError("session_mismatch", `Run "${runId}" belongs to another session.`, {
    hint: "Only the session that created a run, or a person, may read or drive it.",
  });
};

/** The answer to a second call under the same key is that to the first. */
export const under = (idempotencyKey: string | undefined) =>
  idempotencyKey === undefined ? {} : { idempotencyKey };
