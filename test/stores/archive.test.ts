import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openArchive } from "../../src/stores/archive.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "runledger-archive-"));
});
afterEach(() => rm(folder, { recursive: true }));

const unfinished = () => readdir(join(folder, "unfinished"));
const textOf = async (file: string): Promise<string> => gunzipSync(await readFile(file)).toString();

async function* lines(...given: readonly (string | (() => Promise<string>))[]): AsyncGenerator<string> {
  for (const line of given) yield typeof line === "string" ? line : await line();
}

/** Accepts every bundle, once it has read it. */
const whole = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
  for await (const _chunk of bytes);
};

describe("the archive", () => {
  it("is written by two at once without either writing into the other's file", async () => {
    const other = async () => {
      await openArchive(folder).write("run_1", lines("one\n", "two\n"), whole);
      return "two\n";
    };
    const file = await openArchive(folder).write("run_1", lines("one\n", other), whole);
    expect(await textOf(file)).toBe("one\ntwo\n");
    expect(await unfinished()).toEqual([]);
  });

  it("keeps what is there when the next one cannot be written or is refused, and leaves nothing lying about", async () => {
    const archive = openArchive(folder);
    const file = await archive.write("run_1", lines("good\n"), whole);
    const broken = lines("half\n", () => Promise.reject(new Error("no more")));
    await expect(archive.write("run_1", broken, whole)).rejects.toThrow("no more");
    const refuse = () => Promise.reject(new Error("not whole"));
    await expect(archive.write("run_1", lines("bad\n"), refuse)).rejects.toThrow("not whole");
    expect(await textOf(file)).toBe("good\n");
    expect(await unfinished()).toEqual([]);
  });

  it("clears away what a writer that died has left, not what one is at", async () => {
    await mkdir(join(folder, "unfinished"));
    for (const name of ["dead", "alive"]) await writeFile(join(folder, "unfinished", name), "half");
    const old = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(folder, "unfinished", "dead"), old, old);
    await openArchive(folder).write("run_1", lines("one\n"), whole);
    expect(await unfinished()).toEqual(["alive"]);
  });
});
