import { setTimeout as delay } from "node:timers/promises";
import { because } from "../core/because.js";
import { type ErrorCode, errorKinds, LedgerError } from "../core/errors.js";
import { type GateMethod, gateRoutes, namedIn } from "../core/gate-routes.js";
import { retryAfterIn } from "./retry-after.js";

export type TransportOptions = {
  /** Where `runledger serve` is reached, with the path before `/v1` if a proxy has given it one. */
  readonly endpoint: string;
  readonly apiKey: string;
  /** Milliseconds that one request may take, beside what it waits for; default 60,000. */
  readonly timeoutMs?: number;
  /** Milliseconds for which a call that finds no server is tried again; default 30,000. */
  readonly patienceMs?: number;
};

/** Sends one call and answers what the gate answered. Throws the LedgerError that it was refused with. */
export type Send = (method: GateMethod, input: Readonly<Record<string, unknown>>) => Promise<unknown>;

const TIMEOUT_MS = 60_000;
const PATIENCE_MS = 30_000;
/** Between two tries, longer each time. */
const PAUSE_MIN_MS = 50;
const PAUSE_MAX_MS = 2_000;

// A call that was lost on its way may have been done: it is sent again under the same key, and then answered as the first one was.
export const transport = (options: TransportOptions): Send => {
  const base = baseOf(options.endpoint);
  requireKey(options.apiKey);
  return async (method, input) => {
    const request = requestOf(base, options.apiKey, method, input);
    const until = performance.now() + (options.patienceMs ?? PATIENCE_MS);
    let isLast = false;
    for (let pauseMs = PAUSE_MIN_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)) {
      const tried = await once(request, options.timeoutMs ?? TIMEOUT_MS);
      if (!(tried instanceof Lost)) return answerIn(tried);
      const leftMs = until - performance.now();
      const isTooLate = tried.retryAfterMs === 0 ? pauseMs > leftMs : leftMs <= 0;
      if (isLast || isTooLate) throw tried.asError(base);
      // Whoever wants a longer pause than there is patience may be back before: it is asked once more at the end.
      isLast = tried.retryAfterMs >= leftMs;
      // Clients that were cut off together come back one by one, and none before it may.
      const ownPauseMs = pauseMs * (0.5 + Math.random() / 2);
      const nextMs = Math.min(Math.max(ownPauseMs, tried.retryAfterMs), leftMs);
      await delay(nextMs);
    }
  };
};

const baseOf = (endpoint: string): URL => {
  const isUrl = typeof endpoint === "string" && URL.canParse(endpoint);
  const base = isUrl ? new URL(endpoint) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol))
    throw new LedgerError("invalid_input", "The endpoint of a gate is an http or https address.", {
      hint: "Such as http://127.0.0.1:7420, which `runledger serve` prints.",
    });
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
};

const requireKey = (apiKey: unknown): void => {
  if (typeof apiKey === "string" && /^[\x21-\x7e]+$/.test(apiKey)) return;
  throw new LedgerError("credential_invalid", "A gate is asked with an SDK key.", {
    hint: "Give apiKey what `runledger sdk-key create` printed, for example from an environment variable.",
  });
};

type Asked = { readonly url: URL; readonly init: RequestInit; readonly waitMs: number };

const requestOf = (
  base: URL,
  apiKey: string,
  method: GateMethod,
  input: Readonly<Record<string, unknown>>,
): Asked => {
  const { verb, path } = gateRoutes[method];
  const inPath = namedIn(path);
  const rest = Object.entries(input).filter(([name, value]) => !inPath.includes(name) && value !== undefined);
  const filled = path.replace(/:(\w+)/g, (_whole, name: string) => segmentOf(name, input[name]));
  const url = new URL(filled.slice(1), base);
  const headers = { authorization: `Bearer ${apiKey}`, accept: "application/json" };
  const waitMs = Number.isFinite(input.waitMs) ? Math.max(0, Number(input.waitMs)) : 0;
  if (verb === "GET") {
    for (const [name, value] of rest)
      for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one));
    return { url, init: { method: verb, headers, redirect: "manual" }, waitMs };
  }
  const init: RequestInit = {
    method: verb,
    headers: {
      ...headers,
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
    },
    body: JSON.stringify(Object.fromEntries(rest)),
    // An order must not reach another server than the one that the key is for.
    redirect: "manual",
  };
  return { url, init, waitMs };
};

/** Dots alone would lead elsewhere in the path. */
const segmentOf = (name: string, value: unknown): string => {
  if (typeof value === "string" && value !== "" && !/^\.+$/.test(value)) return encodeURIComponent(value);
  throw new LedgerError("invalid_input", `${name} must be the id that the gate has given.`);
};

/** Nobody answered, or somebody who only said that the ledger is not there. */
class Lost {
  constructor(
    private readonly how: string,
    /** How long whoever said so asks to be left alone. */
    readonly retryAfterMs: number,
    private readonly cause?: unknown,
  ) {}

  asError({ origin }: URL): LedgerError {
    return new LedgerError(
      "worker_unreachable",
      `The gate at ${origin} does not answer${because(this.how)}`,
      {
        hint: "What was recorded is kept: call again when it is back, under the same idempotencyKey where you gave one.",
        cause: this.cause,
      },
    );
  }
}

type Answer = { readonly status: number; readonly body: unknown; readonly retryAfterMs: number };

const once = async ({ url, init, waitMs }: Asked, timeoutMs: number): Promise<Answer | Lost> => {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs + waitMs) });
    const retryAfterMs = retryAfterIn(response.headers);
    const answer = { status: response.status, body: jsonIn(await response.text()), retryAfterMs };
    const said = errorIn(answer.body)?.message ?? `status ${answer.status}`;
    return isLost(answer) ? new Lost(said, retryAfterMs) : answer;
  } catch (cause) {
    return new Lost(reasonOf(cause), 0, cause);
  }
};

/** 502 and 504 are a proxy's words, and so is 429 without a code of ours; 503 also the server's own while it is started again. */
const isLost = ({ status, body }: Answer): boolean => {
  const code = errorIn(body)?.code;
  return [429, 502, 503, 504].includes(status) && (code === undefined || code === "worker_unreachable");
};

const reasonOf = (cause: unknown): string => {
  const inner = cause instanceof Error ? (cause.cause ?? cause) : cause;
  if (!(inner instanceof Error)) return String(inner);
  return "code" in inner && typeof inner.code === "string" ? inner.code : inner.message;
};

const answerIn = ({ status, body, retryAfterMs }: Answer): unknown => {
  const error = errorIn(body);
  if (status < 300 && error === undefined && body !== undefined) return body;
  if (error === undefined)
    throw new LedgerError("worker_unreachable", `What answered is no gate: status ${status}.`, {
      hint: "The endpoint is the address that `runledger serve` prints, without /mcp.",
    });
  const { code, message, hint, details } = error;
  // A server may be newer than this library.
  if (!Object.hasOwn(errorKinds, code)) throw new Error(`The gate refused this (${code}): ${message}`);
  throw new LedgerError(code as ErrorCode, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(details === undefined && retryAfterMs === 0
      ? {}
      : { details: { ...details, ...paused(retryAfterMs) } }),
  });
};

const paused = (retryAfterMs: number) => (retryAfterMs === 0 ? {} : { retryAfterMs });

type Told = {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
};

const errorIn = (body: unknown): Told | undefined => {
  if (typeof body !== "object" || body === null || !("error" in body)) return undefined;
  const { error } = body as { error: Partial<Told> | null };
  const { code, message } = error ?? {};
  return typeof code === "string" && typeof message === "string" ? (error as Told) : undefined;
};

const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
