import type {
  LanguageModelV3,
  LanguageModelV3Content,
  LanguageModelV3Message,
  LanguageModelV3ToolCall,
} from "@ai-sdk/provider";
import type { EffectContext } from "../../effects/context.js";
import type { AgentTask } from "../agent.js";
import { type Answer, askModel, type ModelSetting, mostOf, spentFor } from "./model.js";
import { SYSTEM, taskText } from "./prompt.js";
import { CUT_OFF, callTool, type ToolDescription, type ToolSetting } from "./toolbox.js";

export type ConversationParts = {
  readonly task: AgentTask;
  readonly model: LanguageModelV3;
  readonly setting: ModelSetting;
  readonly effects: Pick<EffectContext, "effect">;
  readonly tools: readonly ToolDescription[];
  readonly toolSetting: Omit<ToolSetting, "cutOff">;
  readonly signal: AbortSignal;
  /** What is said and done, for whoever reads along; nothing that an earlier life has told. */
  readonly tell: (line: string) => void;
  /** Absent: it works on its step. */
  readonly errand?: Errand;
};

/** Other work than that of a step: what is told, and which answers end it. */
export type Errand = {
  readonly system: string;
  readonly text: string;
  /** What an answer without a call comes to: a result, or why it is none. */
  readonly judge: (claim: string) => Promise<{ readonly result: string } | { readonly refused: string }>;
  /** Said with why it was refused. */
  readonly again: string;
  /** So often it may answer again. */
  readonly retries: number;
};

type Said = Extract<Answer, { kind: "answer" }>;

/** Why an attempt of a model ends without a claim, in words for a person. */
export class Stuck extends Error {
  override readonly name = "Stuck";
}

/** A step that takes more calls of a model than this goes in circles. */
const TURNS_MAX = 200;
/** About 250,000 tokens, which most models do not take, and which are paid for with each call that sends them again. */
const CONVERSATION_CHARS = 1_000_000;
/** Doing it twice costs money and nothing else; what becomes of one in doubt is `durable.paidAmbiguous`. */
const MODEL_CALL = { class: "guarded", risk: "paid" } as const;

/**
 * Asks the model and does what it asks for, until it says that it is done: then that is the claim. Every message is made of
 * what was recorded, so that a later life of the attempt comes by the same ones, and neither asks nor does anything again.
 */
export const converse = async (parts: ConversationParts): Promise<string> => {
  const { effects, task, errand } = parts;
  // Notes of the run and these words may have changed by the next life.
  const opening = await effects.effect("prompt", { class: "pure" }, () => ({
    ...{ GO_ON, CUT_OFF },
    SYSTEM: errand?.system ?? SYSTEM,
    task: errand?.text ?? taskText(task),
  }));
  let refused = 0;
  const messages: LanguageModelV3Message[] = [
    { role: "system", content: opening.SYSTEM },
    userSays(opening.task),
  ];
  for (let turn = 0; turn < TURNS_MAX; turn += 1) {
    const answer = await ask(parts, messages);
    messages.push({ role: "assistant", content: answer.content.flatMap(asSaid) });
    const calls = answer.content.filter((part) => part.type === "tool-call");
    if (calls.length > 0) {
      // It was paid for: not even a tool that only looks may come before it is on the disk.
      await parts.toolSetting.flush();
      messages.push(await answered(parts, calls, opening.CUT_OFF));
      continue;
    }
    const claim = wordsOf(answer);
    if (answer.finish === "length") {
      messages.push(userSays(opening.GO_ON));
      continue;
    }
    if (errand === undefined) return claim;
    // Recorded, for another version may judge in another way.
    const judged = await effects.effect("answer looked at", { class: "pure", input: claim }, () =>
      errand.judge(claim),
    );
    if ("result" in judged) return judged.result;
    refused += 1;
    if (refused > errand.retries)
      throw new Stuck(`The model's answer was refused ${times(refused)}; at last: ${judged.refused}`);
    messages.push(userSays(`${judged.refused}\n\n${errand.again}`));
  }
  throw new Stuck(`The model did not come to an end within ${TURNS_MAX} turns.`);
};

/** What an answer without a call says; throws for one that says nothing, or that its provider broke off. */
const wordsOf = ({ content, finish }: Said): string => {
  const words = textOf(content);
  if (finish === "content-filter") throw new Stuck("The model's provider held its answer back.");
  if (finish === "length" && words === "")
    throw new Stuck(
      "The model's answer was cut off before it said anything. Give its agent more outputTokens.",
    );
  if (finish !== "length" && finish !== "stop")
    throw new Stuck(`The model's answer did not come to its end (its provider says "${finish}").`);
  if (words === "") throw new Stuck("The model ended without a word.");
  return words;
};

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

const GO_ON = "Your answer was cut off at its longest. Go on, in smaller steps.";

export const userSays = (text: string): LanguageModelV3Message => ({
  role: "user",
  content: [{ type: "text", text }],
});

/** Of a conversation, what one question of it takes. */
export type AskingParts = Pick<
  ConversationParts,
  "effects" | "model" | "setting" | "tools" | "signal" | "tell"
> & { readonly toolSetting: { readonly shell: Pick<ToolSetting["shell"], "redactor"> } };

export const ask = async (
  { effects, model, setting, tools, toolSetting, signal, tell }: AskingParts,
  messages: readonly LanguageModelV3Message[],
): Promise<Said> => {
  if (JSON.stringify(messages).length > CONVERSATION_CHARS)
    throw new Stuck(
      `The conversation has become longer than ${CONVERSATION_CHARS} characters. A smaller step needs less.`,
    );
  const prompt = [...messages];
  const question = { prompt, tools: tools.map(asFunction) };
  const atMost = mostOf(question, setting);
  const call = { ...MODEL_CALL, input: prompt, ...(atMost === null ? {} : { atMost }) };
  const answer = await effects.effect("model call", call, async ({ spend }) => {
    const { redactor } = toolSetting.shell;
    const said = await askModel(model, question, { ...setting, signal, redactor });
    spend(spentFor(said, setting));
    tell(said.kind === "answer" ? textOf(said.content) : said.reason);
    return said;
  });
  if (answer.kind === "failed") throw new Stuck(answer.reason);
  return answer;
};

const asFunction = ({ name, description, inputSchema }: ToolDescription) => ({
  type: "function" as const,
  name,
  description,
  inputSchema,
});

/** One after the other: each sees what the one before has left. */
const answered = async (
  { tools, toolSetting, tell }: ConversationParts,
  calls: readonly LanguageModelV3ToolCall[],
  cutOff: string,
): Promise<LanguageModelV3Message> => {
  const content = [];
  const setting = { ...toolSetting, cutOff, tell: (about: string) => tell(`> ${about}`) };
  for (const { toolCallId, toolName, input } of calls) {
    const { text, isError } = await callTool(setting, tools, {
      name: toolName,
      input: parsed(input),
    });
    const output = { type: isError ? ("error-text" as const) : ("text" as const), value: text };
    content.push({ type: "tool-result" as const, toolCallId, toolName, output });
  }
  return { role: "tool", content };
};

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

const textOf = (content: readonly LanguageModelV3Content[]): string =>
  content
    .flatMap((part) => (part.type === "text" ? [part.text] : []))
    .join("\n")
    .trim();
