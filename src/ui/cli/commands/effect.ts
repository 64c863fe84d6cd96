import { spawn } from "node:child_process";
import { constants } from "node:os";
import { basename } from "node:path";
import { type Performed, programEffect } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, say } from "../output.js";
import type { Bench } from "../program.js";

export type EffectFlags = {
  readonly key: string;
  readonly name?: string;
  readonly class: "pure" | "idempotent" | "guarded";
  readonly risk: "none" | "paid" | "money" | "destructive" | "notify" | "security";
  readonly onAmbiguous?: "rerun" | "skip" | "fail";
};

/** So many bytes of what a command prints are kept; the rest is only passed on. */
const KEPT_BYTES = 131_072;
/** As shells have it: a program that is not there, and one that was killed by a signal. */
const NOT_FOUND = 127;
const KILLED = 128;
const SIGNALS_MAX = 64;

/**
 * Runs a command as an effect of the step that this is a part of: once for its key. Later calls print what it printed, and do
 * nothing. Ends as the command ends.
 */
export const performEffect = async (
  { output, terminal, directory }: Bench,
  [program = "", ...args]: readonly string[],
  { key, name = basename(program), class: kind, ...flags }: EffectFlags,
): Promise<number> => {
  let code: number = EXIT.done;
  const unsaid = kind === "guarded" && flags.risk !== "paid" ? "fail" : undefined;
  const onAmbiguous = flags.onAmbiguous ?? unsaid;
  const said = { key, name, class: kind, risk: flags.risk, ...(onAmbiguous && { onAmbiguous }) };
  const ended = await programEffect(
    said,
    async (given) => {
      const env = { ...terminal.env, RUNLEDGER_EFFECT_KEY: given.key };
      const [done, exit] = await runCommand(output, program, args, {
        cwd: directory,
        env,
        signal: terminal.interrupted,
      });
      code = exit;
      return done;
    },
    terminal.env,
  );
  const { stdout, truncated } = printedBy(ended.value);
  if (output.json)
    printJson(output, {
      key,
      status: ended.status,
      replayed: ended.replayed,
      exitCode: code,
      stdout,
      truncated,
    });
  else if (ended.replayed) output.out.write(stdout);
  if (ended.status === "skipped")
    say(output, `Skipped: whether "${name}" happened under the key "${key}" is not known.`);
  if (ended.replayed && truncated)
    say(output, `What it printed was longer; ${KEPT_BYTES} bytes of it were kept.`);
  return code;
};

type Kept = { readonly stdout: string; readonly truncated: boolean };

/** A person who says that it happened may give any value: a text is what it printed. */
const printedBy = (value: unknown): Kept => {
  const { stdout, truncated } = (value ?? { stdout: "" }) as Partial<Kept>;
  if (typeof stdout === "string") return { stdout, truncated: truncated === true };
  return { stdout: typeof value === "string" ? value : `${JSON.stringify(value)}\n`, truncated: false };
};

type Surroundings = {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
};

const runCommand = (
  { out, err, json }: Output,
  program: string,
  args: readonly string[],
  { cwd, env, signal }: Surroundings,
): Promise<readonly [Performed, number]> =>
  new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ["inherit", "pipe", "inherit"] });
    const kept: Buffer[] = [];
    let bytes = 0;
    const stop = (): void => void child.kill("SIGTERM");
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    child.stdout.on("data", (chunk: Buffer) => {
      if (!json) out.write(chunk);
      if (bytes < KEPT_BYTES) kept.push(chunk.subarray(0, KEPT_BYTES - bytes));
      bytes += chunk.length;
    });
    child.on("error", ({ message }) => {
      // One that runs and cannot be stopped says so too; its end is waited for.
      if (child.pid !== undefined) return;
      const error = `It could not be started: ${message}`;
      err.write(`${program}: ${error}\n`);
      resolve([{ status: "failed", error }, NOT_FOUND]);
    });
    child.once("close", (code, by) => {
      if (code === null)
        return resolve([{ status: "lost" }, by === null ? EXIT.failed : KILLED + constants.signals[by]]);
      // A shell that tells of a program of its own that was killed.
      if (code > KILLED && code <= KILLED + SIGNALS_MAX) return resolve([{ status: "lost" }, code]);
      if (code !== 0) return resolve([{ status: "failed", error: `It ended with exit code ${code}.` }, code]);
      const value: Kept = { stdout: Buffer.concat(kept).toString("utf8"), truncated: bytes > KEPT_BYTES };
      resolve([{ status: "done", value }, EXIT.done]);
    });
  });
