import { PassThrough } from "node:stream";
import { onTestFinished } from "vitest";
import { type ErrorCode, Gate, LedgerError, type NewSdkKey, type RunLedger } from "../../src/index.js";
import { httpApp } from "../../src/ui/http/app.js";
import { LOOPBACK_NAMES } from "../../src/ui/http/guards.js";
import { listen } from "../../src/ui/http/listen.js";
import { mcpOverHttp } from "../../src/ui/mcp/http.js";
import type { LedgerProcess } from "../../src/ui/mcp/ledger-process.js";
import { serveLedger } from "../../src/ui/mcp/ledger-side.js";
import { type Question, readLines, type Told } from "../../src/ui/mcp/line.js";
import { makeSample, person, type Sample } from "./project.js";

/** Policies as a project has them: one that lets small imports through, one that asks two people, one that asks nobody. */
export const GATE_FILES: Readonly<Record<string, string>> = {
  "README.md": "# A shop\n",
  "gate-policies/crm-low-risk.yaml":
    "destinations: [salesforce.import, hubspot.import]\nauto_approve_under: 1000\n",
  "gate-policies/asks.yaml": "require_approval: always\n",
};

/** A ledger whose gate is served: real routes, real sockets, and the ledger's side as its process runs it. */
export type GateServer = {
  readonly app: RunLedger;
  readonly shop: Sample;
  readonly endpoint: string;
  /** What the ledger's side was asked so far. */
  readonly questions: readonly Question[];
  /** How many of those nobody waited for any more. */
  readonly dropped: () => number;
  /** Asks the ledger's side without the routes before it. */
  readonly ask: LedgerProcess["ask"];
  /** What the server's terminal has said. */
  readonly remarks: readonly string[];
  keyOf(name: string, more?: Partial<NewSdkKey>): Promise<string>;
  gateOf(name: string, more?: Partial<NewSdkKey>): Promise<Gate>;
};

export const openGateServer = async (): Promise<GateServer> => {
  const shop = await makeSample(GATE_FILES);
  const app = await shop.open();
  const side = askingSide(shop);
  const questions: Question[] = [];
  const remarks: string[] = [];
  const remark = (sentence: string): void => void remarks.push(sentence);
  const ask: LedgerProcess["ask"] = (as, question, asking) => {
    questions.push(question);
    return side.ask(as, question, asking);
  };
  const mcp = mcpOverHttp({ version: "0", every: () => () => undefined, remark });
  const { fetch } = httpApp({
    ask,
    mcp,
    metrics: null,
    names: LOOPBACK_NAMES,
    broke: ({ message }) => remark(message),
  });
  const server = await listen(fetch, { host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    server.refuse();
    await server.close();
    await side.end();
    await shop.dispose();
  });
  const keyOf: GateServer["keyOf"] = async (name, more = {}) =>
    (
      await app.createSdkKey(person(app), {
        ...{ kind: "agent", name, sessionKey: `sdk:${name}` },
        ...more,
      })
    ).text;
  return {
    ...{ app, shop, endpoint: server.url, questions, dropped: side.dropped, ask, remarks, keyOf },
    gateOf: async (name, more) => new Gate({ endpoint: server.url, apiKey: await keyOf(name, more) }),
  };
};

/** Asks the ledger's side as a process of its own is asked. */
const askingSide = ({ env, repo }: Sample) => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const ended = serveLedger({ input, output, env, projectDir: repo, toolAgents: [] });
  const open: ((told: Told) => void)[] = [];
  let dropped = 0;
  readLines(output, (line) => {
    const told = JSON.parse(line) as Told;
    open[told.id]?.(told);
  });
  const ask: LedgerProcess["ask"] = (as, question, { gone } = {}) =>
    new Promise((resolve, reject) => {
      const id = open.length;
      gone?.addEventListener("abort", () => {
        dropped += 1;
        input.write(`${JSON.stringify({ dropped: id })}\n`);
      });
      open.push((told) => {
        if ("value" in told) return resolve(told.value);
        const { code, message, hint = "", details = {} } = told.error;
        if (code === "unexpected") return reject(new Error(message));
        reject(new LedgerError(code as ErrorCode, message, { hint, details }));
      });
      input.write(`${JSON.stringify({ id, as, question })}\n`);
    });
  const end = async (): Promise<void> => {
    input.end();
    await ended;
  };
  return { ask, end, dropped: () => dropped };
};
