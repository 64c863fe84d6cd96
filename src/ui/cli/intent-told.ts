import type { IntentView } from "../../index.js";
import { times } from "../../index.js";
import { statusCell, timeOf } from "./describe.js";
import { textIn } from "./intent-payload.js";
import { type Output, printLine, safe } from "./output.js";
import { type Cell, printTable } from "./table.js";
import { agoOf } from "./time-cells.js";

type Fact = readonly [name: string, value: Cell];

/** What exactly would leave the building, under which policy, and what became of it so far. */
export const printIntent = (output: Output, intent: IntentView): Promise<void> =>
  printTable(output, {
    rows: intentFacts(intent, agoOf),
    empty: "",
    wrap: true,
  });

/** Everything that is known of it, each thing under its name; what it does not have is left out. `ago` says how long ago a time was. */
export const intentFacts = (intent: IntentView, ago: (iso: string) => string): readonly Fact[] => [
  ...askedFacts(intent, ago),
  ...termsFacts(intent),
  ...decidedFacts(intent),
  ...executedFacts(intent),
];

const fact = (name: string, value: string | number | null): readonly Fact[] =>
  value === null || value === "" ? [] : [[name, String(value)]];

const askedFacts = (intent: IntentView, ago: (iso: string) => string): readonly Fact[] => {
  const { intentId, status, message, destination, payload, contentHash, proposedBy, proposedAt } = intent;
  return [
    ["intent", intentId],
    ["status", statusCell(status)],
    ["means", message],
    ["destination", destination],
    ...fact("action", intent.action),
    ["payload", `${payload.type}, ${payload.bytes} bytes, SHA-256 ${payload.digest}`],
    ["content hash", contentHash],
    ["asked by", `${proposedBy.name} (${proposedBy.role}), ${ago(proposedAt)}`],
    ...fact("in the name of", intent.onBehalfOf),
  ];
};

const termsFacts = (intent: IntentView): readonly Fact[] => {
  const { recordCount, valueUsd, sideEffectKey, scope, tags, metadata, idempotent } = intent;
  return [
    ...fact("records", recordCount),
    ...fact("value", valueUsd === null ? null : `$${valueUsd}`),
    ["key", sideEffectKey ?? "none: each such proposal is another one"],
    ...fact("scope", scope),
    ...fact("tags", tags.join(", ")),
    ...fact("metadata", Object.keys(metadata).length === 0 ? null : JSON.stringify(metadata)),
    ...(idempotent ? fact("twice", "the other side takes two executions under its key for one") : []),
  ];
};

const decidedFacts = ({ policy, approvalsNeeded, votes, expiresAt }: IntentView): readonly Fact[] => {
  const { id, digest, reason, detail, environment, risk } = policy;
  const approvals = votes.filter(({ decision }) => decision === "approve").length;
  return [
    ["policy", `${id}, ${digest === null ? "which is not there" : `SHA-256 ${digest}`}`],
    ...fact("environment", environment),
    ...fact("risk", risk),
    ...(reason === null ? [] : fact("reason", `${reason}: ${detail ?? ""}`)),
    ...(approvalsNeeded === 0 ? [] : fact("approvals", `${approvals} of ${approvalsNeeded}`)),
    ...votes.flatMap((vote) => fact(vote.decision, voteWords(vote))),
    ...(expiresAt === null ? [] : fact("expires", timeOf(expiresAt))),
  ];
};

const voteWords = ({ by, at, reason, onBehalfOf }: IntentView["votes"][number]): string => {
  const whose = onBehalfOf === null ? by.name : `${by.name} for ${onBehalfOf}`;
  return `${whose} at ${timeOf(at)}${reason === "" ? "" : `: ${reason}`}`;
};

const executedFacts = ({ execution, report, first, result }: IntentView): readonly Fact[] => [
  ...(execution === null ? [] : fact("order", orderWords(execution))),
  ...(report === null
    ? []
    : fact(
        "report",
        `${report.status}${report.error === "" ? "" : `: ${report.error}`}, by ${report.by.name}`,
      )),
  ...(first === null
    ? []
    : fact(
        "first",
        `${first.intentId} has its key, with ${first.samePayload ? "the same" : "ANOTHER"} payload`,
      )),
  ...fact("result", result === null ? null : JSON.stringify(result)),
];

const orderWords = ({ executionId, attempt, by, expiresAt }: NonNullable<IntentView["execution"]>): string =>
  `${executionId}, fetched ${times(attempt)}, last by ${by.name}, until ${timeOf(expiresAt)}`;

/** Its lines stand behind a bar, so that none of them is taken for one of ours. Undefined is one that is not kept any more. */
export const printPayload = (
  output: Output,
  bytes: Uint8Array | undefined,
  chars = Number.POSITIVE_INFINITY,
): void => {
  const kept = textIn(bytes);
  if (kept === null) {
    printLine(output, bytes === undefined ? "The payload is not kept any more." : "The payload is no text.");
    return;
  }
  // Before its beginning is shown: half of a secret is not found any more.
  const text = output.redact(kept);
  for (const line of safe(text.slice(0, chars)).split("\n")) printLine(output, `| ${line}`);
  if (text.length > chars) printLine(output, `… and ${text.length - chars} characters more`);
};
