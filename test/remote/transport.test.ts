import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { isLedgerError, type LedgerError } from "../../src/core/errors.js";
import { Gate } from "../../src/remote/gate.js";
import { retryAfterIn } from "../../src/remote/retry-after.js";
import { transport } from "../../src/remote/transport.js";
import { onLoopback } from "../helpers/on-loopback.js";

/** Real sockets on the loopback, and servers that fail as real ones do. */

type Seen = { readonly request: IncomingMessage; readonly body: string };
type Answer = (response: ServerResponse, seen: Seen) => void;

const KEY = `rl_sk_0123456789abcdef_${"a".repeat(43)}`;

/** Answers each request by the next of these, and by the last one from then on. */
const answering = async (...answers: readonly Answer[]) => {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const one = { request, body };
    seen.push(one);
    (answers[Math.min(seen.length, answers.length) - 1] ?? expect.unreachable())(response, one);
  });
  const endpoint = await onLoopback(server);
  return { seen, endpoint };
};

const json =
  (status: number, body: unknown): Answer =>
  (response) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const refused = (status: number, code: string, more: object = {}): Answer =>
  json(status, { error: { code, message: "No.", ...more } });
const hangUp: Answer = (response) => void response.destroy();
const cutOff: Answer = (response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
  response.write('{"runId":');
  response.destroy();
};

const refusalOf = async (asked: Promise<unknown>): Promise<LedgerError> => {
  const error = await asked.then(
    () => expect.unreachable(),
    (thrown: unknown) => thrown,
  );
  if (!isLedgerError(error)) throw error;
  return error;
};

const startRun = { agentId: "importer", intentSummary: "Import" };

