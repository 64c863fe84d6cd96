import { LedgerError } from "../../../index.js";
import { hostNameOf, LOOPBACK_NAMES } from "../../http/guards.js";
import { everyMs } from "../../mcp/beats.js";
import { type LedgerProcess, ledgerProcess } from "../../mcp/ledger-process.js";
import { EXIT } from "../exit-codes.js";
import { printJson, printLine, remarksTo, safe, say } from "../output.js";
import type { Bench } from "../program.js";
import { LEDGER_SIDE } from "../tree.js";
import { VERSION } from "../version.js";

export type ServeOptions = {
  readonly host: string;
  readonly port: number;
  readonly allowHost: readonly string[];
};

/** Serves until it is interrupted; then what is judged is let go of, and whoever asks next has it judged anew. */
export const serve = async (bench: Bench, options: ServeOptions): Promise<number> => {
  const { terminal, output, directory, shared } = bench;
  const names = namesOf(options.host, options.allowHost);
  if (terminal.program === undefined)
    throw new LedgerError("invalid_input", "Nobody says how this program is started.");
  const remark = remarksTo(output);
  const { RUNLEDGER_CREDENTIAL: _credential, ...env } = terminal.env;
  const ledger = ledgerProcess({
    command: [...terminal.program, LEDGER_SIDE, directory],
    cwd: directory,
    ...{ env, remark, passing: () => performance.now() },
  });
  try {
    // A ledger that does not open is told to whoever starts this, and not to the first client.
    await ledger.ask(
      { name: "orchestrator", role: "orchestrator", sessionKey: shared.session },
      { kind: "who" },
    );
    await serveUntil(terminal.interrupted, ledger, bench, { ...options, names });
  } finally {
    await ledger.end();
  }
  return EXIT.interrupted;
};

const serveUntil = async (
  interrupted: AbortSignal,
  ledger: LedgerProcess,
  { output }: Bench,
  { host, port, names }: ServeOptions & { readonly names: readonly string[] },
): Promise<void> => {
  const [{ httpApp }, { listen }, { mcpOverHttp }] = await Promise.all([
    import("../../http/app.js"),
    import("../../http/listen.js"),
    import("../../mcp/http.js"),
  ]);
  const remark = remarksTo(output);
  const broke = ({ stack, message }: Error): void => say(output, safe(stack ?? message));
  const mcp = mcpOverHttp({ version: VERSION, every: everyMs, remark });
  const server = await listen(httpApp({ ask: ledger.ask, mcp, names, broke }).fetch, { host, port });
  if (output.json) printJson(output, { url: server.url, mcpUrl: `${server.url}/mcp` });
  else printLine(output, `${server.url}/mcp`);
  say(output, "MCP clients send a credential (`runledger credential`) as bearer token. Ctrl-C stops.");
  if (!LOOPBACK.test(host))
    say(output, "Other machines reach it, and credentials go in plain text: put TLS in front of it.");
  await aborted(interrupted);
  server.refuse();
  await ledger.end();
  await mcp.close();
  await server.close();
};

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;
const EVERY_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "[::]"]);

const namesOf = (host: string, more: readonly string[]): readonly string[] => {
  const own = hostNameOf(host);
  return [...new Set([...LOOPBACK_NAMES, ...(EVERY_ADDRESS.has(own) ? [] : [own]), ...more.map(hostNameOf)])];
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
