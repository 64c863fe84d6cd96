import type { LanguageModelV3Message, LanguageModelV3ToolCall } from "@ai-sdk/provider";
import { times } from "../../../core/counted.js";
import type { AgentTask } from "../agent.js";
import { type AskingParts, parsed, Stuck, textOf, userSays } from "./asking.js";
import { SYSTEM, taskText } from "./prompt.js";
import { compactingOf, openTalk, type Said } from "./talk.js";
import { CUT_OFF, callTool, type ToolSetting } from "./toolbox.js";

export type ConversationParts = Omit<AskingParts, "toolSetting"> & {
  readonly task: AgentTask;
  readonly toolSetting: Omit<ToolSetting, "cutOff">;
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

/** A step that takes more calls of a model than this goes in circles. */
const TURNS_MAX = 200;

/**
 * Asks the model and does what it asks for, until it says that it is done: then that is the claim. Every message is made of
 * what was recorded, so that a later life of the attempt comes by the same ones, and neither asks nor does anything again.
 */
export const converse = async (parts: ConversationParts): Promise<string> => {
  const { effects, task, errand } = parts;
  // Notes of the run and these words may have changed by the next life.
  const opening = await effects.effect("prompt", { class: "pure" }, () => ({
    ...{ GO_ON, CUT_OFF },
    compacting: compactingOf(parts),
    SYSTEM: errand?.system ?? SYSTEM,
    task: errand?.text ?? taskText(task),
  }));
  let refused = 0;
  const talk = openTalk(parts, {
    system: opening.SYSTEM,
    task: opening.task,
    compacting: opening.compacting,
  });
  for (let turn = 0; turn < TURNS_MAX; turn += 1) {
    const answer = await talk.ask();
    const calls = answer.content.filter((part) => part.type === "tool-call");
    if (calls.length > 0) {
      // It was paid for: not even a tool that only looks may come before it is on the disk.
      await parts.toolSetting.flush();
      talk.hear(await answered(parts, calls, opening.CUT_OFF));
      continue;
    }
    const claim = wordsOf(answer);
    if (answer.finish === "length") {
      talk.hear(userSays(opening.GO_ON));
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
    talk.hear(userSays(`${judged.refused}\n\n${errand.again}`));
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

const GO_ON = "Your answer was cut off at its longest. Go on, in smaller steps.";

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
