import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { readPlan } from "../../../src/core/plan.js";
import { ValidatorType } from "../../../src/core/spec.js";
import { LedgerError } from "../../../src/index.js";
import type { Question } from "../../../src/ui/mcp/line.js";
import { type McpOptions, mcpServer } from "../../../src/ui/mcp/server.js";

/** A client and the server, with the ledger's process and the clock in the test's hands. */
const openPair = async (role: "orchestrator" | "executor", ask: McpOptions["ask"]) => {
  const asked: Question[] = [];
  const remarks: string[] = [];
  const beats = new Set<() => void>();
  const intervals: number[] = [];
  const server = mcpServer({
    role,
    version: "0",
    ask: (question) => {
      asked.push(question);
      return ask(question);
    },
    every: (ms, beat) => {
      intervals.push(ms);
      beats.add(beat);
      return () => void beats.delete(beat);
    },
    remark: (sentence) => remarks.push(sentence),
  });
  const client = new Client({ name: "test", version: "0" });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(far), client.connect(near)]);
  const beat = (): void => {
    for (const one of beats) one();
  };
  return { client, asked, remarks, beats, intervals, beat };
};

const later = () => {
  let settle: { resolve(value: object): void; reject(error: Error): void } | undefined;
  const answer = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
    settle = { resolve: (value) => resolve(value as Record<string, unknown>), reject };
  });
  return {
    ask: () => answer,
    resolve: (value: object) => settle?.resolve(value),
    reject: (e: Error) => settle?.reject(e),
  };
};

const propose = { name: "run_propose_step_result", arguments: { run_id: "r", step_id: "a", result: "x" } };
const verified = {
  ...{ run_id: "r", step_id: "a", status: "verified", message: "Verified.", verdict: null },
  ...{ policy_request: null, unmet_criteria: [], run_status: "completed", next: "It is over." },
};

describe("a long call", () => {
  it("gives a sign of life at each beat, at most five seconds apart, until it is answered", async () => {
    const work = later();
    const { client, beat, beats, intervals } = await openPair("executor", work.ask);
    const heard: (string | undefined)[] = [];
    const thirdBeat = new Promise<void>((resolve) => {
      const onprogress = ({ message }: { message?: string | undefined }) => {
        heard.push(message);
        if (heard.length === 3) resolve();
      };
      void client
        .callTool(propose, { onprogress })
        .then(({ structuredContent }) =>
          heard.push(String((structuredContent as { status?: string }).status)),
        );
    });
    while (beats.size === 0) await new Promise(setImmediate);
    for (let n = 0; n < 3; n += 1) beat();
    await thirdBeat;
    expect(heard).toEqual([5, 10, 15].map((s) => `run_propose_step_result has been at work for ${s}s`));
    expect(intervals.every((ms) => ms <= 5_000)).toBe(true);
    work.resolve(verified);
    while (heard.length < 4) await new Promise(setImmediate);
    expect(heard.at(-1)).toBe("verified");
    expect(beats.size).toBe(0);
  });

  it("waits for a verdict without end only where it can give such signs", async () => {
    const { client, asked } = await openPair("executor", async () => verified);
    await client.callTool(propose);
    await client.callTool(propose, { onprogress: () => undefined });
    const waits = asked.map((question) => question.kind === "tool" && question.waitMs);
    expect(waits[0]).toBeLessThan(60_000);
    expect(waits[1]).toBeUndefined();
  });

  it("that its client gives up goes on, and that is said where people look", async () => {
    const work = later();
    const { client, remarks, asked, beats } = await openPair("executor", work.ask);
    const stop = new AbortController();
    const call = client.callTool(propose, { signal: stop.signal });
    while (asked.length === 0) await new Promise(setImmediate);
    stop.abort();
    await expect(call).rejects.toThrow();
    while (remarks.length === 0) await new Promise(setImmediate);
    expect(remarks).toEqual([
      "The client gave up its call of run_propose_step_result. What it began goes on; run_read tells what comes of it.",
    ]);
    while (beats.size > 0) await new Promise(setImmediate);
    work.resolve(verified);
  });
});

