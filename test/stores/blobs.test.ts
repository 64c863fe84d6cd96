import { mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../src/core/canonical.js";
import { fileBlobs, memoryBlobs } from "../../src/stores/blobs.js";
import { openStore } from "../../src/stores/open.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "runledger-blobs-"));
});
afterEach(() => rm(folder, { recursive: true }));

const fileOf = (hash: string): string => join(folder, hash.slice(0, 2), hash.slice(2, 4), hash);
const filesIn = async (): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

describe("blobs in files", () => {
  it("keeps them compressed, private and under their hash only", async () => {
    const bytes = Buffer.alloc(500_000, "the same line again\n");
    const hash = await fileBlobs(folder).put(bytes);
    const { size, mode } = await stat(fileOf(hash));
    expect(size).toBeLessThan(bytes.byteLength / 20);
    expect(mode & 0o777).toBe(0o600);
    expect(await filesIn()).toEqual([hash]);
  });

  it("reads what another opening of the folder has written", async () => {
    const hash = await fileBlobs(folder).put(Buffer.from("patch"));
    expect(Buffer.from((await fileBlobs(folder).get(hash)) ?? []).toString()).toBe("patch");
  });

  it("writes the same bytes once, also when many bring them at the same time", async () => {
    const bytes = Buffer.from("evidence");
    const hashes = await Promise.all(Array.from({ length: 20 }, () => fileBlobs(folder).put(bytes)));
    expect(new Set(hashes)).toEqual(new Set([sha256(bytes)]));
    expect(await filesIn()).toEqual([sha256(bytes)]);
    const before = await stat(fileOf(sha256(bytes)));
    await fileBlobs(folder).put(bytes);
    expect((await stat(fileOf(sha256(bytes)))).ino).toBe(before.ino);
  });

  it("refuses every kind of damage", async () => {
    const bytes = Buffer.from("what the tests printed ".repeat(100));
    const hash = await fileBlobs(folder).put(bytes);
    const whole = await readFile(fileOf(hash));
    const flipped = Buffer.from(whole);
    flipped[10] = (flipped[10] ?? 0) ^ 1;
    const damages = [
      flipped,
      Buffer.alloc(0),
      Buffer.from("junk"),
      deflateRawSync(Buffer.from("another blob")),
    ];
    for (const damaged of damages) {
      await writeFile(fileOf(hash), damaged);
      await expect(fileBlobs(folder).get(hash)).rejects.toMatchObject({
        code: "blob_corrupt",
        details: { hash },
      });
    }
    await writeFile(fileOf(hash), whole);
    await truncate(fileOf(hash), whole.length - 1);
    await expect(fileBlobs(folder).get(hash)).rejects.toMatchObject({ code: "blob_corrupt" });
  });

  it("takes nothing but a hash for a name", async () => {
    await writeFile(join(folder, "secret"), deflateRawSync(Buffer.from("secret")));
    const { get } = fileBlobs(folder);
    for (const name of ["../secret", "secret", "", "..", sha256("x").toUpperCase(), `${sha256("x")}/..`]) {
      expect(await get(name)).toBeUndefined();
    }
  });

  it("removes when it is opened what a writer left an hour ago, and nothing of one that may be writing", async () => {
    const blobs = join(folder, "blobs");
    const hash = await fileBlobs(blobs).put(Buffer.from("whole"));
    for (const [name, minutes] of [["dead", 61] as const, ["alive", 59] as const]) {
      const file = join(blobs, "unfinished", name);
      await writeFile(file, "half");
      const then = Date.now() / 1_000 - minutes * 60;
      await utimes(file, then, then);
    }
    const store = await openStore(folder);
    await store.close();
    expect(await readdir(join(blobs, "unfinished"))).toEqual(["alive"]);
    expect(await fileBlobs(blobs).get(hash)).toBeDefined();
  });

  it("leaves nothing behind when it cannot write", async () => {
    const bytes = Buffer.from("no room");
    const hash = sha256(bytes);
    await writeFile(join(folder, hash.slice(0, 2)), "a file where a folder must be");
    await expect(fileBlobs(folder).put(bytes)).rejects.toThrow();
    expect(await filesIn()).toEqual([hash.slice(0, 2)]);
  });
});

describe.each([
  ["in files", () => fileBlobs(folder)],
  ["in memory", () => memoryBlobs()],
])("blobs %s", (_, open) => {
  it("are refused when nobody could hold them in memory", async () => {
    const bytes = new Uint8Array(256 * 1024 * 1024 + 1);
    await expect(open().put(bytes)).rejects.toMatchObject({
      code: "limit_exceeded",
      message: expect.stringMatching(/268435457 bytes.*268435456/),
    });
  });
});