describe("a call", () => {
  it("is a request with the key, its input as JSON, and a key of its own", async () => {
    const { endpoint, seen } = await answering(json(200, { runId: "run_1" }));
    const send = transport({ endpoint, apiKey: KEY });
    expect(await send("startRun", startRun)).toEqual({ runId: "run_1" });
    await send("startRun", startRun);
    const [first, second] = seen;
    expect(first?.request).toMatchObject({ method: "POST", url: "/v1/runs" });
    expect(first?.request.headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      "content-type": "application/json",
    });
    expect(JSON.parse(first?.body ?? "")).toEqual(startRun);
    expect(first?.request.headers["idempotency-key"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(second?.request.headers["idempotency-key"]).not.toBe(first?.request.headers["idempotency-key"]);
  });

  it("names what it is about in its path, and asks for the rest in its query", async () => {
    const { endpoint, seen } = await answering(json(200, { intents: [] }));
    const send = transport({ endpoint: `${endpoint}/ledger`, apiKey: KEY });
    await send("getRunEvents", { runId: "run_1", after: 7, limit: undefined });
    await send("execute", { intentId: "run_1.4" });
    await send("getRun", { runId: "a/../b?c#d" });
    await send("listIntents", { statuses: ["approved", "ordered"] });
    expect(seen.map(({ request, body }) => [request.url, body])).toEqual([
      ["/ledger/v1/runs/run_1/events?after=7", ""],
      ["/ledger/v1/intents/run_1.4/execute", "{}"],
      ["/ledger/v1/runs/a%2F..%2Fb%3Fc%23d", ""],
      ["/ledger/v1/intents?statuses=approved&statuses=ordered", ""],
    ]);
  });

  it.each([".", "..", "", undefined, 7])("with the id %o is not sent", async (runId) => {
    const { endpoint, seen } = await answering(json(200, {}));
    const send = transport({ endpoint, apiKey: KEY });
    expect((await refusalOf(send("getRun", { runId }))).code).toBe("invalid_input");
    expect(seen).toEqual([]);
  });

  it.each([
    ["hangs up", hangUp],
    ["is cut off in the middle of its answer", cutOff],
    ["is told by a proxy not to be there", (response) => void response.writeHead(502).end("Bad gateway")],
    ["says that its ledger is started again", refused(503, "worker_unreachable")],
  ] satisfies [string, Answer][])(
    "is sent again, the same under the same key, where the server %s",
    async (_how, fails) => {
      const { endpoint, seen } = await answering(fails, fails, json(200, { runId: "run_1" }));
      const send = transport({ endpoint, apiKey: KEY });
      expect(await send("startRun", startRun)).toEqual({ runId: "run_1" });
      expect(seen).toHaveLength(3);
      const of = ({ request, body }: Seen) => [request.url, request.headers["idempotency-key"], body];
      expect(new Set(seen.map((one) => JSON.stringify(of(one)))).size).toBe(1);
    },
  );

  it("is given up when nobody answers for as long as it is to be tried", async () => {
    const { endpoint, seen } = await answering(hangUp);
    const error = await refusalOf(transport({ endpoint, apiKey: KEY, patienceMs: 0 })("startRun", startRun));
    expect(error).toMatchObject({
      code: "worker_unreachable",
      hint: expect.stringContaining("idempotencyKey"),
    });
    expect(error.message).toContain(endpoint);
    expect(seen).toHaveLength(1);
  });

  it("is sent once more at the end of its time where a longer pause is asked for, and then given up", async () => {
    const said: readonly [number, object][] = [
      [429, {}],
      [503, {}],
      [503, { error: { code: "worker_unreachable", message: "No." } }],
    ];
    const patient = ({ endpoint }: { readonly endpoint: string }) =>
      transport({ endpoint, apiKey: KEY, patienceMs: 500 })("startRun", startRun);
    const all = said.map(async ([status, body]) => {
      const away: Answer = (response) =>
        void response.writeHead(status, { "retry-after": "30" }).end(JSON.stringify(body));
      const [gone, back] = [await answering(away), await answering(away, json(200, { runId: "run_1" }))];
      const answers = await Promise.all([refusalOf(patient(gone)), patient(back)]);
      expect(answers).toEqual([expect.objectContaining({ code: "worker_unreachable" }), { runId: "run_1" }]);
      // Without that word it would be sent about five times.
      expect([gone.seen.length, back.seen.length]).toEqual([2, 2]);
    });
    await Promise.all(all);
  });

  it("is sent again where the server said when, and that is in time", async () => {
    const busy: Answer = (response) => void response.writeHead(429, { "retry-after": "0" }).end();
    const { endpoint, seen } = await answering(busy, json(200, { runId: "run_1" }));
    expect(await transport({ endpoint, apiKey: KEY })("startRun", startRun)).toEqual({ runId: "run_1" });
    expect(seen).toHaveLength(2);
  });

  it("for a decision, where too many wait, leaves the server alone for as long as it says", async () => {
    const full: Answer = (response) => {
      const error = { code: "too_many_waiting", message: "No." };
      response.writeHead(429, { "retry-after": "9" }).end(JSON.stringify({ error }));
    };
    const pending = json(200, { status: "pending_approval" });
    const { endpoint, seen } = await answering(full, pending);
    const gate = new Gate({ endpoint, apiKey: KEY });
    // In time for one more, where nobody says how long.
    expect(await gate.waitForDecision({ intentId: "run_1.4", waitMs: 700 })).toEqual({
      status: "pending_approval",
    });
    const waits = seen.map(({ request }) =>
      Number(new URL(request.url ?? "", endpoint).searchParams.get("waitMs")),
    );
    expect(waits).toEqual([700, expect.any(Number)]);
    // A timer may ring a millisecond early.
    expect(waits[1]).toBeLessThan(100);
  });

  it.each([
    [{ "retry-after": "2" }, 2_000],
    [{ "retry-after": "86400" }, 30_000],
    [{ "retry-after": "Mon, 23 Nov 2026 01:00:07 GMT", date: "Mon, 23 Nov 2026 01:00:00 GMT" }, 7_000],
    [{ "retry-after": "Mon, 23 Nov 2026 01:00:00 GMT", date: "Mon, 23 Nov 2026 01:00:07 GMT" }, 0],
    [{ "retry-after": "Mon, 23 Nov 2026 01:00:07 GMT" }, 0],
    [{ "retry-after": "-5" }, 0],
    [{ "retry-after": "soon" }, 0],
    [{}, 0],
  ])("is told by %o how long to wait", (headers, ms) => {
    expect(retryAfterIn(new Headers(headers as Record<string, string>))).toBe(ms);
  });

  it.each([
    [401, "credential_expired"],
    [403, "access_denied"],
    [404, "intent_not_found"],
    [409, "idempotency_key_reused"],
    [503, "store_unavailable"],
  ])("that is refused (%i, %s) throws just that, and is not sent again", async (status, code) => {
    const { endpoint, seen } = await answering(refused(status, code, { hint: "Ask.", details: { a: 1 } }));
    const error = await refusalOf(transport({ endpoint, apiKey: KEY })("startRun", startRun));
    expect(error.toJSON()).toEqual({ code, message: "No.", hint: "Ask.", details: { a: 1 } });
    expect(seen).toHaveLength(1);
  });

  it("that is refused for a reason that only newer programs know throws what was said", async () => {
    const { endpoint } = await answering(refused(400, "code_of_tomorrow"));
    await expect(transport({ endpoint, apiKey: KEY })("startRun", startRun)).rejects.toThrow(
      "code_of_tomorrow): No.",
    );
  });

  it("follows nobody elsewhere, and takes its key nowhere else", async () => {
    const other = await answering(json(200, { runId: "theirs" }));
    const { endpoint } = await answering(
      (response) => void response.writeHead(307, { location: `${other.endpoint}/v1/runs` }).end(),
    );
    const error = await refusalOf(transport({ endpoint, apiKey: KEY })("startRun", startRun));
    expect(error.message).toContain("307");
    expect(other.seen).toEqual([]);
  });

  it.each([
    ["a page", (response) => void response.writeHead(200).end("<html>")],
    ["nothing", (response) => void response.writeHead(204).end()],
    ["an error of others", json(404, { detail: "Not Found" })],
  ] satisfies [string, Answer][])("that is answered with %s has found no gate", async (_what, answer) => {
    const { endpoint } = await answering(answer);
    const error = await refusalOf(transport({ endpoint, apiKey: KEY })("startRun", startRun));
    expect(error).toMatchObject({ code: "worker_unreachable", message: expect.stringContaining("no gate") });
  });
});

describe("a gate elsewhere", () => {
  it.each(["", "127.0.0.1:7420", "ftp://ledger.example", "file:///etc/passwd", "nonsense", undefined, 7])(
    "is not at %o",
    (endpoint) => {
      const open = () => transport({ endpoint: endpoint as string, apiKey: KEY });
      expect(open).toThrow(expect.objectContaining({ code: "invalid_input" }));
    },
  );

  it.each(["", "a b", "a\r\nx-other: 1", "schlüssel", undefined, 7])(
    "is not asked with the key %o",
    (apiKey) => {
      const open = () => transport({ endpoint: "http://127.0.0.1:7420", apiKey: apiKey as string });
      expect(open).toThrow(expect.objectContaining({ code: "credential_invalid" }));
    },
  );
});
