import { expect, it } from "vitest";
import { holdLease } from "../../src/ledger/lease.js";
import { openBench, planOfSteps, stepBy } from "../helpers/bench.js";

const HOUR_MS = 3_600_000;

it("what a run waits for is told as it is where no worker drives it: whose turn it is, and by which tool", async () => {
  const bench = await openBench({ isolated: false });
  const leader = bench.issue("orchestrator", { role: "orchestrator" });
  const coder = bench.issue("coder");
  const { runId } = await bench.create(
    planOfSteps(stepBy("a", "exit 7"), {
      ...stepBy("b", "true", { owner_agent: "reviewer", depends_on: ["a"] }),
      validator: { type: "orchestrator_approval" },
    }),
  );
  const [a, b] = [
    { run_id: runId, step_id: "a" },
    { run_id: runId, step_id: "b" },
  ];
  const next = async (): Promise<unknown> => {
    const active = await bench.call(leader, "run_active", { run_id: runId });
    expect((await bench.call(coder, "run_read", { run_id: runId })).why).toBe(active.next);
    return active.next;
  };
  const nobody = (what: string): string => `No worker drives it; calls carry it on (${what}).`;

  expect(await next()).toBe(nobody("ready for run_start_step: a of coder"));
  await bench.call(coder, "run_start_step", a);
  expect(await next()).toBe(nobody("begun: a of coder"));
  const refused = await bench.call(coder, "run_propose_step_result", { ...a, result: "done" });
  expect(refused.next).toBe(nobody("waiting for run_apply_policy: a of coder"));
  await bench.call(leader, "run_apply_policy", { ...a, action: "skip", reason: "not needed" });
  expect(await next()).toBe(nobody("ready for run_start_step: b of reviewer"));

  const lease = await holdLease(bench.ledger.store, runId, HOUR_MS);
  expect(await next()).toBe("It is at work: 1 of 2 steps are completed.");
  await lease?.release();
  expect(await next()).toBe(nobody("ready for run_start_step: b of reviewer"));

  const reviewer = bench.issue("reviewer");
  await bench.call(reviewer, "run_start_step", b);
  expect((await bench.call(reviewer, "run_propose_step_result", { ...b, result: "good" })).next).toBe(
    'Step "b" waits for approval.',
  );
});
