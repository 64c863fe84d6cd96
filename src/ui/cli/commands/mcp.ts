import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import {
  askWorker,
  findProject,
  LedgerError,
  ledgerVersionAt,
  loadSettings,
  type NewCredential,
  WORKER_VARIABLE,
} from "../../../index.js";
import { everyMs } from "../../mcp/beats.js";
import { type LedgerProcess, ledgerProcess } from "../../mcp/ledger-process.js";
import type { Bearer } from "../../mcp/line.js";
import { remembering } from "../../mcp/remembering.js";
import type { McpOptions as Serving } from "../../mcp/server.js";
import { EXIT } from "../exit-codes.js";
import { remarksTo } from "../output.js";
import type { Bench } from "../program.js";
import { LEDGER_SIDE } from "../tree.js";
import { VERSION } from "../version.js";

export type McpOptions = {
  readonly role?: NewCredential["role"];
  readonly agent?: string;
  readonly credentialFile?: string;
};

/** Arguments are seen by everybody on the machine who lists its processes. */
const CREDENTIAL_VARIABLE = "RUNLEDGER_CREDENTIAL";

export const serveMcp = async (bench: Bench, options: McpOptions): Promise<number> => {
  const { terminal, output } = bench;
  const { input, program } = terminal;
  if (input === undefined || program === undefined)
    throw new LedgerError("invalid_input", "The protocol needs a client at both ends of a pipe.", {
      hint: "An MCP client starts this command; `runledger mcp --help` has its entry.",
    });
  const remark = remarksTo(output);
  const { [CREDENTIAL_VARIABLE]: _credential, ...env } = terminal.env;
  const bearer = await bearerOf(bench, options);
  const toolAgents = "name" in bearer && bearer.role === "executor" ? [bearer.name] : [];
  const worker = env[WORKER_VARIABLE];
  const ledger =
    worker !== undefined && "credential" in bearer
      ? atWorker(worker, bearer.credential)
      : ofOneself(
          bearer,
          remembering(
            ledgerProcess({
              command: [...program, LEDGER_SIDE, bench.directory, ...toolAgents],
              cwd: bench.directory,
              ...{ env, remark, passing: () => performance.now() },
            }),
            { open: () => ledgerVersionAt({ projectDir: bench.directory, env }) },
          ),
        );
  try {
    const role = await roleOf(ledger.ask, options);
    const { serveClient } = await import("../../mcp/stdio.js");
    const { out, interrupted } = terminal;
    await serveClient(
      { input, out, interrupted },
      { ask: ledger.ask, role, version: VERSION, every: everyMs, remark },
    );
  } finally {
    ledger.close();
  }
  return EXIT.done;
};

type Answering = Pick<Serving, "ask"> & Pick<LedgerProcess, "close">;

const ofOneself = (bearer: Bearer, { ask, close }: LedgerProcess): Answering => ({
  ask: (question) => ask(bearer, question),
  close,
});

/** The agent that it serves was started by a worker, which answers for the ledger; a sandbox shows no other way to it. */
const atWorker = (socketFile: string, credential: string): Answering => ({
  ask: (question) => askWorker(socketFile, credential, question),
  close: () => undefined,
});

/** A credential that the ledger refuses ends it before any client hears of it. */
const roleOf = async (ask: Serving["ask"], { role }: McpOptions): Promise<NewCredential["role"]> => {
  const who = (await ask({ kind: "who" })) as { readonly role: NewCredential["role"] };
  if (role === undefined || role === who.role) return who.role;
  throw new LedgerError("access_denied", `The credential is of the role ${who.role}, not ${role}.`, {
    hint: "Leave out --role: the credential says it.",
  });
};

const bearerOf = async (
  bench: Bench,
  { role = "orchestrator", agent, credentialFile }: McpOptions,
): Promise<Bearer> => {
  const { terminal, directory, shared } = bench;
  const given =
    credentialFile === undefined
      ? terminal.env[CREDENTIAL_VARIABLE]
      : await textOf(resolve(directory, credentialFile));
  if (given !== undefined && given.trim() !== "") {
    if (agent === undefined) return { credential: given.trim() };
    throw new LedgerError("invalid_input", "A credential says whose it is.", { hint: "Leave out --agent." });
  }
  const name = agent ?? (role === "orchestrator" ? "orchestrator" : await onlyAgent(bench));
  return { name, role, sessionKey: shared.session };
};

const textOf = async (file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new LedgerError("file_not_found", `The credential cannot be read from ${file}.`, {
      hint: "`runledger credential` prints one.",
      cause,
    });
  }
};

/** Where the settings name one agent alone that works through tools, or one alone, that is who an executor is. */
const onlyAgent = async ({ directory, terminal }: Bench): Promise<string> => {
  const { settings } = await loadSettings(await findProject(directory), terminal.env);
  const all = Object.entries(settings.agents);
  const byTools = all.filter(([, { kind }]) => kind === "tools");
  const [[name] = [], ...others] = byTools.length > 0 ? byTools : all;
  if (name !== undefined && others.length === 0) return name;
  throw new LedgerError("invalid_input", "An executor is one agent, and nobody says which.", {
    hint: "Give --agent the name that plans have as owner_agent.",
  });
};
