import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { LedgerError } from "../../src/core/errors.js";
import { allTools } from "../../tools/index.js";
import { mcpAnswer, mcpRefusal, mcpTools, withKey } from "../../tools/mcp.js";
import { openBench, planOfSteps, stepBy } from "../helpers/bench.js";
import { SESSION } from "../helpers/project.js";

const orchestrators = mcpTools("orchestrator");
const executors = mcpTools("executor");
const names = (tools: readonly { name: string }[]) => tools.map(({ name }) => name);

describe("the tools as the protocol lists them", () => {
  it("are those of the role, and no others", () => {
    expect(names(orchestrators)).toEqual([
      ...["run_create", "run_apply_policy", "run_approve_step", "run_pause", "run_resume"],
      ...["run_read", "run_active", "run_note"],
    ]);
    expect(names(executors)).toEqual([
      ...["run_start_step", "run_propose_step_result", "intent_propose", "intent_status"],
      ...["run_read", "run_active", "run_note"],
    ]);
    expect(new Set([...names(orchestrators), ...names(executors)])).toEqual(new Set(names(allTools)));
  });

  it.each([...orchestrators, ...executors])("$name says what it is, takes and gives", (tool) => {
    expect(tool.title).toMatch(/^[A-Z]/);
    expect(tool.description.length).toBeGreaterThan(40);
    const ajv = new Ajv2020({ strict: false });
    expect(() => ajv.compile(tool.outputSchema)).not.toThrow();
    const takes = ajv.compile(tool.inputSchema);
    const whole = { run_id: "r", step_id: "s", result: "x", action: "retry", reason: "y", key: "k" };
    const made = { plan_json: "{}", session_key: "s", original_request: "please" };
    const sent = { destination: "mail", policy: "p", payload: "x", idempotency_key: "k", intent_id: "r.2" };
    const known = Object.fromEntries(
      Object.entries({ ...whole, ...made, ...sent }).filter(
        ([key]) => key in ((tool.inputSchema.properties as object | undefined) ?? {}),
      ),
    );
    expect(takes(known), JSON.stringify(takes.errors)).toBe(true);
    expect(takes({ ...known, nobody_knows: 1 })).toBe(false);
  });

  it("tell what reads, what may end work, and what may be asked twice", () => {
    const hinted = (hint: "readOnlyHint" | "destructiveHint" | "idempotentHint") =>
      new Set(names([...orchestrators, ...executors].filter(({ annotations }) => annotations[hint])));
    expect(hinted("readOnlyHint")).toEqual(new Set(["run_read", "run_active", "intent_status"]));
    expect(hinted("destructiveHint")).toEqual(new Set(["run_apply_policy"]));
    expect(hinted("idempotentHint").has("run_create")).toBe(false);
  });

  it("answer what their output schema says, in text and as a structure", async () => {
    const bench = await openBench({ isolated: false });
    const leader = bench.issue("orchestrator", { role: "orchestrator" });
    const coder = bench.issue("coder");
    const check = async (caller: typeof leader, name: string, input: object) => {
      const value = await bench.call(caller, name, input);
      const { content, structuredContent } = mcpAnswer(value);
      expect(JSON.parse(content[0]?.text ?? "")).toEqual(structuredContent);
      const tool = [...orchestrators, ...executors].find((one) => one.name === name);
      const gives = new Ajv2020({ strict: false }).compile(tool?.outputSchema ?? {});
      expect(gives(structuredContent), `${name}: ${JSON.stringify(gives.errors)}`).toBe(true);
      return value;
    };
    const plan_json = JSON.stringify(planOfSteps(stepBy("a", "exit 7")));
    const asked = { plan_json, session_key: SESSION, original_request: "please" };
    const { run_id } = await check(leader, "run_create", asked);
    const step = { run_id, step_id: "a" };
    await check(leader, "run_active", { run_id });
    await check(coder, "run_start_step", step);
    await check(coder, "run_propose_step_result", { ...step, result: "done" });
    const sent = { destination: "mail", policy: "p", payload: "hello", idempotency_key: "k" };
    const { intent_id } = await check(coder, "intent_propose", { run_id, ...sent });
    await check(coder, "intent_status", { run_id, intent_id });
    await check(leader, "run_read", { run_id });
    await check(leader, "run_apply_policy", { ...step, action: "retry", reason: "again" });
    await check(leader, "run_note", { run_id, key: "k" });
    await check(leader, "run_pause", { run_id });
    await check(leader, "run_resume", { run_id });
  });
});

describe("a refusal", () => {
  it("says code, sentence and what to do next, in words alone", () => {
    const error = new LedgerError("step_not_yours", "It is another's.", { hint: "Ask for it." });
    expect(mcpRefusal(error)).toEqual({
      content: [{ type: "text", text: "error [step_not_yours]: It is another's.\nNext: Ask for it." }],
      isError: true,
    });
  });

  it("has a next step whatever it is", () => {
    for (const error of [new LedgerError("seq_conflict", "Late."), new Error("odd"), "odder"])
      expect(mcpRefusal(error).content[0]?.text).toMatch(/\nNext: Call run_read/);
    expect(mcpRefusal(new LedgerError("invalid_input", "Odd.")).content[0]?.text).toMatch(/\nNext: Mend/);
  });

  it("of a plan names every defect", () => {
    const defects = [
      { path: "steps[0].id", found: "nothing", expected: "an id" },
      { path: "goal", found: "a number", expected: "text" },
    ];
    const error = new LedgerError("validation_failed", "2 defects.", { details: { defects } });
    expect(mcpRefusal(error).content[0]?.text).toContain(
      "\n- steps[0].id: found nothing, expected an id\n- goal: found a number, expected text",
    );
  });
});

describe("a call that changes something", () => {
  it("gets a key where it has none, and keeps its own", () => {
    expect(withKey("run_pause", { run_id: "r" }, "k")).toEqual({ run_id: "r", idempotency_key: "k" });
    expect(withKey("run_pause", { idempotency_key: "own" }, "k")).toEqual({ idempotency_key: "own" });
  });

  it("alone does", () => {
    expect(withKey("run_read", { run_id: "r" }, "k")).toEqual({ run_id: "r" });
    expect(withKey("no_such_tool", {}, "k")).toEqual({});
    expect(withKey("run_pause", "odd", "k")).toBe("odd");
    for (const { name, readOnly, input } of allTools)
      expect("idempotency_key" in input.shape, name).toBe(!readOnly);
  });
});
