import { copyFile, cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { sha256 } from "../../src/core/canonical.js";
import { verifyLedger } from "../../src/ledger/verify/verify.js";
import { auditStore, openStore } from "../../src/stores/open.js";
import {
  CHILD,
  create,
  hostRun,
  mirror,
  note,
  pause,
  person,
  planOf,
  SESSION,
  start,
  startChild,
  stepSpec,
} from "../helpers/cast.js";
import { figureOfEach } from "../helpers/figures.js";
import { openedOn, temporaryFolder } from "../helpers/ledgers.js";
import { behindTheBack, sourcesIn, storied, verified } from "./damaged.js";

figureOfEach("put back");

const told = async (folder: string): Promise<readonly string[]> =>
  (await verified(folder)).flaws.map(
    ({ kind, runId, seq, message }) => `${kind} ${runId} ${seq}: ${message}`,
  );

const ledgerWith = async (...statements: readonly string[]): Promise<string> => {
  const folder = await temporaryFolder();
  await storied(folder);
  behindTheBack(folder, (db) => {
    for (const statement of statements) db.exec(statement);
  });
  return folder;
};

const blobFile = (folder: string, hash: string): string =>
  join(folder, "blobs", hash.slice(0, 2), hash.slice(2, 4), hash);

/** The list row that a shortened run would have. */
const WITHOUT_END = `UPDATE runs SET
  last_seq = (SELECT max(seq) FROM events AS e WHERE e.run_id = runs.run_id),
  last_hash = (SELECT hash FROM events AS e WHERE e.run_id = runs.run_id ORDER BY seq DESC LIMIT 1),
  updated_at = (SELECT at FROM events AS e WHERE e.run_id = runs.run_id ORDER BY seq DESC LIMIT 1)`;

describe("What was done to the journal behind its back is told with its place:", () => {
  test("the end of a run cut off", async () => {
    expect(await told(await ledgerWith("DELETE FROM events WHERE run_id = 'run_2' AND seq > 60"))).toEqual([
      "chain null null: 43 events are gone that were not removed with their run, the first at position 69.",
      "chain run_2 61: It is gone.",
      expect.stringMatching(/^list run_2 60: The list says another lastHash/),
      "snapshot run_2 60: It is of event 100, which there is not.",
    ]);
  });

  test("the end of a run cut off, and its list row with it", async () => {
    const folder = await ledgerWith(
      "DELETE FROM events WHERE run_id = 'run_2' AND seq > 102",
      WITHOUT_END,
      "DELETE FROM keys WHERE key = 'note it'",
    );
    expect(await told(folder)).toEqual([
      "chain null null: 1 events are gone that were not removed with their run, the first at position 111.",
    ]);
  });

  test("that a run asks something of a person, but not in which words: they are those of the version that wrote it", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(folder);
    const { tell } = openedOn(store);
    await tell("run_4", create(planOf([stepSpec("a")])));
    await tell("run_4", pause());
    await store.close();
    const saying = (words: string) =>
      behindTheBack(folder, (db) => db.prepare(`UPDATE runs SET blocker = ${words}`).run().changes);
    expect(saying("'In other words.'")).toBe(1);
    expect(await told(folder)).toEqual([]);
    saying("NULL");
    expect(await told(folder)).toEqual([
      expect.stringMatching(/^list run_4 3: The list says another blocker/),
    ]);
  });

  test("an event taken out of the middle", async () => {
    const folder = await ledgerWith("DELETE FROM events WHERE run_id = 'run_2' AND seq = 50");
    expect(await told(folder)).toContain("chain run_2 50: It is gone.");
  });

  test("a run taken out whole, without a removal", async () => {
    const folder = await ledgerWith(
      ...["events", "snapshots", "leases", "runs"].map(
        (table) => `DELETE FROM ${table} WHERE run_id = 'run_1'`,
      ),
    );
    expect(await told(folder)).toEqual([
      "chain null null: 8 events are gone that were not removed with their run, the first at position 1.",
      'key run_1 4: Key "order-1" leads to a run that never was.',
    ]);
  });

  test("a trigger or an index taken off, which would let rows be changed, or be there twice", async () => {
    const folder = await temporaryFolder();
    await storied(folder);
    const db = new Database(join(folder, "ledger.db"));
    db.exec("DROP TRIGGER events_never_go; DROP INDEX events_run_seq; DROP INDEX runs_run_id_unique");
    db.exec("CREATE TRIGGER quiet AFTER INSERT ON keys BEGIN DELETE FROM keys; END");
    db.close();
    expect(await told(folder)).toEqual([
      "file null null: Its index events_run_seq is gone.",
      "file null null: Its index runs_run_id_unique is gone.",
      "file null null: Its trigger events_never_go is gone.",
      "file null null: Its trigger quiet is none of ours.",
    ]);
  });

  test("a list row taken out", async () => {
    const folder = await ledgerWith("DELETE FROM runs WHERE run_id = 'run_3'");
    expect(await told(folder)).toContain(
      "chain run_3 1: A row of events belongs to a run that there is not.",
    );
  });

  test("events of two runs swapped", async () => {
    const folder = await ledgerWith(
      "UPDATE events SET run_id = 'x' WHERE run_id = 'run_1' AND seq = 2",
      "UPDATE events SET run_id = 'run_1' WHERE run_id = 'run_2' AND seq = 2",
      "UPDATE events SET run_id = 'run_2' WHERE run_id = 'x'",
    );
    expect(await told(folder)).toEqual(
      expect.arrayContaining([
        "chain run_1 2: It does not follow the event before it.",
        "chain run_2 2: It does not follow the event before it.",
      ]),
    );
  });

  test("two events of one run swapped", async () => {
    const folder = await ledgerWith(
      "UPDATE events SET seq = 999 WHERE run_id = 'run_2' AND seq = 20",
      "UPDATE events SET seq = 20 WHERE run_id = 'run_2' AND seq = 21",
      "UPDATE events SET seq = 21 WHERE run_id = 'run_2' AND seq = 999",
    );
    expect(await told(folder)).toContain("chain run_2 20: It does not follow the event before it.");
  });

  test("a payload rewritten", async () => {
    const folder = await ledgerWith(
      `UPDATE events SET payload = '{"key":"n5","value":"other"}' WHERE run_id = 'run_2' AND seq = 8`,
    );
    expect(await told(folder)).toContain("chain run_2 8: It is not as it was written.");
  });

  test("the key of an effect taken out, which would let it happen again", async () => {
    expect(await told(await ledgerWith("DELETE FROM keys WHERE key = 'order-1'"))).toEqual([
      "key run_1 4: The business key of its effect is not kept: it could happen again.",
    ]);
  });

  test("a snapshot of other deeds, with a digest that holds", async () => {
    const folder = await ledgerWith();
    behindTheBack(folder, (db) => {
      const row = db.prepare("SELECT seq, hash, body FROM snapshots WHERE run_id = 'run_2'").get();
      const { seq, hash, body } = row as { seq: number; hash: string; body: string };
      const text = body.slice(64).replace('"n5":"v5"', '"n5":"other"');
      expect(text).not.toBe(body.slice(64));
      const forged = sha256(`${seq} ${hash}\n${text}`) + text;
      db.prepare("UPDATE snapshots SET body = ? WHERE run_id = 'run_2'").run(forged);
    });
    expect(await told(folder)).toEqual([
      "snapshot run_2 100: It is not what the events up to here add up to.",
    ]);
  });

  test("pages of the file overwritten", async () => {
    const folder = await temporaryFolder();
    await storied(folder);
    const file = join(folder, "ledger.db");
    const bytes = await readFile(file);
    bytes.fill(0x5a, 4_096 * 2, 4_096 * 4);
    await writeFile(file, bytes);
    const { flaws } = await verified(folder).catch((error: { code: string }) => ({
      flaws: [{ kind: error.code }],
    }));
    expect(["file", "store_unavailable"]).toContain(flaws[0]?.kind);
  });
});

