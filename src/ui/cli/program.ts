import { stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { ReadStream, WriteStream } from "node:tty";
import { Command as Cli } from "commander";
import type { Caller, RunLedger, TerminalName } from "../../index.js";
import { complain } from "./complain.js";
import { readTyped } from "./completion/typed.js";
import { EXIT } from "./exit-codes.js";
import type { Output } from "./output.js";
import { ANSWER, growTree } from "./tree.js";

/** What is typed at and looked at. */
export type Tty = { readonly input: ReadStream; readonly output: WriteStream };

/** The terminal, or a test's stand-in for it. */
export type Terminal = {
  readonly out: Writable;
  readonly err: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** A person watches stderr. */
  readonly live: boolean;
  /** Neither stream goes into a file or another program, so both may have colours. */
  readonly colours: boolean;
  /** Width of what shows stdout; left out where that is no terminal. */
  readonly columns?: number;
  /** For commands that take the whole screen; nothing where keys or screen are not a terminal's. */
  readonly tty?: () => Tty | undefined;
  /** What is piped in, for commands that another program speaks with. */
  readonly input?: Readable;
  /** argv that starts this very program. */
  readonly program?: readonly string[];
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
  /** Where the command works: relative paths start here, and the project is looked for from here upwards. */
  readonly directory: string;
};

export type Work = (app: RunLedger, bench: Bench) => Promise<number>;

/** The answer of a command is its exit code; `program` collects it. */
export type Register = {
  readonly cli: Cli;
  readonly bench: () => Bench;
  /** Opens the ledger, works, closes it. */
  readonly withLedger: (work: Work) => Promise<void>;
  readonly end: (code: number) => void;
};

// One door for the shell and for tests: no process state is read or changed in here.
export const runCli = async (argv: readonly string[], terminal: Terminal): Promise<number> => {
  let code: number = EXIT.done;
  let redact: Output["redact"] | undefined;
  const cli = new Cli("runledger");
  const register: Register = {
    cli,
    bench: () => benchOf(cli.opts<Shared>(), terminal),
    end: (ended) => {
      code = ended;
    },
    withLedger: async (work) => {
      const bench = benchOf(cli.opts<Shared>(), terminal);
      const { openRunLedger } = await import("../../index.js");
      const app = await openRunLedger({ projectDir: bench.directory, env: terminal.env });
      redact = app.redact;
      try {
        code = await work(app, { ...bench, output: { ...bench.output, redact } });
      } finally {
        await app.close();
      }
    },
  };
  speakTo(cli, terminal, asksForJson(argv));
  growTree(cli, register);
  cli.hook("preAction", () => requireFolder(benchOf(cli.opts<Shared>(), terminal).directory));
  if (argv[0] === ANSWER) return answerTab(cli, argv.slice(1), terminal);
  try {
    await cli.parseAsync(withAliases(argv), { from: "user" });
    return code;
  } catch (error) {
    const { command } = readTyped(cli, [...withAliases(argv), ""]);
    const { err, env } = terminal;
    return complain(error, { err, env, redact, json: asksForJson(argv), command: wordsOf(command) });
  }
};

/** What is typed to reach a command. */
const wordsOf = (command: Cli): string =>
  command.parent === null ? command.name() : `${wordsOf(command.parent)} ${command.name()}`;

const answerTab = async (cli: Cli, words: readonly string[], terminal: Terminal): Promise<number> => {
  const { answer } = await import("./completion/answer.js");
  await answer(cli, words, terminal);
  return EXIT.done;
};

/** Known before the line is parsed, so that a line that cannot be parsed is answered in JSON too. */
const asksForJson = (argv: readonly string[]): boolean => {
  const end = argv.indexOf("--");
  return argv.slice(0, end === -1 ? argv.length : end).includes("--json");
};

const requireFolder = async (directory: string): Promise<void> => {
  const facts = await stat(directory).catch(() => undefined);
  if (facts?.isDirectory() === true) return;
  const { LedgerError } = await import("../../index.js");
  throw new LedgerError("file_not_found", `There is no folder "${directory}".`, {
    hint: "Give -C a folder of the project.",
  });
};

/** Below this, help is unreadable however narrow the terminal is. */
const HELP_COLUMNS_MIN = 40;
const HELP_COLUMNS = 100;

// Set before the commands are made, since they take it over from their parent.
const speakTo = (cli: Cli, { out, err, columns = HELP_COLUMNS }: Terminal, json: boolean): void => {
  const width = () => Math.max(HELP_COLUMNS_MIN, Math.min(columns, HELP_COLUMNS));
  cli.exitOverride().configureOutput({
    writeOut: (text) => void out.write(text),
    writeErr: (text) => void (json || err.write(text)),
    // What is wrong is said in one place, complain.ts.
    outputError: () => undefined,
    getOutHelpWidth: width,
    getErrHelpWidth: width,
  });
};

/**
 * Seed 002 spells some commands below `run`; a plan file of such a name can be given as `./list`. And `policy`, which answers a step of
 * a run, is what others call gate policies: no run has such a name.
 */
const ALIASES: Readonly<
  Record<string, { readonly words: readonly string[]; readonly meant: readonly string[] }>
> = {
  run: { words: ["list", "status", "journal"], meant: [] },
  policy: { words: ["list", "show", "check", "test", "schema"], meant: ["gate-policy"] },
};

/** Shared options that take the next word. */
const VALUED: ReadonlySet<string> = new Set(["-C", "--directory", "--session"]);

const withAliases = (argv: readonly string[]): string[] => {
  let at = 0;
  while (argv[at]?.startsWith("-")) at += VALUED.has(argv[at] ?? "") ? 2 : 1;
  const name = argv[at] ?? "";
  const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
  return alias?.words.includes(argv[at + 1] ?? "") === true
    ? argv.toSpliced(at, 1, ...alias.meant)
    : [...argv];
};

const benchOf = (shared: Shared, terminal: Terminal): Bench => ({
  terminal,
  shared,
  directory: resolve(terminal.cwd, shared.directory ?? "."),
  output: {
    out: terminal.out,
    err: terminal.err,
    json: shared.json === true,
    quiet: shared.quiet === true,
    live: terminal.live && !isDumb(terminal),
    colour: shared.json !== true && shared.color && wantsColour(terminal),
    columns: terminal.columns,
    redact: (text) => text,
  },
});

/** A terminal that obeys no control sequences. */
const isDumb = ({ env }: Terminal): boolean => env.TERM === "dumb";

/** NO_COLOR outranks FORCE_COLOR, which outranks what the terminal can do; an empty value is none. */
const wantsColour = (terminal: Terminal): boolean => {
  const { NO_COLOR = "", FORCE_COLOR = "" } = terminal.env;
  if (NO_COLOR !== "" || FORCE_COLOR === "0") return false;
  return FORCE_COLOR !== "" || (terminal.colours && !isDumb(terminal));
};

/** A person at the terminal; the session is a flag. */
export const personOf = (app: RunLedger, { shared }: Bench): Caller => {
  const name: TerminalName = `${userInfo().username}@terminal`;
  return app.issue({ name, role: "human", sessionKey: shared.session });
};
