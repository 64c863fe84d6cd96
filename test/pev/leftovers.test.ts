import { expect, it } from "vitest";
import { newRunId } from "../../src/ledger/run-id.js";
import { reclaimLeftovers } from "../../src/pev/leftovers.js";
import { runsWithRefs } from "../../src/pev/objects.js";
import { openBench, planOfSteps, stepBy } from "../helpers/bench.js";

const HOUR_MS = 3_600_000;

/** As if it had been made earlier. */
const idFrom = (ago: number): string => {
  const time = (Date.now() - ago).toString(16).padStart(12, "0");
  return `run_${time}${newRunId().slice("run_".length + time.length)}`;
};

it("commits are forgotten of runs that never came to be, once nobody can be making them", async () => {
  const { pev, ledger, create, issue } = await openBench();
  const { store } = pev.project;
  if (store === null) throw new Error("the bench has a store");
  const run = await create(planOfSteps(stepBy("one", "true")));
  const [refused, beingMade, strange] = [idFrom(HOUR_MS + 60_000), idFrom(HOUR_MS - 60_000), "strange"];
  for (const runId of [refused, beingMade, strange])
    await pev.captureBase(runId, { allowDirty: [], includeUncommitted: false });
  // A run that is known keeps its commits, however old it is.
  const known = idFrom(2 * HOUR_MS);
  const base = await pev.captureBase(known, { allowDirty: [], includeUncommitted: false });
  const command = {
    type: "create_run",
    goal: "g",
    originalRequest: "r",
    workspaceIsolation: true,
    base,
  } as const;
  await ledger.submit(known, command, issue("orchestrator", { role: "orchestrator" }));
  const all = [run.runId, refused, beingMade, strange, known];
  expect([...(await runsWithRefs(store))].sort()).toEqual(all.sort());
  await reclaimLeftovers(ledger, pev.project);
  expect([...(await runsWithRefs(store))].sort()).toEqual(all.filter((runId) => runId !== refused));
});
