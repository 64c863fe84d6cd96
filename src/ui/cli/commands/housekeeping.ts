import { once } from "node:events";
import { createReadStream } from "node:fs";
import { lstat, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { type Caller, LedgerError, type RunLedger } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, printLine, say } from "../output.js";

export const exportRun = async (
  app: RunLedger,
  output: Output,
  runId: string,
  file: string | undefined,
  interrupted: AbortSignal,
): Promise<number> => {
  const isEncrypted = (await app.ledger.store.runRow(runId))?.seal === "open";
  const lines = app.exportRun(runId);
  try {
    if (file === undefined) await pour(lines, output.out, interrupted);
    else await writeFile(app, runId, { lines, file, interrupted });
  } catch (error) {
    if (interrupted.aborted || hasCode(error, "EPIPE")) return EXIT.interrupted;
    throw error;
  }
  if (isEncrypted)
    say(output, "The run is sealed, and its bundle brings the key: whoever has it can read it.");
  if (file === undefined) return EXIT.done;
  if (output.json) printJson(output, { runId, file });
  else printLine(output, file);
  return EXIT.done;
};

// As fast as the reader takes it, or a whole run would wait in memory; the stream is not ours to end.
const pour = async (lines: AsyncIterable<string>, out: Writable, interrupted: AbortSignal): Promise<void> => {
  for await (const line of lines) {
    interrupted.throwIfAborted();
    if (!out.write(line)) await once(out, "drain", { signal: interrupted });
  }
  interrupted.throwIfAborted();
};

type Written = {
  readonly lines: AsyncIterable<string>;
  readonly file: string;
  readonly interrupted: AbortSignal;
};

/** Beside where it will be, under a name of its own, so that what bears the final name is whole. */
const writeFile = async (
  app: Pick<RunLedger, "draft">,
  runId: string,
  { lines, file, interrupted }: Written,
): Promise<void> => {
  await requireFree(file);
  const draft = await app.draft(runId, dirname(file));
  try {
    const handle = await open(draft.path, "wx", 0o600).catch((error: unknown) => {
      throw cannotBeMade(file, error);
    });
    const compress = file.endsWith(".gz") ? [createGzip()] : [];
    const onDisk = handle.createWriteStream({ flush: true });
    await pipeline([Readable.from(lines), ...compress, onDisk], { signal: interrupted });
    await requireFree(file);
    await rename(draft.path, file);
  } catch (error) {
    await rm(draft.path, { force: true });
    throw error;
  } finally {
    await draft.forget();
  }
};

/** Looked at before the work, and again after it: a rename would write over what came meanwhile. */
const requireFree = async (file: string): Promise<void> => {
  const there = await lstat(file).then(
    () => true,
    () => false,
  );
  if (there) throw cannotBeMade(file, { code: "EEXIST" });
};

const cannotBeMade = (file: string, cause: unknown): LedgerError => {
  const { code = "" } = cause as NodeJS.ErrnoException;
  const why = WHY_NOT_MADE[code] ?? `${code}.`;
  return new LedgerError("invalid_input", `"${file}" cannot be made: ${why}`, {
    hint: "Name a file that does not exist, in a folder that does.",
  });
};

const WHY_NOT_MADE: Readonly<Record<string, string>> = {
  EEXIST: "it is there already.",
  ENOENT: "its folder is not there.",
  ENOTDIR: "what should be its folder is a file.",
};

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

export const importRun = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  file: string | Readable,
): Promise<number> => {
  const bytes = typeof file === "string" ? await bytesOf(file) : await bytesPiped(file);
  const { run, arrived, commits, receipt } = await app.importRun(caller, bytes);
  const { runId, state } = run;
  if (output.json) printJson(output, { runId, status: state.status, arrived, commits, receipt });
  else printLine(output, runId);
  if (!arrived) say(output, "It was here already; its journal stays as it is.");
  if (receipt !== null) say(output, `Its receipt came with it, signed by ledger ${receipt.ledgerId}.`);
  if (commits === "missing")
    say(
      output,
      "This project does not have the commit it began from: it can be read, not resumed or applied. Once that commit is here (git fetch), import the bundle again.",
    );
  else if (state.status === "paused" && (arrived || commits === "here"))
    say(output, `It is paused. Go on here: runledger resume ${runId}`);
  return EXIT.done;
};

const BUNDLE = { hint: "Name a file that `runledger export` wrote." };

/** What begins like gzip is unpacked, whatever its name is. */
const bytesOf = async (file: string): Promise<AsyncIterable<Uint8Array>> => {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new LedgerError("file_not_found", `"${file}" cannot be read (${error.code}).`, BUNDLE);
  });
  const magic = Buffer.alloc(2);
  try {
    await handle.read(magic, 0, 2, 0);
  } catch (error) {
    throw new LedgerError("invalid_input", `"${file}" is no file.`, { ...BUNDLE, cause: error });
  } finally {
    await handle.close();
  }
  const bytes = createReadStream(file);
  return magic.equals(GZIP) ? unpacked(bytes) : bytes;
};

/** As much of it is looked at as tells whether it is compressed, and goes in front of the rest again. */
const bytesPiped = async (input: Readable): Promise<AsyncIterable<Uint8Array>> => {
  const parts = input.iterator();
  const head: Buffer[] = [];
  while (size(head) < GZIP.length) {
    const { done, value } = await parts.next();
    if (done === true) break;
    head.push(Buffer.from(value));
  }
  const bytes = Readable.from(chained(head, parts), { objectMode: false });
  return Buffer.concat(head).subarray(0, GZIP.length).equals(GZIP) ? unpacked(bytes) : bytes;
};

const size = (parts: readonly Buffer[]): number => parts.reduce((sum, { length }) => sum + length, 0);

async function* chained(head: readonly Buffer[], rest: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* head;
  yield* rest;
}

const GZIP = Buffer.from([0x1f, 0x8b]);

async function* unpacked(bytes: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes.pipe(createGunzip());
  } catch (cause) {
    if (!String((cause as NodeJS.ErrnoException).code).startsWith("Z_")) throw cause;
    throw new LedgerError("bundle_invalid", "The file is no whole gzip file.", {
      hint: "It was cut off or damaged; export the run again.",
      cause,
    });
  }
}
