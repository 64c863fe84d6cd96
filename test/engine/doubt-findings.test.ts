import { expect, it } from "vitest";
import { doubtFindings } from "../../src/engine/doubt-findings.js";
import * as cast from "../helpers/cast.js";
import { openedIn } from "../helpers/ledgers.js";

it("What was found in doubt before the store failed is told beside the failure", async () => {
  const { ledger, tell } = await openedIn(":memory:");
  for (const runId of ["run_1", "run_2"]) {
    await tell(runId, cast.create(cast.planOf([cast.stepSpec("a")])));
    await tell(runId, cast.start("a"));
    await tell(runId, cast.intend("a", { name: "pay", class: "guarded", key: `order-${runId}` }));
    await tell(runId, cast.cancel());
  }
  const told = (words: string) => ({ check: "in doubt", message: expect.stringContaining(words) });
  expect(await doubtFindings(ledger)).toMatchObject([told("run_1 (order-run_1); run_2 (order-run_2)")]);
  const failing = {
    ...ledger,
    load: async (runId: string) => {
      if (runId === "run_2") await ledger.store.close();
      return ledger.load(runId);
    },
  };
  expect(await doubtFindings(failing)).toMatchObject([told("closed"), told("run_1 (order-run_1).")]);
});
