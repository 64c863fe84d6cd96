import { describe, expect, it } from "vitest";
import * as limit from "../../src/core/limits.js";
import { allTools } from "../../tools/index.js";
import { type Bench, expectRefusal, openBench, planOfSteps, refusalOf, stepBy } from "../helpers/bench.js";
import { SESSION } from "../helpers/project.js";

/** Required by seed 002, for each tool that it names; the others are ours. */
const required: Record<string, Record<string, unknown>> = {
  run_create: { plan_json: "{}", session_key: SESSION, original_request: "please" },
  run_apply_policy: { run_id: "run_x", step_id: "a", action: "retry", reason: "again" },
  run_approve_step: { run_id: "run_x", step_id: "a" },
  run_pause: { run_id: "run_x" },
  run_resume: { run_id: "run_x" },
  run_start_step: { run_id: "run_x", step_id: "a" },
  run_propose_step_result: { run_id: "run_x", step_id: "a", result: "done" },
  intent_propose: {
    run_id: "run_x",
    destination: "mail",
    policy: "p",
    payload: "hello",
    idempotency_key: "k",
  },
  intent_status: { run_id: "run_x", intent_id: "run_x.2" },
  run_read: { run_id: "run_x" },
  run_active: { run_id: "run_x" },
  run_note: { run_id: "run_x", key: "k" },
};

/** Required by the seed; the credential knows it, so a caller that cannot is not asked. */
const KNOWN_ANYWAY = "session_key";

const callerFor = ({ issue }: Bench, name: string) =>
  allTools.find((tool) => tool.name === name)?.role === "execution"
    ? issue("coder")
    : issue("orchestrator", { role: "orchestrator" });

const without = (input: Record<string, unknown>, key: string) =>
  Object.fromEntries(Object.entries(input).filter(([name]) => name !== key));

