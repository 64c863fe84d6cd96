import { createPublicKey, verify } from "node:crypto";
import files, { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { publicKeyId } from "../../src/core/receipts/verify.js";
import { fileSigningKeys } from "../../src/stores/signing-keys.js";
import { temporaryFolder } from "../helpers/ledgers.js";

const [EARLY, LATE] = ["2026-01-02T03:04:05.000Z", "2026-02-03T04:05:06.000Z"];
const TEXT = Buffer.from("what became of a run");

const keysIn = (folder: string, ledgerId = "ledger-1", appended = async () => 7) =>
  fileSigningKeys(folder, { ledgerId, appended });

const opened = async () => {
  const folder = await temporaryFolder();
  return { folder, keys: keysIn(folder) };
};

/** Ids of the private keys that lie there. */
const privateIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder)).flatMap((name) => (name.endsWith(".key") ? [name.slice(0, -".key".length)] : []));

/** What somebody else does behind the first look at a file that is not there. */
const meanwhile = async (name: string, work: () => Promise<unknown>): Promise<void> => {
  const real = files.readFile;
  const mend = () => {
    spied.mockRestore();
    syncBuiltinESMExports();
  };
  const spied = vi.spyOn(files, "readFile").mockImplementation(async (path, ...more) => {
    if (!String(path).endsWith(name)) return real(path, ...more);
    mend();
    try {
      return await real(path, ...more);
    } finally {
      await work();
    }
  });
  onTestFinished(mend);
  syncBuiltinESMExports();
};

