import * as z from "zod";
import { digestOf } from "../canonical.js";
import { type Flaw, flawsOf, isRecord } from "../defects.js";
import { naturalInt, positiveInt } from "../shapes.js";
import { closed, ID, ID_WORDS } from "../wire.js";
import { OnNoResponse } from "./decision.js";
import { patternProblem } from "./pattern.js";
import { PersonalData } from "./personal-data.js";
import { ActionProfile } from "./profiles.js";
import { termProblem } from "./terms.js";

/** More than a person would write or read; each is compared with every payload. */
const ENTRIES_MAX = 500;
const WORD_CHARS = 200;
const CHECKS_MAX = 100;
const ENVIRONMENTS_MAX = 50;
/** More people than would ever agree in time. */
const APPROVALS_MAX = 20;
/** Thirty days: what waits longer is forgotten, not pending. */
const EXPIRY_MAX_MINUTES = 43_200;
const DESCRIPTION_CHARS = 1_000;

const Name = z.string().max(64).regex(ID, ID_WORDS);
const Word = z
  .string()
  .max(WORD_CHARS)
  .regex(/^\S(?:.*\S)?$/su, "text without blanks around it");
const Words = z.array(Word).max(ENTRIES_MAX);
const Count = naturalInt;
const Usd = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const Minutes = positiveInt.max(EXPIRY_MAX_MINUTES);

