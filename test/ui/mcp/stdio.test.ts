import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildPackage } from "../../helpers/built.js";
import { eventually, lives, typesOf, untilFile } from "../../helpers/driving.js";
import { MARKS_OUTSIDE, makeSample, type Sample } from "../../helpers/project.js";

/** Clients of the protocol's own library, in real processes at both ends of a real pipe. */

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

let shop: Sample;
const clients: Client[] = [];
const fronts: number[] = [];
beforeEach(async () => {
  shop = await makeSample({ "README.md": "# A shop\n", "runledger.yaml": MARKS_OUTSIDE });
});
afterEach(async () => {
  const sides = fronts.flatMap(childrenOf);
  for (const client of clients.splice(0)) await client.close();
  await eventually("every process ended", () => ![...fronts.splice(0), ...sides].some(lives));
  await shop.dispose();
});

type Era = "auto" | "legacy";
type Given = { readonly words?: readonly string[]; readonly env?: Readonly<Record<string, string>> };

const opened = async (era: Era, { words = [], env = {} }: Given = {}): Promise<Client> => {
  const client = new Client({ name: "test", version: "0" }, { versionNegotiation: { mode: era } });
  const whole = { ...shop.env, ...env } as Record<string, string>;
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [built.bin, "mcp", "--session", "test", ...words],
    ...{ cwd: shop.repo, env: whole, stderr: "ignore" },
  });
  clients.push(client);
  await client.connect(transport);
  fronts.push(transport.pid ?? expect.unreachable());
  return client;
};

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);

type Ended = { readonly code: number; readonly out: string; readonly err: string };

const typed = (...argv: readonly string[]): Promise<Ended> => fed("", ...argv);

const fed = (input: string, ...argv: readonly string[]): Promise<Ended> =>
  new Promise((done) => {
    const child = execFile(
      process.execPath,
      [built.bin, ...argv],
      { cwd: shop.repo, env: shop.env as NodeJS.ProcessEnv },
      (error, out, err) => done({ code: error === null ? 0 : Number(error.code), out, err }),
    );
    child.stdin?.end(input);
  });

type Facts = Readonly<Record<string, unknown>>;

const call = async (client: Client, name: string, input: Facts): Promise<Facts> => {
  const { structuredContent, isError, content } = await client.callTool(
    { name, arguments: { ...input } },
    { onprogress: () => undefined },
  );
  expect(isError ?? false, JSON.stringify(content)).toBe(false);
  expect(content).toEqual([{ type: "text", text: JSON.stringify(structuredContent) }]);
  return structuredContent as Facts;
};

const read = async (client: Client, uri: string): Promise<Facts> => {
  const { contents } = await client.readResource({ uri });
  return JSON.parse((contents[0] as { text: string }).text) as Facts;
};

const refusal = async (client: Client, name: string, input: Facts): Promise<string> => {
  const { isError, content } = await client.callTool({ name, arguments: { ...input } });
  expect(isError).toBe(true);
  return (content as { text: string }[])[0]?.text ?? "";
};

const planBy = (validator: object) =>
  JSON.stringify({ goal: "Ship it", steps: [{ id: "a", goal: "Make it", owner_agent: "coder", validator }] });
/** As a client can know it: it is told nowhere which session it is in. */
const asked = (validator: object) => ({ plan_json: planBy(validator), original_request: "please" });
const madeIt = { type: "artifact_exists", target: "out/a.txt" };

describe.each<Era>(["legacy", "auto"])("two agents of clients that open in the era %s", (era) => {
  it("carry a run from its plan through a lie and its repair to its end", async () => {
    const lead = await opened(era);
    expect(lead.getNegotiatedProtocolVersion()).toBe(era === "auto" ? "2026-07-28" : "2025-11-25");
    const { run_id } = await call(lead, "run_create", asked(madeIt));
    const ids = { run_id, step_id: "a" };
    const bound = ["--agent", "coder", "--run", String(run_id), "--step", "a", "--quiet"];
    const work = await opened(era, {
      env: { RUNLEDGER_CREDENTIAL: (await typed("credential", ...bound)).out },
    });
    await call(work, "run_start_step", ids);
    const lie = await call(work, "run_propose_step_result", { ...ids, result: "all done" });
    expect(lie).toMatchObject({ status: "verification_failed", policy_request: { step_id: "a" } });
    // Its credential went with the attempt, but for what it may still read.
    expect(await refusal(work, "run_start_step", ids)).toMatch(/^error \[credential_ended\]: .*\nNext: /);
    const { steps } = await call(work, "run_read", { run_id });
    expect(steps).toMatchObject([{ status: "failed", verdict: lie.verdict }]);
    const again = { ...ids, action: "retry", reason: "try it again" };
    expect((await call(lead, "run_apply_policy", again)).step_status).toBe("pending");
    const second = await opened(era, { words: ["--role", "executor", "--agent", "coder"] });
    const { workspace, attempt } = await call(second, "run_start_step", ids);
    expect(attempt).toBe(2);
    mkdirSync(join(String(workspace), "out"));
    writeFileSync(join(String(workspace), "out/a.txt"), "made\n");
    const done = await call(second, "run_propose_step_result", { ...ids, result: "made it" });
    expect(done).toMatchObject({ status: "verified", run_status: "completed" });
    expect((await call(lead, "run_read", { run_id })).status).toBe("completed");
    const page = await read(lead, `runledger://runs/${run_id}/journal/0`);
    const events = page.events as { type: string; step_id: string | null; attempt: number | null }[];
    expect(events[0]?.type).toBe("run_created");
    expect(events.filter(({ type }) => type === "step_result_proposed")).toMatchObject([
      { step_id: "a", attempt: 1 },
      { step_id: "a", attempt: 2 },
    ]);
    expect(page.next_after).toBeNull();
    expect(await read(second, `runledger://runs/${run_id}`)).toMatchObject({ status: "completed" });
    expect((await lead.listResources()).resources).toMatchObject([{ name: run_id, title: "Ship it" }]);
  });
});

