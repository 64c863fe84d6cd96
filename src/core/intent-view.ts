import type { ExecutionView, IntentView } from "./gate-calls.js";
import { intentMessage } from "./intent-words.js";
import { type Intent, type Order, runOfIntent, sideEffectKey } from "./intents.js";

/** What is known now of the one that has the key of a skipped intent. */
export type FirstNow = Pick<Intent, "status" | "report" | "content"> | null;

export const intentView = (intent: Intent, at: string, first: FirstNow): IntentView => {
  const { intentId, status, content, policy, order, report, contentHash, approvalsNeeded } = intent;
  const { payload, idempotencyKey: _key, expiresInMs: _wait, policy: policyId, tags, ...said } = content;
  const firstTold = firstOf(intent, first);
  return {
    ...{ intentId, runId: runOfIntent(intentId) ?? "", status, message: intentMessage(intent, at) },
    ...{ executed: status === "succeeded", sideEffectKey: sideEffectKey(content), contentHash },
    ...said,
    tags: [...tags],
    payload: { ...payload },
    ...{ proposedBy: intent.by, proposedAt: intent.at, expiresAt: intent.expiresAt, approvalsNeeded },
    policy: policy ?? {
      id: policyId,
      digest: null,
      reason: null,
      detail: null,
      environment: null,
      risk: null,
    },
    votes: intent.votes.map(({ contentHash: _, ...vote }) => vote),
    execution: order === null ? null : executionOf(order),
    report:
      report === null
        ? null
        : {
            ...{ status: report.outcome, result: jsonOf(report.result), error: report.error },
            ...{ by: report.by, at: report.at },
          },
    first: firstTold,
    result: firstTold === null ? jsonOf(report?.result ?? null) : firstTold.result,
  };
};

const executionOf = ({ executionId, attempt, by, at, expiresAt }: Order) => ({
  ...{ executionId, attempt, by, orderedAt: at, expiresAt },
});

const firstOf = ({ first, content }: Intent, now: FirstNow): IntentView["first"] => {
  if (first === null) return null;
  const { intentId, runId, seq } = first;
  return {
    ...{ intentId, runId, seq, status: now?.status ?? first.status },
    result: jsonOf(now === null ? first.result : (now.report?.result ?? null)),
    samePayload: now?.content.payload.digest === content.payload.digest,
  };
};

/** It was made here from a value, so it is JSON. */
const jsonOf = (text: string | null): IntentView["result"] => (text === null ? null : JSON.parse(text));

/** For whoever is to do nothing, or nothing more. */
export const endedExecution = (
  view: IntentView,
  { inDoubt, message = view.message }: { readonly inDoubt: boolean; readonly message?: string },
): ExecutionView => {
  const { intentId, runId, status, executed, destination, action, sideEffectKey: key, execution } = view;
  return {
    executionId: execution?.executionId ?? null,
    ...{ intentId, runId, status, message, executed, inDoubt, attempt: execution?.attempt ?? null },
    ...{ destination, action, sideEffectKey: key, payload: null, executionToken: null },
    ...{ orderedAt: execution?.orderedAt ?? null, expiresAt: execution?.expiresAt ?? null },
    result: view.result,
  };
};
