import * as z from "zod";
import { digestOf } from "./canonical.js";
import type { AttemptCheckpoint } from "./checkpoints.js";
import { LedgerError } from "./errors.js";
import * as limit from "./limits.js";
import { naturalInt, positiveInt, someText } from "./shapes.js";
import type { AtMost } from "./spent.js";
import type { Fingerprint, Wait } from "./waits.js";

/** What doing it twice would mean: nothing; nothing, because the other side knows the key; or harm (seed 003). */
export const EffectClass = z.enum(["pure", "idempotent", "guarded"]);
export type EffectClass = z.infer<typeof EffectClass>;

/** What kind of harm a guarded effect does when it happens twice (seed 003, its sub-classes). */
export const Risk = z.enum(["none", "paid", "money", "destructive", "notify", "security"]);
export type Risk = z.infer<typeof Risk>;

/** What to do when nobody knows whether it happened: do it again, do without it, or stop and ask a person. */
export const OnAmbiguous = z.enum(["rerun", "skip", "fail"]);
export type OnAmbiguous = z.infer<typeof OnAmbiguous>;

/** What was said of an effect that a crash left open; that it is `done`, and with what result, only a person can know. */
export const EffectDecision = z.enum([...OnAmbiguous.options, "done"]);
export type EffectDecision = z.infer<typeof EffectDecision>;

/** All that is said of an effect before it happens. The same call of a later life of its attempt must say the same. */
export const EffectCall = z.strictObject({
  /** From 0, in the order in which the attempt's calls were made. */
  position: naturalInt,
  name: someText.max(limit.EFFECT_NAME_CHARS),
  class: EffectClass,
  risk: Risk,
  /** Null for what may always be done again. */
  onAmbiguous: OnAmbiguous.nullable(),
  /** Of the business: once in the whole ledger, whatever run, step or attempt asks. Null where the position is the key. */
  key: someText.max(limit.EFFECT_KEY_CHARS).nullable(),
  /** Digest of what it is done with; null when that was not told. */
  input: z.string().nullable(),
});
export type EffectCall = z.infer<typeof EffectCall>;

/** A result as it is kept: as JSON in the event, or in a blob when it is long. */
export const EffectValue = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("inline"), json: z.string() }),
  z.strictObject({ kind: z.literal("blob"), hash: z.string(), bytes: naturalInt }),
]);
export type EffectValue = z.infer<typeof EffectValue>;

/** Where an effect under the same business key was settled first. */
export const EffectOrigin = z.strictObject({ runId: z.string(), seq: positiveInt });
export type EffectOrigin = z.infer<typeof EffectOrigin>;

const Done = z.strictObject({ kind: z.literal("done"), value: EffectValue });

/** How a promise was resolved from outside. */
export const PromiseOutcome = z.discriminatedUnion("kind", [
  Done,
  z.strictObject({ kind: z.literal("failed"), error: z.string() }),
]);
export type PromiseOutcome = z.infer<typeof PromiseOutcome>;

const FirstOutcome = z.discriminatedUnion("kind", [
  Done,
  /** `happened`: it was done, and only its result could not be kept; then its business key is not given back. */
  z.strictObject({ kind: z.literal("failed"), error: z.string(), happened: z.boolean() }),
  /** Whether it happened is not known, and it is done without; or it happened, and its result was erased with its run. */
  z.strictObject({ kind: z.literal("skipped"), erased: z.literal(true).optional() }),
]);
export type FirstOutcome = z.infer<typeof FirstOutcome>;

export const EffectOutcome = z.discriminatedUnion("kind", [
  ...FirstOutcome.options,
  /** It had happened before under its business key. What came of it stands here too, for its first run may be taken out. */
  z.strictObject({ kind: z.literal("known"), origin: EffectOrigin, outcome: FirstOutcome }),
]);
export type EffectOutcome = z.infer<typeof EffectOutcome>;

/** An effect that was about to happen when the journal was last written; after a crash nobody knows whether it did. */
export type OpenEffect = {
  readonly call: EffectCall;
  readonly since: string;
  /** Its intent; of a fork's past the same number as in the run that it was taken from. */
  readonly seq: number;
  readonly attempt: number;
  /** What was decided when it was found open after a crash; it holds for the next crash too. */
  readonly decision: EffectDecision | null;
  /** What it may use at most; absent where that was not said. */
  readonly atMost?: AtMost;
};

/** Open under a business key in an attempt that another one has followed. */
export type LeftEffect = {
  readonly stepId: string;
  readonly candidate?: number;
  readonly open: OpenEffect;
};

/** Of the current attempt of a step, or of one candidate of it. */
export type Effects = {
  /** So many calls have been recorded, settled or not. */
  readonly recorded: number;
  /** First event that is about them; null before it. */
  readonly firstSeq: number | null;
  readonly open: readonly OpenEffect[];
  readonly waits: readonly Wait[];
  /** Nobody works on it: it goes on when one of its waits is over. */
  readonly suspended: boolean;
  /** What its agent remembered last; null before it ended a turn. */
  readonly checkpoint: AttemptCheckpoint | null;
};

/** Who is asked what becomes of an attempt numbers its calls from here: behind all of its agent's, races of it included. */
export const NUMBERED_BEHIND = 1_000_000_000;

export const noEffects: Effects = {
  recorded: 0,
  firstSeq: null,
  open: [],
  waits: [],
  suspended: false,
  checkpoint: null,
};

/** What was done under a business key; another effect may not come under it. */
export const effectDigest = ({ name, class: kind }: EffectCall): string => digestOf({ name, class: kind });

