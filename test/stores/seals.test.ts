import { readFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, test, vi } from "vitest";
import { lookAtStore, openStore } from "../../src/stores/open.js";
import { behindTheBack } from "../faults/damaged.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { openedSealed, sealingOf } from "../helpers/sealed.js";

const plan = { ...planOf([stepSpec("a")]), goal: "Operation Nightingale" };

afterEach(() => vi.restoreAllMocks());

/** What another process does between two questions of this one: it is done once, before the named one is asked. */
const justBefore = (text: string, act: () => void): void => {
  const { prepare } = Database.prototype;
  let left = 1;
  vi.spyOn(Database.prototype, "prepare").mockImplementation(function (this: Database.Database, asked) {
    const statement = prepare.call(this, asked);
    if (asked !== text) return statement;
    const get = statement.get.bind(statement);
    return Object.assign(statement, {
      get: (given: object) => {
        if (left-- > 0) act();
        return get(given);
      },
    });
  });
};

describe("Keys of runs", () => {
  test("tokens of a new ledger are made from a key of their own, which is not the root", async () => {
    const folder = await temporaryFolder();
    const { tell, store } = await openedSealed(folder);
    await tell("run_1", create(plan));
    const root = await readFile(join(folder, "ledger.key"));
    expect(Buffer.from(store.seals.tokenKey())).not.toEqual(root);
    expect((await openedSealed(folder)).store.seals.tokenKey()).toEqual(store.seals.tokenKey());
  });

  test("a run that another process seals between two questions is not taken for a plain one", async () => {
    const folder = await temporaryFolder();
    const { tell, store } = await openedSealed(folder);
    await tell("run_1", create(plan));
    const named = (from: string, to: string) => () =>
      behindTheBack(folder, (db) => {
        for (const table of ["runs", "run_keys"])
          db.prepare(`UPDATE ${table} SET run_id = ? WHERE run_id = ?`).run(to, from);
      });
    named("run_1", "run_2")();
    justBefore("SELECT 1 FROM runs WHERE run_id = ?", named("run_2", "run_1"));
    const other = await openStore(folder, sealingOf(folder));
    expect(other.seals.of("run_1")?.runId).toBe("run_1");
    expect(other.seals.of("run_1")?.keyId).toBe(store.seals.of("run_1")?.keyId);
    await other.close();
  });

  test("are opened for a search also by who has read none of them", async () => {
    const folder = await temporaryFolder();
    const { tell } = await openedSealed(folder);
    await tell("run_1", create(plan));
    const query = { text: "operation night" };
    for (const search of ["list", "count"] as const) {
      const { store } = await openedSealed(folder);
      const found = await store[search]({ ...query, limit: 9 });
      expect(typeof found === "number" ? found : found.map(({ runId }) => runId)).toEqual(
        search === "count" ? 1 : ["run_1"],
      );
    }
    const look = await lookAtStore(folder, sealingOf(folder));
    expect(await look?.count(query)).toBe(1);
    await look?.close();
    const locked = await openedSealed(folder, { env: { RUNLEDGER_KEY: "55".repeat(32) } });
    expect(await locked.store.count(query)).toBe(0);
  });

  test("are neither given out nor changed by a store that has stopped", async () => {
    const folder = await temporaryFolder();
    const { tell, store } = await openedSealed(folder);
    await tell("run_1", create(plan));
    const arriving = { ...(store.seals.of("run_1")?.bare() ?? expect.unreachable()), key: null };
    const asked = [
      () => store.seals.of("run_1"),
      () => store.seals.forNew("run_2"),
      () => store.seals.keepAhead("run_2", "run_1"),
      () => store.seals.forArrival("run_1", arriving),
      () => store.seals.tokenKey(),
      () => store.seals.rotate(),
      () => store.seals.facts(),
    ];
    await store.close();
    for (const ask of asked)
      expect(ask).toThrow(
        expect.objectContaining({ code: "store_unavailable", message: "The store is closed." }),
      );
  });
});
