import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { geminiAnswer, isGemini } from "./model-gemini.js";
import { stream } from "./model-stream.js";

/** What the model answers next: words, tools that it calls, or trouble of its provider. */
export type Scripted = {
  readonly text?: string;
  readonly calls?: readonly (readonly [name: string, input: unknown])[];
  /** Anything but 200 is an error of the provider. */
  readonly status?: number;
  /** What the provider says of that error. */
  readonly trouble?: string;
  /** By which code, where its format has codes. */
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Tokens in and out; null: the provider does not count. */
  readonly usage?: readonly [number, number] | null;
  /** Of those in: read from its cache; beside them, as one provider tells it: written to it. */
  readonly cached?: { readonly cacheRead?: number; readonly cacheWrite?: number };
  readonly finish?: "length" | "content-filter" | "unheard-of";
  /** The connection hangs, breaks before an answer, or breaks in the middle of one. */
  readonly silent?: "hang" | "break" | "break in the middle";
  /** Instead of all that: what it answers to this very request. */
  readonly by?: (asked: Asked) => Scripted;
  /** Before it is answered; the same request comes again when it throws. */
  readonly before?: () => void | Promise<void>;
};

/** A request as it came, with what both formats call differently told in one way. */
export type Asked = {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Readonly<Record<string, unknown>>;
  readonly tools: readonly string[];
  /** Whether the answer is to come in pieces. */
  readonly isStreamed: boolean;
  /** All of the conversation, as JSON. */
  readonly text: string;
};

export type ModelServer = {
  readonly url: string;
  /** Every request, in the order in which it came; `answered` are those that were told their part of the script. */
  readonly asked: readonly Asked[];
  readonly answered: readonly Asked[];
};

