import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allTools } from "../../tools/index.js";
import { type Bench, expectRefusal, openBench, planOfSteps, stepBy } from "../helpers/bench.js";
import { FIXED_SUM, onePlan, SESSION } from "../helpers/project.js";

const orchestrator = ({ issue }: Bench) => issue("orchestrator", { role: "orchestrator" });
const KEY = { idempotency_key: "try-1" };

/** A call whose answer got lost is made again with the same key: nothing more may happen, whatever happened since (W22). */
describe("idempotency_key", () => {
  const created = (plan: unknown) => ({
    plan_json: JSON.stringify(plan),
    session_key: SESSION,
    original_request: "please",
    ...KEY,
  });

  it("run_create answers with the run it made first, also when the checkout has moved on or is dirty since", async () => {
    const bench = await openBench();
    const input = created(onePlan());
    const create = (more: object = {}) =>
      bench.call(orchestrator(bench), "run_create", { ...input, ...more });
    const first = await create();
    expect(await create()).toMatchObject({ run_id: first.run_id });
    await bench.shop.write({ "src/more.mjs": "export {};\n" });
    bench.shop.commit("more");
    expect(await create()).toMatchObject({ run_id: first.run_id });
    await bench.shop.write({ "src/more.mjs": "// half done\n" });
    expect(await create()).toMatchObject({ run_id: first.run_id });
    expect(await bench.ledger.list({ limit: 10 })).toHaveLength(1);
    const other = () => create({ original_request: "something else" });
    await expectRefusal(bench, other, "idempotency_key_reused");
    bench.shop.git("checkout", "--quiet", "--", ".");
    const fresh = await create({ idempotency_key: "try-2" });
    expect(fresh.run_id).not.toBe(first.run_id);
  });

  it("run_create of another session is another question, and gets its own run", async () => {
    const bench = await openBench({ isolated: false });
    const input = created(planOfSteps(stepBy("a", "true")));
    const first = await bench.call(orchestrator(bench), "run_create", input);
    const elsewhere = bench.issue("orchestrator", { role: "orchestrator", sessionKey: "elsewhere" });
    const second = await bench.call(elsewhere, "run_create", { ...input, session_key: "elsewhere" });
    expect(second.run_id).not.toBe(first.run_id);
  });

  it("run_propose_step_result answers as it stands now, after the verdict, the end of the run and the workspace", async () => {
    const bench = await openBench();
    const { runId } = await bench.create(onePlan());
    const coder = bench.issue("coder");
    const on = { run_id: runId, step_id: "sum" };
    const { workspace } = await bench.call(coder, "run_start_step", on);
    await writeFile(join(String(workspace), "src/sum.mjs"), FIXED_SUM);
    const claim = { ...on, result: "fixed", ...KEY };
    const propose = (more: object = {}) =>
      bench.call(coder, "run_propose_step_result", { ...claim, ...more });
    const first = await propose();
    expect(first).toMatchObject({ status: "verified", run_status: "completed" });
    const seq = (await bench.ledger.load(runId)).seq;
    expect(await propose()).toEqual(first);
    expect((await bench.ledger.load(runId)).seq).toBe(seq);
    await expectRefusal(bench, () => propose({ result: "other" }), "idempotency_key_reused");
    await expectRefusal(bench, () => propose({ idempotency_key: "try-2" }), "run_terminal");
    const thief = bench.issue("coder", { sessionKey: "elsewhere" });
    const steal = () => bench.call(thief, "run_propose_step_result", claim);
    await expectRefusal(bench, steal, "session_mismatch");
  });

  it("run_propose_step_result of a refused attempt is not proposed again by its echo", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "exit 7")));
    const coder = bench.issue("coder");
    const on = { run_id: runId, step_id: "a" };
    await bench.call(coder, "run_start_step", on);
    const propose = () => bench.call(coder, "run_propose_step_result", { ...on, result: "done", ...KEY });
    expect(await propose()).toMatchObject({ status: "verification_failed" });
    const retry = { ...on, action: "retry", reason: "again" };
    await bench.call(orchestrator(bench), "run_apply_policy", retry);
    await bench.call(coder, "run_start_step", on);
    const seq = (await bench.ledger.load(runId)).seq;
    expect(await propose()).toMatchObject({ run_status: "running", verdict: null });
    expect((await bench.ledger.load(runId)).seq).toBe(seq);
  });

  it.each([
    ["retry", {}],
    ["skip", {}],
    ["escalate", {}],
    ["abort", {}],
    ["change_agent", { new_agent: "reviewer" }],
    ["change_validator", { new_validator_json: '{"type":"command_pass","target":"true"}' }],
    ["decompose", { new_steps_json: JSON.stringify([stepBy("x", "true", { depends_on: ["z"] })]) }],
  ])(
    "run_apply_policy %s is applied once, with the same key, and without one when nothing else happened",
    async (action, more) => {
      const bench = await openBench({ isolated: false });
      const { runId } = await bench.create(planOfSteps(stepBy("a", "exit 7"), stepBy("z", "true")));
      const on = { run_id: runId, step_id: "a" };
      await bench.call(bench.issue("coder"), "run_start_step", on);
      await bench.call(bench.issue("coder"), "run_propose_step_result", { ...on, result: "done" });
      const apply = (key: object) =>
        bench.call(orchestrator(bench), "run_apply_policy", { ...on, action, reason: "so", ...more, ...key });
      const first = await apply(KEY);
      const seq = (await bench.ledger.load(runId)).seq;
      expect(await apply(KEY)).toEqual(first);
      expect(await apply({})).toEqual(first);
      expect((await bench.ledger.load(runId)).seq).toBe(seq);
      const another = () => apply({ ...KEY, reason: "another" });
      await expectRefusal(bench, another, "idempotency_key_reused");
    },
  );

  it.each([
    ["approves", {}],
    ["rejects", { reject: true, reason: "no" }],
  ])("run_approve_step %s once", async (_what, more) => {
    const bench = await openBench({ isolated: false });
    const plan = planOfSteps({ ...stepBy("a", ""), validator: { type: "orchestrator_approval" } });
    const { runId } = await bench.create(plan);
    const on = { run_id: runId, step_id: "a" };
    await bench.call(bench.issue("coder"), "run_start_step", on);
    await bench.call(bench.issue("coder"), "run_propose_step_result", { ...on, result: "look" });
    const answer = () => bench.call(orchestrator(bench), "run_approve_step", { ...on, ...more, ...KEY });
    const first = await answer();
    const seq = (await bench.ledger.load(runId)).seq;
    expect(await answer()).toEqual(first);
    expect((await bench.ledger.load(runId)).seq).toBe(seq);
  });

  it("run_start_step is one start: a late echo of it does not start the next attempt", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "exit 7")));
    const coder = bench.issue("coder");
    const on = { run_id: runId, step_id: "a" };
    const start = () => bench.call(coder, "run_start_step", { ...on, ...KEY });
    const first = await start();
    expect(await start()).toEqual(first);
    await bench.call(coder, "run_propose_step_result", { ...on, result: "done" });
    await expectRefusal(bench, start, "step_not_pending");
    await bench.call(orchestrator(bench), "run_apply_policy", { ...on, action: "retry", reason: "again" });
    await expectRefusal(bench, start, "step_not_pending");
    const second = { ...on, idempotency_key: "try-2" };
    expect(await bench.call(coder, "run_start_step", second)).toMatchObject({ attempt: 2 });
  });

  it.each([
    ["run_pause", { reason: "lunch" }, "run_resume"],
    ["run_note", { key: "k", value: "v" }, "run_note"],
  ])("%s is carried out once, also when it was undone since", async (tool, input, undo) => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "true")));
    const call = (name: string, more: object) =>
      bench.call(orchestrator(bench), name, { run_id: runId, ...more });
    await call(tool, { ...input, ...KEY });
    await call(undo, {
      ...(undo === "run_note" ? { key: "k", value: "other" } : {}),
      idempotency_key: "undo",
    });
    const { seq } = await bench.ledger.load(runId);
    await call(tool, { ...input, ...KEY });
    expect((await bench.ledger.load(runId)).seq).toBe(seq);
    const reused = () => call(tool, { ...input, ...KEY, reason: "x", value: "y" });
    await expect(reused()).rejects.toMatchObject({ kind: expect.stringMatching(/conflict|usage/) });
    expect((await bench.ledger.load(runId)).seq).toBe(seq);
  });

  it("is an input of every tool that changes something, and of no other", () => {
    for (const { name, readOnly, input } of allTools)
      expect([name, "idempotency_key" in input.shape]).toEqual([name, !readOnly]);
  });

  it("of another caller is no way to the first answer", async () => {
    const bench = await openBench({ isolated: false });
    const input = created(planOfSteps(stepBy("a", "true")));
    await bench.call(orchestrator(bench), "run_create", input);
    const human = bench.issue("ada", { role: "human" });
    await expectRefusal(bench, () => bench.call(human, "run_create", input), "idempotency_key_reused");
  });

  it("has bounds", async () => {
    const bench = await openBench({ isolated: false });
    const input = created(planOfSteps(stepBy("a", "true")));
    for (const idempotency_key of ["", "k".repeat(201), 7])
      await expectRefusal(
        bench,
        () => bench.call(orchestrator(bench), "run_create", { ...input, idempotency_key }),
        "invalid_input",
      );
  });
});
