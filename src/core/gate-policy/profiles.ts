import * as z from "zod";

/** Typed actions: what an intent says of itself in its metadata, for people to read and for policies to ask for. */
export const ActionProfile = z.enum([
  "email.send.v1",
  "crm.import.v1",
  "payment.refund.v1",
  "finance.journal.v1",
  "support.reply.v1",
  "social.publish.v1",
]);
export type ActionProfile = z.infer<typeof ActionProfile>;

/** What `metadata` lacks of the profile that it must name as `profile`; undefined when it is whole. */
export const profileProblem = (
  profile: ActionProfile,
  metadata: Readonly<Record<string, unknown>>,
): string | undefined => {
  if (own(metadata, "profile") !== profile) return `metadata.profile is not "${profile}"`;
  const missing = fields[profile].filter((name) => !says(own(metadata, name)));
  return missing.length === 0 ? undefined : `metadata lacks ${missing.join(", ")}`;
};

const fields: { readonly [P in ActionProfile]: readonly string[] } = {
  "email.send.v1": ["to", "subject"],
  "crm.import.v1": ["object_type", "record_count"],
  "payment.refund.v1": ["amount_usd", "reason"],
  "finance.journal.v1": ["account", "amount_usd", "memo"],
  "support.reply.v1": ["ticket_id", "body"],
  "social.publish.v1": ["platform", "body"],
};

const own = (metadata: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(metadata, name) ? metadata[name] : undefined;

const says = (value: unknown): boolean =>
  typeof value === "string" ? value.trim() !== "" : typeof value === "number" && Number.isFinite(value);
