import { EXIT } from "./exit-codes.js";
import { ANSWER, LEDGER_SIDE } from "./tree.js";

// Ctrl-C once stops gracefully: agents end, the lease is released, the run stays resumable. Twice kills.
const interrupted = new AbortController();
let code: number | undefined;
const onSignal = (exitCode: number): void => {
  if (interrupted.signal.aborted) process.exit(exitCode);
  code = exitCode;
  interrupted.abort();
};
process.on("SIGINT", () => onSignal(EXIT.interrupted));
process.on("SIGTERM", () => onSignal(EXIT.terminated));
// A reader that went away (`| head`) is no fault of ours: a run that it watched stops gracefully.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => interrupted.abort());

const isTerminal = ({ isTTY }: { isTTY?: boolean }): boolean => isTTY === true;

/** Nobody waits longer for what Tab brings, whatever a disk or a lock does. */
const ANSWER_MS = 2_000;

/** Carries out one command line; sets the exit code of the process. */
export const start = async (words: readonly string[]): Promise<void> => {
  if (words[0] === ANSWER) setTimeout(() => process.exit(EXIT.done), ANSWER_MS).unref();
  if (words[0] === LEDGER_SIDE) return besideAFront(words.slice(1));
  const { runCli } = await import("./program.js");
  const ended = await runCli(words, {
    out: process.stdout,
    err: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    live: isTerminal(process.stderr),
    colours: isTerminal(process.stdout) && isTerminal(process.stderr),
    ...(isTerminal(process.stdout) ? { columns: process.stdout.columns } : {}),
    tty: () =>
      process.stdin.isTTY && isTerminal(process.stdout)
        ? { input: process.stdin, output: process.stdout }
        : undefined,
    ...(process.stdin.isTTY ? {} : { input: process.stdin }),
    program: [process.execPath, process.argv[1] ?? ""],
    interrupted: interrupted.signal,
  });
  process.exitCode = code ?? ended;
};

const besideAFront = async ([projectDir = ".", ...toolAgents]: readonly string[]): Promise<void> => {
  const { serveLedger } = await import("../mcp/ledger-side.js");
  await serveLedger({
    input: process.stdin,
    output: process.stdout,
    env: process.env,
    projectDir,
    toolAgents,
  });
};
