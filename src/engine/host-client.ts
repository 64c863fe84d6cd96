import { connect, type Socket } from "node:net";
import {
  SOCKET_VARIABLE,
  type SocketAnswer,
  type SocketError,
  type SocketRequest,
  TOKEN_VARIABLE,
} from "../core/effect-wire.js";
import type { EffectClass, OnAmbiguous, Risk } from "../core/effects.js";
import { type ErrorCode, errorKinds, LedgerError } from "../core/errors.js";
import { readLines } from "./lines.js";

export type ProgramEffect = {
  /** Of the business: once in the whole ledger, whatever run asks. */
  readonly key: string;
  readonly name: string;
  readonly class: EffectClass;
  readonly risk?: Risk;
  readonly onAmbiguous?: OnAmbiguous;
};

/** How an effect ended, as far as whoever did it can say. */
export type Performed =
  | { readonly status: "done"; readonly value: unknown }
  | { readonly status: "failed"; readonly error: string }
  /** Nobody knows whether it happened; what it says of itself (`onAmbiguous`) decides. */
  | { readonly status: "lost" };

export type ProgramEffectEnd = {
  readonly status: "done" | "skipped" | "failed" | "lost";
  readonly value: unknown;
  /** It had happened before, and nothing was done now. */
  readonly replayed: boolean;
};

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * For programs that work on a step: does an effect once, through the socket that the environment names. Rejects with
 * `worker_unreachable` where there is none, before anything is done.
 */
export const programEffect = async (
  said: ProgramEffect,
  perform: (given: { readonly key: string }) => Promise<Performed>,
  env: Environment = process.env,
): Promise<ProgramEffectEnd> => {
  const { socketFile, token } = addressIn(env);
  const line = openLine(await connected(socketFile, PASS_ON));
  try {
    const begun = await line.ask({
      type: "begin",
      token,
      risk: "none",
      onAmbiguous: null,
      input: null,
      ...said,
    });
    if (begun.type === "ended") return begun;
    if (begun.type !== "perform") throw gone();
    const end = await perform({ key: begun.key });
    if (end.status === "lost") return { status: "lost", value: null, replayed: false };
    const ended = await line.ask(
      end.status === "done"
        ? { type: "done", value: end.value as null }
        : { type: "failed", error: end.error },
    );
    if (ended.type === "ended") return ended;
    throw gone();
  } finally {
    line.close();
  }
};

/** Asks the ledger, through the worker that listens there. Throws what was refused, and `worker_unreachable` when nobody answers. */
export const askWorker = async (
  socketFile: string,
  credential: string,
  question: unknown,
): Promise<Readonly<Record<string, unknown>>> => {
  const line = openLine(await connected(socketFile, END));
  try {
    const answer = await line.ask({ type: "ask", credential, question });
    if (answer.type === "told") return answer.value;
    throw gone();
  } finally {
    line.close();
  }
};

const addressIn = (env: Environment): { readonly socketFile: string; readonly token: string } => {
  const [socketFile = "", token = ""] = [env[SOCKET_VARIABLE], env[TOKEN_VARIABLE]];
  // An empty path would be a port of this machine.
  if (socketFile !== "" && token !== "") return { socketFile, token };
  throw unreachable("Nothing here works on a step of RunLedger. The effect was not done.", PASS_ON);
};

const unreachable = (because: string, hint: string): LedgerError =>
  new LedgerError("worker_unreachable", because, { hint });

const PASS_ON = `An agent that RunLedger started has ${SOCKET_VARIABLE} and ${TOKEN_VARIABLE}; pass both on.`;
/** A server is given its worker's socket by whoever started the agent, so there is nothing to pass on. */
const END =
  "The worker that started this agent is gone: end. Whoever drives the run next starts the agent anew.";

const connected = (path: string, hint: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(socket));
    socket.once("error", ({ message }) =>
      reject(unreachable(`The worker of this step does not answer (${message}); nothing was done.`, hint)),
    );
  });

type Begun = Exclude<SocketAnswer, { type: "error" }>;
type Line = { ask(request: SocketRequest): Promise<Begun>; close(): void };

const openLine = (socket: Socket): Line => {
  let heard = (_line: string): void => undefined;
  let lost = (): void => undefined;
  socket.on("error", () => socket.destroy());
  socket.once("close", () => lost());
  readLines(socket, (line) => heard(line));
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        lost = () => reject(gone());
        heard = (line) => {
          const answer = JSON.parse(line) as SocketAnswer;
          if (answer.type === "error") reject(errorOf(answer.error));
          else resolve(answer);
        };
        if (socket.destroyed) lost();
        else socket.write(`${JSON.stringify(request)}\n`);
      }),
    close: () => socket.destroy(),
  };
};

const gone = (): LedgerError =>
  new LedgerError("worker_unreachable", "The worker of this step hung up before it had answered.", {
    hint: "The worker was lost or does not want this attempt any more: end, and the next life goes on.",
  });

/** A worker of another version may know more codes. */
const errorOf = ({ code, message, hint, details = {} }: SocketError): LedgerError =>
  new LedgerError(isCode(code) ? code : "worker_unreachable", message, {
    details,
    ...(hint === undefined ? {} : { hint }),
  });

const isCode = (code: string): code is ErrorCode => Object.hasOwn(errorKinds, code);
