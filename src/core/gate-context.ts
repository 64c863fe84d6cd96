import type { PolicyDecision } from "./gate-policy/decision.js";
import type { GateFacts, IntentFacts } from "./gate-policy/facts.js";
import type { Intent } from "./intents.js";
import type { Mandate } from "./mandates.js";

/** What a policy says, with the digest of the whole of it; null where nothing could be asked. */
export type PolicyAnswer = PolicyDecision & { readonly digest: string | null };

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
  /** What people gave: read for answers alone. */
  readonly mandates: readonly Mandate[];
  /** Who has the key that is asked for; null where it is free. Its intent is null where nobody can read it any more. */
  readonly held: { readonly runId: string; readonly seq: number; readonly intent: Intent | null } | null;
};
