import { PassThrough } from "node:stream";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type ErrorCode,
  LedgerError,
  type Metrics,
  type NewCredential,
  type RunLedger,
} from "../../../src/index.js";
import { type AppOptions, httpApp } from "../../../src/ui/http/app.js";
import { LOOPBACK_NAMES } from "../../../src/ui/http/guards.js";
import { mcpOverHttp } from "../../../src/ui/mcp/http.js";
import type { LedgerProcess } from "../../../src/ui/mcp/ledger-process.js";
import { serveLedger } from "../../../src/ui/mcp/ledger-side.js";
import { type Opened, type Question, readLines, type Told } from "../../../src/ui/mcp/line.js";
import { metricsText } from "../../../src/ui/metrics-text.js";
import { began, clockAt, say, typesOf } from "../../helpers/driving.js";
import { parsed } from "../../helpers/exposition.js";
import { makeSample, type Sample } from "../../helpers/project.js";

/** A real ledger behind the real routes; only the socket is left out. Processes of their own are in serve.test.ts. */

const MCP = "http://127.0.0.1:7420/mcp";

type Facts = Readonly<Record<string, unknown>>;
type Ask = LedgerProcess["ask"];

let shop: Sample;
let app: RunLedger;
let askSide: Ask;
const input = new PassThrough();
let sideEnded: Promise<void>;
beforeAll(async () => {
  shop = await makeSample({ "README.md": "# A shop\n" });
  app = await shop.open();
  askSide = askingSide();
});
afterAll(async () => {
  input.end();
  await sideEnded;
  await shop.dispose();
});

/** Asks the ledger's side as a process of its own would be asked. */
const askingSide = (): Ask => {
  const output = new PassThrough();
  sideEnded = serveLedger({ input, output, env: shop.env, projectDir: shop.repo, toolAgents: [] });
  const open: ((told: Told | Opened) => void)[] = [];
  readLines(output, (line) => {
    const told = JSON.parse(line) as Told | Opened;
    open[told.id]?.(told);
  });
  return (as, question, { opened } = {}) =>
    new Promise((resolve, reject) => {
      const id = open.length;
      open.push((told) => {
        if (told.opened === true) opened?.();
        if (!("value" in told) && !("error" in told)) return;
        if ("value" in told) return resolve(told.value);
        const { code, message, hint = "" } = told.error;
        reject(new LedgerError(code as ErrorCode, message, { hint }));
      });
      const tell = opened === undefined ? {} : { tellOpened: true };
      input.write(`${JSON.stringify({ id, as, question, ...tell })}\n`);
    });
};

const served = (ask: Ask = askSide, metrics: AppOptions["metrics"] = null) => {
  const remarks: string[] = [];
  const questions: Question[] = [];
  const beats = new Set<() => void>();
  const remark = (sentence: string): void => void remarks.push(sentence);
  const counting: Ask = (as, question, asking) => {
    questions.push(question);
    return ask(as, question, asking);
  };
  const every = (_ms: number, beat: () => void) => {
    beats.add(beat);
    return () => void beats.delete(beat);
  };
  const mcp = mcpOverHttp({ version: "0", every, remark });
  const { fetch } = httpApp({
    ask: counting,
    mcp,
    names: [...LOOPBACK_NAMES, "ledger.example"],
    metrics,
    broke: ({ message }) => remark(message),
  });
  return { fetch: async (request: Request) => fetch(request), remarks, questions, beats };
};

type Era = "auto" | "legacy";

const clientOf = async (
  fetch: (request: Request) => Promise<Response>,
  credential: string,
  era: Era = "auto",
) => {
  const client = new Client({ name: "test", version: "0" }, { versionNegotiation: { mode: era } });
  const transport = new StreamableHTTPClientTransport(new URL(MCP), {
    fetch: (url, init) => fetch(withHost(new Request(url, init))),
    authProvider: { token: async () => credential },
  });
  await client.connect(transport);
  return client;
};

