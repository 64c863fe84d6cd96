import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { removeAbandoned, unfinishedIn } from "./blobs.js";

/** In the ledger's folder. */
export const ARCHIVE_FOLDER = "archive";

/** Where runs go before they are removed: a compressed bundle each, whole and on the disk before its name is there. */
export interface Archive {
  /** Answers with the file. What `check` refuses, reading it back, does not take the place of an archive that is there. */
  write(
    runId: string,
    lines: AsyncIterable<string>,
    check: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
  ): Promise<string>;
}

export const openArchive = (folder: string): Archive => ({
  write: async (runId, lines, check) => {
    await mkdir(unfinishedIn(folder), { recursive: true, mode: 0o700 });
    await removeAbandoned(folder);
    const file = join(folder, `${runId}.jsonl.gz`);
    // Two processes may archive the same run at once: neither writes into what the other is about to name.
    const unfinished = join(unfinishedIn(folder), randomUUID());
    try {
      const onDisk = createWriteStream(unfinished, { flags: "wx", mode: 0o600, flush: true });
      await pipeline(Readable.from(lines), createGzip(), onDisk);
      await pipeline(createReadStream(unfinished), createGunzip(), check);
      await rename(unfinished, file);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    await syncFolder(folder);
    return file;
  },
});

/** The bundle in it, whole or until it cannot be read. A ledger that was moved has its archives beside it, wherever they were made. */
export async function* readArchive(folder: string, archive: string): AsyncGenerator<Uint8Array> {
  const beside = join(folder, basename(archive));
  const isBeside = await access(beside).then(
    () => true,
    () => false,
  );
  const unpacked = createGunzip();
  // Whatever goes wrong on the way is told by whoever reads at the end.
  const piped = pipeline(createReadStream(isBeside ? beside : archive), unpacked).catch(() => {});
  yield* unpacked;
  await piped;
}

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