/** A check of the text that a schema cannot do alone. */
const judged = (problem: (text: string) => string | undefined) =>
  z.string().superRefine((text, context) => {
    const message = problem(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

export const FieldCheck = closed({
  path: z
    .string()
    .max(WORD_CHARS)
    .regex(/^[^.\s]+(?:\.[^.\s]+)*$/, `a path such as "refund.amount"`)
    .meta({ description: "Names and list positions from the payload's root, with dots between them." }),
  required: z.boolean().optional().meta({ description: "The field must be there, and not be empty." }),
  min: z.number().optional().meta({ description: "The lowest number that passes." }),
  max: z.number().optional().meta({ description: "The highest number that passes." }),
  max_length: Count.optional().meta({ description: "Characters of a text, or entries of a list." }),
  pattern: judged(patternProblem)
    .optional()
    .meta({ description: "A regular expression that is found in the text; ^ and $ make it the whole text." }),
}).superRefine(({ path: _, required, ...rest }, context) => {
  if (required !== true && Object.values(rest).every((value) => value === undefined))
    context.addIssue({ code: "custom", message: "required: true, min, max, max_length or pattern" });
  if (rest.min !== undefined && rest.max !== undefined && rest.min > rest.max)
    context.addIssue({ code: "custom", message: `min (${rest.min}) that is not above max (${rest.max})` });
});

const RateLimits = closed({
  per_agent_per_hour: Count.optional().meta({ description: "Intents of one agent in any hour; 0: none." }),
  per_agent_per_day: Count.optional().meta({ description: "Intents of one agent in any day; 0: none." }),
});

/** What an environment may change: all that is asked after it is known. */
const overlay = {
  rate_limits: RateLimits.optional().meta({ description: "More intents of one agent are blocked." }),
  field_checks: z.array(FieldCheck).max(CHECKS_MAX).optional().meta({
    description: "What the payload, as JSON, must hold; what is no JSON is blocked.",
  }),
  allowed_recipients: z.array(Word).max(ENTRIES_MAX).optional().meta({
    description: "Addresses, or *@domain, that to, cc, bcc and recipients of the payload may name.",
  }),
  block_if_terms: z
    .array(judged(termProblem).max(WORD_CHARS))
    .max(ENTRIES_MAX)
    .optional()
    .meta({ description: "Words and phrases that no payload may hold, however they are disguised." }),
  block_if_pii: z
    .union([z.boolean(), z.array(PersonalData).max(PersonalData.options.length)])
    .optional()
    .meta({ description: "Kinds of personal data that no payload may hold; true: all kinds." }),
  require_approval: z.enum(["always", "never"]).optional().meta({
    description: "always: a person decides; never: approved where no other rule asks for a person.",
  }),
  require_approval_for: z
    .union([Word, Words])
    .optional()
    .meta({ description: "Scopes, tags and actions that a person decides on, such as org_wide." }),
  require_approval_over: Count.optional().meta({
    description: "A person decides on more records than this.",
  }),
  require_approval_over_usd: Usd.optional().meta({
    description: "A person decides on more value than this.",
  }),
  auto_approve_under: Count.optional().meta({ description: "So many records and fewer are approved." }),
  auto_approve_under_usd: Usd.optional().meta({ description: "This value and less is approved." }),
  require_approvals: z
    .int()
    .min(1)
    .max(APPROVALS_MAX)
    .optional()
    .meta({ description: "So many people must say yes to what is pending; left out: 1." }),
  expiry_minutes: Minutes.optional().meta({ description: "A pending intent waits so long; left out: 60." }),
  remind_after_minutes: Minutes.optional().meta({ description: "Whoever may approve is reminded after it." }),
  on_no_response: OnNoResponse.optional().meta({
    description: "What becomes of an intent that nobody answers in time; left out: reject.",
  }),
};

const Overlay = closed(overlay);

/** A policy as its file says it: nothing is filled in, so that its digest is of what a person wrote. */
export const GatePolicy = closed({
  id: Name.optional().meta({ description: "The file's name without .yaml; left out, it is that." }),
  description: z.string().max(DESCRIPTION_CHARS).optional().meta({ description: "For people." }),
  destinations: Words.optional().meta({ description: "Where intents may go; left out: anywhere." }),
  allowed_types: Words.optional().meta({ description: "Types of payloads, such as csv; left out: any." }),
  require_profile: ActionProfile.optional().meta({
    description: "What an intent must say of itself in its metadata.",
  }),
  environments: z
    .record(Name, Overlay)
    .refine((own) => Object.keys(own).length <= ENVIRONMENTS_MAX, `at most ${ENVIRONMENTS_MAX} environments`)
    .optional()
    .meta({ description: "Rules that take the place of those above where gate.environment has this name." }),
  ...overlay,
}).superRefine((policy, context) => {
  for (const name of [null, ...Object.keys(policy.environments ?? {})])
    for (const message of contradictions(policyIn(policy, name)))
      context.addIssue({ code: "custom", path: name === null ? [] : ["environments", name], message });
});
export type GatePolicy = Readonly<z.output<typeof GatePolicy>>;

/** The rules that hold in an environment: its own take the place of the general ones, key by key. */
export const policyIn = (policy: GatePolicy, environment: string | null): GatePolicy => {
  const own = policy.environments ?? {};
  return environment !== null && Object.hasOwn(own, environment)
    ? { ...policy, ...own[environment] }
    : policy;
};

/** The rules that hold, with what is left out where that means something. */
export const rulesIn = (policy: GatePolicy, environment: string | null): Partial<GatePolicy> => {
  const { id: _, description: __, environments: ___, ...rules } = policyIn(policy, environment);
  return { require_approvals: 1, expiry_minutes: EXPIRY_MINUTES, on_no_response: "reject", ...rules };
};

/** All keys in the order in which they are asked. */
export const policyKeys = Object.keys(GatePolicy.shape) as readonly (keyof GatePolicy)[];

/** What decided, whatever becomes of its file: hex SHA-256 over canonical JSON. */
export const policyDigest = (policy: GatePolicy): string => digestOf(policy);

/** A policy, or everything that is wrong with it. */
export const readGatePolicy = (
  value: unknown,
): { readonly policy: GatePolicy } | { readonly flaws: readonly Flaw[] } => {
  // A record passes over it in silence.
  const odd =
    isRecord(value) && isRecord(value.environments) && Object.hasOwn(value.environments, "__proto__");
  if (odd) return { flaws: [{ at: ["environments", "__proto__"], found: "no name", expected: ID_WORDS }] };
  const result = GatePolicy.safeParse(value);
  return result.success
    ? { policy: result.data }
    : { flaws: flawsOf(result.error.issues, value).map(explained) };
};

/** Half an hour is too short for people, a day too long for agents. */
export const EXPIRY_MINUTES = 60;

const contradictions = (policy: GatePolicy): readonly string[] => {
  const { expiry_minutes: expiry = EXPIRY_MINUTES, remind_after_minutes: remind } = policy;
  return [
    ...(remind !== undefined && remind >= expiry
      ? [`remind_after_minutes (${remind}) below expiry_minutes (${expiry})`]
      : []),
    ...((policy.require_approvals ?? 1) > 1 && policy.on_no_response === "auto_approve_if_low_risk"
      ? [
          `another on_no_response: silence is not the approval of ${policy.require_approvals} people (require_approvals)`,
        ]
      : []),
  ];
};

/** Keys that policies of other gates have, and what stands in their place here. */
const ELSEWHERE: ReadonlyMap<PropertyKey, string> = new Map([
  ["delivery", "no such key: every intent is executed once, whatever its policy"],
  ["approval_channel", "no such key: who is told of a pending intent is a setting of the ledger"],
  [
    "assurance",
    "no such key: an approval is a person's own, bound to what was shown; ask for more people with require_approvals",
  ],
]);

/** What an environment cannot change, since it is asked before the environment is looked at. */
const FIXED: ReadonlySet<PropertyKey> = new Set([
  "destinations",
  "allowed_types",
  "require_profile",
  "environments",
  "id",
  "description",
]);

const explained = (flaw: Flaw): Flaw => {
  const { meant: _, ...plain } = flaw;
  const key = flaw.at.at(-1) ?? "";
  if (flaw.found !== "an unknown key") return flaw;
  const elsewhere = ELSEWHERE.get(key);
  if (elsewhere !== undefined) return { ...plain, expected: elsewhere };
  return flaw.at.length === 3 && FIXED.has(key)
    ? { ...plain, expected: "it above, outside environments: it is asked before them" }
    : flaw;
};
