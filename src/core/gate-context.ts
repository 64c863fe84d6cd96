import type { Intent } from "./intents.js";

/** What a policy may look at. Everything that is not here cannot influence a decision. */
export type IntentFacts = {
  readonly destination: string;
  /** From the credential, never from the request. */
  readonly agentId: string;
  /** From the ledger's settings, never from the request. */
  readonly environment: string | null;
  readonly payload: {
    readonly type: string;
    /** Null: it cannot be read as text. */
    readonly text: string | null;
    readonly digest: string;
    readonly bytes: number;
  };
  readonly recordCount: number | null;
  readonly valueUsd: number | null;
  readonly action: string | null;
  readonly scope: string | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
};

/** Proposals of this agent in all runs of the ledger; blocked and skipped ones do not count. */
export type GateFacts = { readonly proposalsLastHour: number; readonly proposalsLastDay: number };

export type PolicyAnswer = {
  readonly outcome: "approved" | "pending" | "blocked";
  readonly reason: string;
  readonly detail: string;
  readonly approvalsNeeded: number;
  readonly expiresAfterMs: number;
  readonly onNoResponse: string;
  readonly remindAfterMs: number | null;
  readonly risk: string | null;
  /** Of the whole policy; null where there is none of that name. */
  readonly digest: string | null;
};

/** The gate of this ledger, as its settings and policies are now. */
export type GateRules = {
  readonly environment: string | null;
  /** Asks the policy of that name; one that is not there blocks. */
  readonly ask: (policy: string, intent: IntentFacts, facts: GateFacts) => PolicyAnswer;
};

/** What the ledger knows beyond the run of an intent. */
export type GateContext = {
  readonly ledgerId: string;
  readonly facts: GateFacts;
  /** Who has the key that is asked for; null where it is free. Its intent is null where nobody can read it any more. */
  readonly held: { readonly runId: string; readonly seq: number; readonly intent: Intent | null } | null;
};
