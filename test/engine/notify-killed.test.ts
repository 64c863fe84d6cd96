import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { buildPackage } from "../helpers/built.js";
import { agentOf, gatedProject } from "../helpers/gated.js";
import { onLoopback } from "../helpers/on-loopback.js";

/** Whoever tells is killed while it does, and another process goes on: real processes, a real receiver. */

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

const worker = join(import.meta.dirname, "../helpers/telling-worker.mjs");
/** The clock of each life: longer than the first pause between two tries, and than a claim of whoever was killed holds. */
const LIFE_MS = 60_000;

/** Three that are told twice, and what would be too much. */
const HEARD_MAX = 9;

const LIVES_MAX = 12;

type Answer = (response: ServerResponse, id: string) => void;

const receiver = async () => {
  const heard: string[] = [];
  const state: { answer: Answer } = { answer: (response) => void response.writeHead(503).end() };
  const server = createServer((request, response) => {
    const id = String(request.headers["webhook-id"]);
    heard.push(id);
    request.resume().once("end", () => state.answer(response, id));
  });
  const endpoint = await onLoopback(server);
  return { heard, state, url: `${endpoint}/` };
};

/** Three intents wait, and the first try to tell of them came to nothing. */
const threeAsked = async () => {
  const { heard, state, url } = await receiver();
  const phone = { url, secretEnv: "HOOK_SECRET", privateNetwork: true, events: ["intent_approval"] };
  const settings = { notify: { phone }, runLedger: { workspaceIsolation: false } };
  process.env.HOOK_SECRET = "secret of the test";
  onTestFinished(() => void delete process.env.HOOK_SECRET);
  const project = await gatedProject(`${JSON.stringify(settings)}\n`);
  const app = await project.open();
  const gate = app.gate(agentOf(app));
  for (let one = 0; one < 3; one += 1)
    await gate.propose({ destination: "crm", policy: "ask-first", payload: { text: `lead ${one}` } });
  await app.close();
  expect(new Set(heard).size).toBe(1);
  heard.length = 0;
  let lives = 0;
  const live = async (onStart: (child: ChildProcess) => void): Promise<void> => {
    lives += 1;
    const env = { ...process.env, XDG_DATA_HOME: join(project.folder, "data") };
    const words = [worker, built.library, project.folder, String(lives * LIFE_MS)];
    const child = spawn(process.execPath, words, { env, stdio: ["ignore", "ignore", "inherit"] });
    onStart(child);
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    // One that had no time to tell anything before it ended leaves it to the next.
    expect(signal ?? code).toBe(code === 0 ? 0 : "SIGKILL");
    expect(lives).toBeLessThan(LIVES_MAX);
  };
  return { heard, state, live };
};

it("Who is killed before a receiver answered is followed by one that tells it again under its id, and loses none", async () => {
  const { heard, state, live } = await threeAsked();
  const answered: string[] = [];
  const cutOff = new Set<string>();
  const life = () =>
    live((child) => {
      state.answer = (response, id) => {
        if (cutOff.has(id)) {
          answered.push(id);
          response.writeHead(204).end();
          return;
        }
        cutOff.add(id);
        child.kill("SIGKILL");
      };
    });
  while (answered.length < 3 && heard.length < HEARD_MAX) await life();
  const [a, b, c, ...more] = [...cutOff];
  expect(more).toEqual([]);
  expect(heard).toEqual([a, a, b, b, c, c]);
  expect(answered).toEqual([a, b, c]);
});

it("Who is killed behind the answer is followed by one that tells at most that one again, under its id", async () => {
  const { heard, state, live } = await threeAsked();
  const answered = new Set<string>();
  const life = () =>
    live((child) => {
      state.answer = (response, id) => {
        const isFirst = !answered.has(id);
        answered.add(id);
        if (isFirst) response.once("finish", () => child.kill("SIGKILL"));
        response.writeHead(204).end();
      };
    });
  while (answered.size < 3 && heard.length < HEARD_MAX) await life();
  // Whoever comes next tells what the last one may not have written down, and then nobody is told anything.
  for (let more = 0; more < 2; more += 1) await life();
  expect(answered.size).toBe(3);
  const inOrder = [...answered];
  // Each once, or twice in a row: in the order in which they happened.
  expect(heard.filter((id, index) => id !== heard[index - 1])).toEqual(inOrder);
  for (const id of inOrder) expect(heard.filter((one) => one === id).length).toBeLessThanOrEqual(2);
});
