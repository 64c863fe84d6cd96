import * as z from "zod";
import { isRecord } from "../src/core/defects.js";

/** Of an object, as JSON Schema 2020-12 has it. */
export type JsonSchema = { readonly type: "object"; readonly [keyword: string]: unknown };

export const schemaOf = (schema: z.ZodObject, io: "input" | "output"): JsonSchema =>
  ({ ...z.toJSONSchema(schema, { io }), type: "object" }) as JsonSchema;

/**
 * The keywords that every provider's strict mode takes. What falls away are bounds, which such modes refuse and the tools check
 * themselves.
 */
const STRICT_KEYWORDS = new Set([
  ...["type", "description", "enum", "items"],
  ...["properties", "required", "additionalProperties"],
]);

/** As strict modes want it where a key may be left out: without bounds, and without unknown keys. */
export const unboundedSchema = (schema: JsonSchema): JsonSchema => unbounded(schema) as JsonSchema;

const unbounded = (schema: unknown): unknown => {
  if (!isRecord(schema)) return schema;
  const kept = Object.entries(schema).filter(([keyword]) => STRICT_KEYWORDS.has(keyword));
  return Object.fromEntries(kept.map(([keyword, value]) => [keyword, unboundedPart(keyword, value)]));
};

const unboundedPart = (keyword: string, value: unknown): unknown => {
  if (keyword === "items") return unbounded(value);
  if (keyword !== "properties" || !isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, unbounded(part)]));
};

/** As strict modes want it where no key may be left out: what may be, may be null instead. */
export const wholeSchema = (schema: JsonSchema): JsonSchema => {
  const { properties, required, ...rest } = unboundedSchema(schema);
  const needed = new Set(Array.isArray(required) ? required : []);
  const parts = Object.entries(isRecord(properties) ? properties : {});
  return {
    ...rest,
    type: "object",
    properties: Object.fromEntries(
      parts.map(([name, part]) => [name, needed.has(name) ? part : orNull(part)]),
    ),
    required: parts.map(([name]) => name),
  };
};

const orNull = (part: unknown): unknown => {
  if (!isRecord(part)) return part;
  const { type, enum: words } = part;
  return { ...part, type: [type, "null"], ...(Array.isArray(words) ? { enum: [...words, null] } : {}) };
};
