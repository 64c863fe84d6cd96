import { userInfo } from "node:os";
import { resolve } from "node:path";
import type { Writable } from "node:stream";
import { Command as Cli, CommanderError } from "commander";
import type { Caller, RunLedger } from "../../index.js";
import { EXIT, exitOfError } from "./exit-codes.js";
import { addActCommands } from "./groups/act.js";
import { addKeepCommands } from "./groups/keep.js";
import { addLookCommands } from "./groups/look.js";
import { addRunCommands } from "./groups/run.js";
import { type Output, SCHEMA_VERSION } from "./output.js";

/** The terminal, or a test's stand-in for it. */
export type Terminal = {
  readonly out: Writable;
  readonly err: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** A person watches stderr. */
  readonly live: boolean;
  /** Aborts on the first Ctrl-C. */
  readonly interrupted: AbortSignal;
};

/** Options that every command has. */
export type Shared = {
  readonly directory?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly color: boolean;
  readonly session: string;
};

/** What a command works with: its terminal, and the ledger once it asks for it. */
export type Bench = {
  readonly terminal: Terminal;
  readonly shared: Shared;
  readonly output: Output;
  readonly projectDir: string;
};

export type Work = (app: RunLedger, bench: Bench) => Promise<number>;

/** The answer of a command is its exit code; `program` collects it. */
export type Register = {
  readonly bench: () => Bench;
  /** Opens the ledger, works, closes it. */
  readonly withLedger: (work: Work) => Promise<void>;
  readonly end: (code: number) => void;
};

// One door for the shell and for tests: no process state is read or changed in here.
export const runCli = async (argv: readonly string[], terminal: Terminal): Promise<number> => {
  let code: number = EXIT.done;
  const cli = new Cli("runledger");
  const register: Register = {
    bench: () => benchOf(cli.opts<Shared>(), terminal),
    end: (ended) => {
      code = ended;
    },
    withLedger: async (work) => {
      const bench = benchOf(cli.opts<Shared>(), terminal);
      const { openRunLedger } = await import("../../index.js");
      const app = await openRunLedger({ projectDir: bench.projectDir, env: terminal.env });
      try {
        code = await work(app, bench);
      } finally {
        await app.close();
      }
    },
  };
  describe(cli, terminal);
  addRunCommands(cli, register);
  addLookCommands(cli, register);
  addActCommands(cli, register);
  addKeepCommands(cli, register);
  try {
    await cli.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return failed(error, cli.opts<Shared>(), terminal);
  }
};

const describe = (cli: Cli, terminal: Terminal): void => {
  cli
    .description("Agents propose, evidence decides: a durable orchestrator that only believes verified work.")
    .version(VERSION, "-V, --version")
    .option("-C, --directory <dir>", "work as if started in this folder")
    .option("--json", "machine-readable output (JSON Lines for streams)")
    .option("-q, --quiet", "say nothing but data and errors")
    .option("--no-color", "no colours (also: NO_COLOR)")
    .option("--session <key>", "the session that owns the runs made here", "project")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.out.write(text),
      writeErr: (text) => void terminal.err.write(text),
    })
    .showHelpAfterError("(runledger --help lists commands; runledger COMMAND --help explains one)")
    .addHelpText("after", EXAMPLES);
};

const EXAMPLES = `
Examples:
  runledger init                      write a settings file to start from
  runledger run plan.yaml             carry out a plan with the agents of runledger.yaml
  runledger why last                  what does the newest run wait for?
  runledger apply last                bring its verified commits into your checkout

Exit codes: 0 done, 1 run failed, 2 usage, 3 waits for a person, 4 not found, 5 conflict or refused, 130/143 signals`;

const VERSION = "0.1.0";

const benchOf = (shared: Shared, terminal: Terminal): Bench => ({
  terminal,
  shared,
  projectDir: resolve(terminal.cwd, shared.directory ?? "."),
  output: {
    out: terminal.out,
    err: terminal.err,
    json: shared.json === true,
    quiet: shared.quiet === true,
    live: terminal.live,
    colour: shared.color && terminal.live && (terminal.env.NO_COLOR ?? "") === "",
  },
});

/** A person at the terminal; the session is a flag. */
export const personOf = (app: RunLedger, { shared }: Bench): Caller =>
  app.issue({ name: `${userInfo().username}@terminal`, role: "human", sessionKey: shared.session });

const failed = async (error: unknown, shared: Shared, { err }: Terminal): Promise<number> => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  const { isLedgerError } = await import("../../index.js");
  if (!isLedgerError(error)) {
    err.write(
      `runledger: unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`,
    );
    return EXIT.failed;
  }
  if (shared.json === true)
    err.write(`${JSON.stringify({ schemaVersion: SCHEMA_VERSION, type: "error", error: error.toJSON() })}\n`);
  else {
    err.write(`error [${error.code}]: ${error.message}\n`);
    if (error.hint !== undefined) err.write(`hint: ${error.hint}\n`);
  }
  return exitOfError[error.kind];
};