describe("Blobs are told with the event that names them:", () => {
  test("one that is gone, and one that was changed", async () => {
    const folder = await temporaryFolder();
    const { patch, reply } = await storied(folder);
    await rm(blobFile(folder, reply));
    await copyFile(blobFile(folder, patch), blobFile(folder, reply));
    await rm(blobFile(folder, patch));
    expect(await told(folder)).toEqual([
      `blob run_1 5: Blob ${reply} is not the one that was written.`,
      `blob run_1 8: Blob ${patch} is gone.`,
    ]);
  });
});

describe("The anchor is told of:", () => {
  test("a database that was put back", async () => {
    const folder = await temporaryFolder();
    await storied(folder);
    const file = join(folder, "ledger.db");
    await copyFile(file, `${file}.before`);
    const store = await openStore(folder);
    await openedOn(store).tell("run_2", note("one", "more"), person);
    await store.close();
    await copyFile(`${file}.before`, file);
    const found = await verified(folder);
    expect(found.anchor).toEqual({ state: "behind", position: 115, later: 0 });
    expect(found.flaws).toEqual([
      expect.objectContaining({
        kind: "anchor",
        message: expect.stringContaining("it ends at position 114"),
      }),
    ]);
  });

  test("one that is missing, one that is older, and garbage in it", async () => {
    const folder = await temporaryFolder();
    await storied(folder);
    const anchor = join(folder, "ledger.anchor");
    const older = await readFile(anchor);
    const store = await openStore(folder);
    await openedOn(store).tell("run_2", note("one", "more"), person);
    await store.close();
    await writeFile(anchor, older);
    expect(await verified(folder)).toMatchObject({
      anchor: { state: "holds", position: 114, later: 1 },
      flawsInAll: 0,
    });
    await rm(anchor);
    expect(await verified(folder)).toMatchObject({ anchor: { state: "none" }, flawsInAll: 0 });
    await writeFile(anchor, "no anchor at all");
    expect(await told(folder)).toEqual(["anchor null null: 1 of its records is not as written."]);
  });

  test("a ledger of which nothing else is left", async () => {
    const folder = await temporaryFolder();
    await storied(folder);
    await rm(join(folder, "ledger.db"));
    await expect(verified(folder)).rejects.toMatchObject({ code: "ledger_behind" });
  });
});

