import {
  type AuthInfo,
  createMcpHandler,
  isJsonContentType,
  readRequestBody,
} from "@modelcontextprotocol/server";
import { LedgerError, type NewCredential } from "../../index.js";
import { type McpOptions, mcpServer } from "./server.js";

/** Who sends a request: what the ledger said of the credential that came with it. */
export type Sender = {
  readonly name: string;
  readonly role: NewCredential["role"];
};

export type McpOverHttp = {
  /** One request of either era of the protocol; a call that takes long streams its signs of life. */
  readonly fetch: (request: Request, from: Sender, ask: McpOptions["ask"]) => Promise<Response>;
  /** Ends what is still streamed. */
  readonly close: () => Promise<void>;
};

type HttpOptions = Omit<McpOptions, "ask" | "role">;

/** Bytes of one request. A plan of the greatest length fits, its characters escaped twice over, and any evidence that a model writes. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;

// Nothing is kept between two requests, so that a client goes on with a server that was started again.
export const mcpOverHttp = (options: HttpOptions): McpOverHttp => {
  const handler = createMcpHandler(({ authInfo }) => mcpServer({ ...options, ...senderIn(authInfo) }), {
    onerror: ({ message }) => options.remark(message),
    maxRequestBodySize: BODY_BYTES_MAX,
  });
  return {
    fetch: async (request, { name, role }, ask) => {
      const authInfo = { token: "", clientId: name, scopes: [role], extra: { ask } };
      const [whole, parsedBody] = await read(request);
      return handler.fetch(whole, { authInfo, ...(parsedBody === undefined ? {} : { parsedBody }) });
    },
    close: () => handler.close(),
  };
};

/** The protocol's library hands on what it was told beside the request, in a form of its own. */
const senderIn = (info: AuthInfo | undefined): Pick<McpOptions, "ask" | "role"> => {
  const role = (["orchestrator", "executor"] as const).find((one) => info?.scopes.includes(one));
  const ask = info?.extra?.ask as McpOptions["ask"] | undefined;
  if (ask === undefined || role === undefined) throw new Error("Nobody said who sends this.");
  return { ask, role };
};

/** With its body where that is JSON: read here it need not be copied, as the library does. What is none it answers itself. */
const read = async (request: Request): Promise<[Request, unknown?]> => {
  if (request.method !== "POST" || !isJsonContentType(request.headers.get("content-type"))) return [request];
  const body = await readRequestBody(request, BODY_BYTES_MAX);
  if (body.tooLarge)
    throw new LedgerError("limit_exceeded", `A request has at most ${BODY_BYTES_MAX} bytes.`, {
      hint: "Whole logs belong into files of the workspace, not into a call.",
    });
  const parsed = jsonIn(body.text);
  if (parsed !== undefined) return [request, parsed];
  const { method, headers, url } = request;
  return [new Request(url, { method, headers, body: body.text })];
};

const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
