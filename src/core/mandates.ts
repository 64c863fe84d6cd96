import * as z from "zod";
import { type Intent, runOfIntent } from "./intents.js";
import * as limit from "./limits.js";
import { foldedName, isSamePerson } from "./names.js";
import { positiveInt, someText } from "./shapes.js";

const name = someText.max(limit.INTENT_NAME_CHARS);
const patterns = z.array(someText.max(limit.SDK_PATTERN_CHARS)).min(1).max(limit.SDK_PATTERNS_MAX);
const moment = z.string();

/** What both kinds say: by whom it was given, for what, until when, and whether it was taken back. */
const common = {
  id: z.string(),
  /** The person whose word it stands for. */
  by: name,
  /** Names of destinations, or beginnings of them with `*` behind. */
  destinations: patterns,
  policies: patterns,
  createdAt: moment,
  expiresAt: moment,
  revokedAt: moment.nullable(),
  revokedBy: name.nullable(),
};

/** One person may answer for another. */
const Delegation = z.strictObject({ kind: z.literal("delegation"), ...common, to: name });

/** What an agent asks for is approved beforehand, within limits. */
const Standing = z.strictObject({
  kind: z.literal("standing"),
  ...common,
  agent: name,
  /** Of one intent, in US dollars; one that says no value is not covered. Null: whatever it says. */
  maxValueUsd: z.number().min(0).nullable(),
  /** In any twenty-four hours: how many intents, and what they are worth together. Null: no limit. */
  perDay: positiveInt.nullable(),
  perDayUsd: z.number().min(0).nullable(),
  /** Of the last twenty-four hours, each intent once. */
  uses: z.array(z.strictObject({ intentId: z.string(), at: moment, valueUsd: z.number().min(0) })),
});

export const Mandate = z.discriminatedUnion("kind", [Delegation, Standing]);
/** As they lie in the store: all of them under one seal. */
export const KeptMandates = z.strictObject({ mandates: z.array(Mandate), seal: z.string() });
export type Mandate = Readonly<z.infer<typeof Mandate>>;
export type Delegation = Extract<Mandate, { kind: "delegation" }>;
export type Standing = Extract<Mandate, { kind: "standing" }>;
export type MandateState = "active" | "revoked" | "expired";

const DAY_MS = 86_400_000;

export const stateOfMandate = ({ revokedAt, expiresAt }: Mandate, at: string): MandateState => {
  if (revokedAt !== null) return "revoked";
  return Date.parse(expiresAt) <= Date.parse(at) ? "expired" : "active";
};

const isFor = (mandate: Mandate, { content }: Intent): boolean =>
  mandate.destinations.some((one) => fits(one, content.destination)) &&
  mandate.policies.some((one) => fits(one, content.policy));

const fits = (pattern: string, given: string): boolean =>
  pattern.endsWith("*") ? given.startsWith(pattern.slice(0, -1)) : given === pattern;

/** By which `to` may answer for `by` now. */
export const delegationFor = (
  mandates: readonly Mandate[],
  { by, to }: { readonly by: string; readonly to: string },
  intent: Intent,
  at: string,
): Delegation | undefined =>
  mandates.find(
    (one): one is Delegation =>
      one.kind === "delegation" &&
      isSamePerson(one.by, by) &&
      isSamePerson(one.to, to) &&
      stateOfMandate(one, at) === "active" &&
      isFor(one, intent),
  );

/** Uses that still count. By a clock that was put back none is forgotten. */
export const countedUses = ({ uses }: Standing, at: string): Standing["uses"] =>
  uses.filter((use) => Date.parse(use.at) > Date.parse(at) - DAY_MS);

/**
 * What is left of uses when the run of their intents is erased: that they were, within the day, and that the day's money is spent,
 * which says nothing of theirs. Undefined where nothing changes.
 */
export const withoutValuesOf = (
  mandates: readonly Mandate[],
  runId: string,
  at: string,
): readonly Mandate[] | undefined => {
  const isOf = ({ intentId }: Use): boolean => runOfIntent(intentId) === runId;
  if (!mandates.some((one) => one.kind === "standing" && one.uses.some(isOf))) return undefined;
  return mandates.map((one) => {
    if (one.kind !== "standing") return one;
    const valueUsd = one.perDayUsd ?? 0;
    return { ...one, uses: countedUses(one, at).map((use) => (isOf(use) ? { ...use, valueUsd } : use)) };
  });
};

type Use = Standing["uses"][number];

/** Whether it covers the intent within its limits, and was given before that was asked for; a use that was noted for this very intent is no second one. */
export const covers = (one: Standing, intent: Intent, at: string): boolean => {
  const { content, by } = intent;
  const value = content.valueUsd;
  if (
    stateOfMandate(one, at) !== "active" ||
    foldedName(one.agent) !== foldedName(by.name) ||
    !isFor(one, intent)
  )
    return false;
  if (Date.parse(one.createdAt) > Date.parse(intent.at)) return false;
  const asksForValue = one.maxValueUsd !== null || one.perDayUsd !== null;
  if (asksForValue && value === null) return false;
  if (one.maxValueUsd !== null && (value ?? 0) > one.maxValueUsd) return false;
  const others = countedUses(one, at).filter(({ intentId }) => intentId !== intent.intentId);
  if (one.perDay !== null && others.length + 1 > one.perDay) return false;
  const worth = others.reduce((sum, { valueUsd }) => sum + valueUsd, value ?? 0);
  return one.perDayUsd === null || worth <= one.perDayUsd;
};