/** A provider on loopback that speaks the wire of four of them and answers one request after the other by the script. */
export const modelServer = async (script: readonly Scripted[]): Promise<ModelServer> => {
  const asked: Asked[] = [];
  const answered: Asked[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // Whether it is there at all.
    if (request.method !== "POST") return answer(response, 404, {});
    const one = await readAsked(request);
    asked.push(one);
    // Clients ask for titles and the like too, and give no tools for it.
    if (one.tools.length === 0 && one.isStreamed)
      return stream(response, one.path, wire(one.path, { text: "a title" }, 0) as Record<string, unknown>);
    const turn = script[answered.length];
    if (turn === undefined) return answer(response, 400, { error: { message: "the script is over" } });
    try {
      await turn.before?.();
    } catch {
      response.destroy();
      return;
    }
    answered.push(one);
    const said = turn.by?.(one) ?? turn;
    if (turn.silent === "hang") return;
    if (turn.silent === "break") return void response.destroy();
    if (turn.silent === "break in the middle") {
      response.writeHead(200, { "content-type": "application/json", ...turn.headers });
      return void response.write('{"id":', () => response.destroy());
    }
    const { status = 200 } = said;
    if (status !== 200) return answer(response, status, refusal(one.path, said), said.headers);
    const whole = wire(one.path, said, answered.length);
    if (one.isStreamed) return stream(response, one.path, whole as Readonly<Record<string, unknown>>);
    answer(response, 200, whole);
  };
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1`, asked, answered };
};

const readAsked = async (request: IncomingMessage): Promise<Asked> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  const path = (request.url ?? "").replace(/\?.*$/, "");
  const tools = (body.tools ?? []).flatMap(namesOf);
  const isStreamed = body.stream === true || path.endsWith(":streamGenerateContent");
  const { system, instructions, messages, input, systemInstruction, contents } = body;
  const text = JSON.stringify([system, instructions, messages, input, systemInstruction, contents]);
  return { path, headers: request.headers, body, tools, isStreamed, text };
};

type Tools = {
  readonly name?: string;
  readonly function?: { readonly name: string };
  readonly functionDeclarations?: readonly { readonly name: string }[];
  readonly tools?: readonly { readonly name: string }[];
};

/** Some come by the server. */
const namesOf = (tool: Tools): readonly string[] =>
  (tool.functionDeclarations ?? tool.tools)?.map(({ name }) =>
    tool.name === undefined ? name : `${tool.name}/${name}`,
  ) ?? [String(tool.function?.name ?? tool.name)];

const answer = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
};

/** As each format words an error. */
const refusal = (path: string, { status, trouble = `trouble ${status}`, code }: Scripted): unknown => {
  if (path.endsWith("/messages"))
    return { type: "error", error: { type: code ?? "invalid_request_error", message: trouble } };
  const type = "invalid_request_error";
  return { error: { message: trouble, ...(code === undefined ? {} : { type, param: "messages", code }) } };
};

const wire = (path: string, turn: Scripted, n: number): unknown => {
  if (isGemini(path)) return geminiAnswer(turn);
  if (path.endsWith("/chat/completions")) return chatCompletion(turn, n);
  if (path.endsWith("/messages")) return anthropicMessage(turn, n);
  return openaiResponse(turn, n);
};

const usageOf = ({ usage = [100, 10] }: Scripted) => usage;

const chatCompletion = (turn: Scripted, n: number): unknown => {
  const { text = null, calls = [] } = turn;
  const usage = usageOf(turn);
  const tool_calls = calls.map(([name, input], at) => ({
    id: `call_${n}_${at}`,
    type: "function",
    function: { name, arguments: typeof input === "string" ? input : JSON.stringify(input) },
  }));
  const finish_reason =
    turn.finish === "content-filter"
      ? "content_filter"
      : (turn.finish ?? (calls.length > 0 ? "tool_calls" : "stop"));
  return {
    id: `chatcmpl-${n}`,
    object: "chat.completion",
    created: 1_700_000_000,
    model: "scripted",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: text, ...(calls.length > 0 ? { tool_calls } : {}) },
        finish_reason,
      },
    ],
    ...(usage === null
      ? {}
      : {
          usage: {
            ...{ prompt_tokens: usage[0], completion_tokens: usage[1], total_tokens: usage[0] + usage[1] },
            prompt_tokens_details: { cached_tokens: turn.cached?.cacheRead ?? 0 },
          },
        }),
  };
};

const anthropicMessage = (turn: Scripted, n: number): unknown => {
  const { text, calls = [] } = turn;
  const usage = usageOf(turn) ?? [0, 0];
  return {
    id: `msg_${n}`,
    type: "message",
    role: "assistant",
    model: "scripted",
    content: [
      ...(text === undefined ? [] : [{ type: "text", text }]),
      ...calls.map(([name, input], at) => ({ type: "tool_use", id: `toolu_${n}_${at}`, name, input })),
    ],
    stop_reason: anthropicEnd(turn),
    stop_sequence: null,
    usage: {
      input_tokens: usage[0],
      output_tokens: usage[1],
      cache_creation_input_tokens: turn.cached?.cacheWrite ?? 0,
    },
  };
};

const anthropicEnd = ({ finish, calls = [] }: Scripted): string => {
  if (finish === "length") return "max_tokens";
  if (finish === "content-filter") return "refusal";
  return calls.length > 0 ? "tool_use" : "end_turn";
};

const OPENAI_ENDS = {
  length: "max_output_tokens",
  "content-filter": "content_filter",
  "unheard-of": "unheard_of",
} as const;

/** Tools of a server may have a name in two parts: `server/tool`. */
const nameParts = (name: string): Readonly<Record<string, string>> => {
  const [namespace = "", tool] = name.split("/");
  return tool === undefined ? { name } : { namespace, name: tool };
};

const openaiResponse = (turn: Scripted, n: number): unknown => {
  const { text, calls = [] } = turn;
  const usage = usageOf(turn) ?? [0, 0];
  return {
    id: `resp_${n}`,
    object: "response",
    created_at: 1_700_000_000,
    status: turn.finish === undefined ? "completed" : "incomplete",
    model: "scripted",
    error: null,
    incomplete_details: turn.finish === undefined ? null : { reason: OPENAI_ENDS[turn.finish] },
    output: [
      ...calls.map(([name, input], at) => ({
        type: "function_call",
        id: `fc_${n}_${at}`,
        call_id: `call_${n}_${at}`,
        ...nameParts(name),
        arguments: JSON.stringify(input),
        status: "completed",
      })),
      ...(text === undefined
        ? []
        : [
            {
              type: "message",
              id: `msg_${n}`,
              role: "assistant",
              status: "completed",
              content: [{ type: "output_text", text, annotations: [] }],
            },
          ]),
    ],
    usage: {
      input_tokens: usage[0],
      output_tokens: usage[1],
      total_tokens: usage[0] + usage[1],
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    },
  };
};