describe("what a tool is given", () => {
  it.each(Object.entries(required))(
    "%s asks for what seed 002 requires, before it reads any run",
    async (name, whole) => {
      const bench = await openBench({ isolated: false });
      const ask = (input: unknown) => () => bench.call(callerFor(bench, name), name, input);
      for (const key of Object.keys(whole)) {
        const lacking = key === KNOWN_ANYWAY ? [] : [without(whole, key)];
        for (const input of [...lacking, { ...whole, [key]: null }, { ...whole, [key]: 7 }]) {
          const refusal = await expectRefusal(bench, ask(input), "invalid_input");
          expect(refusal.message).toContain(key);
        }
        const empty = await expectRefusal(bench, ask({ ...whole, [key]: "" }), "invalid_input");
        expect(empty.details).toMatchObject({ defects: [{ path: key }] });
      }
      await expectRefusal(bench, ask({ ...whole, surprise: 1 }), "invalid_input");
      for (const nonsense of [undefined, null, [], "run_x", 7])
        await expectRefusal(bench, ask(nonsense), "invalid_input");
    },
  );

  it.each(Object.keys(required).filter((name) => name !== "run_create"))(
    "%s answers run_not_found for a run that is not there, and makes none (W72)",
    async (name) => {
      const bench = await openBench({ isolated: false });
      await expectRefusal(
        bench,
        () => bench.call(callerFor(bench, name), name, required[name]),
        "run_not_found",
      );
      expect(await bench.ledger.list({ limit: 10 })).toEqual([]);
    },
  );

  it.each(["run_apply_policy", "run_approve_step", "run_start_step", "run_propose_step_result"])(
    "%s answers step_not_found for a step that is not there",
    async (name) => {
      const bench = await openBench({ isolated: false });
      const { runId } = await bench.create(planOfSteps(stepBy("a", "true")));
      const input = { ...required[name], run_id: runId, step_id: "ghost" };
      await expectRefusal(bench, () => bench.call(callerFor(bench, name), name, input), "step_not_found");
    },
  );

  it("is bounded: one character more than the limit is refused (W60)", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "true")));
    const orchestrator = bench.issue("orchestrator", { role: "orchestrator" });
    const over: [string, Record<string, unknown>][] = [
      ["run_note", { run_id: runId, key: "k".repeat(limit.NOTE_KEY_CHARS + 1), value: "v" }],
      ["run_note", { run_id: runId, key: "k", value: "v".repeat(limit.NOTE_VALUE_CHARS + 1) }],
      ["run_note", { run_id: runId, key: " \t ", value: "blank keys say nothing" }],
      ["run_pause", { run_id: runId, reason: "r".repeat(limit.REASON_CHARS + 1) }],
      ["run_apply_policy", { run_id: runId, step_id: "a", action: "retry", reason: "  " }],
      ["run_create", { ...required.run_create, plan_json: " ".repeat(limit.PLAN_TEXT_CHARS + 1) }],
      ["run_create", { ...required.run_create, original_request: "r".repeat(limit.REQUEST_CHARS + 1) }],
    ];
    for (const [name, input] of over)
      await expectRefusal(bench, () => bench.call(orchestrator, name, input), "invalid_input");
    const coder = bench.issue("coder");
    await bench.call(coder, "run_start_step", { run_id: runId, step_id: "a" });
    const claim = { run_id: runId, step_id: "a", result: "done" };
    const evidence = (count: number, chars = 1) =>
      JSON.stringify(Array.from({ length: count }, () => ({ type: "log", content: "x".repeat(chars) })));
    for (const bad of [
      { ...claim, result: "r".repeat(limit.RESULT_CHARS + 1) },
      { ...claim, evidence_json: "not json" },
      { ...claim, evidence_json: '{"type":"log","content":"no list"}' },
      { ...claim, evidence_json: '[{"type":"log"}]' },
      { ...claim, evidence_json: evidence(limit.EVIDENCE_ITEMS + 1) },
      { ...claim, evidence_json: evidence(1, limit.EVIDENCE_CHARS + 1) },
    ])
      await expectRefusal(bench, () => bench.call(coder, "run_propose_step_result", bad), "invalid_input");
    const fits = { ...claim, evidence_json: evidence(limit.EVIDENCE_ITEMS, limit.EVIDENCE_CHARS) };
    expect(await bench.call(coder, "run_propose_step_result", fits)).toMatchObject({ status: "verified" });
  });
});

