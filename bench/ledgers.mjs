// What the rows about the ledger share: a ledger in a folder that goes away, and the bare database it is measured against.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { createRedactor } from "../dist/src/core/redact.js";
import { createCredentials } from "../dist/src/ledger/credentials.js";
import { openLedger } from "../dist/src/ledger/ledger.js";
import { openStore } from "../dist/src/stores/open.js";

/** Calls `work` with a new folder, which is gone afterwards. */
export async function* inFolder(work) {
  const place = await mkdtemp(join(tmpdir(), "runledger-bench-"));
  try {
    yield* work(place);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

export const rules = {
  staleTtlMs: 3_600_000,
  onUnmetCriteria: "fail",
  changeValidator: "orchestrator",
  agents: null,
};

/** A store, a ledger on it and a caller: what openRunLedger puts together, without a project around it. */
export const openedIn = async (place, seals) => {
  const store = await openStore(place, seals);
  return { store, ...ledgerOn(store) };
};

/** Another ledger on the same store, with nothing in memory. */
export const ledgerOn = (store) => {
  const { credentials, engine } = createCredentials();
  const ledger = openLedger({
    store,
    rules,
    credentials,
    redactor: createRedactor([]),
    now: () => new Date().toISOString(),
  });
  const me = ledger.issue({ name: "bench", role: "human", sessionKey: "bench" });
  return { ledger, me, engine };
};

/** Another host's settings must not change what is measured; its data must not be touched. */
export const environmentIn = (place) => ({
  PATH: process.env.PATH,
  HOME: place,
  RUNLEDGER_HOME: join(place, "data"),
  RUNLEDGER_SET_runLedger__workspaceIsolation: "false",
});

/** The floor: the driver, its full durability, one table, and nothing else. */
export const bareIn = (file, synchronous = "FULL") => {
  const db = new Database(file);
  db.pragma("journal_mode = WAL");
  db.pragma(`synchronous = ${synchronous}`);
  db.exec(
    "CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, seq INTEGER, payload TEXT) STRICT",
  );
  return db;
};

export const plan = {
  goal: "bench",
  steps: [{ id: "a", goal: "a", owner_agent: "a", validator: { type: "command_pass", target: "true" } }],
};

export const createRun = {
  type: "create_run",
  goal: "bench",
  originalRequest: "bench",
  workspaceIsolation: false,
  base: null,
};

export const note = (at, bytes = 1_000) => ({
  type: "write_note",
  key: "k",
  value: `${at} `.padEnd(bytes, "v"),
});

/** All bytes of an event as the store keeps it, so that the floor writes as many. */
export const bytesOf = (row) =>
  [row.runId, row.type, row.at, row.actor.name, row.actor.role, row.sessionKey].join("").length +
  row.payload.length +
  row.prevHash.length +
  row.hash.length;
