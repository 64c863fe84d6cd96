import { copyFile, mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { openAnchor, readAnchor } from "../../src/stores/anchor.js";
import { lookAtStore, openStore } from "../../src/stores/open.js";
import type { Store } from "../../src/stores/store.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { batchOf } from "../stores/batches.js";

const RECORD_BYTES = 128;
const ledgerId = "0123456789abcdef0123456789abcdef";
const hashOf = (position: number): string => position.toString(16).padStart(64, "0");

const anchorIn = (folder: string): string => join(folder, "ledger.anchor");
const databaseIn = (folder: string): string => join(folder, "ledger.db");

const opened = async (folder: string): Promise<Store> => {
  const store = await openStore(folder);
  onTestFinished(() => store.close());
  return store;
};

/** A ledger with a run of so many events, closed, so that its file alone is all of it. */
const ledgerOf = async (events: number): Promise<string> => {
  const folder = await temporaryFolder();
  const store = await openStore(folder);
  for (let seq = 0; seq < events; seq += 1) await store.append(batchOf("a", seq));
  await store.close();
  return folder;
};

const rewritten = (folder: string, ...statements: readonly string[]): void => {
  const db = new Database(databaseIn(folder));
  db.pragma("foreign_keys = OFF");
  for (const trigger of ["events_never_change", "events_never_go"])
    db.exec(`DROP TRIGGER IF EXISTS ${trigger}`);
  for (const statement of statements) db.exec(statement);
  db.close();
};

describe("The anchor's file", () => {
  test("says the newest of what was held, whatever came in which order", async () => {
    const file = anchorIn(await temporaryFolder());
    const anchor = openAnchor(file);
    expect(readAnchor(file)).toEqual({ newest: null, damaged: 0 });
    for (const position of [1, 2, 40, 39, 3, 45]) anchor.hold({ ledgerId, position, hash: hashOf(position) });
    anchor.close();
    expect(readAnchor(file)).toEqual({
      newest: { ledgerId, position: 45, hash: hashOf(45) },
      damaged: 0,
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test("is not taken back by a writer that was stopped between its commit and its record", async () => {
    const file = anchorIn(await temporaryFolder());
    const [stopped, other] = [openAnchor(file), openAnchor(file)];
    for (let position = 1; position <= 31; position += 1)
      other.hold({ ledgerId, position, hash: hashOf(position) });
    stopped.hold({ ledgerId, position: 7, hash: hashOf(7) });
    for (const anchor of [stopped, other]) anchor.close();
    expect(readAnchor(file)?.newest?.position).toBe(31);
  });

  test("notices every flipped bit of a record, and says what the others say", async () => {
    const file = anchorIn(await temporaryFolder());
    const anchor = openAnchor(file);
    for (const position of [32, 33]) anchor.hold({ ledgerId, position, hash: hashOf(position) });
    anchor.close();
    const whole = await readFile(file);
    for (let bit = 0; bit < RECORD_BYTES * 8; bit += 1) {
      const hurt = Buffer.from(whole);
      const at = RECORD_BYTES + (bit >> 3);
      hurt[at] = (hurt[at] ?? 0) ^ (1 << (bit & 7));
      await writeFile(file, hurt);
      expect(readAnchor(file), `bit ${bit}`).toMatchObject({ newest: { position: 32 }, damaged: 1 });
    }
  });

  test("notices a record that was torn, moved to another place, or cut off", async () => {
    const file = anchorIn(await temporaryFolder());
    const anchor = openAnchor(file);
    for (const position of [1, 33]) {
      anchor.hold({ ledgerId, position, hash: hashOf(position) });
      await copyFile(file, `${file}.${position}`);
    }
    anchor.close();
    const [older, newer] = [await readFile(`${file}.1`), await readFile(`${file}.33`)];
    for (let cut = 1; cut < RECORD_BYTES; cut += 1) {
      const torn = Buffer.concat([newer.subarray(0, RECORD_BYTES + cut), older.subarray(RECORD_BYTES + cut)]);
      if (torn.equals(older) || torn.equals(newer)) continue;
      await writeFile(file, torn);
      expect(readAnchor(file), `cut at ${cut}`).toEqual({ newest: null, damaged: 1 });
    }
    await writeFile(file, Buffer.concat([newer.subarray(RECORD_BYTES), newer.subarray(RECORD_BYTES)]));
    expect(readAnchor(file)).toMatchObject({ newest: { position: 33 }, damaged: 1 });
    await writeFile(file, newer.subarray(0, newer.length - 1));
    expect(readAnchor(file)).toEqual({ newest: null, damaged: 1 });
    await writeFile(file, Buffer.alloc(4_097));
    expect(readAnchor(file)).toEqual({ newest: null, damaged: 1 });
  });
});

describe("A ledger and its anchor", () => {
  test("agree after every append, and the anchor has it before the caller hears of it", async () => {
    const folder = await temporaryFolder();
    const store = await opened(folder);
    expect(await store.anchored()).toEqual({
      state: "none",
      position: null,
      later: 0,
      damaged: 0,
      madeAnew: false,
      refusal: null,
    });
    for (let seq = 0; seq < 70; seq += 1) {
      const [row] = await store.append(batchOf("a", seq));
      expect(readAnchor(anchorIn(folder))?.newest).toEqual({
        ledgerId: store.ledgerId,
        position: row?.position,
        hash: row?.hash,
      });
    }
    const runs = Array.from({ length: 20 }, (_, index) => batchOf(`b${index}`, 0, { count: 3 }));
    const refused = batchOf("a", 3);
    const ends = await Promise.allSettled([...runs, refused].map((batch) => store.append(batch)));
    expect(ends.at(-1)?.status).toBe("rejected");
    expect(await store.anchored()).toMatchObject({ state: "holds", position: 130, later: 0 });
  });

  test("agree again after a crash between the commit and the anchor", async () => {
    const folder = await ledgerOf(5);
    await copyFile(anchorIn(folder), `${anchorIn(folder)}.before`);
    const store = await openStore(folder);
    await store.append(batchOf("a", 5, { count: 2 }));
    await store.close();
    await copyFile(`${anchorIn(folder)}.before`, anchorIn(folder));
    const look = await lookAtStore(folder);
    expect(await look?.anchored()).toMatchObject({ state: "holds", position: 5, later: 2 });
    await look?.close();
    expect(await (await opened(folder)).anchored()).toMatchObject({ state: "holds", position: 7, later: 0 });
  });

  test.each([
    ["is missing", (file: string) => rm(file)],
    ["is empty, as a loss of power may leave it", (file: string) => truncate(file)],
    ["is garbage", (file: string) => writeFile(file, "Dear diary. ".repeat(30))],
  ])("agree again when the anchor %s", async (_name, harm) => {
    const folder = await ledgerOf(5);
    await harm(anchorIn(folder));
    const [first, second] = [await opened(folder), await opened(folder)];
    expect(await first.anchored()).toMatchObject({ state: "holds", position: 5, madeAnew: true });
    expect(await second.anchored()).toMatchObject({ state: "holds", position: 5, madeAnew: false });
  });

  test("are the same ledger wherever their folder is moved", async () => {
    const folder = await ledgerOf(5);
    const other = await temporaryFolder();
    for (const name of ["ledger.db", "ledger.anchor"]) await copyFile(join(folder, name), join(other, name));
    expect(await (await opened(other)).anchored()).toMatchObject({ state: "holds", position: 5 });
  });

  test("agree when the run of the anchored event is taken out, and when it comes back", async () => {
    const folder = await ledgerOf(3);
    const store = await openStore(folder);
    const whole = batchOf("b", 0, { count: 4 });
    await store.append(whole);
    const lastHash = whole.events.at(-1)?.hash ?? "";
    await store.remove("b", { lastHash, removedAt: "2026-01-01T00:00:00.000Z", archive: null });
    expect(await store.anchored()).toMatchObject({ state: "holds", position: 7, later: 0 });
    await store.close();
    const before = await readFile(anchorIn(folder));
    const again = await openStore(folder);
    await again.append(whole);
    expect(await again.anchored()).toMatchObject({ state: "holds", position: 11 });
    await again.close();
    await writeFile(anchorIn(folder), before);
    expect(await (await opened(folder)).anchored()).toMatchObject({ state: "holds", position: 11 });
  });

  test("agree when a run goes whose last events a crash kept from the anchor", async () => {
    const folder = await ledgerOf(3);
    const store = await opened(folder);
    const before = await readFile(anchorIn(folder));
    await store.append(batchOf("a", 3, { count: 2 }));
    await writeFile(anchorIn(folder), before);
    const lastHash = (await store.runRow("a"))?.lastHash ?? "";
    await store.remove("a", { lastHash, removedAt: "2026-01-01T00:00:00.000Z", archive: null });
    expect(await (await opened(folder)).anchored()).toMatchObject({ state: "holds", position: 5 });
  });

  test("agree when the anchored event itself is damaged: its run answers for that, and the others work on", async () => {
    const folder = await ledgerOf(5);
    rewritten(folder, "UPDATE events SET hash = replace(hash, '1', '2') WHERE seq = 5");
    expect(await (await opened(folder)).anchored()).toMatchObject({ state: "holds", position: 5 });
  });

  test("open only together", async () => {
    const folder = await ledgerOf(1);
    await rm(anchorIn(folder));
    await mkdir(anchorIn(folder));
    await expect(openStore(folder)).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringContaining("EISDIR"),
    });
  });

  test("live in memory without a file", async () => {
    const store = await opened(":memory:");
    await store.append(batchOf("a", 0));
    expect(await store.anchored()).toMatchObject({ state: "none" });
  });
});

describe("A database that is behind its anchor is refused, and says what to do:", () => {
  const refusal = async (folder: string, what: string): Promise<void> => {
    const before = await readFile(anchorIn(folder));
    await expect(openStore(folder)).rejects.toMatchObject({
      code: "ledger_behind",
      kind: "corrupt",
      message: expect.stringContaining(what),
      hint: expect.stringContaining(`rm "${anchorIn(folder)}"`),
    });
    expect(await readFile(anchorIn(folder))).toEqual(before);
    // Said by a person, the hint's own words: this one counts.
    await rm(anchorIn(folder));
    expect(await (await opened(folder)).anchored()).toMatchObject({ refusal: null });
  };

  test("an earlier copy of the file", async () => {
    const folder = await ledgerOf(5);
    await copyFile(databaseIn(folder), join(folder, "backup"));
    const store = await openStore(folder);
    await store.append(batchOf("a", 5));
    await store.close();
    await copyFile(join(folder, "backup"), databaseIn(folder));
    await refusal(folder, "it ends at position 5, and 6 was acknowledged");
  });

  test("a write-ahead log that is gone", async () => {
    const folder = await ledgerOf(5);
    const store = await openStore(folder);
    await store.append(batchOf("a", 5));
    const copy = await temporaryFolder();
    for (const name of ["ledger.db", "ledger.anchor"]) await copyFile(join(folder, name), join(copy, name));
    await store.close();
    await refusal(copy, "it ends at position 5, and 6 was acknowledged");
  });

  test("an earlier copy that others have written to since", async () => {
    const folder = await ledgerOf(5);
    const copy = await temporaryFolder();
    await copyFile(databaseIn(folder), databaseIn(copy));
    for (const [place, run] of [
      [folder, "a"],
      [copy, "b"],
    ] as const) {
      const store = await openStore(place);
      await store.append(batchOf(run, run === "a" ? 5 : 0, { count: 1 }));
      await store.append(batchOf(`${run}2`, 0, { count: place === copy ? 9 : 1 }));
      await store.close();
    }
    await copyFile(databaseIn(copy), databaseIn(folder));
    await refusal(folder, "the event at position 7 is another one");
  });

  test("a journal without its end", async () => {
    const folder = await ledgerOf(5);
    rewritten(
      folder,
      "DELETE FROM events WHERE seq = 5",
      "UPDATE runs SET last_seq = 4, last_hash = (SELECT hash FROM events WHERE seq = 4)",
    );
    await refusal(folder, "the event at position 5 is gone");
  });

  test("another ledger's file", async () => {
    const [folder, other] = [await ledgerOf(5), await ledgerOf(9)];
    await copyFile(databaseIn(other), databaseIn(folder));
    await refusal(folder, "another ledger");
  });

  test("no file at all, and none is made", async () => {
    const folder = await ledgerOf(5);
    await rm(databaseIn(folder));
    await expect(openStore(folder)).rejects.toMatchObject({ code: "ledger_behind" });
    await expect(stat(databaseIn(folder))).rejects.toMatchObject({ code: "ENOENT" });
    await refusal(folder, "it is gone");
  });
});
