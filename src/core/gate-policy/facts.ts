/** What a policy may look at. What is not here cannot influence a decision. */
export type IntentFacts = {
  readonly destination: string;
  /** From the credential, never from the request. */
  readonly agentId: string;
  /** From the ledger's settings (`gate.environment`), never from the request. */
  readonly environment: string | null;
  readonly payload: {
    /** A file's extension or `text`, `json`; letter case and a leading dot make no difference. */
    readonly type: string;
    /** null: it cannot be read, so whatever asks about content blocks. */
    readonly text: string | null;
    readonly digest: string;
    readonly bytes: number;
  };
  /** What the proposer says; a negative or fractional count, or one that is no number, blocks. */
  readonly recordCount: number | null;
  /** US dollars, cents allowed; a negative value, or one that is no number, blocks. */
  readonly valueUsd: number | null;
  readonly action: string | null;
  readonly scope: string | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
};

/** Intents of this agent before this one that were not blocked, in the sliding hour and day; from the ledger. */
export type GateFacts = { readonly proposalsLastHour: number; readonly proposalsLastDay: number };