/** A call is recorded once, when it is first heard of. */
const counted = (
  effects: Effects,
  isNew: boolean,
  seq: number,
  { open = effects.open, waits = effects.waits }: Partial<Pick<Effects, "open" | "waits">>,
): Effects => ({
  // Written out: what is added behind a spread object costs a microsecond each.
  recorded: effects.recorded + (isNew ? 1 : 0),
  firstSeq: isNew ? (effects.firstSeq ?? seq) : effects.firstSeq,
  open,
  waits,
  suspended: effects.suspended,
  checkpoint: effects.checkpoint,
});

export const effectIntended = (
  effects: Effects,
  call: EffectCall,
  {
    at,
    seq,
    attempt,
    atMost,
  }: {
    readonly at: string;
    readonly seq: number;
    readonly attempt: number;
    readonly atMost?: AtMost | undefined;
  },
): Effects => {
  // Begun once more when a fork takes its key: what was decided of it stays.
  const former = openEffect(effects, call.position);
  const others = effects.open.filter((one) => one !== former);
  const begun = {
    call,
    since: at,
    seq,
    attempt,
    decision: former?.decision ?? null,
    ...(atMost === undefined ? {} : { atMost }),
  };
  return counted(effects, former === undefined, seq, { open: [...others, begun] });
};

export const effectSettled = (effects: Effects, position: number, seq: number): Effects => {
  const { open } = effects;
  const others = open.filter(({ call }) => call.position !== position);
  return counted(effects, others.length === open.length, seq, { open: others });
};

export const effectDecided = (effects: Effects, position: number, decision: EffectDecision): Effects => ({
  ...effects,
  open: effects.open.map((one) => (one.call.position === position ? { ...one, decision } : one)),
});

export const waitBegun = (effects: Effects, wait: Wait, seq: number): Effects =>
  counted(effects, true, seq, { waits: [...effects.waits, wait] });

/** Whatever else it waits for, somebody looks whether it can go on. */
export const timerFired = (effects: Effects, position: number): Effects => ({
  ...effects,
  waits: effects.waits.filter((one) => one.position !== position),
  suspended: false,
});

export const promiseResolved = (
  effects: Effects,
  position: number,
  resolved: { readonly seq: number; readonly outcome: string },
): Effects => ({
  ...effects,
  waits: effects.waits.map((one) =>
    one.kind === "promise" && one.position === position ? { ...one, resolved } : one,
  ),
  suspended: false,
});

export const childFinished = (effects: Effects, childId: string, seq: number): Effects => ({
  ...effects,
  waits: effects.waits.map((one) =>
    one.kind === "child" && one.childId === childId ? { ...one, finished: { seq } } : one,
  ),
  suspended: false,
});

export const openEffect = ({ open }: Effects, position: number): OpenEffect | undefined =>
  open.find(({ call }) => call.position === position);

/** Which call of which attempt it is: what the other side may dedupe by, the same in each life of the attempt (seed 004). */
export const effectKey = (
  call: EffectCall,
  of: {
    readonly runId: string;
    readonly stepId: string;
    readonly attempt: number;
    readonly candidate?: number;
  },
): string => {
  const { runId, stepId, attempt, candidate = null } = of;
  return call.key ?? digestOf({ runId, stepId, attempt, candidate, position: call.position });
};

const PRINT = ["name", "class", "key", "input"] as const;

/** Throws `replay_divergence` when a later life of the attempt makes another call than the one that was recorded. */
export const requireSameCall = (recorded: Fingerprint, came: Fingerprint): void => {
  const differing = PRINT.filter((part) => recorded[part] !== came[part]);
  if (differing.length === 0) return;
  const said = (call: Fingerprint): string => `"${call.name}" (${call.class})`;
  throw new LedgerError(
    "replay_divergence",
    `Effect ${came.position} was ${said(recorded)} before and is ${said(came)} now; they differ in ${differing.join(", ")}.`,
    {
      hint: "Make the same calls in the same order each time, or change the agent only between attempts.",
      details: { recorded, came },
    },
  );
};

/** What becomes of a paid effect that a crash left open: it is done again, or skipped (seed 003). */
export type PaidAmbiguous = "rerun" | "skip";

/**
 * What holds where a guarded effect does not say it; null where it must. A risk that nobody named is not taken for none. An
 * agent cannot go on without a reply that was paid for, so where such a call is skipped a person is asked.
 */
export const policyWhenSilent = (risk: Risk | undefined, paid: PaidAmbiguous): OnAmbiguous | null => {
  if (risk === "none") return "rerun";
  if (risk !== "paid") return null;
  return paid === "rerun" ? "rerun" : "fail";
};

/** Throws `invalid_input` for an effect that must not happen twice and does not say what to do when nobody knows. */
export const requirePolicy = ({ name, class: kind, risk, onAmbiguous }: EffectCall): void => {
  if (kind !== "guarded") {
    if (risk === "none" && onAmbiguous === null) return;
    throw new LedgerError(
      "invalid_input",
      `Effect "${name}" is ${kind}: it has no risk and is never ambiguous.`,
      {
        hint: 'Make it class "guarded", or leave risk and onAmbiguous out.',
      },
    );
  }
  if (onAmbiguous !== null) return;
  throw new LedgerError(
    "invalid_input",
    `Effect "${name}" must not happen twice (risk "${risk}") and does not say what to do when a crash leaves that open.`,
    {
      hint: 'Give onAmbiguous: "fail" asks a person, "skip" goes on without it, "rerun" does it again. Only risk "none" and "paid" may leave it out.',
    },
  );
};
