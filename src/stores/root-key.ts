import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { dirname } from "node:path";
import { LedgerError } from "../core/errors.js";
import { KEY_BYTES, keyIdOf, newKey } from "./cipher.js";
import type { RootSource } from "./seals.js";

/** Holds the root key, in 64 hex digits or in base64. */
const VARIABLE = "RUNLEDGER_KEY";
/** Holds the one that `keys rotate` is to change to, where the root is not in the ledger's own file. */
const NEXT_VARIABLE = "RUNLEDGER_NEW_KEY";

/** Where the root key is: in the environment, with a command that prints it, or in a file of the ledger. */
export type RootKeys = {
  readonly from: RootSource;
  /** The one that is here; one in a file is made when there is none. */
  current(): Uint8Array;
  /** Undefined when another one is here, or none. */
  find(id: string): Uint8Array | undefined;
  /** One to change to, safe on the disk before it is answered. */
  next(): Uint8Array;
  /** It is the root from now on: the former one and drafts go from the folder. Nobody may change the root meanwhile. */
  settle(id: string, formerId: string): void;
  /** The file's key, which tokens are made from where there is no key tree; made when there is none. */
  fileKey(): Uint8Array;
  /** The same, but for the making. */
  fileKeyIfAny(): Uint8Array | undefined;
};

type Where = {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Prints the root key; empty when there is none. */
  readonly command: readonly string[];
  readonly folder: string;
  /** After so long it is ended. */
  readonly commandMs?: number;
};

export const rootKeys = (where: Where): RootKeys => {
  const { file, env, command } = where;
  const told = env[NEXT_VARIABLE];
  const ofFile = { fileKey: () => fromFile(file), fileKeyIfAny: () => written(file) };
  const fixed = env[VARIABLE] ? () => parsed(env[VARIABLE] ?? "", `The variable ${VARIABLE}`) : undefined;
  const asked = command.length > 0 ? remembering(() => printed(where)) : undefined;
  const outside =
    fixed === undefined ? asked : { current: fixed, find: (id: string) => matching(id, fixed()) };
  const next = (): Uint8Array => {
    if (told) return parsed(told, `The variable ${NEXT_VARIABLE}`);
    if (outside === undefined) return fileForNext(file);
    throw new LedgerError(
      "invalid_input",
      "The root key is not in the ledger's file, so it is not made here.",
      {
        hint: `Give the new one in ${NEXT_VARIABLE}: 64 hex digits, such as from \`openssl rand -hex 32\`.`,
      },
    );
  };
  if (outside !== undefined)
    return {
      from: fixed === undefined ? "command" : "environment",
      ...outside,
      next,
      // Another key in the file, such as one that tokens were made from, is none of a root's.
      settle: (id, formerId) => settle(file, id, (left) => left === formerId),
      ...ofFile,
    };
  return {
    from: "file",
    current: ofFile.fileKey,
    find: (id) => [file, nextFile(file, id)].map(written).find((key) => key && keyIdOf(key) === id),
    next,
    settle: (id) => settle(file, id, (left) => left !== id),
    ...ofFile,
  };
};

const matching = (id: string, key: Uint8Array): Uint8Array | undefined =>
  keyIdOf(key) === id ? key : undefined;

/**
 * Whoever asks for row after row is answered the same for so long: the command may take its time, and nobody's lease is
 * renewed meanwhile.
 */
const ASK_AGAIN_MS = 10_000;

/** A command is asked once, and again for a key that it did not print then, or when it failed. */
const remembering = (ask: () => Uint8Array): Pick<RootKeys, "current" | "find"> => {
  let known: Uint8Array | undefined;
  let failed: { readonly error: unknown; readonly atMs: number } | undefined;
  let missed: { readonly id: string; readonly atMs: number } | undefined;
  const asked = (): Uint8Array => {
    if (failed !== undefined && isRecent(failed)) throw failed.error;
    try {
      known = ask();
      return known;
    } catch (error) {
      failed = { error, atMs: performance.now() };
      throw error;
    }
  };
  return {
    current: () => known ?? asked(),
    find: (id) => {
      const there = known && matching(id, known);
      // Another id is another question: somebody changed the root, and the command may print that one by now.
      if (there !== undefined || (missed?.id === id && isRecent(missed))) return there;
      const found = matching(id, asked());
      if (found === undefined) missed = { id, atMs: performance.now() };
      return found;
    },
  };
};

const isRecent = ({ atMs }: { readonly atMs: number }): boolean => performance.now() - atMs < ASK_AGAIN_MS;