describe("A check", () => {
  test("is of one moment while others write, and changes nothing", async () => {
    const folder = await temporaryFolder();
    await storied(folder);
    const store = await openStore(folder);
    const { tell } = openedOn(store);
    const audit = await auditStore(folder);
    const signal = new AbortController().signal;
    await tell("run_2", note("meanwhile", "1"), person);
    const checking = verifyLedger(audit, { signal, sources: sourcesIn(folder, audit.store) });
    for (let at = 0; at < 20; at += 1) await tell("run_2", note(`m${at}`, "x"), person);
    expect(await checking).toMatchObject({ events: 114, flawsInAll: 0 });
    await audit.close();
    expect(await verified(folder)).toMatchObject({ events: 135, flawsInAll: 0 });
    await store.close();
  });

  test("holds of a ledger that was copied, and of runs that were removed and came back", async () => {
    const folder = await temporaryFolder();
    await storied(folder);
    const other = await temporaryFolder();
    await cp(folder, other, { recursive: true });
    const store = await openStore(other);
    const rows = await store.read("run_3", 0, 99);
    const row = await store.runRow("run_3");
    const lastHash = row?.lastHash ?? "";
    await store.remove("run_3", { lastHash, removedAt: "2026-01-01T00:00:00.000Z", archive: null });
    expect(await told(other)).toEqual([
      "chain run_3 null: It was taken out without an archive, and was not erased.",
    ]);
    if (row !== undefined)
      await store.append({ runId: "run_3", expectedSeq: 0, events: rows, projection: row });
    await store.close();
    expect(await verified(other)).toMatchObject({ runs: 3, events: 114, flawsInAll: 0 });
  });

  test("knows a key by which the engine made a child, or a host told of its run, from one of a session that did neither", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(folder);
    const { tell, ledger, engine, host } = openedOn(store);
    await tell("parent", create(planOf([stepSpec("a")])));
    await tell("parent", start("a"));
    await tell("parent", startChild("a"));
    const parent = { runId: "parent", seq: 4, stepId: "a", attempt: 1, position: 0, depth: 1 };
    const born = create(undefined, { child: { parent, sessionKey: SESSION } });
    await ledger.submit(CHILD, born, engine, { idempotencyKey: "born" });
    const options = { mirror: { projection: "board", hostId: "run_1", createdAt: hostRun().createdAt } };
    await ledger.submit("hosted", mirror(), host, { ...options, idempotencyKey: "told" });
    await ledger.submit("hosted", mirror({ status: "completed" }), host, { idempotencyKey: "told again" });
    await store.close();
    expect(await told(folder)).toEqual([]);
    behindTheBack(folder, (db) =>
      db.exec("UPDATE keys SET scope = 'session:other' WHERE key <> 'told again'"),
    );
    expect([...(await told(folder))].sort()).toEqual([
      'key hosted 1: Key "told" leads to a run that it does not belong to.',
      `key ${CHILD} 1: Key "born" leads to a run that it does not belong to.`,
    ]);
  });
});
