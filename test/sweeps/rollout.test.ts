import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Projection } from "../../src/rollout/projection.js";
import { openSqlTables } from "../../src/rollout/sql-tables.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { SWEEP_MS, sweepSeed, sweepSize, wholeSweeps } from "../helpers/sweep.js";
import { expectFoundByPages } from "../rollout/drifts.js";
import { memoryTable, newWorld } from "../rollout/hosts.js";
import { killEach, operations } from "../rollout/killed.js";
import { work } from "../rollout/workload.js";

const tables: { readonly [kind: string]: () => Promise<Projection> } = {
  "in memory": async () => memoryTable(),
  "in SQLite": async () => {
    const table = await openSqlTables({ file: join(await temporaryFolder(), "host.db") });
    onTestFinished(() => table.close());
    return table;
  },
};

describe("A host at work sees no difference while the ledger is rolled out under it and back again", () => {
  for (const kind of Object.keys(tables))
    for (const seed of wholeSweeps ? [sweepSeed, sweepSeed + 1, sweepSeed + 2] : [sweepSeed])
      test(`with its table ${kind}, seed ${seed}`, { timeout: SWEEP_MS }, async () => {
        const world = await newWorld(await tables[kind]?.());
        const operationsDone = sweepSize(10_000, 1_500);
        const { done, stages } = await work({
          seed,
          operations: operationsDone,
          open: (settings) => world.at("off", { settings }),
          faults: { ledger: world.ledgerFaults, table: world.tableFaults },
        });
        expect([done, stages.length]).toEqual([operationsDone, 12]);
      });
});

test("drift of ten thousand runs is found page by page", { timeout: SWEEP_MS }, () =>
  expectFoundByPages(10_000),
);

if (wholeSweeps) killEach(() => operations);
