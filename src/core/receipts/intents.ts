import { type Intent, isOwnIntent } from "../intents.js";
import type { Run } from "../run.js";
import type { RunReceipt } from "./verify.js";

/** As for effects. */
const LISTED = 10_000;

/** What needed leave in this run; that of a fork's past is told by the run it comes from. Payloads and results stay here. */
export const intentsOf = (run: Run): RunReceipt["intents"] => {
  const own = run.intents.filter((intent) => isOwnIntent(run, intent));
  return { listed: own.slice(0, LISTED).map(told), more: Math.max(0, own.length - LISTED) };
};

const told = (intent: Intent): RunReceipt["intents"]["listed"][number] => {
  const { intentId: id, seq, by, content, contentHash, policy, approvalsNeeded, votes, status } = intent;
  return {
    ...{ id, seq, by, destination: content.destination, key: content.idempotencyKey, contentHash },
    policy: policy && { id: policy.id, digest: policy.digest, reason: policy.reason },
    approvalsNeeded,
    votes: votes.map(({ by: voter, onBehalfOf, decision, at, contentHash: bound }) => ({
      ...{ by: voter, onBehalfOf, decision, at, bound },
    })),
    ...{ status, reportedBy: intent.report?.by ?? null },
  };
};