/** As it comes over a socket: a request that was made here does not name its host. */
const withHost = (request: Request, host = "127.0.0.1:7420"): Request => {
  request.headers.set("host", host);
  return request;
};

const call = async (client: Client, name: string, input: Facts): Promise<Facts> => {
  const { structuredContent, isError, content } = await client.callTool({ name, arguments: { ...input } });
  expect(isError ?? false, JSON.stringify(content)).toBe(false);
  return structuredContent as Facts;
};

const refusalOf = async (client: Client, name: string, input: Facts): Promise<string> => {
  const { isError, content } = await client.callTool({ name, arguments: { ...input } });
  expect(isError).toBe(true);
  const [{ text } = { text: "" }] = content as { text: string }[];
  return /^error \[(\w+)\]/.exec(text)?.[1] ?? text;
};

const HOUR_MS = 3_600_000;
const signed = async (asked: Omit<NewCredential, "lifetimeMs">, of: RunLedger = app): Promise<string> =>
  (await of.signCredential({ sessionKey: "test", ...asked, lifetimeMs: HOUR_MS })).credential;
const lead = (): Promise<string> => signed({ name: "lead", role: "orchestrator" });

const plan = {
  goal: "Ship it",
  steps: ["a", "b"].map((id) => ({
    ...{ id, goal: "Make it", owner_agent: "coder" },
    validator: { type: "artifact_exists", target: `out/${id}.txt` },
  })),
};

const list = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });
const post = (headers: Readonly<Record<string, string>>, body: string | ReadableStream = list): Request =>
  withHost(
    new Request(MCP, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...headers,
      },
      body,
      ...{ duplex: "half" },
    }),
  );

type Refused = [
  what: string,
  headers: () => Promise<Readonly<Record<string, string>>>,
  code: string,
  challenge?: string,
];

