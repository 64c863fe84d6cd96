import type { GateFacts, IntentFacts } from "../../../src/core/gate-policy/facts.js";

/** An intent that nothing is wrong with, and what is different about it. */
export const intentOf = ({
  text = "name,mail\nAda,ada\n",
  type = "csv",
  ...rest
}: Partial<Omit<IntentFacts, "payload">> & {
  readonly text?: string | null;
  readonly type?: string;
} = {}): IntentFacts => ({
  destination: "salesforce.import",
  agentId: "importer",
  environment: null,
  payload: { type, text, digest: "0".repeat(64), bytes: text?.length ?? 0 },
  recordCount: 10,
  valueUsd: 0,
  action: null,
  scope: null,
  tags: [],
  metadata: {},
  ...rest,
});

export const quiet: GateFacts = { proposalsLastHour: 0, proposalsLastDay: 0 };
