import { expect, it } from "vitest";
import { expectRefusal, openBench, planOfSteps, stepBy } from "../helpers/bench.js";

/** Models read short answers; a plan may have a thousand steps. */
it("a long plan is read page by page, each step once, and run_active says how many there are", async () => {
  const bench = await openBench({ isolated: false });
  const ids = Array.from({ length: 120 }, (_, index) => `s${index + 1}`);
  const { runId } = await bench.create(planOfSteps(...ids.map((id) => stepBy(id, "true"))));
  const boss = bench.issue("orchestrator", { role: "orchestrator" });
  const read = (more: object = {}) => bench.call(boss, "run_read", { run_id: runId, ...more });
  const seen: string[] = [];
  let cursor: unknown;
  do {
    const page = await read(cursor === undefined ? {} : { after_step: cursor });
    const steps = page.steps as { step_id: string }[];
    expect(steps.length).toBeLessThanOrEqual(50);
    expect(page).toMatchObject({ steps_total: 120, steps_completed: 0 });
    seen.push(...steps.map(({ step_id }) => step_id));
    cursor = page.next_after_step;
  } while (cursor !== null);
  expect(seen).toEqual(ids);
  expect((await read({ after_step: "s120" })).steps).toEqual([]);
  await expectRefusal(bench, () => read({ after_step: "s121" }), "step_not_found");
  const active = await bench.call(boss, "run_active", { run_id: runId });
  expect(active).toMatchObject({ totals: { active: 0, ready: 120, waiting: 0 } });
  expect(active.ready).toHaveLength(50);
});
