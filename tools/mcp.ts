import type { Caller } from "../src/core/commands.js";
import { isRecord } from "../src/core/defects.js";
import type { CredentialUse } from "../src/ledger/signed.js";
import { allTools } from "./index.js";
import { refusalOf, refusalText } from "./refusal.js";
import { type JsonSchema, schemaOf } from "./schemas.js";
import { mayUse, runIdIn, type Tool } from "./tool.js";

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
export const mcpTools = (role: Caller["role"]): readonly McpTool[] => {
  const known = listedFor.get(role);
  if (known !== undefined) return known;
  const made = toolsOf(role).map(listed);
  listedFor.set(role, made);
  return made;
};

/** Made once: a server over HTTP lists them for each request, and schemas are slow to make. */
const listedFor = new Map<Caller["role"], readonly McpTool[]>();

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
export const credentialUse = (toolName: string, input: unknown): CredentialUse => {
  const runId = runIdIn(input);
  const call = { tool: toolName, ...(runId === undefined ? {} : { runId }) };
  if (allTools.some(({ name, readOnly }) => name === toolName && readOnly)) return { ...call, reads: true };
  const key = isRecord(input) ? input.idempotency_key : undefined;
  return typeof key === "string" ? { ...call, answeredKey: key } : call;
};

export const mcpAnswer = (value: Readonly<Record<string, unknown>>): McpAnswer => ({
  content: [{ type: "text", text: JSON.stringify(value) }],
  structuredContent: value,
});

/** What was refused, in words that a model can act on: code, sentence, next step. */
export const mcpRefusal = (error: unknown): McpAnswer => ({
  content: [{ type: "text", text: refusalText(refusalOf(error)) }],
  isError: true,
});