/** Long enough for a person to type a password; nothing else of this process goes on meanwhile. */
const COMMAND_MS = 60_000;
/** A key is 64 characters; what prints without end is ended. */
const PRINTED_BYTES_MAX = 4_096;

/** By the code of what Node says. */
const WHY: Readonly<Record<string, string>> = {
  ENOENT: "because it is not there",
  ETIMEDOUT: "to end in time",
  ENOBUFS: "because it printed far more than a key",
};

const printed = ({ command, env, folder, commandMs = COMMAND_MS }: Where): Uint8Array => {
  const [program = "", ...rest] = command;
  // Most keys are in a file, and no start should wait for this module.
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const { error, status, stdout } = spawnSync(program, rest, {
    cwd: folder,
    env: { ...env },
    encoding: "utf8",
    timeout: commandMs,
    // One that does not heed a request to end would hold the ledger for ever.
    killSignal: "SIGKILL",
    maxBuffer: PRINTED_BYTES_MAX,
    stdio: ["inherit", "pipe", "inherit"],
  });
  if (error === undefined && status === 0) return parsed(stdout, `What ${program} printed`);
  const why = error === undefined ? `with exit code ${status}` : (WHY[String(codeOf(error))] ?? "to start");
  throw new LedgerError("key_unavailable", `${program}, which is to print the root key, failed ${why}.`, {
    hint: "It is durable.keyCommand of the settings: try it at a terminal, in the project's folder.",
    ...(error === undefined ? { details: { exitCode: status } } : { cause: error }),
  });
};

/** In full: what Node passes over in base64, such as the end of a line, would make a key of an error message. */
const HEX = /^[0-9a-fA-F]{64}$/;
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;

const parsed = (text: string, what: string): Uint8Array => {
  const trimmed = text.trim();
  if (HEX.test(trimmed)) return Buffer.from(trimmed, "hex");
  if (BASE64.test(trimmed)) return Buffer.from(trimmed, "base64");
  throw new LedgerError("key_unavailable", `${what} is no key of ${KEY_BYTES} bytes.`, {
    hint: "Give it as 64 hex digits or in base64; `openssl rand -hex 32` makes one.",
  });
};

const fromFile = (file: string): Uint8Array => {
  let found = written(file);
  if (found === undefined) {
    make(file, newKey());
    found = written(file);
  }
  if (found?.byteLength === KEY_BYTES) return found;
  throw new LedgerError("key_unavailable", `The ledger's key (${file}) is not as it was made.`, {
    hint: "Restore it from a backup.",
  });
};

const written = (file: string): Uint8Array | undefined => {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw unreachable(file, error);
  }
};

/** Under another name until it is synced; when another process was faster, that one's counts. */
const make = (file: string, key: Uint8Array): void => {
  const draft = `${file}.${randomBytes(8).toString("hex")}`;
  try {
    fs.writeFileSync(draft, key, { flag: "wx", mode: 0o600, flush: true });
    fs.linkSync(draft, file);
    syncFolder(dirname(file));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw unreachable(file, error);
  } finally {
    fs.rmSync(draft, { force: true });
  }
};

const nextFile = (file: string, id: string): string => `${file}.next-${id}`;

const fileForNext = (file: string): Uint8Array => {
  const key = newKey();
  make(nextFile(file, keyIdOf(key)), key);
  return key;
};

const settle = (file: string, id: string, isOver: (left: string) => boolean): void => {
  const next = nextFile(file, id);
  if (fs.existsSync(next)) fs.renameSync(next, file);
  // The new one is kept elsewhere. Tokens go on with their key, which is in the database by now.
  const left = written(file);
  if (left !== undefined && isOver(keyIdOf(left))) fs.rmSync(file);
  const folder = dirname(file);
  for (const name of fs.readdirSync(folder))
    if (nextName.test(name)) fs.rmSync(`${folder}/${name}`, { force: true });
  syncFolder(folder);
};

/** Others to change to, and drafts: whoever is killed leaves them, each with a key. */
const nextName = /^ledger\.key\.(?:next-[0-9a-f]{16}(?:\.[0-9a-f]{16})?|[0-9a-f]{16})$/;

/** Without it a power loss could take the name of a key whose runs are already on the disk. */
const syncFolder = (folder: string): void => {
  const handle = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
};

const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException).code;

const unreachable = (file: string, cause: unknown): LedgerError =>
  new LedgerError(
    "store_unavailable",
    `The ledger's key (${file}) cannot be read or made (${codeOf(cause)}).`,
    {
      cause,
    },
  );
