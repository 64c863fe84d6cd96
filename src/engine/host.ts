import { randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { misfit } from "../core/defects.js";
import {
  SOCKET_VARIABLE,
  type SocketAnswer,
  type SocketError,
  SocketRequest,
  TOKEN_VARIABLE,
} from "../core/effect-wire.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { openPrivateRoot } from "../pev/private-folder.js";
import { removeOrphans, shortLivedName } from "../pev/short-lived.js";
import type { HeldEffect, KeyedEffects } from "./effects/keyed.js";
import { readLines } from "./lines.js";

/** Where one attempt of a program reaches its effects. */
export type Host = {
  /** All of it, to be shown to a sandboxed program: the socket, and the program that speaks to it. */
  readonly folder: string;
  readonly socketFile: string;
  /** Comes first on its PATH. */
  readonly programs: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Whoever is still connected is gone. */
  close(): Promise<void>;
};

const FOLDER = "socket-";
const TOKEN_BYTES = 32;
/** More at once than any one agent starts. */
const CONNECTIONS_MAX = 256;
/** Whoever connects has something to say. */
const SILENCE_MS = 30_000;

/** Answers a question to the ledger; what it answers is redacted. */
export type Oracle = (credential: string, question: unknown) => Promise<Readonly<Record<string, unknown>>>;

/**
 * Listens as long as a program works on its step. The socket lies in a folder of this user alone, and each attempt has one of
 * its own with a token of its own, so that no program speaks for another step. `cli` is the argv of this program's command line;
 * without an oracle no question is answered.
 */
export const openHost = async (
  effects: KeyedEffects,
  cli: readonly string[],
  oracle: Oracle = nobody,
): Promise<Host> => {
  const root = await openPrivateRoot();
  await removeOrphans(root, FOLDER);
  // The name of a socket may not be long, so it lies near the top.
  const folder = join(root, `${shortLivedName(FOLDER)}${randomUUID().slice(0, 8)}`);
  const programs = join(folder, "bin");
  await mkdir(programs, { recursive: true, mode: 0o700 });
  await writeFile(join(programs, "runledger"), `#!/bin/sh\nexec ${cli.map(quotedWord).join(" ")} "$@"\n`);
  await chmod(join(programs, "runledger"), 0o700);
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const socketFile = join(folder, "s");
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    serve(socket, { effects, token, oracle });
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    // For good: a connection that cannot be accepted later, for want of a file say, is no end of the worker.
    server.on("error", reject);
    server.listen(socketFile, resolve);
  });
  return {
    folder,
    socketFile,
    programs,
    environment: { [SOCKET_VARIABLE]: socketFile, [TOKEN_VARIABLE]: token },
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
};

const nobody: Oracle = () => {
  throw new LedgerError("access_denied", "Nobody answers for the ledger here.", {
    hint: "Only agents of kind subprocess ask the worker that has started them.",
  });
};

export const quotedWord = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

type Served = { readonly effects: KeyedEffects; readonly token: string; readonly oracle: Oracle };

/** One effect or one question a connection: how long it lives is how long somebody does it. */
const serve = (socket: Socket, { effects, token, oracle }: Served): void => {
  let held: HeldEffect | undefined;
  const say = (answer: SocketAnswer): void => {
    if (!socket.destroyed) socket.end(`${JSON.stringify(answer)}\n`);
  };
  const hear = async (request: SocketRequest): Promise<void> => {
    if (request.type === "begin") {
      if (held !== undefined) throw outOfTurn();
      requireToken(token, request.token);
      socket.setTimeout(0);
      const { type: _type, token: _token, ...said } = request;
      const begun = await effects.begin(said);
      if ("status" in begun) return say({ type: "ended", ...begun, replayed: true });
      held = begun;
      if (socket.destroyed) return begun.lost();
      const answer: SocketAnswer = { type: "perform", key: begun.key };
      return void socket.write(`${JSON.stringify(answer)}\n`);
    }
    if (request.type === "ask") {
      socket.setTimeout(0);
      return say({ type: "told", value: await oracle(request.credential, request.question) });
    }
    if (held === undefined) throw outOfTurn();
    const mine = held;
    if (request.type === "done")
      return say({ type: "ended", ...(await mine.done(request.value)), replayed: false });
    await mine.failed(request.error);
    say({ type: "ended", status: "failed", value: null, replayed: false });
  };
  socket.setTimeout(SILENCE_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.once("close", () => held?.lost());
  readLines(socket, async (line) => {
    try {
      await hear(requestOf(line));
    } catch (error) {
      say({ type: "error", error: told(error) });
    }
  });
};

const requestOf = (line: string): SocketRequest => {
  const input = parsed(line);
  const { success, data, error } = SocketRequest.safeParse(input);
  if (!success) throw misfit("what was said at the socket", error.issues, input);
  return data;
};

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line);
  } catch {
    throw new LedgerError("parse_failed", "What was said at the socket is no JSON.", {
      hint: "One JSON object a line.",
    });
  }
};

const requireToken = (token: string, given: string): void => {
  const [mine, theirs] = [Buffer.from(token), Buffer.from(given)];
  if (mine.length === theirs.length && timingSafeEqual(mine, theirs)) return;
  throw new LedgerError("access_denied", "This token is not that of the step.", {
    hint: `Pass on ${TOKEN_VARIABLE} as the agent got it.`,
  });
};

const outOfTurn = (): LedgerError =>
  new LedgerError("invalid_input", "One effect a connection: begin it, then tell how it ended.");

const told = (error: unknown): SocketError =>
  isLedgerError(error)
    ? error.toJSON()
    : { code: "unexpected", message: error instanceof Error ? error.message : String(error) };
