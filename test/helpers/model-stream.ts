import type { ServerResponse } from "node:http";

type Json = Readonly<Record<string, unknown>>;

/** The same answer in pieces, as clients that show words while they come ask for it. */
export const stream = (response: ServerResponse, path: string, whole: Json): void => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const [name, data] of path.endsWith("/chat/completions") ? chatPieces(whole) : responsePieces(whole))
    response.write(`${name === "" ? "" : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`);
  if (path.endsWith("/chat/completions")) response.write("data: [DONE]\n\n");
  response.end();
};

type Pieces = readonly (readonly [name: string, data: Json])[];

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
