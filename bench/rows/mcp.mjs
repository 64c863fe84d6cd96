// A tool call over the protocol, from a client's process to the answer, over a bare echo of the same answer on the same transport: of a run
// that nobody changes meanwhile, as whoever waits for it asks, and of one that was changed before each call.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { openRunLedger } from "runledger";
import { environmentIn, inFolder, plan } from "../ledgers.mjs";
import { millis, paired } from "../measure.mjs";

const CALLS = 100;
const WARM = 300;
const HOUR_MS = 3_600_000;
const cli = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const echo = fileURLToPath(new URL("../fixtures/mcp-echo.mjs", import.meta.url));
const ERAS = ["2025-11-25", "2026-07-28"];

export const rows = () => inFolder(all);

async function* all(place) {
  const env = environmentIn(place);
  const app = await openRunLedger({ projectDir: place, env });
  const me = app.issue({ name: "bench", role: "human", sessionKey: "bench" });
  const { runId } = await app.createRun(me, { plan, sessionKey: "bench", originalRequest: "bench" });
  const who = { name: "lead", role: "orchestrator", sessionKey: "bench", lifetimeMs: HOUR_MS };
  const { credential } = await app.signCredential(who);
  const told = JSON.stringify(
    await app
      .toolsFor(me)
      .find(({ name }) => name === "run_read")
      .call({ run_id: runId }),
  );
  const change = noting(app, me, runId);
  for (const transport of [overStdio, overHttp])
    for (const era of ERAS)
      yield* measured(await transport({ place, env, credential, told, era }), { runId, era, change });
  await app.close();
}

/** Somebody else at work in the same run. */
const noting = (app, me, runId) => {
  let at = 0;
  return () => {
    at += 1;
    return app.ledger.submit(runId, { type: "write_note", key: "other", value: `${at}` }, me);
  };
};

async function* measured({ name, ours, floor, stop }, { runId, era, change }) {
  let at = 0;
  const read = () => ours.callTool({ name: "run_read", arguments: { run_id: runId } });
  const note = () => {
    at += 1;
    return ours.callTool({ name: "run_note", arguments: { run_id: runId, key: "k", value: `${at}` } });
  };
  const bare = () => floor.callTool({ name: "echo", arguments: {} });
  for (let warm = 0; warm < WARM; warm += 1) {
    await read();
    await note();
    await bare();
  }
  const of = { floor: each(bare), unit: "µs" };
  yield await paired({
    name: `run_read ${name}, ${era}, over a bare echo`,
    ours: each(read),
    ...of,
    aim: { max: 1.3 },
  });
  yield await paired({
    name: `run_read ${name}, ${era}, each after a change of the run`,
    ours: each(read, change),
    ...{ floor: each(bare, change), unit: "µs" },
  });
  yield await paired({ name: `run_note ${name}, ${era}, over a bare echo`, ours: each(note), ...of });
  await stop();
}

/** Microseconds of one call, and not of what comes before each. */
const each =
  (call, before = () => undefined) =>
  async () => {
    let took = 0;
    for (let count = 0; count < CALLS; count += 1) {
      await before();
      took += await millis(async () => {
        const { isError } = await call();
        if (isError) throw new Error("A call was refused, so that nothing was measured.");
      });
    }
    return (took * 1_000) / CALLS;
  };

const clientOn = async (transport, era) => {
  const mode = era === ERAS[0] ? "legacy" : "auto";
  const client = new Client({ name: "bench", version: "0" }, { versionNegotiation: { mode } });
  await client.connect(transport);
  if (client.getNegotiatedProtocolVersion() !== era) throw new Error(`It does not speak ${era}.`);
  return client;
};

const overStdio = async ({ place, env, credential, told, era }) => {
  const started = (args, more = {}) =>
    clientOn(
      new StdioClientTransport({
        command: process.execPath,
        args,
        cwd: place,
        env: { ...env, ...more },
        stderr: "ignore",
      }),
      era,
    );
  const ours = await started([cli, "mcp"], { RUNLEDGER_CREDENTIAL: credential });
  const floor = await started([echo, "stdio", told]);
  return { name: "over stdio", ours, floor, stop: () => Promise.all([ours.close(), floor.close()]) };
};

const overHttp = async ({ place, env, credential, told, era }) => {
  const children = [];
  const started = async (args) => {
    const child = spawn(process.execPath, args, { cwd: place, env, stdio: ["ignore", "pipe", "ignore"] });
    children.push(child);
    const [url] = await once(createInterface({ input: child.stdout }), "line");
    const authProvider = { token: async () => credential };
    return clientOn(new StreamableHTTPClientTransport(new URL(url), { authProvider }), era);
  };
  const ours = await started([cli, "serve", "--port", "0"]);
  const floor = await started([echo, "http", told]);
  const stop = async () => {
    await Promise.all([ours.close(), floor.close()]);
    const ended = children.map((child) => once(child, "exit"));
    for (const child of children) child.kill();
    await Promise.all(ended);
  };
  return { name: "over HTTP", ours, floor, stop };
};
