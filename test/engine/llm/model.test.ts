import { describe, expect, it } from "vitest";
import { createRedactor } from "../../../src/core/redact.js";
import { askModel, openModel } from "../../../src/engine/agents/llm/model.js";
import type { ModelSetting } from "../../../src/engine/agents/llm/model-setting.js";
import { pauseAsked } from "../../../src/engine/agents/llm/pauses.js";
import { modelServer, type Scripted } from "../../helpers/model-server.js";
import { NO_SECRETS } from "../../helpers/no-secrets.js";

const PROVIDERS = ["openai-compatible", "anthropic", "openai"] as const;
const NOW = { "retry-after-ms": "1" };

/** A model that answers by the script, and a way to ask it. */
const scripted = async (
  script: readonly Scripted[],
  { provider = "openai-compatible", name = "scripted", ...more }: AskedWith = {},
) => {
  const server = await modelServer(script);
  const setting: ModelSetting = {
    provider,
    model: name,
    baseUrl: server.url,
    apiKeyEnv: "SHOP_MODEL",
    outputTokens: null,
    contextTokens: null,
    callTimeoutMs: 30_000,
    price: null,
  };
  const model = await openModel(setting, { SHOP_MODEL: "key-of-the-model-0123456789" });
  const bounds = { ...setting, signal: new AbortController().signal, redactor: NO_SECRETS, ...more };
  const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "hello" }] }];
  return { server, answer: await askModel(model, { prompt }, bounds) };
};
type AskedWith = {
  readonly provider?: ModelSetting["provider"];
  readonly name?: string;
  readonly signal?: AbortSignal;
  readonly redactor?: typeof NO_SECRETS;
};

describe("what calls of a model may have cost", () => {
  it.each([500, 502, 504, 529])("counts a %s as one that may have been charged", async (status) => {
    const { answer } = await scripted([{ status, headers: NOW }, { text: "done" }]);
    expect(answer).toMatchObject({ kind: "answer", uncounted: 1 });
  });

  it.each([429, 408])("does not count a %s, for it was refused", async (status) => {
    const { answer } = await scripted([{ status, headers: NOW }, { text: "done" }]);
    expect(answer).toMatchObject({ kind: "answer", uncounted: 0 });
  });

  it.each(PROVIDERS)(
    "is told of an answer of %s that broke off in the middle, and it is asked again",
    async (provider) => {
      const { answer, server } = await scripted(
        [{ silent: "break in the middle", headers: NOW }, { text: "done" }],
        {
          provider,
        },
      );
      expect(answer).toMatchObject({ kind: "answer", uncounted: 1 });
      expect(server.asked).toHaveLength(2);
    },
  );

  it("is told of a connection that broke", async () => {
    const { answer } = await scripted([{ silent: "break" }, { text: "done" }]);
    expect(answer).toMatchObject({ kind: "answer", uncounted: 1 });
  });

  it("is told when the time of the attempt is over, with the tries before", async () => {
    const { answer } = await scripted([{ status: 502, headers: NOW }, { silent: "hang" }], {
      signal: AbortSignal.timeout(300),
    });
    expect(answer).toMatchObject({
      kind: "failed",
      reason: "The time of the attempt was over before the model answered.",
      uncounted: 2,
    });
  });

  it("is told when that time is over in a pause", async () => {
    const { answer } = await scripted([{ status: 503, headers: { "retry-after": "60" } }], {
      signal: AbortSignal.timeout(300),
    });
    expect(answer).toMatchObject({ kind: "failed", uncounted: 1 });
  });

  it("is left open when the attempt is stopped, for whoever goes on", async () => {
    const stop = new AbortController();
    const before = () => stop.abort(new Error("stopped"));
    await expect(scripted([{ silent: "hang", before }], { signal: stop.signal })).rejects.toThrow();
  });

  it("is unknown where the provider does not count", async () => {
    const { answer } = await scripted([{ text: "done", usage: null }]);
    expect(answer).toMatchObject({ usage: { tokensIn: null, tokensOut: null } });
  });
});

describe.each(PROVIDERS)("an answer of %s", (provider) => {
  it.each(["length", "content-filter"] as const)("tells that it ended by %s", async (finish) => {
    const { answer } = await scripted([{ text: "half", finish }], { provider });
    expect(answer).toMatchObject({ kind: "answer", finish });
  });
});

describe("OpenAI", () => {
  it("keeps nothing of a conversation, and hands out what a thinking model thought", async () => {
    const plain = await scripted([{ text: "done" }], { provider: "openai" });
    expect(plain.server.asked[0]?.body).toMatchObject({ store: false });
    // Models that do not think refuse to be asked for it.
    expect(plain.server.asked[0]?.body).not.toHaveProperty("include");
    const thinking = await scripted([{ text: "done" }], { provider: "openai", name: "gpt-5" });
    expect(thinking.server.asked[0]?.body).toMatchObject({
      store: false,
      include: ["reasoning.encrypted_content"],
    });
  });
});

describe("what a provider says of an error", () => {
  it("is cut when secrets are out of it, so that no half of one is left", async () => {
    const value = "secret-of-the-shop-0123456789";
    const redactor = createRedactor([{ name: "SHOP_TOKEN", value }]);
    const trouble = `${"x".repeat(990)}${value}`;
    const { answer } = await scripted([{ status: 400, trouble }], { redactor });
    expect(answer).toMatchObject({ kind: "failed", reason: expect.stringContaining("xxx[redacted") });
    expect(JSON.stringify(answer)).not.toContain(value.slice(0, 6));
  });
});

describe("a conversation that is longer than the model takes", () => {
  const put = [
    { status: 400, code: "context_length_exceeded", trouble: "Your input exceeds it." },
    { status: 400, trouble: "This model's maximum context length is 8192 tokens. You requested 9000." },
    { status: 400, trouble: "prompt is too long: 209345 tokens > 200000 maximum" },
    { status: 400, trouble: "input length and `max_tokens` exceed context limit: 150000 + 64000 > 200000" },
    { status: 400, trouble: "the request exceeds the available context size, try increasing it" },
    { status: 413, code: "request_too_large", trouble: "Request exceeds the maximum size" },
  ];
  it.each(put)("is told as that: $trouble", async (said) => {
    for (const provider of PROVIDERS) {
      const { answer } = await scripted([said], { provider });
      expect(answer).toMatchObject({ kind: "failed", tooLong: true, uncounted: 0 });
    }
  });

  it.each([
    { status: 400, trouble: "max_tokens is too large" },
    { status: 401, trouble: "maximum context length" },
    { status: 400, trouble: "Invalid context in messages" },
  ])("is not taken for one: $trouble", async (said) => {
    expect((await scripted([said])).answer).not.toHaveProperty("tooLong");
  });
});

describe("the pause that a provider asks for", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  it.each([
    [{ "retry-after": "2" }, 2_000],
    [{ "retry-after": "1.5" }, 1_500],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "Thu, 01 Jan 2026 00:00:07 GMT" }, 7_000],
    [{ "retry-after": "Wed, 31 Dec 2025 23:59:59 GMT" }, undefined],
    [{ "retry-after": "-1" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after-ms": "20.5", "retry-after": "9" }, 20.5],
    [{ "retry-after-ms": "soon", "retry-after": "9" }, 9_000],
    [{}, undefined],
  ])("by %o is %s ms", (headers, ms) => {
    expect(pauseAsked(headers as Record<string, string>, now)).toBe(ms);
  });
});
