import { MockLanguageModelV3 } from "ai/test";

/**
 * A model that costs nothing and always says the same: what it answers next follows from what its last tool call came to.
 * In a program of yours this is a model of a provider, such as `anthropic("claude-sonnet-4-5")`.
 */
export const scriptedModel = (turns) => {
  let turn = 0;
  return new MockLanguageModelV3({
    doGenerate: async ({ prompt }) => {
      const said = turns[turn](lastResult(prompt));
      turn += 1;
      const content =
        typeof said === "string"
          ? { type: "text", text: said }
          : {
              type: "tool-call",
              toolCallId: `call-${turn}`,
              toolName: said.tool,
              input: JSON.stringify(said.input),
            };
      const finish = content.type === "text" ? "stop" : "tool-calls";
      return {
        content: [content],
        finishReason: { unified: finish, raw: finish },
        usage: { inputTokens: { total: 0 }, outputTokens: { total: 0 } },
        warnings: [],
      };
    },
  });
};

const lastResult = (prompt) => {
  const last = prompt.at(-1);
  return last.role === "tool" ? last.content.at(-1).output.value : undefined;
};
