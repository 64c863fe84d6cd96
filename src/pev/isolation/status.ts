import { constants } from "node:os";
import { isRecord } from "../../core/defects.js";

/** What bubblewrap said of one program: lines of JSON, of which the second is missing when nothing was started. */
export type SandboxStatus = {
  /** In our eyes, the first process inside; it leads the session of the program. */
  readonly pid: number | undefined;
  readonly exitCode: number | undefined;
};

/** A line that has not been written to its end says nothing. */
export const readStatus = (text: string): SandboxStatus => {
  const said = Object.assign({}, ...text.split("\n").slice(0, -1).map(lineOf));
  return { pid: numberOf(said["child-pid"]), exitCode: numberOf(said["exit-code"]) };
};

const lineOf = (line: string): Readonly<Record<string, unknown>> => {
  try {
    const said: unknown = JSON.parse(line);
    return isRecord(said) ? said : {};
  } catch {
    return {};
  }
};

const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

export type SandboxedEnd =
  | { readonly code: number | null; readonly signal: NodeJS.Signals | null }
  | "not found"
  /** The sandbox itself could not be made. */
  | "not started";

/** Behind a way out a shell stands before the program, and then `env`, which tells of a missing one by its code. */
export const missedBehindShell = ({ exitCode }: SandboxStatus, tail: string): boolean =>
  (exitCode === 126 || exitCode === 127) && ENV_FAILED.test(tail);

/**
 * How the program ended, from how bubblewrap did. Nothing else can have spoken where no program was started, so there the
 * text is bubblewrap's own. It tells death by a signal as shells do, by 128 and the signal's number.
 */
export const endOfSandboxed = (
  { exitCode }: SandboxStatus,
  bwrap: { readonly signal: NodeJS.Signals | null; readonly tail: string },
): SandboxedEnd => {
  if (bwrap.signal !== null) return { code: null, signal: bwrap.signal };
  if (exitCode === undefined) return EXEC_FAILED.test(bwrap.tail) ? "not found" : "not started";
  const signal = exitCode > SIGNALLED ? signalNames.get(exitCode - SIGNALLED) : undefined;
  return signal === undefined ? { code: exitCode, signal: null } : { code: null, signal };
};

const ENV_FAILED = /^\/usr\/bin\/env: .*: (No such file or directory|Permission denied|Not a directory)\n$/;
const EXEC_FAILED = /^bwrap: execvp .*: (No such file or directory|Permission denied|Not a directory)$/ms;
const SIGNALLED = 128;

/** Of those that end a process which does not expect them. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...["SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGWINCH"],
]);
const signalNames = new Map(
  Object.entries(constants.signals)
    .filter(([name]) => !HARMLESS.has(name))
    // Where a number has two names the first is the usual one.
    .reverse()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);