describe("the ledger's numbers", () => {
  const at = (host: string, headers: Readonly<Record<string, string>> = {}, path = "/metrics"): Request =>
    withHost(new Request(`http://127.0.0.1:7420${path}`, { headers }), host);
  const asked: AppOptions["metrics"] = async () =>
    metricsText((await askSide(starter, { kind: "metrics" })) as Metrics, "0");
  const starter = { name: "orchestrator", role: "orchestrator", sessionKey: "test" } as const;

  it("are there for programs of this machine, without a credential", async () => {
    const { fetch } = served(askSide, asked);
    const answered = await fetch(at("127.0.0.1:7420"));
    expect([answered.status, answered.headers.get("content-type")]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
    ]);
    const text = await answered.text();
    const { samples } = parsed(text);
    expect(samples.get("runledger_events_total")).toBe(await app.ledger.store.position());
    expect((await fetch(at("localhost:9"))).status).toBe(200);
  });

  it.each([
    ["by a name that others have too", "ledger.example:7420", {}],
    ["by a name that was made to lead here", "evil.example:7420", {}],
    ["for a page of another site", "127.0.0.1:7420", { origin: "http://evil.example" }],
  ])("are refused %s", async (_what, host, headers: Readonly<Record<string, string>>) => {
    const { fetch } = served(askSide, asked);
    const answered = await fetch(at(host, headers));
    expect([answered.status, await answered.json()]).toMatchObject([
      403,
      { error: { code: "access_denied" } },
    ]);
  });

  it("are not there unless they were asked for, and open to no credential", async () => {
    const { fetch } = served();
    const answered = await fetch(at("127.0.0.1:7420"));
    expect([answered.status, await answered.text()]).toEqual([404, expect.stringContaining("--metrics")]);
    const refused = askSide({ credential: await lead() }, { kind: "metrics" });
    await expect(refused).rejects.toMatchObject({ code: "access_denied" });
  });

  it("are only read: another method is told so", async () => {
    const { fetch } = served(askSide, asked);
    const posted = new Request("http://127.0.0.1:7420/metrics", { method: "POST" });
    const answered = await fetch(withHost(posted));
    expect([answered.status, answered.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});

describe("a request", () => {
  it("with the credential of this ledger is answered", async () => {
    const { fetch } = served();
    const answered = await fetch(post({ authorization: `Bearer ${await lead()}` }));
    expect(answered.status).toBe(200);
    expect(await answered.text()).toContain("run_create");
  });

  it.each<Refused>([
    ["without one", async () => ({}), "credential_invalid", 'Bearer realm="runledger"'],
    [
      "of another scheme",
      async () => ({ authorization: `Basic ${await lead()}` }),
      "credential_invalid",
      'Bearer realm="runledger"',
    ],
    ["with a name instead", async () => ({ authorization: "Bearer orchestrator" }), "credential_invalid"],
    [
      "with one that was changed",
      async () => ({ authorization: `Bearer ${(await lead()).slice(0, -2)}xx` }),
      "credential_invalid",
    ],
    [
      "with a greater role written into it",
      async () => {
        const [body = "", mac] = (await signed({ name: "coder", role: "executor" })).slice(5).split(".");
        const said = Buffer.from(body, "base64url").toString().replace('"executor"', '"orchestrator"');
        return { authorization: `Bearer rlc1_${Buffer.from(said).toString("base64url")}.${mac}` };
      },
      "credential_invalid",
    ],
    [
      "with one of another ledger",
      async () => {
        const other = await makeSample({ "README.md": "# Another\n" });
        const credential = await signed({ name: "lead", role: "orchestrator" }, await other.open());
        await other.dispose();
        return { authorization: `Bearer ${credential}` };
      },
      "credential_invalid",
    ],
    [
      "with one that expired",
      async () => {
        const before = await shop.open({}, clockAt("2020-01-01T00:00:00.000Z").now);
        return { authorization: `Bearer ${await signed({ name: "lead", role: "orchestrator" }, before)}` };
      },
      "credential_expired",
    ],
  ])(
    "%s is refused with the reason, whatever it asks",
    async (_what, headers, code, challenge = 'Bearer realm="runledger", error="invalid_token"') => {
      const { fetch, questions } = served();
      const sent = await headers();
      for (const request of [post(sent), withHost(new Request(MCP, { headers: sent }))]) {
        const answered = await fetch(request);
        expect(answered.status).toBe(401);
        expect(answered.headers.get("www-authenticate")).toBe(challenge);
        const { error } = (await answered.json()) as {
          error: { code: string; message: string; hint: string };
        };
        expect(error.code).toBe(code);
        expect(error.hint).toMatch(/credential/i);
      }
      expect(questions.filter(({ kind }) => kind !== "who")).toEqual([]);
    },
  );
});

describe.each<Era>(["legacy", "auto"])("a client of the era %s", (era) => {
  it("sees the tools of its credential's role, and works in its session alone", async () => {
    const { fetch } = served();
    const leading = await clientOf(fetch, await lead(), era);
    expect(leading.getNegotiatedProtocolVersion()).toBe(era === "auto" ? "2026-07-28" : "2025-11-25");
    const working = await clientOf(fetch, await signed({ name: "coder", role: "executor" }), era);
    const tools = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name);
    expect(await tools(leading)).toContain("run_create");
    expect(await tools(working)).not.toContain("run_create");
    const { run_id } = await call(leading, "run_create", {
      plan_json: JSON.stringify(plan),
      original_request: "please",
    });
    expect(await call(working, "run_read", { run_id })).toMatchObject({ run_id, status: "running" });
    const elsewhere = await clientOf(
      fetch,
      await signed({ name: "lead", role: "orchestrator", sessionKey: "elsewhere" }),
      era,
    );
    expect(await refusalOf(elsewhere, "run_read", { run_id })).toBe("session_mismatch");
    expect(await refusalOf(working, "run_pause", { run_id })).toBe("access_denied");
    const { resources } = await leading.listResources();
    expect(resources.map(({ uri }) => uri)).toContain(`runledger://runs/${run_id}`);
    expect((await working.listPrompts()).prompts.map(({ name }) => name)).toEqual(["executor"]);
  });

  it("gets no further with the credential of a step than that step, however it calls itself", async () => {
    const { fetch } = served();
    const runId = await began(app, plan);
    const bound = { name: "coder", role: "executor", runId } as const;
    const client = await clientOf(fetch, await signed({ ...bound, stepId: "a" }), era);
    const before = await typesOf(app, runId);
    for (const [name, input, code] of [
      ["run_start_step", { run_id: runId, step_id: "b" }, "access_denied"],
      ["run_create", { plan_json: "{}", original_request: "please" }, "access_denied"],
      ["run_apply_policy", { run_id: runId, step_id: "a", action: "skip", reason: "x" }, "access_denied"],
      ["run_start_step", { run_id: runId, step_id: "a", agent: "orchestrator" }, "invalid_input"],
      ["run_note", { run_id: runId, key: "k", value: "v", role: "human" }, "invalid_input"],
    ] as const)
      expect(await refusalOf(client, name, input), name).toBe(code);
    // Nothing but that somebody tried what its credential does not allow.
    const refused = Array.from({ length: 3 }, () => "access_refused");
    expect(await typesOf(app, runId)).toEqual([...before, ...refused]);
    await call(client, "run_start_step", { run_id: runId, step_id: "a" });
    await say(app, runId, { type: "cancel_run", reason: "not needed" });
    // It went with its attempt, but for what it may still read.
    expect(await refusalOf(client, "run_start_step", { run_id: runId, step_id: "a" })).toBe(
      "credential_ended",
    );
    expect(await call(client, "run_read", { run_id: runId })).toMatchObject({ status: "failed" });
  });

  it("hears of a long call every few seconds, and of a silent one before it gives up", async () => {
    let settle = (_value: Facts): void => undefined;
    const { fetch, beats, questions } = served(async (_as, question, asking) => {
      if (question.kind === "who") return { name: "coder", role: "executor", sessionKey: "test" };
      asking?.opened?.();
      return new Promise<Facts>((resolve) => {
        settle = resolve;
      });
    });
    const client = await clientOf(fetch, "rlc1_any.any", era);
    const heard: (string | undefined)[] = [];
    const asked = { name: "run_read", arguments: { run_id: "r" } };
    const calling = client.callTool(asked, { onprogress: ({ message }) => heard.push(message) });
    while (beats.size === 0) await new Promise(setImmediate);
    for (const seconds of [5, 10, 15]) {
      for (const beat of beats) beat();
      while (heard.length < seconds / 5) await new Promise(setImmediate);
    }
    expect(heard).toEqual([5, 10, 15].map((s) => `run_read has been at work for ${s}s`));
    settle({ run_id: "r" });
    await expect(calling).resolves.toBeDefined();
    expect(beats.size).toBe(0);
    const silent = client.callTool(asked);
    const tools = () => questions.flatMap((one) => (one.kind === "tool" ? [one.waitMs] : []));
    while (tools().length < 2) await new Promise(setImmediate);
    expect(tools()).toEqual([undefined, 45_000]);
    settle({ run_id: "r" });
    await silent;
  });
});

describe("a client that the ledger knows from before", () => {
  it("is asked about by its call itself, and by nothing beside it", async () => {
    const { fetch, questions } = served();
    const client = await clientOf(fetch, await lead());
    const asked = { name: "run_active", arguments: {} };
    await client.callTool(asked);
    questions.length = 0;
    await client.callTool(asked);
    expect(questions.map(({ kind }) => kind)).toEqual(["tool"]);
    await client.listTools();
    expect(questions.map(({ kind }) => kind)).toEqual(["tool", "who"]);
  });

  it.each([
    ["credential_expired", "tools/call", 401],
    ["credential_invalid", "tools/call", 401],
    ["credential_invalid", "tools/list", 401],
    ["store_unavailable", "tools/call", 503],
    // Told by the answer to the call: its run may still be read.
    ["credential_ended", "tools/call", 200],
  ] as const)("is refused as soon as it holds no more: %s at %s is %i", async (code, method, status) => {
    let holds = true;
    const { fetch } = served(async (as, question, asking) => {
      if (holds) return askSide(as, question, asking);
      throw new LedgerError(code, "It does not hold any more.");
    });
    const authorization = `Bearer ${await lead()}`;
    const params = method === "tools/call" ? { name: "run_active", arguments: {} } : {};
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    expect((await fetch(post({ authorization }, body))).status).toBe(200);
    holds = false;
    const refused = await fetch(post({ authorization }, body));
    expect(refused.status).toBe(status);
    expect(await refused.text()).toContain(code);
  });

  it("is told that it is too long only while its credential holds", async () => {
    let holds = true;
    const { fetch } = served(async (as, question, asking) => {
      if (holds) return askSide(as, question, asking);
      throw new LedgerError("credential_expired", "It does not hold any more.");
    });
    const authorization = `Bearer ${await lead()}`;
    expect((await fetch(post({ authorization }))).status).toBe(200);
    const long = "x".repeat(8 * 1024 * 1024 + 1);
    expect((await fetch(post({ authorization }, long))).status).toBe(413);
    holds = false;
    expect((await fetch(post({ authorization }, long))).status).toBe(401);
  });

  it("hears nothing before its credential was found to hold", async () => {
    let open = (): void => undefined;
    let waits = false;
    const { fetch } = served(async (as, question, asking) => {
      if (!waits) return askSide(as, question, asking);
      open = () => asking?.opened?.();
      return new Promise<Facts>(() => undefined);
    });
    const authorization = `Bearer ${await lead()}`;
    const body = JSON.stringify({
      ...{ jsonrpc: "2.0", id: 1, method: "tools/call" },
      params: { name: "run_active", arguments: {}, _meta: { progressToken: 1 } },
    });
    await (await fetch(post({ authorization }, body))).text();
    waits = true;
    let isAnswered = false;
    const answering = fetch(post({ authorization }, body)).then((answer) => {
      isAnswered = true;
      return answer;
    });
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    expect(isAnswered).toBe(false);
    open();
    await (await answering).body?.cancel();
  });
});

describe("a page of another site", () => {
  const origin = (value: string) => ({ origin: value });
  it.each([
    ["asks by a name that leads here", "attacker.example:7420", {}],
    ["asks by an address that is not this one's", "192.0.2.1:7420", {}],
    ["asks by a name that begins like ours", "localhost.attacker.example", {}],
    ["comes from elsewhere", "127.0.0.1:7420", origin("https://attacker.example")],
    ["comes from another port of this machine", "127.0.0.1:7420", origin("http://127.0.0.1:3000")],
    ["comes from nowhere that it says", "127.0.0.1:7420", origin("null")],
    ["comes from a file", "127.0.0.1:7420", origin("file://")],
  ])("is refused where it %s, before its credential is looked at", async (_what, host, headers) => {
    const { fetch, questions } = served();
    const sent = post({ authorization: `Bearer ${await lead()}`, ...headers });
    const answered = await fetch(withHost(sent, host));
    expect(answered.status).toBe(403);
    expect(await answered.json()).toMatchObject({ error: { code: "access_denied" } });
    expect(answered.headers.get("access-control-allow-origin")).toBeNull();
    expect(questions).toEqual([]);
  });

  it.each([
    ["127.0.0.1:7420", {}],
    ["localhost", {}],
    ["[::1]:7420", {}],
    ["LOCALHOST:7420", origin("http://localhost:7420")],
  ])("is not one that asks by our own name %s", async (host, headers) => {
    const { fetch } = served();
    const answered = await fetch(
      withHost(post({ authorization: `Bearer ${await lead()}`, ...headers }), host),
    );
    expect(answered.status).toBe(200);
  });

  it("is told nothing by a request that asks what it may send", async () => {
    const { fetch } = served();
    const headers = { origin: "http://127.0.0.1:7420", "access-control-request-method": "POST" };
    const answered = await fetch(withHost(new Request(MCP, { method: "OPTIONS", headers })));
    expect(answered.status).toBe(401);
    expect([...answered.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });
});

describe("a body", () => {
  const tooLong = "x".repeat(8 * 1024 * 1024 + 1);
  const inPieces = (text: string): ReadableStream => new Blob([text]).stream() as unknown as ReadableStream;
  it.each([
    ["says so", () => tooLong],
    ["does not say how long it is", () => inPieces(tooLong)],
  ])("that is too long and %s is refused, and nothing is asked for it", async (_what, body) => {
    const { fetch, questions } = served();
    const answered = await fetch(post({ authorization: `Bearer ${await lead()}` }, body()));
    expect(answered.status).toBe(413);
    expect(await answered.json()).toMatchObject({ error: { code: "limit_exceeded" } });
    expect(questions.map(({ kind }) => kind)).toEqual(["who"]);
  });

  it("of nobody is not even read", async () => {
    const { fetch } = served();
    const sent = post({}, inPieces(tooLong));
    expect((await fetch(sent)).status).toBe(401);
    expect(sent.bodyUsed).toBe(false);
  });

  it.each([
    ["is no JSON", "{", 400],
    ["is empty", "", 400],
    ["is no message of the protocol", "7", 400],
  ])("that %s is answered as the protocol says", async (_what, body, status) => {
    const { fetch } = served();
    const answered = await fetch(post({ authorization: `Bearer ${await lead()}` }, body));
    expect(answered.status).toBe(status);
    expect(await answered.json()).toMatchObject({ jsonrpc: "2.0", error: { code: expect.any(Number) } });
  });
});

describe("the server", () => {
  it("says that the ledger does not work, and has another try with the next request", async () => {
    let isDown = true;
    const { fetch } = served(async () => {
      if (isDown) throw new LedgerError("store_unavailable", "The disk is gone.", { hint: "Look." });
      return { name: "lead", role: "orchestrator" };
    });
    const first = await fetch(post({ authorization: "Bearer rlc1_a.b" }));
    expect(first.status).toBe(503);
    expect(await first.json()).toMatchObject({ error: { code: "store_unavailable", hint: "Look." } });
    isDown = false;
    expect((await fetch(post({ authorization: "Bearer rlc1_a.b" }))).status).toBe(200);
  });

  it("keeps its own mistakes for its terminal", async () => {
    const { fetch, remarks } = served(async () => {
      throw new TypeError("secret is not a function");
    });
    const answered = await fetch(post({ authorization: "Bearer rlc1_a.b" }));
    expect(answered.status).toBe(500);
    expect(await answered.text()).not.toContain("secret");
    expect(remarks.join()).toContain("secret is not a function");
  });

  it.each([
    ["PUT", "/v1/runs", "POST"],
    ["DELETE", "/v1/runs/run_1", "GET, HEAD"],
    ["PATCH", "/v1/runs/run_1/events", "GET, HEAD, POST"],
    ["POST", "/v1/key", "GET, HEAD"],
    ["GET", "/v1/intents/run_1.1/execute", "POST"],
  ])("of a method that a path does not have, %s %s, is told which it has", async (method, path, allow) => {
    const { fetch, remarks } = served();
    const answered = await fetch(withHost(new Request(new URL(path, MCP), { method })));
    expect([answered.status, answered.headers.get("allow"), await answered.json()]).toMatchObject([
      405,
      allow,
      { error: { code: "method_unknown", hint: expect.stringContaining(allow) } },
    ]);
    expect(remarks).toEqual([]);
  });

  it("has nothing elsewhere", async () => {
    const { fetch } = served();
    const answered = await fetch(withHost(new Request(new URL("/runs", MCP))));
    expect([answered.status, await answered.json()]).toMatchObject([
      404,
      { error: { code: "file_not_found" } },
    ]);
  });
});
