import { GatePolicy } from "../core/gate-policy/schema.js";
import { jsonSchemaOf } from "./kinds.js";

/** JSON Schema of a policy's file, for editors. Terms, patterns and what contradicts itself are checked by `policy check` alone. */
export const policyJsonSchema = (): Readonly<Record<string, unknown>> => ({
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "RunLedger gate policy",
  description: "What becomes of an intent that names this policy. The keys are asked in this order.",
  ...jsonSchemaOf(GatePolicy),
});
