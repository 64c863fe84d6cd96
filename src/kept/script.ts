// A program that is one script, and what V8 compiled of it, kept beside it for the next process (docs/adr/0060, 0066).
import { randomUUID } from "node:crypto";
import { closeSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cachedDataVersionTag } from "node:v8";
import { runInThisContext, Script } from "node:vm";
import { crc32 } from "node:zlib";

/** Of a CRC-32, behind the code. */
const CHECKSUM_BYTES = 4;

/** What the life was that something was kept of. `brief`: one that ended at once, which knows less of the program. */
export type KeptLife = "usual" | "brief";

export type Started<T> = {
  readonly exports: T;
  /** Of which life that was kept from which this process started. */
  readonly from: KeptLife | undefined;
  /** Whoever opens none runs little of the program, and would leave little for those who do. */
  readonly ledgerOpened: Promise<void>;
  /** Keeps what V8 has compiled by now, where that can be. */
  readonly keep: (life: KeptLife) => void;
};

/**
 * Runs the script, a function of `module`, `require`, its own address and `more`. Its name has a hash of what it says: what is kept of
 * another version is never taken for it.
 */
export const startKept = <T>(url: URL, ...more: readonly unknown[]): Started<T> => {
  const file = fileURLToPath(url);
  // Each character of it is one byte: the build writes all others as escapes.
  const text = readFileSync(file, "latin1");
  const ofThisV8 = `${file}.${process.arch}-${process.version}-${cachedDataVersionTag()}`;
  const files = { usual: `${ofThisV8}.kept`, brief: `${ofThisV8}.brief.kept` };
  const found = isMainRealm() ? firstKept(files) : undefined;
  const { run, script } = compiled(text, url, found?.code);
  const outside = createRequire(url);
  const module = { exports: {} as T };
  let opened = (): void => undefined;
  const ledgerOpened = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const require = (id: string): unknown => {
    if (id === "better-sqlite3") opened();
    return outside(id);
  };
  run(module, require, url.href, ...more);
  return {
    exports: module.exports,
    from: script?.cachedDataRejected === false ? found?.life : undefined,
    ledgerOpened,
    keep: (life) => {
      if (script !== undefined) keep(script, files[life], life === "usual" ? [files.brief] : []);
    },
  };
};

type Run = (...given: readonly unknown[]) => void;

/** What V8 keeps runs in the main realm of a process. Test runners make realms of their own, whose arrays and errors are others. */
const isMainRealm = (): boolean => runInThisContext("globalThis") === globalThis;

const compiled = (
  text: string,
  { href }: URL,
  cachedData: Buffer | undefined,
): { readonly run: Run; readonly script?: Script } => {
  if (!isMainRealm()) return { run: new Function(`return ${text}`)() as Run };
  const script = new Script(text, { filename: href, ...(cachedData === undefined ? {} : { cachedData }) });
  return { run: script.runInThisContext() as Run, script };
};

const firstKept = (
  files: Readonly<Record<KeptLife, string>>,
): { readonly life: KeptLife; readonly code: Buffer } | undefined => {
  for (const life of ["usual", "brief"] as const) {
    const code = keptIn(files[life]);
    if (code !== undefined) return { life, code };
  }
  return undefined;
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

/** Whole or not at all. Where we may not write beside the program, each process compiles it again; a host never hears of it. */
const keep = (script: Script, file: string, replaced: readonly string[]): void => {
  const draft = `${file}.${process.pid}.${randomUUID()}`;
  try {
    const opened = openSync(draft, "wx", 0o644);
    try {
      const code = script.createCachedData();
      const checksum = Buffer.alloc(CHECKSUM_BYTES);
      checksum.writeUInt32LE(crc32(code));
      writeFileSync(opened, Buffer.concat([code, checksum]));
    } finally {
      closeSync(opened);
    }
    renameSync(draft, file);
    for (const former of replaced) rmSync(former, { force: true });
    removeLeft(dirname(file));
  } catch {
    discarded(draft);
  }
};

const discarded = (draft: string): void => {
  try {
    rmSync(draft, { force: true });
  } catch {
    // The next one that is written takes it along.
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
