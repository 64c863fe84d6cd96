import { because } from "./because.js";
import { quoted } from "./defects.js";
import { type Intent, isExpired } from "./intents.js";

/** What became of an intent, so plainly that no model takes what was asked for as done. */
export const intentMessage = (intent: Intent, at: string): string => {
  const { status, endReason, policy, approvalsNeeded, votes, order, expiresAt } = intent;
  if (isExpired(intent, at))
    return `Nobody answered until ${expiresAt}. It was NOT executed, and will not be.`;
  switch (status) {
    case "blocked":
      return `The policy ${quoted(policy?.id ?? "")} blocks it${because(endReason)} It was NOT executed, and will not be.`;
    case "pending_approval": {
      const missing = approvalsNeeded - votes.length;
      return `It waits for ${missing === 1 ? "the approval of a person" : `the approval of ${missing} people`}. It was NOT executed.`;
    }
    case "approved":
      return "It is allowed. It was NOT executed yet.";
    case "ordered":
      return `"${order?.by.name}" may be executing it until ${order?.expiresAt}. Nobody has said yet whether it happened; do NOT do it again.`;
    case "succeeded":
      return "It was executed once.";
    case "failed":
      return `It was NOT executed${because(endReason)}`;
    case "unknown":
      return `Nobody knows whether it was executed${because(endReason)} A person finds out; do NOT do it again.`;
    case "denied":
      return `It was denied${because(endReason)} It was NOT executed, and will not be.`;
    case "expired":
      return `${endReason} It was NOT executed, and will not be.`;
    case "cancelled":
      return `It was cancelled${because(endReason)} It was NOT executed, and will not be.`;
    case "skipped":
      if (isAmbiguous(intent))
        return "Its key is taken, and nobody can say any more for which destination: this one has a colon, so its name with the key may read like that of another. It was NOT executed, and will not be.";
      return "Another intent has the same key, so this one was NOT executed, and will not be: what came of that one is its answer.";
  }
};

/** What has its key is no intent that can be read: `a:b` with `c` and `a` with `b:c` are one name (`fit-keys.ts`). */
const isAmbiguous = ({ first, content }: Intent): boolean =>
  first?.status === null && content.destination.includes(":");
