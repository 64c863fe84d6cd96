import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import {
  type GateMethod,
  type GateRoute,
  gateRoutes,
  LedgerError,
  namedIn,
  waitOfRequest,
} from "../../index.js";
import type { LedgerProcess } from "../mcp/ledger-process.js";
import { bearerOf } from "./bearer.js";
import { refuseOtherMethods } from "./methods.js";
import { boundedWaiters, type Waiters } from "./waiters.js";

type Facts = Readonly<Record<string, unknown>>;
type Ask = LedgerProcess["ask"];

/** Bytes of one request: the greatest payload of an intent in base64, and what is said beside it. */
const BODY_BYTES_MAX = 12 * 1024 * 1024;

/** The gate, call by call, for whoever has an SDK key. */
export const gateApi = (ask: Ask): Hono => {
  const app = new Hono();
  const waiters = boundedWaiters();
  app.get("/v1/key", async ({ req }) => told(await ask({ sdkKey: keyOf(req.raw) }, { kind: "who" })));
  for (const [method, route] of Object.entries(gateRoutes) as [GateMethod, GateRoute][])
    app.on(route.verb, route.path, (context) => answerCall({ ask, waiters }, context, method, route));
  refuseOtherMethods(app, [{ verb: "GET", path: "/v1/key" }, ...Object.values(gateRoutes)]);
  return app;
};

const told = (value: unknown): Response => Response.json(value, { headers: { "cache-control": "no-store" } });

const keyOf = (request: Request): string =>
  bearerOf(request, "Send the header Authorization: Bearer KEY; `runledger sdk-key create` makes one.");

// Who asks is looked at first: what nobody sends is not even read.
const answerCall = async (
  { ask, waiters }: { readonly ask: Ask; readonly waiters: Waiters },
  { req }: Context,
  method: GateMethod,
  route: GateRoute,
): Promise<Response> => {
  const sdkKey = keyOf(req.raw);
  const { name: whose } = await ask({ sdkKey }, { kind: "who" });
  const callKey = callKeyOf(req.header("idempotency-key"));
  const said = route.verb === "GET" ? queryOf(new URL(req.url), route) : await bodyOf(req.raw);
  const named = Object.fromEntries(namedIn(route.path).map((name) => [name, req.param(name)]));
  requireOnce(said, named);
  const input = { ...said, ...named };
  const asked = { kind: "gate", method, input, callKey } as const;
  const { waitMs } = said;
  if (method !== "waitForDecision" || typeof waitMs !== "number") return told(await ask({ sdkKey }, asked));
  const waiting = { ...asked, input: { ...input, waitMs: waitOfRequest(waitMs) } };
  const wait = () => ask({ sdkKey }, waiting, { gone: req.raw.signal });
  return told(await (waitMs > 0 ? waiters(String(whose), wait) : wait()));
};

/** One that is lost inside of this server is asked again under the same key, whether its client gave it one or not. */
const callKeyOf = (given: string | undefined): string => {
  if (given === undefined) return randomUUID();
  if (CALL_KEY.test(given)) return given;
  throw new LedgerError("invalid_input", "An Idempotency-Key has 1 to 200 visible characters.");
};

const CALL_KEY = /^[\x21-\x7e]{1,200}$/;

/** Two ids for one thing are a mistake, or somebody who tries which of them counts. */
const requireOnce = (said: Facts, named: Facts): void => {
  const twice = Object.keys(named).find((name) => Object.hasOwn(said, name));
  if (twice === undefined) return;
  throw new LedgerError("invalid_input", `${twice} stands in the path, and is not said again.`);
};

const queryOf = ({ searchParams }: URL, { numbers = [], lists = [] }: GateRoute): Facts =>
  Object.fromEntries(
    [...new Set(searchParams.keys())].map((name) => {
      const [value = "", ...more] = searchParams.getAll(name);
      if (lists.includes(name)) return [name, [value, ...more]];
      if (more.length > 0) throw new LedgerError("invalid_input", `${name} is said more than once.`);
      return [name, numbers.includes(name) && value !== "" ? Number(value) : value];
    }),
  );

const bodyOf = async (request: Request): Promise<Facts> => {
  const type = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json" || request.headers.has("content-encoding"))
    throw new LedgerError("media_type_unknown", "A call is JSON, and nothing else.", {
      hint: "Send the header Content-Type: application/json, and no Content-Encoding.",
    });
  const body = jsonIn(await readUpTo(request, BODY_BYTES_MAX));
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Facts;
  throw new LedgerError("parse_failed", "A call is one JSON object.", {
    hint: "docs/http-api.md tells what is in it.",
  });
};

const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const readUpTo = async ({ headers, body }: Request, bytesMax: number): Promise<string> => {
  if (Number(headers.get("content-length") ?? 0) > bytesMax) throw tooLong(bytesMax);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    bytes += piece.byteLength;
    if (bytes > bytesMax) throw tooLong(bytesMax);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
};

const tooLong = (bytesMax: number): LedgerError =>
  new LedgerError("limit_exceeded", `A request has at most ${bytesMax} bytes.`, {
    hint: "Record what is longer as an artifact: its hash, and where it is.",
  });
