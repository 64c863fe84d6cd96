import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { cutShort, type ErrorCode, errorKinds, LedgerError } from "../../index.js";
import {
  type Asked,
  type Bearer,
  type Dropped,
  type Opened,
  type Question,
  readLines,
  type Stop,
  type Told,
  type ToldError,
} from "./line.js";
import { requireTellable } from "./tellable.js";

/** Whoever asks here is answered, whatever becomes of the process that works on it. */
export interface LedgerProcess {
  /** Throws what the ledger refused, `invalid_input` for what cannot be told on, and `worker_unreachable` when its process ended again and again. */
  ask(as: Bearer, question: Question, asking?: Asking): Promise<Readonly<Record<string, unknown>>>;
  /** Nobody asks any more: the process finishes what it was asked, unheard, and ends. */
  close(): void;
  /** Nobody may ask any more: what was asked is answered as it stands, and the process is over when this is. */
  end(): Promise<void>;
}

export type Asking = {
  /** Called as soon as the ledger says that the credential holds, which may be long before the answer. */
  readonly opened?: () => void;
  /** Aborted, nobody waits for the answer any more: what waits is told so, and whoever asked that the client is gone. */
  readonly gone?: AbortSignal;
};

export type ProcessOptions = {
  /** argv that starts it. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that pass, from any beginning. */
  readonly passing: () => number;
  /** What people read: that it ended and was started again. */
  readonly remark: (sentence: string) => void;
};

/** So many processes may end under one call before it is given up; the first loss is mostly a kill, the third is a cause. */
const LIVES_MAX = 3;

/** Who judges must end what it started and give its lease back; one that takes longer hangs. */
const ENDING_MS = 10_000;

type Open = {
  readonly as: Bearer;
  readonly question: Question;
  readonly opened: (() => void) | undefined;
  /** When it was asked first, as time passes. */
  readonly since: number;
  readonly resolve: (value: Readonly<Record<string, unknown>>) => void;
  readonly reject: (error: Error) => void;
  lives: number;
};

type Child = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Starts the ledger's own process when it is asked something, and again when it ended. What was under way is asked again:
 * each call that changes something has a key, so it is done once however often it is asked.
 */
export const ledgerProcess = (options: ProcessOptions): LedgerProcess => {
  const open = new Map<number, Open>();
  let lastId = 0;
  let child: Child | undefined;
  let over = false;

  const hear = (line: string): void => {
    const told = toldIn(line);
    if (told === undefined) {
      options.remark(`The ledger's process said what is no answer: ${cutShort(line, LINE_SHOWN)}`);
      return;
    }
    const one = open.get(told.id);
    if (told.opened === true) one?.opened?.();
    if (!("error" in told) && !("value" in told)) return;
    open.delete(told.id);
    if ("error" in told) one?.reject(errorOf(told.error));
    else one?.resolve(told.value);
  };

  const started = (): Child => {
    const [program = "", ...words] = options.command;
    const { cwd, env } = options;
    const made = spawn(program, words, { cwd, env: { ...env }, stdio: ["pipe", "pipe", "inherit"] });
    readLines(made.stdout, hear);
    made.stdin.on("error", () => undefined);
    const ended = (how: string): void => {
      if (child !== made) return;
      child = undefined;
      askAgain(how);
    };
    made.once("error", ({ message }) => ended(message));
    // Only when all it has said was heard.
    made.once("close", (code, signal) => ended(`with ${signal ?? `exit code ${code}`}`));
    return made;
  };

  const send = (id: number, one: Open): void => {
    child ??= started();
    one.lives += 1;
    child.stdin.write(`${JSON.stringify(askedOf(id, one, options.passing()))}\n`);
  };

  const askAgain = (how: string): void => {
    if (open.size > 0 && !over)
      options.remark(`The ledger's process ended (${how}) while it was asked ${open.size}: again.`);
    for (const [id, one] of open) {
      if (one.lives < LIVES_MAX && !over) send(id, one);
      else {
        open.delete(id);
        one.reject(over ? ending() : lost(how));
      }
    }
  };

  /** What it was asked for is done all the same; only waiting ends. */
  const drop = (id: number): void => {
    const one = open.get(id);
    if (one === undefined) return;
    open.delete(id);
    if (!over) child?.stdin.write(`${JSON.stringify({ dropped: id } satisfies Dropped)}\n`);
    one.reject(unheard());
  };

  return {
    ask: (as, question, { opened, gone } = {}) =>
      new Promise((resolve, reject) => {
        if (over) return reject(ending());
        requireTellable(question);
        lastId += 1;
        const id = lastId;
        const one: Open = { as, question, opened, since: options.passing(), resolve, reject, lives: 0 };
        open.set(id, one);
        send(id, one);
        if (gone?.aborted === true) drop(id);
        else gone?.addEventListener("abort", () => drop(id), { once: true });
      }),
    close: () => {
      const last = child;
      child = undefined;
      last?.stdin.end();
      last?.stdout.destroy();
      last?.unref();
    },
    end: async () => {
      over = true;
      if (child !== undefined) await endOf(child);
    },
  };
};

const endOf = async (child: Child): Promise<void> => {
  const closed = once(child, "close");
  child.stdin.end(`${JSON.stringify({ stop: true } satisfies Stop)}\n`);
  const late = setTimeout(() => child.kill("SIGKILL"), ENDING_MS);
  await closed;
  clearTimeout(late);
};

const askedOf = (id: number, { as, question, opened, since }: Open, now: number): Asked => ({
  id,
  as,
  question: withTimeLeft(question, now - since),
  ...(opened === undefined ? {} : { tellOpened: true }),
});

/** The client's patience goes on while a process is started again. */
const withTimeLeft = (question: Question, passedMs: number): Question => {
  const left = (waitMs: number): number => Math.max(0, Math.round(waitMs - passedMs));
  if (question.kind === "tool" && question.waitMs !== undefined)
    return { ...question, waitMs: left(question.waitMs) };
  if (question.kind !== "gate" || typeof question.input.waitMs !== "number") return question;
  return { ...question, input: { ...question.input, waitMs: left(question.input.waitMs) } };
};

/** What a library prints into the pipe is no answer to anybody. */
const toldIn = (line: string): Told | Opened | undefined => {
  try {
    const told: unknown = JSON.parse(line);
    if (typeof told !== "object" || told === null || !("id" in told)) return undefined;
    return "value" in told || "error" in told || "opened" in told ? (told as Told | Opened) : undefined;
  } catch {
    return undefined;
  }
};

/** Enough to tell where a line comes from. */
const LINE_SHOWN = 200;

const ending = (): LedgerError =>
  new LedgerError("worker_unreachable", "This server is being stopped.", {
    hint: "What was recorded is kept: call again under the same idempotency_key when it is back.",
  });

const unheard = (): LedgerError =>
  new LedgerError("worker_unreachable", "Whoever asked hung up before the answer was there.", {
    hint: "Call again under the same key: what was done is not done twice.",
  });

const lost = (how: string): LedgerError =>
  new LedgerError(
    "worker_unreachable",
    `The ledger's process ended ${LIVES_MAX} times in this call (${how}); nobody knows how far it came.`,
    { hint: "Call run_read: it tells where the run stands. `runledger doctor` looks at the machine." },
  );

/** What was thrown by mistake is no refusal of the ledger, and is told as what it is. */
const errorOf = ({ code, message, hint, details }: ToldError): Error =>
  Object.hasOwn(errorKinds, code)
    ? new LedgerError(code as ErrorCode, message, {
        ...(hint === undefined ? {} : { hint }),
        ...(details === undefined ? {} : { details }),
      })
    : new Error(message);
