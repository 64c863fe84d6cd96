import type { RiskLevel } from "./decision.js";
import type { IntentFacts } from "./facts.js";
import { PersonalData, personalDataIn } from "./personal-data.js";
import { viewsOf } from "./views.js";

/** How much would be lost if this intent were wrong: shown to whoever approves, and what silence may approve. */
export const riskOf = ({ destination, recordCount, valueUsd, tags, payload }: IntentFacts): RiskLevel => {
  const points =
    (MONEY.test(destination) ? 35 : 15) +
    pointsAbove(recordCount, [100, 10], [1_000, 20], [10_000, 30]) +
    pointsAbove(valueUsd, [0, 5], [1_000, 15], [10_000, 25]) +
    tagPoints(tags) +
    contentPoints(payload.text);
  if (points >= 75) return "critical";
  if (points >= 50) return "high";
  return points >= 25 ? "medium" : "low";
};

const MONEY =
  /(?:^|[^a-z])(?:stripe|paypal|adyen|braintree|quickbooks|netsuite|xero|sap|payroll|payments?|payouts?|refunds?|charges?|invoices?|wire|ach|sepa|bank|transfers?|finance|billing|wallet)(?:$|[^a-z])/i;

/** What is not known is as much as the first step; nobody lowers a risk by saying less. */
const pointsAbove = (value: number | null, ...steps: readonly (readonly [number, number])[]): number => {
  if (value === null) return steps[0]?.[1] ?? 0;
  return steps.findLast(([above]) => value > above)?.[1] ?? 0;
};

const tagPoints = (tags: readonly string[]): number => {
  const said = new Set(tags.map((tag) => tag.trim().toLowerCase()));
  if (said.has("financial") || said.has("legal")) return 20;
  return said.has("pii") || said.has("health") ? 15 : 0;
};

const contentPoints = (text: string | null): number => {
  const views = text === null ? null : viewsOf(text);
  const sensitive =
    views === null ||
    personalDataIn(PersonalData.options, views) !== undefined ||
    views.some((view) => SENSITIVE.test(view));
  return sensitive ? 15 : 0;
};

const SENSITIVE =
  /\b(?:ssn|passport|credit.?card|social.?security|iban|swift|cvv|account.?number|date.?of.?birth|dob|diagnos\w*|medical|password|api.?key)\b/i;
