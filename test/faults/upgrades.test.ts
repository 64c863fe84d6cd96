import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { SCHEMA_VERSION } from "../../src/stores/schema-sqlite.js";
import { figure } from "../helpers/figures.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { flawsIn, TAKEN_OUT_BARE } from "./lab/outcome.js";
import { STORY } from "./lab/story.js";
import { openTeller, tellStory } from "./lab/telling.js";

/** Ledgers as programs of those versions wrote them; each new version of the schema adds the one before it. */
const RELEASED = [1, 2, 3, 4, 5, 6];

/** Its events by their hashes, as whatever version wrote them. */
const looked = (file: string) => {
  const db = new Database(file, { readonly: true });
  try {
    const rows = db
      .prepare("SELECT position, run_id AS runId, seq, type, hash FROM events ORDER BY position")
      .all() as Record<string, unknown>[];
    return {
      rows: rows.map(({ position, runId, seq, type, hash }) => `${position} ${runId} ${seq} ${type} ${hash}`),
      schema: db.prepare("SELECT value FROM meta WHERE key = 'schema_version'").pluck().get(),
    };
  } finally {
    db.close();
  }
};

test("There is a ledger of every version but one that is still being written", () => {
  expect(RELEASED.at(-1)).toBeGreaterThanOrEqual(SCHEMA_VERSION - 1);
});

test.each(RELEASED)(
  "A ledger of schema version %d keeps every event, is as today's, and is gone on with",
  async (version) => {
    const place = await temporaryFolder();
    const file = join(place, "ledger", "ledger.db");
    await mkdir(join(place, "ledger"));
    await cp(join(import.meta.dirname, `../fixtures/ledgers/v${version}.db`), file);
    const { rows: before, schema } = looked(file);
    expect(schema).toBe(`${version}`);
    const teller = await openTeller(place);
    for (const { runId } of await teller.ledger.list({ limit: 100 })) await teller.ledger.load(runId);
    await teller.close();
    expect(looked(file).rows).toEqual(before);
    // Blobs lie in files of their own, which were not kept of these.
    const flaws = await flawsIn(place);
    const beyondBlobs = flaws.filter(({ kind }) => kind !== "blob").map(({ message }) => message);
    expect(beyondBlobs).toEqual(version === 2 ? [TAKEN_OUT_BARE] : []);
    await tellStory(place);
    const after = looked(file).rows;
    expect(after.slice(0, before.length)).toEqual(before);
    for (const { runId, seq } of STORY) expect(after.join("\n")).toContain(` ${runId} ${seq} `);
    const left = (await flawsIn(place)).map(({ message }) => message);
    expect(left).toEqual(version === 2 ? [TAKEN_OUT_BARE] : []);
    figure("upgrades", 1, 0, `a ledger of schema ${version}`);
  },
);
