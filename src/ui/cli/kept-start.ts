// How an installed command line starts: the program is one script, and what V8 compiled of it is kept beside it for the next process
// (docs/adr/0060). build/bundle.mjs puts this in the place of start.ts, which runs as it is from the sources.
import { randomUUID } from "node:crypto";
import { closeSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cachedDataVersionTag } from "node:v8";
import { Script } from "node:vm";
import { crc32 } from "node:zlib";
import { loadScreen } from "../tui/kit/load-screen.js";
import type * as Program from "./start.js";

/** From here to the program, whose name has a hash of what it says: what is kept of another version is never taken for it. */
declare const PROGRAM_FILE: string;

/** V8 forgets the code of a start when a life is long, and would keep it for nobody. */
const SHORT_LIFE_MS = 10_000;

/** Of a CRC-32, behind the code. */
const CHECKSUM_BYTES = 4;

export const start: typeof Program.start = async (words) => {
  const url = new URL(PROGRAM_FILE, import.meta.url);
  const file = fileURLToPath(url);
  const keptFile = `${file}.${process.arch}-${process.version}-${cachedDataVersionTag()}.kept`;
  const cachedData = keptIn(keptFile);
  // Each character of it is one byte: the build writes all others as escapes.
  const script = new Script(readFileSync(file, "latin1"), {
    filename: url.href,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const outside = createRequire(url);
  let hasOpenedLedger = false;
  const require = (id: string): unknown => {
    hasOpenedLedger ||= id === "better-sqlite3";
    return outside(id);
  };
  const module = { exports: {} as typeof Program };
  script.runInThisContext()(module, require, url.href, loadScreen);
  await module.exports.start(words);
  // Whoever asks for help runs little of the program, and would leave little for those who open a ledger.
  const isWorthKeeping = hasOpenedLedger && performance.now() < SHORT_LIFE_MS;
  if (isWorthKeeping && script.cachedDataRejected !== false) keep(keptFile, script);
};

/** What was kept, unless a failing disk changed it: V8 would run whatever is there. */
const keptIn = (file: string): Buffer | undefined => {
  try {
    const bytes = readFileSync(file);
    const end = bytes.length - CHECKSUM_BYTES;
    const code = bytes.subarray(0, end);
    return crc32(code) === bytes.readUInt32LE(end) ? code : undefined;
  } catch {
    return undefined;
  }
};

/** Whole or not at all. Where we may not write beside the program, each process compiles it again. */
const keep = (file: string, script: Script): void => {
  const draft = `${file}.${process.pid}.${randomUUID()}`;
  let opened: number;
  try {
    opened = openSync(draft, "wx", 0o644);
  } catch {
    return;
  }
  try {
    const code = script.createCachedData();
    const checksum = Buffer.alloc(CHECKSUM_BYTES);
    checksum.writeUInt32LE(crc32(code));
    writeFileSync(opened, Buffer.concat([code, checksum]));
    renameSync(draft, file);
    removeLeft(dirname(file));
  } catch {
    rmSync(draft, { force: true });
  } finally {
    closeSync(opened);
  }
};

const DRAFT = /\.kept\.(\d+)\.[0-9a-f-]{36}$/;

/**
 * Drafts of processes that were killed while they wrote. One at work on another machine, in the same folder, may be taken for dead:
 * then it keeps nothing this time.
 */
const removeLeft = (folder: string): void => {
  for (const name of readdirSync(folder)) {
    const [, pid] = DRAFT.exec(name) ?? [];
    if (pid !== undefined && isDead(Number(pid))) rmSync(join(folder, name), { force: true });
  }
};

const isDead = (pid: number): boolean => {
  try {
    return !process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
};
