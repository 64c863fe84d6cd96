import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";

/** Where runs go before they are removed: a compressed bundle each, whole and on the disk before its name is there. */
export interface Archive {
  /** Answers with the file. */
  write(runId: string, lines: AsyncIterable<string>): Promise<string>;
  /** The bundle as it was written. */
  read(file: string): AsyncIterable<Uint8Array>;
}

export const openArchive = (folder: string): Archive => ({
  write: async (runId, lines) => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, `${runId}.jsonl.gz`);
    const unfinished = `${file}.unfinished`;
    try {
      const onDisk = createWriteStream(unfinished, { mode: 0o600, flush: true });
      await pipeline(Readable.from(lines), createGzip(), onDisk);
      await rename(unfinished, file);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    await syncFolder(dirname(file));
    return file;
  },
  read: (file) => createReadStream(file).pipe(createGunzip()),
});

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