describe("a client", () => {
  it("sees the tools of its role, and is refused those of the other", async () => {
    const lead = await opened("auto");
    const work = await opened("auto", { words: ["--role", "executor", "--agent", "coder"] });
    const tools = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name);
    expect(await tools(lead)).not.toContain("run_start_step");
    expect(await tools(work)).not.toContain("run_create");
    const { run_id } = await call(lead, "run_create", asked(madeIt));
    expect(await refusal(work, "run_pause", { run_id })).toMatch(
      /^error \[access_denied\]: .*\nNext: Its tools: run_start/,
    );
    expect(await refusal(lead, "run_start_step", { run_id, step_id: "a" })).toMatch(
      /^error \[access_denied\]/,
    );
    const elsewhere = await opened("auto", { words: ["--session", "elsewhere"] });
    await expect(read(elsewhere, `runledger://runs/${run_id}/journal/0`)).rejects.toThrow(/session_mismatch/);
    expect((await elsewhere.listResources()).resources).toEqual([]);
    expect(await refusal(work, "no_such_tool", {})).toMatch(/^error \[access_denied\]/);
    expect(await refusal(work, "run_read", { run_id, more: 1 })).toMatch(/^error \[invalid_input\]: .*more/);
  });

  it("is not served under a name, role or credential that is not its own", async () => {
    const { out } = await typed("credential", "--agent", "coder", "--quiet");
    const file = join(shop.place, "cred");
    writeFileSync(file, out);
    const held = ["--credential-file", file];
    for (const [words, code] of [
      [["--role", "executor", "--agent", "system"], /access_denied/],
      [["--role", "executor"], /nobody says which/],
      [[...held, "--role", "orchestrator"], /access_denied.*role executor, not orchestrator/],
      [[...held, "--agent", "reviewer"], /invalid_input/],
      [["--credential-file", "nowhere"], /file_not_found/],
    ] as const) {
      const { code: exit, err, out: said } = await typed("mcp", ...words);
      expect(err).toMatch(code);
      expect([exit > 0, said]).toEqual([true, ""]);
    }
    writeFileSync(file, `${out.trim().slice(0, -1)}x`);
    expect((await typed("mcp", ...held)).err).toMatch(/error \[credential_invalid\]/);
  });
});

describe("a call", () => {
  it("that is given up is told of in one line, whatever the client calls it", async () => {
    const opening = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "t", version: "0" },
    };
    const name = "\u001b]0;mine\u0007\u009b2J\nerror: a line of ours";
    const lines = [
      { id: 1, method: "initialize", params: opening },
      { method: "notifications/initialized" },
      { id: 2, method: "tools/call", params: { name, arguments: {} } },
      { method: "notifications/cancelled", params: { requestId: 2 } },
    ].map((line) => `${JSON.stringify({ jsonrpc: "2.0", ...line })}\n`);
    const { err } = await fed(lines.join(""), "mcp");
    expect(err).toBe("The client gave up its call of ·]0;mine··2J\n");
  });

  it("under which the ledger's process is killed is carried on, and its work done once", async () => {
    const lead = await opened("legacy");
    const work = await opened("legacy", { words: ["--role", "executor", "--agent", "coder"] });
    const [begun, gate] = [join(shop.place, "begun"), join(shop.place, "gate")];
    const target = `echo >> ${begun}; ${untilFile(gate)}`;
    const { run_id } = await call(lead, "run_create", asked({ type: "command_pass", target }));
    const ids = { run_id, step_id: "a" };
    await call(work, "run_start_step", ids);
    const proposing = call(work, "run_propose_step_result", { ...ids, result: "done" });
    const judgings = () => readFileSync(begun, { encoding: "utf8", flag: "a+" }).length;
    await eventually("it is being judged", () => judgings() === 1);
    const [side = 0] = childrenOf(fronts.at(-1) ?? 0);
    process.kill(side, "SIGKILL");
    await eventually("it is judged again", () => judgings() === 2);
    writeFileSync(gate, "");
    expect(await proposing).toMatchObject({ status: "verified", run_status: "completed" });
    const app = await shop.open();
    const types = await typesOf(app, String(run_id));
    expect(types.filter((type) => type === "step_result_proposed")).toHaveLength(1);
    expect(types.filter((type) => type === "worker_lost")).toHaveLength(1);
    expect(types.filter((type) => type === "step_validation_passed")).toHaveLength(1);
  });
});
