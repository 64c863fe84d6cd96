import type { Redactor } from "../../core/redact.js";
import type { Places } from "../../pev/places.js";
import type { Walls } from "../../pev/walls/walls.js";
import { resolveProgram } from "../agents/command.js";
import type { Outcome } from "./deliveries.js";

export type ProgramCall = {
  readonly run: readonly string[];
  /** Names of variables that it gets, beside PATH and HOME. */
  readonly env: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly projectDir: string;
  readonly places: Places;
  readonly walls: Walls;
  readonly redactor: Redactor;
  /** Its standard input; nothing of it is ever a word of its command. */
  readonly body: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

const ALWAYS = ["PATH", "HOME"];

/** A program of the owner's, ended with all that it started when its time is over. Exit code 0 says that somebody was told. */
export const callProgram = async (call: ProgramCall): Promise<Outcome> => {
  const { runProcess } = await import("../../pev/sandbox.js");
  const { run, env, environment, projectDir, places, body, ...rest } = call;
  const passed = [...ALWAYS, ...env].flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const ended = await runProcess({
    ...rest,
    argv: resolveProgram(run, projectDir),
    cwd: projectDir,
    env: Object.fromEntries(passed),
    place: { places, folder: null, runId: "notify" },
    input: body,
  });
  if (ended.exitCode === 0) return { kind: "told" };
  if (ended.notFound) return { kind: "failed", error: `the program "${run[0]}" could not be started` };
  if (ended.timedOut) return { kind: "failed", error: "it took too long" };
  return { kind: "failed", error: `it ended with ${ended.signal ?? `exit code ${ended.exitCode}`}` };
};
