import type { ServerResponse } from "node:http";
import { isGemini } from "./model-gemini.js";

type Json = Readonly<Record<string, unknown>>;

/** The same answer in pieces, as clients that show words while they come ask for it. */
export const stream = (response: ServerResponse, path: string, whole: Json): void => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const [name, data] of piecesOf(path, whole))
    response.write(`${name === "" ? "" : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`);
  if (path.endsWith("/chat/completions")) response.write("data: [DONE]\n\n");
  response.end();
};

type Pieces = readonly (readonly [name: string, data: Json])[];

const piecesOf = (path: string, whole: Json): Pieces => {
  if (path.endsWith("/chat/completions")) return chatPieces(whole);
  if (path.endsWith("/messages")) return messagePieces(whole);
  return isGemini(path) ? [["", whole]] : responsePieces(whole);
};

const chatPieces = ({ choices, usage, ...about }: Json): Pieces => {
  const [{ message, finish_reason }] = choices as [{ message: Json; finish_reason: string }];
  const calls = (message.tool_calls ?? []) as readonly Json[];
  const delta = {
    ...message,
    ...(calls.length === 0 ? {} : { tool_calls: calls.map((call, index) => ({ index, ...call })) }),
  };
  const piece = (choice: Json, more: Json = {}): readonly [string, Json] => [
    "",
    { ...about, object: "chat.completion.chunk", choices: [{ index: 0, ...choice }], ...more },
  ];
  return [
    piece({ delta, finish_reason: null }),
    piece({ delta: {}, finish_reason }, usage === undefined ? {} : { usage }),
  ];
};

const responsePieces = (whole: Json): Pieces => {
  const output = whole.output as readonly Json[];
  const event = (type: string, data: Json): readonly [string, Json] => [type, { type, ...data }];
  return [
    event("response.created", { response: { ...whole, status: "in_progress", output: [] } }),
    ...output.flatMap((item, output_index) => [
      event("response.output_item.added", { output_index, item }),
      event("response.output_item.done", { output_index, item }),
    ]),
    event("response.completed", { response: whole }),
  ];
};

const messagePieces = (whole: Json): Pieces => {
  const { content, stop_reason, usage } = whole as {
    content: readonly Json[];
    stop_reason: string;
    usage: Json;
  };
  const event = (type: string, data: Json = {}): readonly [string, Json] => [type, { type, ...data }];
  return [
    event("message_start", { message: { ...whole, content: [], stop_reason: null } }),
    ...content.flatMap((block, index) => [
      event("content_block_start", { index, content_block: { ...block, ...EMPTY[String(block.type)] } }),
      event("content_block_delta", { index, delta: deltaOf(block) }),
      event("content_block_stop", { index }),
    ]),
    event("message_delta", { delta: { stop_reason, stop_sequence: null }, usage }),
    event("message_stop"),
  ];
};

/** A block begins with nothing in it. */
const EMPTY: Readonly<Record<string, Json>> = { text: { text: "" }, tool_use: { input: {} } };
const deltaOf = ({ type, text, input }: Json): Json =>
  type === "text"
    ? { type: "text_delta", text }
    : { type: "input_json_delta", partial_json: JSON.stringify(input) };
