import type { Caller } from "../src/core/commands.js";
import { isRecord } from "../src/core/defects.js";
import { LedgerError } from "../src/core/errors.js";
import type { Redactor } from "../src/core/redact.js";
import type { NoteRefusal } from "../src/ledger/refusals.js";
import type { ToolName, ToolResults } from "./index.js";
import { type Refusal, refusalOf, refusalText } from "./refusal.js";
import { type JsonSchema, schemaOf, unboundedSchema, wholeSchema } from "./schemas.js";
import { type BoundTool, callByName } from "./tool.js";

/** What every format of a provider is made from. */
export type ToolAbout<N extends string = string> = {
  readonly name: N;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
};

/** OpenAI, Chat Completions. */
export type OpenAiChatTool = {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description: string;
    readonly parameters: JsonSchema;
    readonly strict: true;
  };
};

/** OpenAI, Responses. */
export type OpenAiResponsesTool = { readonly type: "function" } & OpenAiChatTool["function"];

/** Anthropic, Messages. Its schemas fit `strict: true`, which the host adds for models that know it. */
export type AnthropicTool = {
  readonly name: string;
  readonly description: string;
  readonly input_schema: JsonSchema;
};

/** What a call came to; `text` is what its model is to be told. */
export type ToolAnswer<N extends ToolName = ToolName> =
  | {
      readonly [K in N]: {
        readonly ok: true;
        readonly name: K;
        readonly value: ToolResults[K];
        readonly text: string;
      };
    }[N]
  | { readonly ok: false; readonly name: string; readonly error: Refusal; readonly text: string };

/** The tools of one caller for a model's loop that somebody else runs. */
export interface ToolKit<N extends ToolName = ToolName> {
  readonly tools: readonly ToolAbout<N>[];
  readonly openaiChat: readonly OpenAiChatTool[];
  readonly openaiResponses: readonly OpenAiResponsesTool[];
  readonly anthropic: readonly AnthropicTool[];
  /**
   * Does what the model asks for. The arguments come as its provider gives them: an object, or its JSON; null stands for a key
   * that is left out. Never rejects: what is refused is an answer, and secrets are taken out of both.
   */
  call(name: string, given: unknown): Promise<ToolAnswer<N>>;
}

type Options = {
  /** The tools that there are, for what is said of them. */
  readonly listed: readonly BoundTool[];
  /** Of the caller as it is when that tool is called with that input. */
  readonly callerNow: (
    name: string,
    input: unknown,
  ) => Promise<{
    readonly caller: Caller;
    readonly tools: readonly BoundTool[];
  }>;
  readonly noteRefusal: NoteRefusal;
  readonly redactor: Pick<Redactor, "deep">;
};

export const toolKit = ({ listed, callerNow, noteRefusal, redactor }: Options): ToolKit => {
  const tools = listed.map(aboutOf);
  const chat = tools.map(openaiChatTool);
  return {
    tools,
    openaiChat: chat,
    openaiResponses: chat.map((tool) => ({ type: "function", ...tool.function })),
    anthropic: tools.map(({ name, description, inputSchema }) => ({
      name,
      description,
      input_schema: unboundedSchema(inputSchema),
    })),
    call: async (name, given) => {
      try {
        const input = argumentsIn(name, given);
        const { caller, tools: own } = await callerNow(name, input);
        const value = redactor.deep(await callByName(own, caller, { name, input }, noteRefusal));
        // Its output schema has been held against it, under this very name.
        return { ok: true, name, value, text: JSON.stringify(value) } as ToolAnswer;
      } catch (cause) {
        const error = redactor.deep(refusalOf(cause));
        return { ok: false, name, error, text: refusalText(error) };
      }
    },
  };
};

const aboutOf = ({ name, title, description, input }: BoundTool): ToolAbout<ToolName> => ({
  name: name as ToolName,
  title,
  description,
  inputSchema: schemaOf(input, "input"),
});

const openaiChatTool = ({ name, description, inputSchema }: ToolAbout): OpenAiChatTool => ({
  type: "function",
  function: { name, description, parameters: wholeSchema(inputSchema), strict: true },
});

const argumentsIn = (name: string, given: unknown): unknown => {
  const input = typeof given === "string" ? parsed(name, given) : given;
  if (!isRecord(input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
};

const parsed = (name: string, text: string): unknown => {
  try {
    // Providers say nothing at all for a call without arguments.
    return text.trim() === "" ? {} : JSON.parse(text);
  } catch (cause) {
    throw new LedgerError("parse_failed", `The arguments of ${name} are not JSON.`, { cause });
  }
};
