import { jsonSchema, type Tool, tool } from "ai";
import type { ToolInputs, ToolName, ToolResults } from "./index.js";
import type { ToolAbout, ToolKit } from "./kit.js";

/** The tools of a kit for `generateText`, `streamText` and agents of the AI SDK, their inputs and results typed by name. */
export type AiSdkTools<N extends ToolName> = { readonly [K in N]: Tool<ToolInputs[K], ToolResults[K]> };

/**
 * A refusal becomes a tool error, whose message tells the model what to do next; its `cause` is the refusal as a value. A call
 * goes on when its loop is aborted: what it began in the ledger is not taken back.
 */
export const aiSdkTools = <N extends ToolName>(kit: ToolKit<N>): AiSdkTools<N> =>
  Object.fromEntries(
    kit.tools.map((about) => [about.name, aiSdkTool(kit, about)]),
  ) as unknown as AiSdkTools<N>;

/** Inputs and results have the types of its name, which a loop over names cannot tell the compiler. */
const aiSdkTool = (kit: ToolKit, { name, title, description, inputSchema }: ToolAbout) =>
  tool({
    title,
    description,
    // Without a check of its own: ours names what is wrong in words for the model.
    inputSchema: jsonSchema<unknown>(inputSchema),
    execute: async (input) => {
      const answer = await kit.call(name, input);
      if (answer.ok) return answer.value;
      throw new Error(answer.text, { cause: answer.error });
    },
  });
