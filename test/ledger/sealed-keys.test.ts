import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/core/canonical.js";
import { EFFECT_SCOPE } from "../../src/core/effect-scope.js";
import { effectDigest } from "../../src/core/effects.js";
import { keyOf } from "../../src/ledger/keys.js";
import { verifyLedger } from "../../src/ledger/verify/verify.js";
import { auditStore } from "../../src/stores/open.js";
import { behindTheBack, sourcesIn } from "../faults/damaged.js";
import { cancel, create, intend, orchestrator, planOf, start, stepSpec } from "../helpers/cast.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { openedSealed, sealingOf } from "../helpers/sealed.js";

const plan = planOf([stepSpec("a")]);
const idempotencyKey = "call-1";

type Row = { readonly scope: string; readonly digest: string };

const rowsIn = (folder: string): readonly Row[] => {
  const db = new Database(join(folder, "ledger.db"), { readonly: true });
  try {
    return db.prepare("SELECT scope, digest FROM keys ORDER BY scope").all() as Row[];
  } finally {
    db.close();
  }
};

/** One sealed run that a client key made, and an effect under a business key. */
const storied = async (folder: string) => {
  const opened = await openedSealed(folder);
  const { ledger, tell } = opened;
  const client = ledger.issue(orchestrator);
  const make = (goal: string) =>
    ledger.submit("run_1", create({ ...plan, goal }, { goal }), client, { idempotencyKey });
  await make("Ship it");
  await tell("run_1", start("a"));
  await tell("run_1", intend("a", { key: "order-1" }));
  return { ...opened, make };
};

/** What somebody who guesses would compare with. */
const guessed = (): readonly string[] => {
  const said = create({ ...plan, goal: "Ship it" }, { goal: "Ship it" });
  const call = intend("a", { key: "order-1" });
  const entry = typeof call === "object" && call.type === "record_effects" ? call.entries[0] : undefined;
  return [
    keyOf("run_1", said, orchestrator, idempotencyKey).digest,
    ...(entry?.kind === "intended" ? [effectDigest(entry.call)] : []),
    digestOf(said),
  ];
};

describe("The digest that is kept beside a key of a sealed run", () => {
  test("tells nobody who guesses, and the run itself which call it was", async () => {
    const folder = await temporaryFolder();
    const { ledger, make } = await storied(folder);
    const kept = rowsIn(folder).map(({ digest }) => digest);
    expect(kept).toHaveLength(2);
    for (const digest of kept) {
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
      expect(guessed()).not.toContain(digest);
    }
    expect((await make("Ship it")).run.runId).toBe("run_1");
    await expect(make("Sink it")).rejects.toMatchObject({ code: "idempotency_key_reused" });
    ledger.store.seals.rotate();
    expect((await make("Ship it")).run.runId).toBe("run_1");
    await expect(make("Sink it")).rejects.toMatchObject({ code: "idempotency_key_reused" });
  });

  test("is another one in each run, for the same call", async () => {
    const digests = new Set<string>();
    for (let run = 0; run < 3; run += 1) {
      const folder = await temporaryFolder();
      await storied(folder);
      for (const { digest } of rowsIn(folder)) digests.add(digest);
    }
    expect(digests.size).toBe(6);
  });

  test("is looked through by verify: an effect's key that leads to another effect is a flaw", async () => {
    const folder = await temporaryFolder();
    const { store, tell } = await storied(folder);
    await tell("run_1", intend("a", { key: "order-2", position: 1, name: "another" }));
    await store.close();
    const flaws = async () => {
      const audit = await auditStore(folder, sealingOf(folder));
      const { signal } = new AbortController();
      const { flaws: found } = await verifyLedger(audit, {
        signal,
        sources: sourcesIn(folder, audit.store),
      });
      await audit.close();
      return found;
    };
    expect(await flaws()).toEqual([]);
    behindTheBack(folder, (db) =>
      db
        .prepare(
          "UPDATE keys SET digest = (SELECT digest FROM keys WHERE key = 'order-2') WHERE key = 'order-1'",
        )
        .run(),
    );
    expect((await flaws()).map(({ kind }) => kind)).toContain("key");
  });

  test("goes when its run is erased, also a bare one of a ledger of before, which counts until then", async () => {
    const folder = await temporaryFolder();
    const { store, tell, make } = await storied(folder);
    const bare = keyOf(
      "run_1",
      create({ ...plan, goal: "Ship it" }, { goal: "Ship it" }),
      orchestrator,
      idempotencyKey,
    );
    behindTheBack(folder, (db) =>
      db.prepare("UPDATE keys SET digest = ? WHERE scope <> ?").run(bare.digest, EFFECT_SCOPE),
    );
    expect((await make("Ship it")).run.runId).toBe("run_1");
    await expect(make("Sink it")).rejects.toMatchObject({ code: "idempotency_key_reused" });
    await tell("run_1", cancel());
    const { lastHash = "" } = (await store.runRow("run_1")) ?? {};
    await store.erase("run_1", { lastHash, at: "2026-01-05T00:00:00.000Z" });
    expect(rowsIn(folder).map(({ digest }) => digest)).toEqual(["", ""]);
    // The key stays taken: nothing is made twice, whatever was asked.
    for (const goal of ["Ship it", "Sink it"])
      await expect(make(goal)).rejects.toMatchObject({ code: "run_erased" });
  });
});
