import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RunLedger } from "../../../src/index.js";
import { buildPackage } from "../../helpers/built.js";
import { began, eventually, lives, typesOf, untilFile } from "../../helpers/driving.js";
import { parsed } from "../../helpers/exposition.js";
import { MARKS_OUTSIDE, makeSample, onePlan, type Sample } from "../../helpers/project.js";
import { type Served, serving, stopped } from "../../helpers/serving.js";

/** The server in processes of its own, real sockets, and clients of the protocol's own library. */

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

let shop: Sample;
let app: RunLedger;
const servers: Served[] = [];
const clients: Client[] = [];
beforeEach(async () => {
  shop = await makeSample({ "README.md": "# A shop\n", "runledger.yaml": MARKS_OUTSIDE });
  app = await shop.open();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close().catch(() => undefined);
  for (const server of servers.splice(0)) await stopped(server, "SIGTERM");
  await shop.dispose();
});

const serve = async (...words: readonly string[]): Promise<Served> => {
  const server = await serving(built.bin, shop, ...words);
  servers.push(server);
  return server;
};

type Facts = Readonly<Record<string, unknown>>;

const HOUR_MS = 3_600_000;
const coder = { name: "coder", role: "executor", sessionKey: "test" } as const;
const leader = { name: "lead", role: "orchestrator", sessionKey: "test" } as const;

const clientOf = async (
  { url }: Pick<Served, "url">,
  who: Parameters<RunLedger["signCredential"]>[0] | typeof coder | typeof leader,
  mode: "auto" | "legacy" = "auto",
): Promise<Client> => {
  const { credential } = await app.signCredential({ lifetimeMs: HOUR_MS, ...who });
  const client = new Client({ name: "test", version: "0" }, { versionNegotiation: { mode } });
  clients.push(client);
  const token = async (): Promise<string> => credential;
  await client.connect(new StreamableHTTPClientTransport(url, { authProvider: { token } }));
  return client;
};

const call = async (client: Client, name: string, input: Facts): Promise<Facts> => {
  const { structuredContent, isError, content } = await client.callTool(
    { name, arguments: { ...input } },
    { onprogress: () => undefined },
  );
  expect(isError ?? false, JSON.stringify(content)).toBe(false);
  return structuredContent as Facts;
};

const asked = (validator: object) => ({
  original_request: "please",
  plan_json: JSON.stringify({
    goal: "Ship it",
    steps: [{ id: "a", goal: "Make it", owner_agent: "coder", validator }],
  }),
});

/** A judge that says when it is at work, each time anew, and ends when it is let go on. */
const slowJudge = () => {
  const [begun, gate] = [join(shop.place, "begun"), join(shop.place, "gate")];
  return {
    validator: { type: "command_pass", target: `echo $$ >> ${begun}; ${untilFile(gate)}` },
    judgings: (): number[] =>
      readFileSync(begun, { encoding: "utf8", flag: "a+" }).trim().split("\n").filter(Boolean).map(Number),
    open: () => writeFileSync(gate, ""),
  };
};

describe.each(["legacy", "auto"] as const)("two agents of clients that open in the era %s", (era) => {
  it("carry a run from its plan through a lie and its repair to its end", async () => {
    const server = await serve("--port", "0");
    const lead = await clientOf(server, leader, era);
    const { run_id } = await call(
      lead,
      "run_create",
      asked({ type: "artifact_exists", target: "out/a.txt" }),
    );
    const ids = { run_id, step_id: "a" };
    const step = { ...coder, runId: String(run_id), stepId: "a" };
    const work = await clientOf(server, step, era);
    await call(work, "run_start_step", ids);
    const lie = await call(work, "run_propose_step_result", { ...ids, result: "all done" });
    expect(lie).toMatchObject({ status: "verification_failed", policy_request: { step_id: "a" } });
    const { isError } = await work.callTool({ name: "run_start_step", arguments: ids });
    expect(isError).toBe(true);
    await call(lead, "run_apply_policy", { ...ids, action: "retry", reason: "try it again" });
    const second = await clientOf(server, step, era);
    const { workspace } = await call(second, "run_start_step", ids);
    mkdirSync(join(String(workspace), "out"));
    writeFileSync(join(String(workspace), "out/a.txt"), "made\n");
    const done = await call(second, "run_propose_step_result", { ...ids, result: "made it" });
    expect(done).toMatchObject({ status: "verified", run_status: "completed" });
    expect(await stopped(server, "SIGINT")).toBe(130);
  });
});

it("serves the ledger's numbers beside it when it is asked to, through the ledger's process", async () => {
  const { url } = await serve("--port", "0", "--metrics");
  const numbers = async () => parsed(await (await fetch(new URL("/metrics", url))).text()).samples;
  expect((await numbers()).get('runledger_runs{status="running"}')).toBe(0);
  const validator = { type: "artifact_exists", target: "out/a.txt" };
  await began(app, onePlan({ validator }));
  expect((await numbers()).get('runledger_runs{status="running"}')).toBe(1);
});

