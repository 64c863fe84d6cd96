import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { cutShort } from "../../core/cut.js";
import { type Authority, type HostRule, isOutright, readAuthority, ruleFor } from "../../core/hosts.js";
import { addressOf } from "./addresses.js";

export type HostProxy = { close(): Promise<void> };

/** More at once than any package manager opens. */
const CONNECTIONS_MAX = 512;
/** A host that does not answer for so long is not there. */
const ANSWER_MS = 30_000;

/**
 * The one way out of a sandbox: listens on a socket in the file system, and calls only hosts that the rules name. What
 * passes through a tunnel is not looked at. Whatever is refused is told once.
 */
export const openProxy = async (
  socketFile: string,
  rules: readonly HostRule[],
  onRefused: (sentence: string) => void,
  answerMs = ANSWER_MS,
): Promise<HostProxy> => {
  const told = new Set<string>();
  const refused = (what: string, because: string): string => {
    const sentence = `RunLedger refused ${what}: ${because}.`;
    if (!told.has(sentence) && told.size < TOLD_MAX) onRefused(sentence);
    told.add(sentence);
    return sentence;
  };
  const open = new Set<Duplex>();
  const keep = (socket: Duplex): void => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  };
  const outward: Outward = {
    answerMs,
    find: (authority, what) => destination(rules, authority, (because) => refused(what, because)),
    keep,
  };
  const server = createServer((request, response) => void forward(request, response, outward));
  server.maxConnections = CONNECTIONS_MAX;
  server.on("connect", (request, client, head) => void tunnel(request, client, head, outward));
  server.on("upgrade", ({ url = "" }, client) =>
    answerAndEnd(client, 403, refused(shown(url), "a connection cannot be turned into another here")),
  );
  server.on("clientError", (_error, client) => client.destroy());
  server.on("connection", keep);
  await new Promise<void>((resolve, reject) => {
    // For good: a connection that cannot be accepted later, for want of a file say, is no end of the worker.
    server.on("error", reject);
    server.listen(socketFile, resolve);
  });
  return {
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

/** A program that tries hosts by the thousand is told of enough of them. */
const TOLD_MAX = 50;
/** What a client asked for is somebody's text. */
const shown = (text: string): string => JSON.stringify(cutShort(text, SHOWN_CHARS));
const SHOWN_CHARS = 200;

type Destination = Authority & { readonly address: string };

/** What leads out of one proxy. */
type Outward = {
  readonly answerMs: number;
  find(authority: Authority | undefined, what: string): Promise<Destination | string>;
  /** Whatever is still open ends with the proxy. */
  keep(socket: Socket): void;
};

const destination = async (
  rules: readonly HostRule[],
  authority: Authority | undefined,
  refused: (because: string) => string,
): Promise<Destination | string> => {
  if (authority === undefined) return refused("that names no host and port");
  const rule = ruleFor(rules, authority);
  if (rule === undefined) return refused("the settings do not list it under network");
  const address = await addressOf(authority.host, isOutright(rule));
  if (address !== undefined) return { ...authority, address };
  return refused(
    "it has no address that may be called; one of this machine or its network must be listed with its port",
  );
};

const tunnel = async (
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  { find, keep, answerMs }: Outward,
): Promise<void> => {
  client.on("error", () => client.destroy());
  const { url = "" } = request;
  const found = await find(readAuthority(url), shown(url));
  if (typeof found === "string") return answerAndEnd(client, 403, found);
  if (client.destroyed) return;
  const host = connect({ host: found.address, port: found.port });
  keep(host);
  host.setTimeout(answerMs, () => host.destroy(new Error("It does not answer.")));
  let reached = false;
  host.once("connect", () => {
    reached = true;
    host.setTimeout(0);
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    host.write(head);
    host.pipe(client);
    client.pipe(host);
  });
  host.on("error", () => (reached ? client.destroy() : answerAndEnd(client, 502, NOT_REACHED)));
  // What is still on its way to the other side arrives before that one ends.
  host.once("close", () => client.end());
  // Nobody is left to hear what that one may still say.
  client.once("close", () => host.destroySoon());
};

const NOT_REACHED = "The host could not be reached.";

const answerAndEnd = (client: Duplex, status: 403 | 502, text: string): void => {
  const name = status === 403 ? "Forbidden" : "Bad Gateway";
  const body = `${text}\n`;
  const length = Buffer.byteLength(body);
  client.end(
    `HTTP/1.1 ${status} ${name}\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
  );
};

/** A proxy is asked by a whole address; its host counts, whatever the header says. */
const ABSOLUTE = /^http:\/\/([^/?#]*)([/?][^#]*)?$/i;

const forward = async (
  request: IncomingMessage,
  response: ServerResponse,
  { find, keep, answerMs }: Outward,
): Promise<void> => {
  const { url = "", method = "GET" } = request;
  const [, authority = "", path = "/"] = ABSOLUTE.exec(url) ?? [];
  const found = await find(readAuthority(authority, 80), shown(authority || url));
  if (typeof found === "string") return refuse(request, response, 403, found);
  if (response.destroyed) return;
  const { host, port, address } = found;
  const named = host.includes(":") ? `[${host}]` : host;
  const onward = httpRequest({
    host: address,
    port,
    method,
    path: path.startsWith("/") ? path : `/${path}`,
    headers: { ...endToEnd(request.headers), host: port === 80 ? named : `${named}:${port}` },
    timeout: answerMs,
    // A connection for each: what would be kept for the next one would outlive this proxy.
    agent: false,
    setHost: false,
  });
  onward.once("socket", keep);
  onward.once("timeout", () => onward.destroy(new Error("It does not answer.")));
  onward.once("response", (answer) => {
    onward.setTimeout(0);
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
    answer.pipe(response);
    answer.on("error", () => response.destroy());
  });
  onward.on("error", () => {
    if (response.headersSent) response.destroy();
    else refuse(request, response, 502, NOT_REACHED);
  });
  response.once("close", () => onward.destroy());
  request.pipe(onward);
};

const refuse = (
  request: IncomingMessage,
  response: ServerResponse,
  status: 403 | 502,
  text: string,
): void => {
  request.resume();
  response.writeHead(status, { "content-type": "text/plain" }).end(`${text}\n`);
};

/** These are between two neighbours only. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const endToEnd = (headers: IncomingMessage["headers"]): IncomingMessage["headers"] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
