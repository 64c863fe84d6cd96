import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Why no process can be given a clock of its own here; undefined where one can. */
export const noClock =
  process.platform === "linux" && spawnSync("cc", ["--version"]).status === 0
    ? undefined
    : "a C compiler is missing here, or this is no Linux";

/** A clock for processes, in this folder: what they are started with, and the file by which it is put. */
export const clockIn = (folder: string): { readonly env: Readonly<Record<string, string>> } => {
  const [library, file] = [join(folder, "clock.so"), join(folder, "clock")];
  const source = join(import.meta.dirname, "clock.c");
  const built = spawnSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(built.stderr);
  writeFileSync(file, Buffer.alloc(8));
  return { env: { LD_PRELOAD: library, TEST_CLOCK: file } };
};

/** So far ahead of the machine's clock, or behind it, every process with that file is from now on. */
export const putClock = (file: string, aheadMs: number): void => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(aheadMs));
  const opened = openSync(file, "r+");
  writeSync(opened, bytes, 0, bytes.length, 0);
  closeSync(opened);
};
