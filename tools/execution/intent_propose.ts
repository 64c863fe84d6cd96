import * as z from "zod";
import * as limit from "../../src/core/limits.js";
import { someText } from "../../src/core/shapes.js";
import { closed, textOf } from "../../src/core/wire.js";
import { proposeTo } from "../../src/ledger/proposing.js";
import { shownOf } from "../../src/ledger/shown-intent.js";
import { IntentTold, intentTold } from "../intent-views.js";
import { defineTool } from "../tool.js";

const word = textOf(limit.INTENT_NAME_CHARS);

export const intentPropose = defineTool({
  name: "intent_propose",
  title: "Ask to do something outside",
  role: "execution",
  readOnly: false,
  description:
    "Ask leave for an effect outside of the project, such as a payment, a message or an import. A policy or a person decides; nothing is executed by this call. The same idempotency_key is the same effect: it happens once.",
  input: closed({
    run_id: someText,
    destination: word.describe("Where it goes, as the policy names it, such as salesforce.import."),
    policy: word.describe("The policy that decides; one that is not there blocks."),
    payload: textOf(limit.INTENT_PAYLOAD_BYTES).describe(
      "The whole text that is to leave, exactly as it is to be executed. No path: nothing is read.",
    ),
    payload_type: word.optional().describe("Its kind, such as text, json or csv; text when left out."),
    idempotency_key: textOf(limit.EFFECT_KEY_CHARS).describe(
      "The name of this one effect, such as batch-2026-03-22; with the destination it is used once in the whole ledger.",
    ),
    action: word.optional().describe("What is done there, such as create or refund."),
    record_count: z.number().optional().describe("How many records it is about."),
    value_usd: z.number().optional().describe("What it is worth in US dollars."),
  }),
  output: IntentTold,
  handle: async (input, caller, { ledger, duties }) => {
    const { run_id: runId, payload, payload_type: type = "text", idempotency_key: idempotencyKey } = input;
    const { destination, policy, action, record_count: recordCount, value_usd: valueUsd } = input;
    const intent = await proposeTo(ledger, duties, caller, {
      ...{ runId, destination, policy, idempotencyKey, payload: { type, text: payload } },
      ...{ action: action ?? null, recordCount: recordCount ?? null, valueUsd: valueUsd ?? null },
    });
    return intentTold(await shownOf(ledger, intent));
  },
});
