import { createReadStream, createWriteStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { type Caller, LedgerError, type RunLedger } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { brief, type Output, printJson, printLine, say, table } from "../output.js";

export const exportRun = async (
  app: RunLedger,
  output: Output,
  runId: string,
  file: string | undefined,
): Promise<number> => {
  const lines = Readable.from(app.exportRun(runId));
  if (file === undefined) {
    for await (const line of lines) output.out.write(line);
    return EXIT.done;
  }
  const compress = file.endsWith(".gz") ? [createGzip()] : [];
  try {
    await pipeline([lines, ...compress, createWriteStream(file, { flags: "wx", mode: 0o600 })]);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST" && code !== "ENOENT" && code !== "EACCES" && code !== "EISDIR") {
      await rm(file, { force: true });
      throw error;
    }
    throw new LedgerError("invalid_input", `"${file}" cannot be made (${code}).`, {
      hint: "Name a file that does not exist, in a folder that does.",
    });
  }
  if (output.json) printJson(output, { runId, file });
  else printLine(output, file);
  return EXIT.done;
};

export const importRun = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  file: string,
): Promise<number> => {
  const { run, arrived, commits } = await app.importRun(caller, await bytesOf(file));
  const { runId, state } = run;
  if (output.json) printJson(output, { runId, status: state.status, arrived, commits });
  else printLine(output, runId);
  if (!arrived) say(output, "It was here already; nothing changed.");
  if (commits === "missing")
    say(
      output,
      "This project does not have the commit it began from: it can be read, not resumed or applied.",
    );
  if (arrived && state.status === "paused")
    say(output, `It is paused. Go on here: runledger resume ${runId}`);
  return EXIT.done;
};

/** What begins like gzip is unpacked, whatever its name is. */
const bytesOf = async (file: string): Promise<AsyncIterable<Uint8Array>> => {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new LedgerError("file_not_found", `"${file}" cannot be read (${error.code}).`);
  });
  const magic = Buffer.alloc(2);
  try {
    await handle.read(magic, 0, 2, 0);
  } catch (error) {
    throw new LedgerError("invalid_input", `"${file}" cannot be read.`, { cause: error });
  } finally {
    await handle.close();
  }
  const bytes = createReadStream(file);
  return magic.equals(GZIP) ? unpacked(bytes) : bytes;
};

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

export const prune = async (
  app: RunLedger,
  output: Output,
  options: { keep?: number; dryRun: boolean },
): Promise<number> => {
  const stays: { runId: string; code: string; message: string }[] = [];
  const pruned = await app.prune({
    ...options,
    onStays: (runId, { code, message }) => void stays.push({ runId, code, message }),
  });
  if (output.json) printJson(output, { dryRun: options.dryRun, runs: pruned, stays });
  else if (pruned.length === 0) say(output, "There is nothing to remove.");
  else
    printLine(
      output,
      table([
        ["RUN", options.dryRun ? "WOULD GO" : "ARCHIVE", "GOAL"],
        ...pruned.map(({ runId, archive, goal }) => [runId, archive ?? "yes", brief(goal, 60)]),
      ]),
    );
  if (!output.json)
    for (const { runId, message } of stays) say(output, `${runId} stays: ${brief(message, 200)}`);
  return EXIT.done;
};

export const collectGarbage = async (
  app: RunLedger,
  output: Output,
  options: { dryRun: boolean },
): Promise<number> => {
  const collected = await app.collectGarbage(options);
  if (output.json) {
    printJson(output, { dryRun: options.dryRun, ...collected });
    return EXIT.done;
  }
  const { blobs, blobBytes, workspaces, logs, storeBytes } = collected;
  printLine(
    output,
    table([
      ["pieces of output", `${blobs} (${kilobytes(blobBytes)})`],
      ["workspaces", `of ${workspaces.length} finished runs`],
      ["logs", `of ${logs.length} removed runs`],
      [
        "git objects",
        storeBytes === null ? "known when they are removed" : kilobytes(Math.max(0, storeBytes)),
      ],
    ]),
  );
  return EXIT.done;
};

const kilobytes = (bytes: number): string => `${Math.ceil(bytes / 1_024)} KiB`;
