#!/usr/bin/env node
import { EXIT } from "./exit-codes.js";
import { VERSION } from "./version.js";

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

const carryOut = async (words: readonly string[]): Promise<number> => {
  const { runCli } = await import("./program.js");
  return runCli(words, {
    out: process.stdout,
    err: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    live: isTerminal(process.stderr),
    colours: isTerminal(process.stdout) && isTerminal(process.stderr),
    interrupted: interrupted.signal,
  });
};

const words = process.argv.slice(2);
// Scripts ask for the version to see whether we are here; that must cost no more than Node itself.
if (words.length === 1 && ["--version", "-V"].includes(words[0] ?? "")) process.stdout.write(`${VERSION}\n`);
else {
  const ended = await carryOut(words);
  process.exitCode = code ?? ended;
}
