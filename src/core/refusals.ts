import * as z from "zod";
import * as limit from "./limits.js";
import { positiveInt } from "./shapes.js";

/** Codes that say "not you"; all others say "not now" or "not so", and the run itself tells why. */
export const AccessRefusal = z.enum([
  "access_denied",
  "session_mismatch",
  "step_not_yours",
  "credential_invalid",
  "credential_expired",
  "credential_ended",
]);
export type AccessRefusal = z.infer<typeof AccessRefusal>;

/** A call of a tool that its caller's credential does not allow. What was in the credential is not kept, and its text never is. */
export const RefusedCall = z.strictObject({
  /** Null where a credential was opened for nothing that has a name. */
  tool: z.string().max(limit.TOOL_NAME_CHARS).nullable(),
  code: AccessRefusal,
  /** Who it was by a credential that the ledger made; null where none vouches for anybody. */
  by: z
    .strictObject({
      name: z.string().max(limit.CALLER_NAME_CHARS),
      role: z.string(),
      stepId: z.string().max(limit.ID_CHARS).nullable(),
      attempt: positiveInt.nullable(),
    })
    .nullable(),
});
export type RefusedCall = Readonly<z.infer<typeof RefusedCall>>;

/** `last`: what follows in that minute, or at all, is not recorded. */
export const RecordedRefusal = RefusedCall.extend({ last: z.enum(["of_minute", "of_run"]).nullable() });

/** How many were recorded, and in the minute that began with the first of them. */
export type RefusalCount = {
  readonly count: number;
  /** Null before the first. */
  readonly since: string | null;
  readonly inMinute: number;
};

/** Of a run. Those that nobody vouches for are counted apart, so that a flood of them hides no other. */
export type Refusals = {
  /** Of both sorts. */
  readonly count: number;
  readonly vouched: RefusalCount;
  readonly unvouched: RefusalCount;
};

const none: RefusalCount = { count: 0, since: null, inMinute: 0 };
export const noRefusals: Refusals = { count: 0, vouched: none, unvouched: none };

/** Which of the two it counts as. */
export const sortOf = ({ by }: Pick<RefusedCall, "by">): "vouched" | "unvouched" =>
  by === null ? "unvouched" : "vouched";

const MINUTE_MS = 60_000;

/** With one more at that moment. A clock that was put back begins a new minute. */
export const countAfter = ({ count, since, inMinute }: RefusalCount, at: string): RefusalCount => {
  const ageMs = since === null ? MINUTE_MS : Date.parse(at) - Date.parse(since);
  const isSame = ageMs >= 0 && ageMs < MINUTE_MS;
  return { count: count + 1, since: isSame ? since : at, inMinute: isSame ? inMinute + 1 : 1 };
};

export const refusalsAfter = (
  refusals: Refusals,
  { at, payload }: { readonly at: string; readonly payload: Pick<RefusedCall, "by"> },
): Refusals => {
  const sort = sortOf(payload);
  return { ...refusals, count: refusals.count + 1, [sort]: countAfter(refusals[sort], at) };
};
