import * as z from "zod";
import type { IntentView } from "../src/core/gate-calls.js";
import { intentStatuses } from "../src/core/intents.js";

/** An intent as its agent is told. No content hash: nothing that an approval needs. */
export const IntentTold = z.object({
  run_id: z.string(),
  intent_id: z.string(),
  status: z.enum(intentStatuses),
  executed: z.boolean(),
  message: z.string(),
  destination: z.string(),
  side_effect_key: z.string().nullable(),
  reason: z.string().nullable(),
  expires_at: z.string().nullable(),
  first_intent_id: z.string().nullable(),
  /** As JSON text; null where there is none. */
  result_json: z.string().nullable(),
});

export const intentTold = (view: IntentView): z.input<typeof IntentTold> => ({
  run_id: view.runId,
  intent_id: view.intentId,
  status: view.status,
  executed: view.executed,
  message: view.message,
  destination: view.destination,
  side_effect_key: view.sideEffectKey,
  reason: view.policy.detail,
  expires_at: view.expiresAt,
  first_intent_id: view.first?.intentId ?? null,
  result_json: view.result === null ? null : JSON.stringify(view.result),
});
