import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Gate, type RunLedger } from "../../src/index.js";
import { buildPackage } from "../helpers/built.js";
import { GATE_FILES } from "../helpers/gate-server.js";
import { makeSample, person, type Sample } from "../helpers/project.js";
import { type Served, serving, stopped } from "../helpers/serving.js";

/**
 * The nine steps of seed 000 with real processes: a worker elsewhere, the server, the ledger's own process, and a little program out
 * there that counts what is done to it. Each of them is killed at every boundary.
 */

let built: ReturnType<typeof buildPackage>;
let shop: Sample;
let app: RunLedger;
let outside: Awaited<ReturnType<typeof openOutside>>;
beforeAll(async () => {
  built = buildPackage();
  shop = await makeSample(GATE_FILES);
  app = await shop.open();
  outside = await openOutside();
  const { text } = await app.createSdkKey(person(app), agent);
  agentKey = text;
});
afterAll(async () => {
  await outside?.close();
  await shop?.dispose();
  built?.remove();
});

const agent = { kind: "agent", name: "enrichment-agent", sessionKey: "sdk:enrichment" } as const;
let agentKey: string;
const gateModule = (): string => join(dirname(built.library), "gate.js");

/** What is imported cannot be taken back: each POST counts, whatever is said afterwards. */
const openOutside = async () => {
  const counts = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const batch = (request.url ?? "").slice(1);
    for await (const _piece of request);
    if (request.method === "POST") counts.set(batch, (counts.get(batch) ?? 0) + 1);
    response.end(JSON.stringify({ times: counts.get(batch) ?? 0 }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    times: (batch: string): number => counts.get(batch) ?? 0,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
};

const BOUNDARIES = [
  "run started",
  "plan locked",
  "intent proposed",
  "approval granted",
  "checkpoint sealed",
  "run resumed",
  "execution ordered",
  "side effect done",
  "execution reported",
] as const;
type Boundary = (typeof BOUNDARIES)[number];

type End = {
  readonly runId: string;
  readonly intentId: string;
  readonly key: string;
  readonly blocked: readonly string[];
  readonly skipped: string | null;
};

type Worker = { readonly child: ChildProcess; readonly lines: AsyncIterator<string>; readonly of: Interface };

const startWorker = (endpoint: string, batch: string): Worker => {
  const script = fileURLToPath(new URL("../helpers/gate-worker.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, gateModule(), endpoint, outside.url, batch], {
    env: { PATH: process.env.PATH, RUNLEDGER_SDK_KEY: agentKey },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const of = createInterface({ input: child.stdout ?? expect.unreachable() });
  return { child, of, lines: of[Symbol.asyncIterator]() };
};

const killed = async ({ child }: { readonly child: ChildProcess }): Promise<void> => {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
};

/** A person out of the agent's reach approves what waits. */
const approve = async (batch: string): Promise<void> => {
  const gate = app.gate(person(app));
  const waiting = await gate.listIntents({ statuses: ["pending_approval"] });
  const intent = waiting.find(({ sideEffectKey }) => sideEffectKey === `salesforce.import:${batch}`);
  if (intent !== undefined)
    await gate.approve({ intentId: intent.intentId, contentHash: intent.contentHash });
};

/** Goes on until the end; at each boundary `at` may do something, and says whether this worker is still the one. */
const carryOn = async (
  worker: Worker,
  batch: string,
  at: (boundary: Boundary) => Promise<"go on" | "over">,
): Promise<End | undefined> => {
  for (;;) {
    const { value, done } = await worker.lines.next();
    if (done === true) return expect.unreachable("the worker ended without a word");
    const said = JSON.parse(value) as { readonly at: Boundary } | End;
    if (!("at" in said)) {
      await once(worker.child, "exit");
      return said;
    }
    if ((await at(said.at)) === "over") return undefined;
    if (said.at === "intent proposed") await approve(batch);
    worker.child.stdin?.write("on\n");
  }
};

const onward = async (): Promise<"go on"> => "go on";

const expectOnce = async (end: End | undefined, batch: string): Promise<void> => {
  expect(outside.times(batch)).toBe(1);
  const run = await app.ledger.load(end?.runId ?? "");
  expect(run.state.status).toBe("completed");
  // What had happened when it was asked for again is skipped.
  expect(run.intents.map(({ status }) => status)).toEqual(
    end?.skipped === ALREADY ? ["succeeded", "skipped"] : ["succeeded"],
  );
  const types = (await app.ledger.events(run.runId, 0, 999)).map(({ type }) => type);
  for (const type of ["run_created", "policy_checked", "intent_approved", "intent_reported"])
    expect([type, types.filter((one) => one === type).length]).toEqual([type, 1]);
};

/** In the words for whoever asks for what another intent has done. */
const ALREADY =
  "Another intent has the same key, so this one was NOT executed, and will not be: what came of that one is its answer.";

describe("a worker that is killed", () => {
  let server: Served;
  let endpoint: string;
  beforeAll(async () => {
    server = await serving(built.bin, shop, "--port", "0");
    endpoint = server.url.origin;
  });
  afterAll(async () => {
    await stopped(server, "SIGTERM");
  });

  it.each(BOUNDARIES)(
    "where it has just said: %s, goes on with its run, and the effect happens once",
    async (boundary) => {
      const batch = `worker-${boundary.replaceAll(" ", "-")}`;
      const first = startWorker(endpoint, batch);
      await carryOn(first, batch, async (at) => {
        if (at !== boundary) return "go on";
        await killed(first);
        return "over";
      });
      const before = outside.times(batch);
      const end = await carryOn(startWorker(endpoint, batch), batch, onward);
      await expectOnce(end, batch);
      const wasDone = boundary === "side effect done" || boundary === "execution reported";
      const wasOrdered = wasDone || boundary === "execution ordered";
      expect(before).toBe(wasDone ? 1 : 0);
      // What may have happened is blocked for whoever goes on, and what was skipped is said.
      expect(end?.blocked).toEqual(wasOrdered ? [end?.key] : []);
      expect(end?.skipped === null).toBe(!wasDone);
    },
  );

  it.each(BOUNDARIES)(
    "is not noticed when it is the ledger's own process that is killed at: %s",
    async (boundary) => {
      const batch = `ledger-${boundary.replaceAll(" ", "-")}`;
      const worker = startWorker(endpoint, batch);
      const end = await carryOn(worker, batch, async (at) => {
        if (at === boundary) process.kill(server.side(), "SIGKILL");
        return "go on";
      });
      await expectOnce(end, batch);
      expect(end).toMatchObject({ blocked: [], skipped: null });
    },
  );
});

describe("a server that is killed and started again", () => {
  it.each(BOUNDARIES)("at %s is waited for, and nothing doubles", async (boundary) => {
    const batch = `server-${boundary.replaceAll(" ", "-")}`;
    let server = await serving(built.bin, shop, "--port", "0");
    const { port } = server.url;
    const worker = startWorker(server.url.origin, batch);
    const end = await carryOn(worker, batch, async (at) => {
      if (at === boundary) {
        await killed(server);
        server = await serving(built.bin, shop, "--port", port);
      }
      return "go on";
    });
    await stopped(server, "SIGTERM");
    await expectOnce(end, batch);
    expect(end).toMatchObject({ blocked: [], skipped: null });
  });
});

describe("the sample of seed 000", () => {
  let place: string;
  let server: Served;
  beforeEach(async () => {
    place = join(shop.place, "sample");
    mkdirSync(join(place, "node_modules"), { recursive: true });
    symlinkSync(dirname(dirname(dirname(built.library))), join(place, "node_modules", "runledger"));
    writeFileSync(join(place, "leads.csv"), "name\nAda\n");
    server = await serving(built.bin, shop, "--port", "0");
  });

  it("runs as it stands there, and its work is executed once", async () => {
    const sample = readFileSync(new URL("../fixtures/seed-sample.txt", import.meta.url), "utf8");
    writeFileSync(
      join(place, "sample.mjs"),
      `${sample}\nconsole.log(JSON.stringify({ run, intent, again: [...ctx.blockedSideEffectKeys] }))\n`,
    );
    const run = () =>
      spawn(process.execPath, ["sample.mjs"], {
        cwd: place,
        env: {
          PATH: process.env.PATH,
          RUNLEDGER_ENDPOINT: server.url.origin,
          RUNLEDGER_SDK_KEY: agentKey,
        },
        stdio: ["ignore", "pipe", "inherit"],
      });
    const child = run();
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      out += text;
    });
    expect(await once(child, "exit")).toEqual([0, null]);
    await stopped(server, "SIGTERM");
    const said = JSON.parse(out) as { run: { runId: string }; intent: { intentId: string }; again: string[] };
    expect(said.intent).toMatchObject({
      ...{ status: "approved", sideEffectKey: "salesforce.import:batch-2026-03-22", recordCount: 847 },
      payload: { type: "csv", bytes: 9 },
    });
    expect(said.again).toEqual([]);
    const { intents } = await app.ledger.load(said.run.runId);
    expect(intents).toMatchObject([{ status: "ordered", order: { attempt: 1 } }]);
    const gate = new Gate({ endpoint: "http://127.0.0.1:1", apiKey: agentKey, patienceMs: 0 });
    await expect(gate.getRun({ runId: said.run.runId })).rejects.toMatchObject({
      code: "worker_unreachable",
    });
  });
});
