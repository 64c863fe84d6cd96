import { expect, it } from "vitest";
import { createWorker } from "../../src/engine/backends/local.js";
import type { Ledger } from "../../src/ledger/ledger.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import { openedIn } from "../helpers/ledgers.js";

/** As many as one look of a worker finds. */
const LOOK = 1_000;

it("A worker forgets runs that it left alone and others have ended since, however long it lives", async () => {
  const { ledger, store, tell } = await openedIn(":memory:");
  await tell("run_1", create(planOf([stepSpec("a")])));
  const { run } = await tell("run_1", { type: "pause_run", reason: "later" });
  const row = (await store.runRow("run_1")) ?? expect.unreachable();
  let round = 0;
  let asked: string[] = [];
  /** Each look finds others, all like that run; those of the first rounds are ended by somebody else at once. */
  const crowded: Ledger = {
    ...ledger,
    list: async () => Array.from({ length: LOOK }, (_, at) => ({ ...row, runId: `${round} ${at}` })),
    store: {
      ...store,
      end: async (runId) => {
        asked.push(runId);
        return { lastHash: "", lastSeq: row.lastSeq + (runId.startsWith("1 ") ? 1 : 0) };
      },
    },
  };
  const worker = createWorker({
    ledger: crowded,
    drive: async (runId) => ({ run: { ...run, runId }, end: "idle" }),
    reclaim: async () => undefined,
    tidyOnce: async () => undefined,
    tidy: async () => undefined,
    tidyEveryMs: 3_600_000,
    openSchedules: async () => ({ fire: async () => undefined, nextMs: () => null }),
    maxRuns: 10 * LOOK,
    onTrouble: (runId, error) => expect.unreachable(`${runId}: ${String(error)}`),
  });
  const look = async (): Promise<number> => {
    round += 1;
    asked = [];
    await worker.tick();
    await new Promise(setImmediate);
    return asked.length;
  };
  // The third looks through those of two rounds, of which one is gone; the fifth finds three, and asks about no other.
  expect([await look(), await look(), await look(), await look(), await look()]).toEqual([
    ...[0, 0, 2 * LOOK, 0, 3 * LOOK],
  ]);
});
