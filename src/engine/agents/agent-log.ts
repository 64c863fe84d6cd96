import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/** A chatty agent cannot fill the disk: so many bytes of its log are kept as it speaks. */
const LOG_BYTES_MAX = 64 * 1024 * 1024;

export type AgentLog = {
  readonly write: (chunk: Buffer) => void;
  readonly close: () => Promise<void>;
};

/** The live log of an attempt; each life of it goes on where the one before ended. */
export const openAgentLog = async (file: string): Promise<AgentLog> => {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const stream = createWriteStream(file, { flags: "a" });
  let room = LOG_BYTES_MAX;
  // A full disk costs the log, not the work.
  stream.on("error", () => {
    room = 0;
  });
  return {
    write: (chunk) => {
      if (room <= 0) return;
      stream.write(chunk.subarray(0, room));
      room -= chunk.length;
    },
    close: () => new Promise<void>((done) => stream.end(() => done())),
  };
};
