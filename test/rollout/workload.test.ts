import { expect, test } from "vitest";
import { stages } from "../../src/rollout/stage.js";
import { sweepSeed } from "../helpers/sweep.js";
import { newWorld } from "./hosts.js";
import { work } from "./workload.js";

/** The sweep does five times as many, on real tables too. */
const OPERATIONS = 2_000;

test("A host at work sees no difference while the ledger is rolled out under it and back again", async () => {
  const world = await newWorld();
  const {
    stages: seen,
    done,
    faults,
    refused,
  } = await work({
    seed: sweepSeed,
    operations: OPERATIONS,
    open: (settings) => world.at("off", { settings }),
    faults: { ledger: world.ledgerFaults, table: world.tableFaults },
  });
  expect(seen).toEqual([...stages, ...[...stages].reverse().slice(1), ...stages.slice(1, 4)]);
  expect(done).toBe(OPERATIONS);
  expect(faults).toBeGreaterThan(OPERATIONS / 100);
  expect(refused).toBeGreaterThan(0);
});