describe("a call", () => {
  it("that changes something carries a key of its own, another one each time", async () => {
    const { client, asked } = await openPair("executor", async () => verified);
    await client.callTool(propose);
    await client.callTool(propose);
    const keys = asked.map(
      (question) =>
        question.kind === "tool" && (question.input as { idempotency_key: string }).idempotency_key,
    );
    expect(keys[0]).toMatch(/^mcp-/);
    expect(new Set(keys).size).toBe(2);
  });

  it("that is refused is an answer with code, sentence and next step, and no broken connection", async () => {
    const refused = async () => {
      throw new LedgerError("credential_ended", "It is over.", { hint: "Stop." });
    };
    const { client } = await openPair("executor", refused);
    const answer = await client.callTool(propose);
    expect(answer).toMatchObject({
      isError: true,
      content: [{ text: "error [credential_ended]: It is over.\nNext: Stop." }],
      structuredContent: { error: { code: "credential_ended" } },
    });
    await expect(client.listTools()).resolves.toBeDefined();
  });

  it.each(["orchestrator", "executor"] as const)("of an %s is told which tools there are", async (role) => {
    const { client } = await openPair(role, async () => ({}));
    const { tools } = await client.listTools();
    expect(tools.some(({ name }) => name === "run_create")).toBe(role === "orchestrator");
    expect(tools.some(({ name }) => name === "run_start_step")).toBe(role === "executor");
    for (const [name] of client.getInstructions()?.matchAll(/run_[a-z_]+/g) ?? [])
      expect(tools.map((tool) => tool.name)).toContain(name);
  });
});

const textIn = (messages: readonly { readonly content: unknown }[]): string => {
  const [{ content } = { content: { text: "" } }] = messages;
  return (content as { readonly text: string }).text;
};

describe("prompts", () => {
  const given = { goal: "Prices add up", run_id: "run_1", step_id: "a" };
  it.each([
    ["orchestrator", ["planner", "orchestrator"]],
    ["executor", ["executor"]],
  ] as const)("of an %s are its own, and name no tool that it has not got", async (role, names) => {
    const { client } = await openPair(role, async () => ({}));
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name)).toEqual(names);
    const tools = (await client.listTools()).tools.map(({ name }) => name);
    // An orchestrator is told what its agents call, and that it cannot.
    const known = role === "orchestrator" ? [...tools, "run_start_step", "run_propose_step_result"] : tools;
    for (const { name, arguments: wanted = [] } of prompts) {
      const own = Object.fromEntries(wanted.map((one) => [one.name, given[one.name as keyof typeof given]]));
      const { messages } = await client.getPrompt({ name, arguments: own });
      const text = textIn(messages);
      const named = [...text.matchAll(/\brun_(?!id\b|1\b)[a-z_]+/g)].map(([tool]) => tool);
      expect(named.length).toBeGreaterThan(1);
      for (const tool of named) expect(known).toContain(tool);
      for (const value of Object.values(own)) expect(text).toContain(value);
      await expect(client.getPrompt({ name })).rejects.toThrow(/needs "/);
    }
    await expect(client.getPrompt({ name: "nobody" })).rejects.toThrow(/There is no prompt/);
  });

  it("show a plan that is one, with validators that there are", async () => {
    const { client } = await openPair("orchestrator", async () => ({}));
    const { messages } = await client.getPrompt({ name: "planner", arguments: { goal: "g" } });
    const text = textIn(messages);
    expect(readPlan(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)).steps).toHaveLength(1);
    for (const type of ValidatorType.options) expect(text).toContain(type);
  });
});

describe("resources", () => {
  it("are runs and their journals; each reads what it names", async () => {
    const runs = [{ run_id: "run_1", goal: "Ship it", status: "running" }];
    const { client, asked } = await openPair("orchestrator", async () => ({ runs }));
    const { resources } = await client.listResources();
    expect(resources).toMatchObject([{ uri: "runledger://runs/run_1", title: "Ship it" }]);
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ name }) => name)).toEqual(["run", "journal"]);
    const { contents } = await client.readResource({ uri: "runledger://runs/run_1" });
    expect(contents).toMatchObject([{ mimeType: "application/json", text: JSON.stringify({ runs }) }]);
    await client.readResource({ uri: "runledger://runs/run_1/journal/7" });
    expect(asked).toEqual([
      { kind: "runs" },
      { kind: "tool", name: "run_read", input: { run_id: "run_1" } },
      { kind: "journal", runId: "run_1", afterSeq: 7 },
    ]);
  });

  it("that are not there, or not the caller's, are refused with code and next step", async () => {
    const refuse = async () => {
      throw new LedgerError("session_mismatch", "It is another's.", { hint: "Ask a person." });
    };
    const { client } = await openPair("executor", refuse);
    await expect(client.readResource({ uri: "runledger://runs/run_1" })).rejects.toThrow(
      /error \[session_mismatch\]: It is another's. Ask a person./,
    );
    for (const uri of ["runledger://runs/", "file:///etc/passwd", "runledger://runs/run_1/journal/-1"])
      await expect(client.readResource({ uri })).rejects.toThrow(/There is no resource/);
  });
});
