import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/canonical.js";
import { isLedgerError, type LedgerError } from "../../src/core/errors.js";
import type { JournalEvent } from "../../src/core/events.js";
import { fromRow, fromRows, GENESIS_HASH, toRows } from "../../src/ledger/journal.js";
import type { EventRow } from "../../src/stores/store.js";
import * as cast from "../helpers/cast.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import { AT, attempt, RUN_ID } from "../helpers/given.js";
import { openedIn, openedOn, temporaryFolder } from "../helpers/ledgers.js";

const written = (text: string): JournalEvent => ({
  type: "note_written",
  version: 1,
  payload: { key: "k", value: text },
  runId: RUN_ID,
  seq: 1,
  at: AT,
  actor: { name: "ada", role: "human" },
  sessionKey: "terminal",
});

const rowsOf = (events: readonly JournalEvent[]): EventRow[] =>
  toRows(events, GENESIS_HASH).map((row, index) => ({ ...row, runId: RUN_ID, position: index + 1 }));

const refusalOf = (work: () => unknown): LedgerError => {
  try {
    work();
  } catch (error) {
    if (isLedgerError(error)) return error;
    throw error;
  }
  throw new Error("it was taken");
};

describe("What is written is what is read", () => {
  test("for whole stories", () => {
    const created = attempt(undefined, create(planOf([stepSpec("a")])), undefined);
    if (!("events" in created)) throw created;
    const read = fromRows(rowsOf(created.events), GENESIS_HASH, null);
    expect(read).toMatchObject(created.events);
  });

  test.each(["\0", "\u2028", "\ud83d\ude00", "\ud83d", '"\\\n', "é", "e\u0301", "__proto__"])(
    "for the text %j",
    (text) => {
      const [event] = fromRows(rowsOf([written(text)]), GENESIS_HASH, null);
      expect(event?.payload).toEqual({ key: "k", value: text });
    },
  );

  test("and an event that fits no schema is not written at all", () => {
    const unfit = { ...written("v"), payload: { key: "k" } } as unknown as JournalEvent;
    expect(() => toRows([written("v"), unfit], GENESIS_HASH)).toThrow();
    const call = { position: 0, name: "ask", class: "pure", risk: "none", onAmbiguous: null, key: null };
    const intended = (input: unknown) =>
      ({
        ...written("v"),
        ...{ type: "effect_intended", attempt: 1, payload: { stepId: "a", call: { ...call, input } } },
      }) as unknown as JournalEvent;
    expect(toRows([intended(null)], GENESIS_HASH)).toHaveLength(1);
    for (const input of [1, undefined]) expect(() => toRows([intended(input)], GENESIS_HASH)).toThrow();
  });
});

describe("Each event commits to the one before it", () => {
  const three = rowsOf([1, 2, 3].map((seq) => ({ ...written(`v${seq}`), seq })));

  test("so none can be left out, doubled, put elsewhere or in front", () => {
    const [a, b, c] = three;
    if (!a || !b || !c) throw new Error("three rows");
    for (const broken of [
      [a, c],
      [b, c],
      [a, b, b, c],
      [a, c, b],
      [c, b, a],
    ])
      expect(refusalOf(() => fromRows(broken, GENESIS_HASH, null)).code).toBe("journal_tampered");
    expect(fromRows(three, GENESIS_HASH, null)).toHaveLength(3);
    expect(fromRows([b, c], a.hash, null)).toHaveLength(2);
  });

  test("and the first event of a run to nothing else", () => {
    expect(three[0]?.prevHash).toBe(GENESIS_HASH);
  });
});

/** As another version would write it: with a hash that anybody can compute from the row. */
const rehashed = (change: Partial<EventRow>): EventRow => {
  const [first] = rowsOf([written("v")]);
  if (first === undefined) throw new Error("one row");
  const row = { ...first, ...change };
  const { payload, hash: _hash, position: _position, ...header } = row;
  return { ...row, hash: sha256(`${canonicalJson(header)}\n${payload}`) };
};

describe("What stands beside the payload is hashed as canonical JSON", () => {
  test.each(["ada", 'ada","role":"engine', "\\", "\n", "\ud83d", "\u2028", "", "é", "a b"])(
    "also where the text is %j",
    (text) => {
      const actor = { name: text, role: "human" } as const;
      const row = rehashed({ actor, runId: text, sessionKey: text, at: text });
      expect(fromRow(row, null)).toMatchObject({ actor, runId: text, sessionKey: text, at: text });
      const [again] = toRows([{ ...written("v"), actor, sessionKey: text, at: text }], GENESIS_HASH);
      expect(again?.hash).toBe(rehashed({ actor, sessionKey: text, at: text }).hash);
    },
  );
});

describe("A row that is whole but cannot be understood", () => {
  test("is named, with what to do: it was written by another version (W12)", () => {
    for (const change of [{ version: 2 }, { type: "run_paused" as const }, { payload: "no json" }]) {
      const refusal = refusalOf(() => fromRow(rehashed(change), null));
      expect(refusal.code).toBe("event_unreadable");
      expect(refusal.details).toMatchObject({ runId: RUN_ID, seq: 1, position: 1 });
    }
  });
});

