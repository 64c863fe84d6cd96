import * as z from "zod";
import type { Caller } from "../src/core/commands.js";
import { isRecord } from "../src/core/defects.js";
import { errorKinds, isLedgerError } from "../src/core/errors.js";
import type { CredentialUse } from "../src/ledger/signed.js";
import { allTools } from "./index.js";
import { mayUse, type Tool } from "./tool.js";

/** A tool as the Model Context Protocol lists it. */
export type McpTool = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema;
  readonly annotations: {
    readonly readOnlyHint: boolean;
    readonly destructiveHint: boolean;
    readonly idempotentHint: boolean;
    readonly openWorldHint: boolean;
  };
};

type JsonSchema = { readonly type: "object"; readonly [keyword: string]: unknown };

/**
 * What a call answers: the same facts twice, since some clients show their model only the one and some only the other. A refusal has
 * words alone: many clients hold what is structured to the tool's output schema, and would show their model that it does not fit.
 */
export type McpAnswer = {
  readonly content: readonly { readonly type: "text"; readonly text: string }[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: true;
};

/** What a caller of this role sees; the tools of other roles are neither listed nor callable. */
export const mcpTools = (role: Caller["role"]): readonly McpTool[] => toolsOf(role).map(listed);

const toolsOf = (role: Caller["role"]): readonly Tool[] => allTools.filter((tool) => mayUse(tool, { role }));

const listed = (tool: Tool): McpTool => ({
  name: tool.name,
  title: tool.title,
  description: tool.description,
  inputSchema: schemaOf(tool.input, "input"),
  outputSchema: schemaOf(tool.output, "output"),
  annotations: {
    readOnlyHint: tool.readOnly,
    // It may give work up for good.
    destructiveHint: tool.name === "run_apply_policy",
    // Without a key of its own a second call of that one makes a second run.
    idempotentHint: tool.name !== "run_create",
    openWorldHint: false,
  },
});

const schemaOf = (schema: z.ZodObject, io: "input" | "output"): JsonSchema =>
  ({ ...z.toJSONSchema(schema, { io }), type: "object" }) as JsonSchema;

/** Done once, however often it is sent: a call that changes something gets a key where its caller gave none. */
export const withKey = (toolName: string, input: unknown, key: string): unknown => {
  const takesKey = allTools.some(
    ({ name, input: { shape } }) => name === toolName && "idempotency_key" in shape,
  );
  return takesKey && isRecord(input) && input.idempotency_key === undefined
    ? { ...input, idempotency_key: key }
    : input;
};

/** For `openCredential`: whoever worked on an attempt may read on when it is over, and hear an answer that got lost. */
export const credentialUse = (toolName: string, input: unknown): CredentialUse | undefined => {
  if (allTools.some(({ name, readOnly }) => name === toolName && readOnly)) return { reads: true };
  const key = isRecord(input) ? input.idempotency_key : undefined;
  return typeof key === "string" ? { answeredKey: key } : undefined;
};

export const mcpAnswer = (value: Readonly<Record<string, unknown>>): McpAnswer => ({
  content: [{ type: "text", text: JSON.stringify(value) }],
  structuredContent: value,
});

/** What was refused, in words that a model can act on: code, sentence, next step. */
export const mcpRefusal = (error: unknown): McpAnswer => {
  const told = tellable(error);
  const { code, message, hint } = told;
  const text = `error [${code}]: ${message}\nNext: ${hint}${defectLines(told.details)}`;
  return { content: [{ type: "text", text }], isError: true };
};

const READ = "Call run_read: it tells where the run and each step stand.";
const MEND = "Mend the input and call again.";

type Told = {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly details?: Readonly<Record<string, unknown>>;
};

const tellable = (error: unknown): Told => {
  if (!isLedgerError(error))
    return {
      code: "unexpected",
      message: error instanceof Error ? error.message : String(error),
      hint: READ,
    };
  return { hint: errorKinds[error.code] === "usage" ? MEND : READ, ...error.toJSON() };
};

/** All defects of a plan at once, each with its place. */
const defectLines = (details: Told["details"]): string => {
  const defects = Array.isArray(details?.defects) ? details.defects : [];
  return defects
    .filter(isRecord)
    .map(({ path, found, expected }) => `\n- ${path}: found ${found}, expected ${expected}`)
    .join("");
};