describe("a call", () => {
  const proposing = async (server: Served, judge: ReturnType<typeof slowJudge>) => {
    const [lead, work] = [await clientOf(server, leader), await clientOf(server, coder)];
    const { run_id } = await call(lead, "run_create", asked(judge.validator));
    const ids = { run_id: String(run_id), step_id: "a" };
    await call(work, "run_start_step", ids);
    const proposal = { ...ids, result: "done", idempotency_key: "once" };
    const answer = call(work, "run_propose_step_result", proposal);
    await eventually("it is being judged", () => judge.judgings().length === 1);
    return { runId: ids.run_id, proposal, answer };
  };
  const counted = async (runId: string) => {
    const types = await typesOf(app, runId);
    const of = (type: string): number => types.filter((one) => one === type).length;
    return [of("step_result_proposed"), of("step_validation_passed"), of("worker_lost")];
  };

  it("under which the ledger's process is killed is carried on, and its work done once", async () => {
    const judge = slowJudge();
    const server = await serve("--port", "0");
    const { runId, answer } = await proposing(server, judge);
    process.kill(server.side(), "SIGKILL");
    await eventually("it is judged again", () => judge.judgings().length === 2);
    judge.open();
    expect(await answer).toMatchObject({ status: "verified", run_status: "completed" });
    expect(await counted(runId)).toEqual([1, 1, 1]);
  });

  it("under which the server and its ledger are killed is done once when it is asked again", async () => {
    const judge = slowJudge();
    const server = await serve("--port", "0");
    const { runId, proposal, answer } = await proposing(server, judge);
    const ledger = server.side();
    const lost = expect(answer).rejects.toThrow();
    await stopped(server, "SIGKILL");
    process.kill(ledger, "SIGKILL");
    await lost;
    const again = await serve("--port", server.url.port);
    expect(again.url.href).toBe(server.url.href);
    const repeated = call(await clientOf(again, coder), "run_propose_step_result", proposal);
    await eventually("it is judged again", () => judge.judgings().length === 2);
    judge.open();
    expect(await repeated).toMatchObject({ status: "verified", run_status: "completed" });
    expect(await counted(runId)).toEqual([1, 1, 1]);
  });

  it("is answered as it stands when the server is stopped, and no process is left of its judging", async () => {
    const judge = slowJudge();
    const server = await serve("--port", "0");
    const { runId, proposal, answer } = await proposing(server, judge);
    const judges = judge.judgings();
    expect(judges.some(lives)).toBe(true);
    expect(await stopped(server, "SIGTERM")).toBe(143);
    expect(judges.filter(lives)).toEqual([]);
    expect(await answer).toMatchObject({ status: "verifying" });
    await expect(fetch(server.url)).rejects.toThrow();
    judge.open();
    const again = await clientOf(await serve("--port", "0"), coder);
    expect(await call(again, "run_propose_step_result", proposal)).toMatchObject({ status: "verified" });
    // It gave its lease back, so nobody was lost.
    expect(await counted(runId)).toEqual([1, 1, 0]);
  });
});

describe("serve", () => {
  const typed = async (...argv: readonly string[]) => {
    const child = spawn(process.execPath, [built.bin, ...argv], {
      ...{ cwd: shop.repo, env: shop.env as NodeJS.ProcessEnv },
    });
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      err += text;
    });
    const [code] = (await once(child, "close")) as [number];
    return { code, err };
  };

  it("says where it listens, to this machine alone", async () => {
    const { url, child } = await serve("--port", "0");
    expect(url.href).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
    expect((await fetch(url)).status).toBe(401);
    const table = readFileSync(`/proc/${child.pid}/net/tcp`, "utf8");
    const port = Number(url.port).toString(16).toUpperCase().padStart(4, "0");
    const listening = [...table.matchAll(/^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A/gm)];
    expect(listening.filter(([, , one]) => one === port).map(([, address]) => address)).toEqual(["0100007F"]);
  });

  it("passes no control character of a client on to the terminal", async () => {
    const server = await serve("--port", "0");
    const { credential } = await app.signCredential({ ...leader, lifetimeMs: HOUR_MS });
    const headers = {
      authorization: `Bearer ${credential}`,
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      "mcp-protocol-version": "\u009b31mred",
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
    await fetch(server.url, { method: "POST", headers, body });
    await eventually("it has told of it", () => server.err().includes("31mred"));
    expect(server.err()).toContain("·31mred");
    expect(server.err()).toMatch(/RUNLEDGER_URL=http:\/\/127\.0\.0\.1:\d+\n/);
    expect(server.err()).not.toContain("\u009b");
  });

  it("hangs up on who does not come to the point, and its place is free", async () => {
    const { url } = await serve("--port", "0");
    const dawdler = connect(Number(url.port), "127.0.0.1");
    dawdler.write("GET /v1/key HTTP/1.1\r\nHost: localhost\r\n");
    let said = "";
    dawdler.on("data", (piece: Buffer) => {
      said += piece;
    });
    await once(dawdler, "close");
    expect(said).toMatch(/^HTTP\/1.1 408 /);
  });

  it("ends with the reason where it cannot listen, and where the ledger does not open", async () => {
    const { url } = await serve("--port", "0");
    const taken = await typed("serve", "--port", url.port);
    expect(taken).toMatchObject({
      code: 1,
      err: expect.stringMatching(/error \[address_unavailable\]: .*EADDRINUSE/),
    });
    writeFileSync(join(shop.repo, "runledger.yaml"), "agents: 7\n");
    const spoilt = await typed("serve", "--port", "0");
    expect(spoilt).toMatchObject({ code: 2, err: expect.stringMatching(/error \[settings_invalid\]/) });
  });
});