describe("Signing keys", () => {
  test("are made when somebody signs, for their owner alone, and told by the hash of their bytes", async () => {
    const { folder, keys } = await opened();
    expect(await keys.published()).toEqual([]);
    expect(await keys.mode()).toBeUndefined();
    const { keyId, signatures } = await keys.sign([TEXT], EARLY);
    const [key] = await keys.published();
    expect(key).toMatchObject({ keyId, from: EARLY, until: null, formerSignature: null });
    expect(publicKeyId(key?.publicKey ?? "")).toBe(keyId);
    expect(verify(null, TEXT, createPublicKey(key?.publicKey ?? ""), signatures[0] ?? Buffer.alloc(0))).toBe(
      true,
    );
    expect((await stat(join(folder, `${keyId}.key`))).mode & 0o777).toBe(0o600);
  });

  test("are one, whoever makes the first at the same moment", async () => {
    const { folder } = await opened();
    const signed = await Promise.all(Array.from({ length: 8 }, () => keysIn(folder).sign([TEXT], EARLY)));
    expect(new Set(signed.map(({ keyId }) => keyId)).size).toBe(1);
    expect(await privateIn(folder)).toEqual([signed[0]?.keyId]);
  });

  test("change for good: the former one vouches for the new one, stays published, and is gone as a private key", async () => {
    const { folder, keys } = await opened();
    const before = await keys.sign([TEXT], EARLY);
    const { keyId, formerKeyId } = await keys.rotate(LATE);
    expect(formerKeyId).toBe(before.keyId);
    expect(await keys.published()).toMatchObject([
      { keyId: formerKeyId, from: EARLY, until: LATE, untilPosition: 7, formerSignature: null },
      { keyId, from: LATE, until: null, untilPosition: null, formerSignature: expect.any(String) },
    ]);
    expect(await privateIn(folder)).toEqual([keyId]);
    expect((await keys.sign([TEXT], LATE)).keyId).toBe(keyId);
  });

  test("changed by several at once are as many as were told so, each vouched for by the one before", async () => {
    const { folder, keys } = await opened();
    await keys.sign([TEXT], EARLY);
    const tried = await Promise.allSettled(Array.from({ length: 6 }, () => keysIn(folder).rotate(LATE)));
    const done = tried.filter(({ status }) => status === "fulfilled").length;
    for (const one of tried)
      if (one.status === "rejected") expect(["seq_conflict", "key_unavailable"]).toContain(one.reason.code);
    expect(done).toBeGreaterThan(0);
    expect(await keys.published()).toHaveLength(1 + done);
    await keys.sign([TEXT], LATE);
  });

  test("a rotation that was killed before its record leaves the former key, and after it the new one", async () => {
    const { folder, keys } = await opened();
    const { keyId: former } = await keys.sign([TEXT], EARLY);
    const kept = await readFile(join(folder, `${former}.key`));
    const { keyId } = await keys.rotate(LATE);
    // Killed when the record was there and the former private key was not removed yet.
    await writeFile(join(folder, `${former}.key`), kept, { mode: 0o600 });
    expect((await keys.sign([TEXT], LATE)).keyId).toBe(keyId);
    expect(await privateIn(folder)).toEqual([keyId]);
    // Killed when the private key was there, and its record was not yet.
    await rm(join(folder, "1.retired.json"));
    await rename(join(folder, "2.json"), join(folder, "2.json.0123456789abcdef"));
    await writeFile(join(folder, `${former}.key`), kept, { mode: 0o600 });
    expect((await keys.sign([TEXT], LATE)).keyId).toBe(former);
    expect(await keys.published()).toHaveLength(1);
  });

  test("ends a key behind all that was in the ledger while it was still the last one", async () => {
    const { folder, keys } = await opened();
    await keys.sign([TEXT], EARLY);
    const there: string[][] = [];
    const rotating = keysIn(folder, "ledger-1", async () => {
      there.push(await readdir(folder));
      return 8;
    });
    await rotating.rotate(EARLY);
    expect(there).toEqual([expect.arrayContaining(["2.json"])]);
  });

  test("a rotation that was killed before it said up to where the former key signed is finished by who signs next", async () => {
    const { folder, keys } = await opened();
    await keys.sign([TEXT], EARLY);
    await keys.rotate(LATE);
    await keys.rotate(LATE);
    await rm(join(folder, "1.retired.json"));
    expect((await keys.published()).map(({ untilPosition }) => untilPosition)).toEqual([null, 7, null]);
    await keysIn(folder, "ledger-1", async () => 9).sign([TEXT], LATE);
    expect((await keys.published()).map(({ untilPosition }) => untilPosition)).toEqual([9, 7, null]);
  });

  test("are read whole while somebody rotates: an end counts whoever signed it since", async () => {
    const { folder, keys } = await opened();
    await keys.sign([TEXT], EARLY);
    await meanwhile("2.json", () => keysIn(folder).rotate(LATE));
    expect(await keys.published()).toHaveLength(1);
    expect(await keys.published()).toMatchObject([{ untilPosition: 7 }, { untilPosition: null }]);
  });

  test("that are here are never said to be lost, though the one before was while two rotate at once", async () => {
    const { folder, keys } = await opened();
    const { keyId } = await keys.sign([TEXT], EARLY);
    await rm(join(folder, `${keyId}.key`));
    await meanwhile(`${keyId}.key`, () => keysIn(folder).rotate(LATE, { lost: true }));
    await expect(keys.rotate(LATE, { lost: true })).rejects.toMatchObject({ code: "seq_conflict" });
    expect(await keys.published()).toMatchObject([{ lost: true }, { lost: false, until: null }]);
    await keys.sign([TEXT], LATE);
  });

  test.each([
    ["the end of a key was changed", "1.retired.json", (text: string) => text.replace("7", "8")],
    ["a time was changed", "1.json", (text: string) => text.replace(EARLY, LATE)],
    [
      "another key stands there",
      "2.json",
      (text: string) => text.replace(/"publicKey": "[^"]+"/, '"publicKey": "x"'),
    ],
    [
      "the former key did not sign it",
      "2.json",
      (text: string) => text.replace(/"formerSignature": ".{9}/, '"formerSignature": "AAAAAAAAA'),
    ],
    ["it is no record", "1.json", () => "{}"],
  ])("are refused when %s", async (_what, name, change) => {
    const { folder, keys } = await opened();
    await keys.sign([TEXT], EARLY);
    await keys.rotate(LATE);
    const file = join(folder, name);
    await writeFile(file, change(await readFile(file, "utf8")));
    await expect(keys.published()).rejects.toMatchObject({ code: "key_unavailable" });
    await expect(keys.sign([TEXT], LATE)).rejects.toMatchObject({ code: "key_unavailable" });
  });

  test("are refused in the folder of another ledger, and without the private half", async () => {
    const { folder, keys } = await opened();
    const { keyId } = await keys.sign([TEXT], EARLY);
    await expect(keysIn(folder, "ledger-2").published()).rejects.toMatchObject({
      code: "key_unavailable",
    });
    await rm(join(folder, `${keyId}.key`));
    await expect(keys.sign([TEXT], LATE)).rejects.toMatchObject({ code: "key_unavailable" });
  });

  test.each([
    ["gone", (file: string) => rm(file)],
    ["not as it was made", (file: string) => writeFile(file, "no key")],
    ["a folder", (file: string) => rm(file).then(() => mkdir(file))],
  ])("whose private half is %s are passed over only by who says that it is lost", async (_what, lose) => {
    const { folder, keys } = await opened();
    const { keyId: former, signatures } = await keys.sign([TEXT], EARLY);
    await expect(keys.rotate(LATE, { lost: true })).rejects.toMatchObject({ code: "invalid_input" });
    await lose(join(folder, `${former}.key`));
    for (const refused of [() => keys.sign([TEXT], LATE), () => keys.rotate(LATE), () => keys.mode()])
      await expect(refused()).rejects.toMatchObject({
        code: "key_unavailable",
        message: expect.stringContaining(former),
        hint: expect.stringContaining("--lost"),
      });
    const { keyId } = await keys.rotate(LATE, { lost: true });
    const published = await keys.published();
    expect(published).toMatchObject([
      { keyId: former, lost: true, until: LATE, untilPosition: 7 },
      { keyId, lost: false, formerSignature: null },
    ]);
    expect((await keys.sign([TEXT], LATE)).keyId).toBe(keyId);
    const [signature = Buffer.alloc(0)] = signatures;
    expect(verify(null, TEXT, createPublicKey(published[0]?.publicKey ?? ""), signature)).toBe(true);
    expect(await privateIn(folder)).toEqual([keyId]);
    // Nobody may say so of a key that did vouch, or leave it out of one that did not.
    const record = join(folder, "2.json");
    await writeFile(record, (await readFile(record, "utf8")).replace(/"formerLost": true,\n/, ""));
    await expect(keys.published()).rejects.toMatchObject({ code: "key_unavailable" });
  });

  test("keep the private half of a record that is there, though the disk failed behind it", async () => {
    const { folder, keys } = await opened();
    await keys.sign([TEXT], EARLY);
    const isThere = () => readdir(folder).then((names) => names.includes("2.json"));
    const real = files.open;
    const failing = vi.spyOn(files, "open").mockImplementation(async (path, ...more) => {
      if (path === folder && (await isThere())) throw Object.assign(new Error("i/o"), { code: "EIO" });
      return real(path, ...more);
    });
    const mend = () => {
      failing.mockRestore();
      syncBuiltinESMExports();
    };
    onTestFinished(mend);
    syncBuiltinESMExports();
    await expect(keys.rotate(LATE)).rejects.toMatchObject({ code: "key_unavailable" });
    mend();
    const [, second] = await keys.published();
    expect((await keys.sign([TEXT], LATE)).keyId).toBe(second?.keyId);
  });
});
