import type { LanguageModelV3, LanguageModelV3Content, LanguageModelV3Message } from "@ai-sdk/provider";
import type { EffectContext } from "../../effects/context.js";
import { type Answer, askModel, mostOf, spentFor } from "./model.js";
import type { ModelSetting } from "./model-setting.js";
import type { ToolDescription, ToolSetting } from "./toolbox.js";

/** Of a conversation, what one question of it takes. */
export type AskingParts = {
  readonly model: LanguageModelV3;
  readonly setting: ModelSetting;
  readonly effects: Pick<EffectContext, "effect">;
  readonly tools: readonly ToolDescription[];
  readonly toolSetting: { readonly shell: Pick<ToolSetting["shell"], "redactor"> };
  readonly signal: AbortSignal;
  /** What is said and done, for whoever reads along; nothing that an earlier life has told. */
  readonly tell: (line: string) => void;
};

/** Doing it twice costs money and nothing else; what becomes of one in doubt is `durable.paidAmbiguous`. */
const MODEL_CALL = { class: "guarded", risk: "paid" } as const;

/** One question and its answer, recorded, paid for and counted once: whatever it is about, it is told in the list of effects by `name`. */
export const ask = (
  { effects, model, setting, toolSetting, signal, tell }: Omit<AskingParts, "tools">,
  name: string,
  question: {
    readonly messages: readonly LanguageModelV3Message[];
    readonly tools: readonly ToolDescription[];
  },
): Promise<Answer> => {
  const prompt = [...question.messages];
  const tools = question.tools.map(asFunction);
  const asked = tools.length === 0 ? { prompt } : { prompt, tools };
  const atMost = mostOf(asked, setting);
  const call = { ...MODEL_CALL, input: prompt, ...(atMost === null ? {} : { atMost }) };
  return effects.effect(name, call, async ({ spend }) => {
    const { redactor } = toolSetting.shell;
    const said = await askModel(model, asked, { ...setting, signal, redactor });
    spend(spentFor(said, setting));
    tell(said.kind === "answer" ? textOf(said.content) : said.reason);
    return said;
  });
};

const asFunction = ({ name, description, inputSchema }: ToolDescription) => ({
  type: "function" as const,
  name,
  description,
  inputSchema,
});

/** Why an attempt of a model ends without a claim, in words for a person. */
export class Stuck extends Error {
  override readonly name = "Stuck";
}

export const userSays = (text: string): LanguageModelV3Message => ({
  role: "user",
  content: [{ type: "text", text }],
});

/** What is no JSON fits no tool, which then says so. */
export const parsed = (input: string): unknown => {
  try {
    return input.trim() === "" ? {} : JSON.parse(input);
  } catch {
    return input;
  }
};

type AssistantPart = Extract<LanguageModelV3Message, { role: "assistant" }>["content"][number];

/** What the model said, as it is told in the next call; what providers add to it goes back to them as it came. */
export const asSaid = (part: LanguageModelV3Content): readonly AssistantPart[] => {
  const options =
    "providerMetadata" in part && part.providerMetadata ? { providerOptions: part.providerMetadata } : {};
  if (part.type === "text" || part.type === "reasoning")
    return [{ type: part.type, text: part.text, ...options }];
  if (part.type !== "tool-call") return [];
  const { toolCallId, toolName, input } = part;
  const read = parsed(input);
  // Providers take objects alone.
  const told = typeof read === "object" && read !== null ? read : { input: read };
  return [{ type: "tool-call", toolCallId, toolName, input: told, ...options }];
};

export const textOf = (content: readonly LanguageModelV3Content[]): string =>
  content
    .flatMap((part) => (part.type === "text" ? [part.text] : []))
    .join("\n")
    .trim();