describe("run_create", () => {
  const create = (bench: Bench, plan: unknown, more: object = {}) =>
    bench.call(bench.issue("orchestrator", { role: "orchestrator" }), "run_create", {
      ...required.run_create,
      plan_json: typeof plan === "string" ? plan : JSON.stringify(plan),
      ...more,
    });

  it("tells all defects of a plan at once, and makes nothing", async () => {
    const bench = await openBench();
    const plan = planOfSteps(
      stepBy("a", "true", { owner_agent: "nobody", depends_on: ["ghost"] }),
      stepBy("a", "true", { max_retries: -1 }),
      { ...stepBy("b", "true"), validator: { type: "vibes" }, colour: "blue" },
    );
    const refusal = await expectRefusal(bench, () => create(bench, plan), "validation_failed");
    for (const told of ["nobody", "ghost", "max_retries", "vibes", "colour"])
      expect(JSON.stringify(refusal.details.defects)).toContain(told);
    expect(refusal.details.count).toBeGreaterThanOrEqual(6);
    expect(await bench.ledger.list({ limit: 10 })).toEqual([]);
  });

  it("takes a planner's whole answer, and makes the run in one append (W21)", async () => {
    const bench = await openBench();
    const answer = `Here is the plan.\n\`\`\`json\n${JSON.stringify(planOfSteps(stepBy("a", "true")))}\n\`\`\`\nGood luck!`;
    const seen: number[] = [];
    bench.ledger.observe((events) => void seen.push(events.length));
    const made = await create(bench, answer);
    expect(made).toMatchObject({ status: "created", goal: "Ship it", step_count: 1, run_status: "running" });
    expect(seen).toEqual([2]);
    const run = await bench.ledger.load(String(made.run_id));
    expect(run).toMatchObject({ base: bench.shop.git("rev-parse", "HEAD").trim(), sessionKey: SESSION });
  });

  it("refuses text without a plan, a session that is not the caller's, and agents that the call does not name", async () => {
    const bench = await openBench();
    const plan = planOfSteps(stepBy("a", "true"));
    await expectRefusal(bench, () => create(bench, "I would rather not."), "parse_failed");
    const wrong = () => create(bench, plan, { session_key: "other" });
    await expectRefusal(bench, wrong, "session_mismatch");
    expect((await refusalOf(wrong())).hint).toContain(`leave the key out, or give "${SESSION}"`);
    const made = await create(bench, plan, { session_key: undefined });
    expect((await bench.ledger.load(String(made.run_id))).sessionKey).toBe(SESSION);
    const named = () => create(bench, plan, { valid_agents: ["reviewer"] });
    expect((await expectRefusal(bench, named, "validation_failed")).message).toContain("coder");
  });

  it("refuses a checkout with uncommitted changes, by name, and makes nothing", async () => {
    const bench = await openBench();
    await bench.shop.write({ "src/sum.mjs": "// half done\n" });
    const plan = planOfSteps(stepBy("a", "true"));
    const refusal = await expectRefusal(bench, () => create(bench, plan), "dirty_checkout");
    expect(`${refusal.message} ${JSON.stringify(refusal.details)}`).toContain("src/sum.mjs");
    bench.shop.commit("more");
    await expect(create(bench, plan)).resolves.toMatchObject({ status: "created" });
  });

  it("finds no executor that bears the orchestrator's name (W58)", async () => {
    const bench = await openBench({ rules: { agents: null } });
    for (const name of ["orchestrator", "System", " lango-orchestrator "]) {
      const refusal = await refusalOf(Promise.resolve().then(() => bench.issue(name)));
      expect(refusal.code).toBe("access_denied");
    }
  });
});

describe("an input that is far from fitting", () => {
  const note = async (more: object) => {
    const bench = await openBench({ isolated: false });
    const ask = () =>
      bench.call(callerFor(bench, "run_note"), "run_note", { run_id: "run_x", key: "k", ...more });
    return expectRefusal(bench, ask, "invalid_input");
  };

  it("is answered with the first defects and their count, not with all of them", async () => {
    const nonsense = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`nonsense${n}`, n]));
    const { message, details } = await note(nonsense);
    expect(message).toMatch(
      /^20000 defects in the input of run_note: nonsense0: found an unknown key, expected one of "run_id"/,
    );
    expect(message.length).toBeLessThan(2_000);
    expect(details.defects).toHaveLength(100);
  });

  it("says what is wrong with a value that fails when it is looked at", async () => {
    const value = Object.defineProperty({}, "toString", {
      enumerable: true,
      get: () => {
        throw new Error("do not look");
      },
    });
    expect((await note({ value })).message).toContain("value: found an object, expected text");
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect((await note({ value: proxy })).message).toMatch(/value/);
  });

  it("with an endless list is refused before anybody walks along it", async () => {
    const bench = await openBench({ isolated: false });
    const input = { ...required.run_create, valid_agents: new Array(4_294_967_295) };
    const ask = () => bench.call(callerFor(bench, "run_create"), "run_create", input);
    expect((await expectRefusal(bench, ask, "invalid_input")).message).toMatch(
      /^valid_agents .* 4294967295 entries/,
    );
  });

  it("says an unknown run's name in short", async () => {
    const bench = await openBench({ isolated: false });
    const ask = () => bench.call(callerFor(bench, "run_read"), "run_read", { run_id: "r".repeat(100_000) });
    expect((await expectRefusal(bench, ask, "run_not_found")).message.length).toBeLessThan(100);
  });

  it("names a blank request by the tool's own key", async () => {
    const bench = await openBench({ isolated: false });
    const input = { ...required.run_create, original_request: " " };
    const ask = () => bench.call(callerFor(bench, "run_create"), "run_create", input);
    expect((await expectRefusal(bench, ask, "invalid_input")).message).toContain("original_request");
  });
});
