import {
  type GetPromptResult,
  type ListPromptsResult,
  type ListResourcesResult,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
  type Server,
} from "@modelcontextprotocol/server";
import { cutShort, isLedgerError, promptsOf } from "../../index.js";
import type { McpOptions } from "./server.js";

const JSON_TYPE = "application/json";

const templates = [
  {
    name: "run",
    title: "A run",
    uriTemplate: "runledger://runs/{run_id}",
    description:
      "Its snapshot as run_read gives it: steps with verdicts, criteria, notes, what it waits for.",
    mimeType: JSON_TYPE,
  },
  {
    name: "journal",
    title: "The journal of a run",
    uriTemplate: "runledger://runs/{run_id}/journal/{after}",
    description:
      "What happened behind that event, a page of it; 0 for the beginning, next_after for the next page.",
    mimeType: JSON_TYPE,
  },
];

/** What a client may look at beside the tools; each is as open to a caller as run_read is. */
export const offerResources = (server: Server, { ask }: McpOptions): void => {
  server.setRequestHandler("resources/templates/list", () => ({ resourceTemplates: templates }));
  server.setRequestHandler("resources/list", async (): Promise<ListResourcesResult> => {
    const { runs } = (await orRefuse(ask({ kind: "runs" }))) as { readonly runs: readonly Listed[] };
    return { resources: runs.map(resourceOf) };
  });
  server.setRequestHandler("resources/read", async ({ params: { uri } }): Promise<ReadResourceResult> => {
    const value = await orRefuse(ask(questionOf(uri)));
    return { contents: [{ uri, mimeType: JSON_TYPE, text: JSON.stringify(value) }] };
  });
};

type Listed = { readonly run_id: string; readonly goal: string; readonly status: string };

const resourceOf = ({ run_id, goal, status }: Listed) => ({
  uri: `runledger://runs/${run_id}`,
  name: run_id,
  title: cutShort(goal, TITLE_CHARS),
  description: `It is ${status}.`,
  mimeType: JSON_TYPE,
});

/** What fits on a line where clients list it. */
const TITLE_CHARS = 100;

const questionOf = (uri: string): Parameters<McpOptions["ask"]>[0] => {
  const [, runId, after] = /^runledger:\/\/runs\/([A-Za-z0-9_-]+)(?:\/journal\/(\d{1,15}))?$/.exec(uri) ?? [];
  if (runId === undefined)
    throw new ResourceNotFoundError(
      uri,
      `There is no resource "${uri}". There are ${templates.map(({ uriTemplate }) => uriTemplate).join(" and ")}.`,
    );
  if (after !== undefined) return { kind: "journal", runId, afterSeq: Number(after) };
  return { kind: "tool", name: "run_read", input: { run_id: runId } };
};

/** A resource is no answer that could carry a refusal, so it becomes the protocol's own error. */
const orRefuse = async <T>(asked: Promise<T>): Promise<T> => {
  try {
    return await asked;
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    const { code, message, hint } = error;
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      `error [${code}]: ${message} ${hint ?? ""}`.trim(),
    );
  }
};

/** Instructions for the role, with the names of its tools. */
export const offerPrompts = (server: Server, { role }: McpOptions): void => {
  const prompts = promptsOf(role);
  server.setRequestHandler(
    "prompts/list",
    (): ListPromptsResult => ({
      prompts: prompts.map(({ name, title, description, arguments: given }) => ({
        ...{ name, title, description },
        arguments: [...given],
      })),
    }),
  );
  server.setRequestHandler("prompts/get", ({ params }): GetPromptResult => {
    const { name, arguments: given = {} } = params;
    const prompt = prompts.find((one) => one.name === name);
    const lacks = prompt?.arguments.find((one) => one.required && (given[one.name] ?? "").trim() === "");
    if (prompt === undefined || lacks !== undefined)
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        prompt === undefined
          ? `There is no prompt "${name}" for this role; there are ${prompts.map((one) => one.name).join(", ")}.`
          : `The prompt "${name}" needs "${lacks?.name}".`,
      );
    const text = prompt.text(given);
    return { description: prompt.description, messages: [{ role: "user", content: { type: "text", text } }] };
  });
};
