import { LedgerError, ledgerVersionAt, type Metrics } from "../../../index.js";
import { hostNameOf, LOOPBACK_NAMES } from "../../http/guards.js";
import { everyMs } from "../../mcp/beats.js";
import { type LedgerProcess, ledgerProcess } from "../../mcp/ledger-process.js";
import type { Bearer } from "../../mcp/line.js";
import { remembering } from "../../mcp/remembering.js";
import { metricsText } from "../../metrics-text.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, printLine, remarksTo, safe, say } from "../output.js";
import type { Bench } from "../program.js";
import { LEDGER_SIDE } from "../tree.js";
import { VERSION } from "../version.js";

export type ServeOptions = {
  readonly host: string;
  readonly port: number;
  readonly allowHost: readonly string[];
  readonly metrics: boolean;
};

/** Serves until it is interrupted; then what is judged is let go of, and whoever asks next has it judged anew. */
export const serve = async (bench: Bench, options: ServeOptions): Promise<number> => {
  const { terminal, output, directory } = bench;
  const names = namesOf(options.host, options.allowHost);
  requireLoopback(options);
  if (terminal.program === undefined)
    throw new LedgerError("invalid_input", "Nobody says how this program is started.");
  const remark = remarksTo(output);
  const { RUNLEDGER_CREDENTIAL: _credential, ...env } = terminal.env;
  const ledger = remembering(
    ledgerProcess({
      command: [...terminal.program, LEDGER_SIDE, directory],
      cwd: directory,
      ...{ env, remark, passing: () => performance.now() },
    }),
    { open: () => ledgerVersionAt({ projectDir: directory, env }) },
  );
  try {
    // A ledger that does not open is told to whoever starts this, and not to the first client.
    await ledger.ask(starterOf(bench), { kind: "who" });
    await serveUntil(terminal.interrupted, ledger, bench, { ...options, names });
  } finally {
    await ledger.end();
  }
  return EXIT.interrupted;
};

/** Whoever started this. */
const starterOf = ({ shared }: Bench): Bearer => ({
  name: "orchestrator",
  role: "orchestrator",
  sessionKey: shared.session,
});

/** The numbers are shown without a credential, so to this machine alone. */
const requireLoopback = ({ host, metrics }: ServeOptions): void => {
  if (metrics && !LOOPBACK.test(host))
    throw new LedgerError(
      "invalid_input",
      `--metrics serves this machine alone, and ${host} is for others too.`,
      {
        hint: "Serve them beside it: runledger serve --metrics --port 7421",
      },
    );
};

const serveUntil = async (
  interrupted: AbortSignal,
  ledger: LedgerProcess,
  bench: Bench,
  options: ServeOptions & { readonly names: readonly string[] },
): Promise<void> => {
  const { output } = bench;
  const { host, port, names } = options;
  const [{ httpApp }, { listen }, { mcpOverHttp }] = await Promise.all([
    import("../../http/app.js"),
    import("../../http/listen.js"),
    import("../../mcp/http.js"),
  ]);
  const remark = remarksTo(output);
  const broke = ({ stack, message }: Error): void => say(output, safe(stack ?? message));
  const mcp = mcpOverHttp({ version: VERSION, every: everyMs, remark });
  const metrics = options.metrics ? pageOf(ledger, starterOf(bench)) : null;
  const server = await listen(httpApp({ ask: ledger.ask, mcp, names, metrics, broke }).fetch, { host, port });
  tell(output, server.url, options.metrics);
  say(output, "MCP clients send a credential (`runledger credential`) as bearer token. Ctrl-C stops.");
  say(output, `The gate, for programs with an SDK key (\`runledger sdk-key\`): RUNLEDGER_URL=${server.url}`);
  if (!LOOPBACK.test(host))
    say(output, "Other machines reach it, and credentials go in plain text: put TLS in front of it.");
  await aborted(interrupted);
  server.refuse();
  await ledger.end();
  await mcp.close();
  await server.close();
};

const pageOf = (ledger: LedgerProcess, who: Bearer) => async (): Promise<string> =>
  metricsText((await ledger.ask(who, { kind: "metrics" })) as Metrics, VERSION);

const tell = (output: Output, url: string, metrics: boolean): void => {
  const [mcpUrl, metricsUrl] = [`${url}/mcp`, metrics ? `${url}/metrics` : null];
  if (output.json) printJson(output, { url, mcpUrl, metricsUrl });
  else printLine(output, [mcpUrl, metricsUrl ?? []].flat().join("\n"));
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
