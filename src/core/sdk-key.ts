import * as z from "zod";
import * as limit from "./limits.js";
import { foldedName, isReservedName, isTerminalName } from "./names.js";
import { closed, ID, listOf, textOf } from "./wire.js";

/** An agent proposes, executes and records; an approver answers. Nobody is both under one name. */
const sdkKeyKinds = ["agent", "approver"] as const;
export type SdkKeyKind = (typeof sdkKeyKinds)[number];

/** A name as it is, or with `*` at its end for all that begin so. */
const Pattern = textOf(limit.SDK_PATTERN_CHARS).refine(
  (text) => !text.slice(0, -1).includes("*"),
  'a name, or the beginning of names with "*" behind it',
);

/** What a key is, without its secret. Null opens everything of that sort, and forever. */
export const SdkKey = closed({
  id: z.string().regex(ID).max(limit.ID_CHARS),
  kind: z.enum(sdkKeyKinds),
  /** Whom it speaks for: the agent of its proposals, or whoever approves. */
  name: textOf(limit.CALLER_NAME_CHARS),
  /** Runs are of a session; approvers serve all. */
  sessionKey: textOf(limit.SESSION_KEY_CHARS),
  destinations: listOf(Pattern, limit.SDK_PATTERNS_MAX, 1).nullable(),
  policies: listOf(Pattern, limit.SDK_PATTERNS_MAX, 1).nullable(),
  createdAt: z.iso.datetime(),
  createdBy: z.string(),
  expiresAt: z.iso.datetime().nullable(),
  revokedAt: z.iso.datetime().nullable(),
  revokedBy: z.string().nullable(),
});
export type SdkKey = Readonly<z.infer<typeof SdkKey>>;

export type SdkKeyState = "active" | "expired" | "revoked";

export const stateOfSdkKey = ({ revokedAt, expiresAt }: SdkKey, now: string): SdkKeyState => {
  if (revokedAt !== null) return "revoked";
  return expiresAt !== null && Date.parse(expiresAt) <= Date.parse(now) ? "expired" : "active";
};

/** Whether a limit opens that name. What has no name is opened by no limit. */
export const isWithin = (patterns: readonly string[] | null, name: string | null): boolean => {
  if (patterns === null) return true;
  if (name === null) return false;
  return patterns.some((one) => (one.endsWith("*") ? name.startsWith(one.slice(0, -1)) : name === one));
};

/** Why nobody may be called so beside those who are; undefined when they may. */
export const nameProblem = (
  { name, kind }: Pick<SdkKey, "name" | "kind">,
  others: readonly Pick<SdkKey, "name" | "kind">[],
): string | undefined => {
  if (isReservedName(name)) return `"${name}" is reserved for the orchestrator.`;
  if (isTerminalName(name)) return `"${name}" is how whoever answers at the terminal is called.`;
  // Ended ones count: what they proposed may still wait for its answer.
  const same = others.filter((one) => foldedName(one.name) === foldedName(name));
  const other = same.find((one) => one.kind !== kind);
  if (other !== undefined) return `"${name}" is the name of an ${other.kind} already, and nobody is both.`;
  // A standing approval is for both spellings, and limits of policies count each for itself.
  const spelled = same.find((one) => one.name !== name)?.name;
  return same.some((one) => one.name === name) || spelled === undefined
    ? undefined
    : `"${name}" is another spelling of "${spelled}", and would be somebody else.`;
};

/** `rl_sk_`, which key it is, and its secret: 32 bytes in base64url. */
const TEXT = /^rl_sk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

export const sdkKeyText = (id: string, secret: string): string => `rl_sk_${id}_${secret}`;

/** Undefined for what is no key of ours. */
export const sdkKeyIn = (text: string): { readonly id: string; readonly secret: string } | undefined => {
  const [, id, secret] = TEXT.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
};
