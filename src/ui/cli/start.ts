import { EXIT } from "./exit-codes.js";

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

const isTerminal = ({ isTTY }: { isTTY?: boolean }): boolean => isTTY === true && process.env.TERM !== "dumb";

/** Carries out one command line; sets the exit code of the process. */
export const start = async (words: readonly string[]): Promise<void> => {
  const { runCli } = await import("./program.js");
  const ended = await runCli(words, {
    out: process.stdout,
    err: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    live: isTerminal(process.stderr),
    colours: isTerminal(process.stdout) && isTerminal(process.stderr),
    tty: () =>
      process.stdin.isTTY && isTerminal(process.stdout)
        ? { input: process.stdin, output: process.stdout }
        : undefined,
    interrupted: interrupted.signal,
  });
  process.exitCode = code ?? ended;
};
