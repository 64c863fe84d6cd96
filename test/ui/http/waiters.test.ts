import { describe, expect, it } from "vitest";
import { httpApp } from "../../../src/ui/http/app.js";
import { LOOPBACK_NAMES } from "../../../src/ui/http/guards.js";
import { mcpOverHttp } from "../../../src/ui/mcp/http.js";
import type { LedgerProcess } from "../../../src/ui/mcp/ledger-process.js";

/** The real routes before a ledger that decides nothing until it is told to; the key is the name of whom it is of. */
const crowded = () => {
  const waiting: (() => void)[] = [];
  const ask: LedgerProcess["ask"] = async (as, question) => {
    if (question.kind === "gate" && question.method === "waitForDecision" && question.input.waitMs !== 0)
      await new Promise<void>((resolve) => waiting.push(resolve));
    return { name: "sdkKey" in as ? as.sdkKey : "", status: "pending_approval" };
  };
  const mcp = mcpOverHttp({ version: "0", every: () => () => undefined, remark: () => undefined });
  const broke = (error: Error): void => void expect.unreachable(error.message);
  const app = httpApp({ ask, mcp, metrics: null, names: LOOPBACK_NAMES, broke });
  const of = (name: string) => ({ host: "localhost", authorization: `Bearer ${name}` });
  const asked = async (name: string, waitMs = 60_000) =>
    app.request(`/v1/intents/run_1.1/decision?waitMs=${waitMs}`, { headers: of(name) });
  const approved = async (name: string) =>
    app.request("/v1/intents/run_1.1/approve", {
      ...{ method: "POST", body: "{}" },
      headers: { ...of(name), "content-type": "application/json" },
    });
  const fill = async (name: string, count: number): Promise<void> => {
    const before = waiting.length;
    for (let one = 0; one < count; one += 1) void asked(name);
    while (waiting.length < before + count) await new Promise(setImmediate);
  };
  return { waiting, asked, approved, fill };
};

describe("requests that wait for a decision", () => {
  it("are so many of one key and no more, and those of others wait beside them", async () => {
    const { asked, fill, waiting } = crowded();
    await fill("ada", 64);
    const refused = await asked("ada");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "2"]);
    expect(await refused.json()).toMatchObject({
      error: { code: "too_many_waiting", hint: expect.stringContaining("waitMs=0") },
    });
    expect((await asked("ada", 0)).status).toBe(200);
    await fill("bob", 1);
    waiting[0]?.();
    await new Promise(setImmediate);
    await fill("ada", 1);
  });

  it("are so many in all and no more, and whoever decides is answered all the while", async () => {
    const { asked, approved, fill } = crowded();
    await fill("ada", 64);
    await fill("bob", 64);
    expect((await asked("eve")).status).toBe(429);
    expect((await approved("eve")).status).toBe(200);
  });
});
