import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { expect } from "vitest";
import { lives } from "./driving.js";
import type { Sample } from "./project.js";

/** `runledger serve` in a process of its own. */
export type Served = {
  readonly child: ChildProcess;
  /** For MCP clients. */
  readonly url: URL;
  /** The process id of the ledger's process behind it. */
  readonly side: () => number;
  /** What it has said on stderr so far. */
  readonly err: () => string;
};

export const serving = async (
  bin: string,
  { repo, env }: Pick<Sample, "repo" | "env">,
  ...words: readonly string[]
): Promise<Served> => {
  const child = spawn(process.execPath, [bin, "serve", ...words], {
    ...{ cwd: repo, env: env as NodeJS.ProcessEnv, stdio: ["ignore", "pipe", "pipe"] },
  });
  let err = "";
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    err += text;
  });
  const lines = createInterface({ input: child.stdout ?? expect.unreachable() });
  const [line] = (await once(lines, "line")) as [string];
  return { child, url: new URL(line), side: () => childrenOf(child.pid ?? 0)[0] ?? 0, err: () => err };
};

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);

/** Its exit code. Unless it was killed, the ledger's process must be gone too. */
export const stopped = async ({ child, side }: Served, signal: NodeJS.Signals): Promise<number | null> => {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ledger = side();
  const ended = once(child, "exit");
  child.kill(signal);
  const [code] = (await ended) as [number | null];
  if (signal !== "SIGKILL") expect(lives(ledger)).toBe(false);
  return code;
};
