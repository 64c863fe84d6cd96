import { rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/canonical.js";
import { findAbandoned } from "../../src/engine/backends/watchdog.js";
import { probeJournals, readSetAside } from "../../src/ledger/quarantine.js";
import { openStore } from "../../src/stores/open.js";
import type { Store } from "../../src/stores/store.js";
import { create, note, planOf, stepSpec } from "../helpers/cast.js";
import { openedIn, openedOn, temporaryFolder } from "../helpers/ledgers.js";

const plan = planOf([stepSpec("a")]);

/** Changes the last event of a run behind the ledger's back; whole, as a newer program would write it. */
const rewriteLast = (folder: string, runId: string, change: { version: number }): void => {
  const db = new Database(join(folder, "ledger.db"));
  db.exec("DROP TRIGGER IF EXISTS events_never_change");
  const row = db
    .prepare("SELECT * FROM events WHERE run_id = ? ORDER BY seq DESC LIMIT 1")
    .get(runId) as Record<string, never>;
  const header = {
    ...{
      runId,
      seq: row.seq,
      type: row.type,
      version: change.version,
      at: row.at,
      sessionKey: row.session_key,
    },
    ...{
      actor: { name: row.actor_name, role: row.actor_role },
      attempt: row.attempt,
      prevHash: row.prev_hash,
    },
  };
  const hash = sha256(`${canonicalJson(header)}\n${row.payload}`);
  db.prepare("UPDATE events SET version = ?, hash = ? WHERE position = ?").run(
    change.version,
    hash,
    row.position,
  );
  db.prepare("UPDATE runs SET last_hash = ? WHERE run_id = ?").run(hash, runId);
  db.prepare("DELETE FROM snapshots WHERE run_id = ?").run(runId);
  db.close();
  // That program would have anchored it.
  rmSync(join(folder, "ledger.anchor"));
};

const threeRuns = async () => {
  const folder = await temporaryFolder();
  const { tell, store } = await openedIn(folder);
  for (const runId of ["run_1", "run_2", "run_3"]) await tell(runId, create(plan));
  await tell("run_2", note("k", "v"));
  rewriteLast(folder, "run_2", { version: 7 });
  return { folder, store };
};

describe("A run with an event of a newer program", () => {
  test("is named with what to do, set aside in lists, left alone by workers, and harms no other run", async () => {
    const { folder } = await threeRuns();
    const { ledger } = openedOn(await openStore(folder));
    await expect(ledger.load("run_2")).rejects.toMatchObject({
      code: "event_unreadable",
      hint: expect.stringContaining("update runledger"),
      details: { seq: 3, version: 7, type: "note_written" },
    });
    for (const runId of ["run_1", "run_3"]) expect((await ledger.load(runId)).seq).toBe(2);
    const rows = await ledger.list({ limit: 9 });
    expect(rows.map(({ quarantine }) => quarantine)).toEqual([
      null,
      { seq: 3, code: "event_unreadable" },
      null,
    ]);
    expect((await findAbandoned(ledger)).map(({ runId }) => runId)).toEqual(["run_1", "run_3"]);
    await expect(probeJournals(ledger)).rejects.toMatchObject({
      message: expect.stringContaining("run_2 (event 3: event_unreadable)"),
    });
    await ledger.store.close();
  });

  test("shows what stands before that event", async () => {
    const { folder } = await threeRuns();
    const { ledger } = openedOn(await openStore(folder));
    expect((await ledger.events("run_2", 0, 100)).map(({ seq }) => seq)).toEqual([1, 2]);
    await expect(ledger.events("run_2", 2, 100)).rejects.toMatchObject({ code: "event_unreadable" });
    await ledger.store.close();
  });

  test("is free again as soon as it can be read", async () => {
    const { folder } = await threeRuns();
    const { ledger, store } = openedOn(await openStore(folder));
    await expect(ledger.load("run_2")).rejects.toThrow();
    await readSetAside(ledger);
    expect((await store.runRow("run_2"))?.quarantine).not.toBeNull();
    rewriteLast(folder, "run_2", { version: 1 });
    await readSetAside(ledger);
    expect((await store.runRow("run_2"))?.quarantine).toBeNull();
    expect((await ledger.load("run_2")).notes).toEqual({ k: "v" });
    expect(await probeJournals(ledger)).toMatch(/could be read/);
    await store.close();
  });
});

describe("A run that is taken out", () => {
  const takenOut = async (store: Store) => {
    const { lastHash } = (await store.runRow("run_1")) ?? expect.unreachable();
    await store.remove("run_1", { lastHash, removedAt: "2026-01-01T00:00:00.000Z", archive: "a.gz" });
  };

  test("while it is read is gone, not damaged", async () => {
    const { tell, store } = await openedIn(await temporaryFolder());
    await tell("run_1", create(plan));
    const reader = openedOn({
      ...store,
      readSnapshot: async (runId) => {
        const snapshot = await store.readSnapshot(runId);
        await takenOut(store);
        return snapshot && undefined;
      },
    });
    await expect(reader.ledger.load("run_1")).rejects.toMatchObject({
      code: "run_not_found",
      hint: "Bring it back: runledger import a.gz",
    });
  });

  test("keeps its name, and who wants it for another run is told where it went", async () => {
    const { tell, store } = await openedIn(await temporaryFolder());
    await tell("run_1", create(plan));
    await takenOut(store);
    await expect(tell("run_1", create(planOf([stepSpec("b")])))).rejects.toMatchObject({
      code: "run_exists",
      hint: "Its archive: a.gz",
    });
  });
});
