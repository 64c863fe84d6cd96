import { randomUUID } from "node:crypto";
import {
  type CallToolResult,
  type ListToolsResult,
  Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { formatDuration, mcpAnswer, mcpRefusal, mcpTools, type NewCredential, withKey } from "../../index.js";
import type { Question } from "./line.js";
import { offerPrompts, offerResources } from "./resources.js";

export type McpOptions = {
  /** In the name of whoever the server is for. */
  readonly ask: (question: Question) => Promise<Readonly<Record<string, unknown>>>;
  readonly role: NewCredential["role"];
  readonly version: string;
  /** `everyMs`, and in tests a hand. */
  readonly every: (ms: number, beat: () => void) => () => void;
  readonly remark: (sentence: string) => void;
};

/** Clients give a silent call up after a minute; one of them is known to need a sign of life within seconds. */
const BEAT_MS = 5_000;
/** A call that can give no sign of life ends before that minute does: `verifying`, and the ledger goes on judging. */
const SILENT_WAIT_MS = 45_000;

/** A server for one connection of either era of the protocol. It keeps nothing: all it knows the ledger's process knows. */
export const mcpServer = (options: McpOptions): Server => {
  const { role, version } = options;
  const server = new Server(
    { name: "runledger", title: "RunLedger", version },
    { capabilities: { tools: {}, resources: {}, prompts: {} }, instructions: INSTRUCTIONS[role] },
  );
  const tools = [...mcpTools(role)] as ListToolsResult["tools"];
  server.setRequestHandler("tools/list", () => ({ tools }));
  server.setRequestHandler("tools/call", ({ params }, context) =>
    called(options, params.name, params.arguments ?? {}, context),
  );
  offerResources(server, options);
  offerPrompts(server, options);
  return server;
};

const called = async (
  { ask, every, remark }: McpOptions,
  name: string,
  given: Readonly<Record<string, unknown>>,
  { mcpReq }: ServerContext,
): Promise<CallToolResult> => {
  const { _meta: meta, signal, notify } = mcpReq;
  const progressToken = meta?.progressToken;
  const input = withKey(name, given, `mcp-${randomUUID()}`);
  const question = { kind: "tool", name, input } as const;
  let beats = 0;
  const beat = (): void => {
    if (progressToken === undefined) return;
    beats += 1;
    const message = `${name} has been at work for ${formatDuration(beats * BEAT_MS)}`;
    const params = { progressToken, progress: beats, message };
    notify({ method: "notifications/progress", params }).catch(() => undefined);
  };
  const stop = every(BEAT_MS, beat);
  signal.addEventListener("abort", () =>
    remark(`The client gave up its call of ${name}. What it began goes on; run_read tells what comes of it.`),
  );
  try {
    const asked = ask(progressToken === undefined ? { ...question, waitMs: SILENT_WAIT_MS } : question);
    return mcpAnswer(await unlessGivenUp(asked, signal)) as CallToolResult;
  } catch (error) {
    return mcpRefusal(error) as CallToolResult;
  } finally {
    stop();
  }
};

/** Nobody hears the answer to a call that was given up, and nobody takes back what it began. */
const unlessGivenUp = <T>(asked: Promise<T>, signal: AbortSignal): Promise<T> => {
  const givenUp = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("The client gave this call up.")));
  });
  return Promise.race([asked, givenUp]);
};

const INSTRUCTIONS: Readonly<Record<NewCredential["role"], string>> = {
  orchestrator:
    "You lead runs: run_create makes one from a plan, run_read and run_active tell where it stands, run_apply_policy answers a step that was refused, run_approve_step one that waits for you. You never do a step yourself. Only the ledger says that a step is done: it verifies each proposal in a clean room.",
  executor:
    "You work on steps: run_active tells which are ready, run_start_step gives you a workspace folder, and when the work in it is done run_propose_step_result has it verified. A step is done when the answer says verified, never by your word. When it is refused, the answer says why; wait for the orchestrator to have it tried again.",
};