describe("Any change in the stored journal is refused on reading", () => {
  const COLUMNS = [
    "run_id",
    "seq",
    "type",
    "version",
    "at",
    "actor_name",
    "actor_role",
    "session_key",
    "attempt",
    "payload",
    "prev_hash",
    "hash",
  ];

  /** A run of five events in a file, and a second connection that the triggers do not hold back. */
  const fileWithRun = async () => {
    const folder = await temporaryFolder();
    const { store, tell } = await openedIn(folder);
    await tell(RUN_ID, create(planOf([stepSpec("a"), stepSpec("b")])));
    for (const said of [cast.start("a"), cast.propose("a"), cast.pass("a")]) await tell(RUN_ID, said);
    const raw = new Database(`${folder}/ledger.db`);
    raw.pragma("foreign_keys = OFF");
    const triggers = raw
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'events'")
      .pluck()
      .all();
    return { store, raw, triggers };
  };

  const readingFails = async (store: Awaited<ReturnType<typeof fileWithRun>>["store"]) => {
    const { ledger } = openedOn(store);
    const refusals: LedgerError[] = [];
    for (const read of [() => ledger.load(RUN_ID), () => ledger.events(RUN_ID, 0, 100)]) {
      const error = await read().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (isLedgerError(error)) refusals.push(error);
    }
    return refusals;
  };

  test("and the triggers refuse to make one", async () => {
    const { raw, triggers } = await fileWithRun();
    expect(triggers.length).toBeGreaterThan(0);
    expect(() => raw.exec("UPDATE events SET payload = '{}'")).toThrow();
    expect(() => raw.exec("DELETE FROM events")).toThrow();
    raw.close();
  });

  test("whichever byte of whichever column it is, in whichever row", async () => {
    const { store, raw, triggers } = await fileWithRun();
    for (const name of triggers) raw.exec(`DROP TRIGGER "${String(name)}"`);
    expect(await readingFails(store)).toEqual([]);
    const columns = raw.prepare("SELECT name FROM pragma_table_info('events')").pluck().all();
    // Positions order the feed of all runs; the store gives them after the hash is made.
    expect(columns.filter((name) => name !== "position")).toEqual(COLUMNS);
    for (let seq = 1; seq <= 5; seq += 1)
      for (const column of COLUMNS) {
        const value = raw
          .prepare(`SELECT ${column} FROM events WHERE run_id = ? AND seq = ?`)
          .pluck()
          .get(RUN_ID, seq);
        const position = raw
          .prepare("SELECT position FROM events WHERE run_id = ? AND seq = ?")
          .pluck()
          .get(RUN_ID, seq);
        const set = raw.prepare(`UPDATE events SET ${column} = ? WHERE position = ?`);
        for (const forged of forgeries(value)) {
          set.run(forged, position);
          const refusals = await readingFails(store);
          expect(
            refusals.map(({ code, details }) => [code, details.runId]),
            `${column} of event ${seq} as ${String(forged)}`,
          ).toContainEqual(["journal_tampered", RUN_ID]);
          for (const { details } of refusals) expect(Number(details.seq)).toBeGreaterThanOrEqual(seq);
          set.run(value, position);
        }
      }
    expect(await readingFails(store)).toEqual([]);
    raw.close();
  });

  test("or a row that is gone: the first, one between, the last", async () => {
    for (const seq of [1, 3, 5]) {
      const { store, raw, triggers } = await fileWithRun();
      for (const name of triggers) raw.exec(`DROP TRIGGER "${String(name)}"`);
      raw.prepare("DELETE FROM events WHERE seq = ?").run(seq);
      const [loading] = await readingFails(store);
      expect(loading?.code).toBe("journal_tampered");
      raw.close();
    }
  });

  test("or a list row that contradicts the journal", async () => {
    const { store, raw } = await fileWithRun();
    raw.prepare("UPDATE runs SET last_hash = ?").run("0".repeat(64));
    const [loading] = await readingFails(store);
    expect(loading?.details).toMatchObject({ runId: RUN_ID, seq: 5 });
    raw.close();
  });

  test("and harms no other run, nor what the feed tells before it", async () => {
    const { store, raw, triggers } = await fileWithRun();
    const { ledger, tell } = openedOn(store);
    await tell("run_2", create(planOf([stepSpec("a")])));
    for (const name of triggers) raw.exec(`DROP TRIGGER "${String(name)}"`);
    raw.prepare("UPDATE events SET payload = '{}' WHERE run_id = ? AND seq = 3").run(RUN_ID);
    expect((await openedOn(store).ledger.load("run_2")).seq).toBe(2);
    expect(await ledger.feed(0, 100)).toHaveLength(2);
    const stuck: unknown = await ledger.feed(2, 100).catch((error: unknown) => error);
    if (!isLedgerError(stuck)) throw stuck;
    expect(stuck.details).toEqual({ runId: RUN_ID, seq: 3, position: 3 });
    expect((await ledger.feed(3, 100)).map(({ position }) => position)).toEqual([4, 5, 6, 7]);
    raw.close();
  });
});

/** The same value with one character or number changed. */
const forgeries = (value: unknown): readonly unknown[] => {
  if (typeof value !== "string") return [Number(value ?? 0) + 50];
  return [0, Math.floor(value.length / 2), value.length - 1].map((at) => {
    const other = value[at] === "x" ? "y" : "x";
    return value.slice(0, at) + other + value.slice(at + 1);
  });
};
