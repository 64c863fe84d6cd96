import { describe, expect, it } from "vitest";
import type { Caller } from "../../src/core/commands.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { allTools, toolsFor } from "../../tools/index.js";
import { bindTool, type ToolHost } from "../../tools/tool.js";
import { type Bench, expectRefusal, openBench, planOfSteps, stepBy } from "../helpers/bench.js";
import { SESSION } from "../helpers/project.js";

type Kind =
  | "orchestrator"
  | "owner"
  | "not owner"
  | "human"
  | "human elsewhere"
  | "orchestrator elsewhere"
  | "owner elsewhere"
  | "look-alike orchestrator"
  | "look-alike owner"
  | "look-alike engine";
type Expected = "ok" | ErrorCode;

const callerOf = ({ issue, engine }: Bench, kind: Kind): Caller => {
  switch (kind) {
    case "orchestrator":
      return issue("orchestrator", { role: "orchestrator" });
    case "owner":
      return issue("coder");
    case "not owner":
      return issue("reviewer");
    case "human":
      return issue("ada", { role: "human" });
    case "human elsewhere":
      return issue("ada", { role: "human", sessionKey: "elsewhere" });
    case "orchestrator elsewhere":
      return issue("orchestrator", { role: "orchestrator", sessionKey: "elsewhere" });
    case "owner elsewhere":
      return issue("coder", { sessionKey: "elsewhere" });
    case "look-alike orchestrator":
      return { name: "orchestrator", role: "orchestrator", sessionKey: SESSION };
    case "look-alike owner":
      return { name: "coder", role: "executor", sessionKey: SESSION };
    case "look-alike engine":
      return { ...engine };
  }
};

/** A run in which the tool would work for whoever may use it. */
type Scene = { prepare: (bench: Bench) => Promise<string>; input: (runId: string) => unknown };

const owner = ({ issue }: Bench) => issue("coder");
const orchestrator = ({ issue }: Bench) => issue("orchestrator", { role: "orchestrator" });

const ready = async (bench: Bench) => (await bench.create(planOfSteps(stepBy("a", "exit 7")))).runId;
const started = async (bench: Bench) => {
  const runId = await ready(bench);
  await bench.call(owner(bench), "run_start_step", { run_id: runId, step_id: "a" });
  return runId;
};
const refused = async (bench: Bench) => {
  const runId = await started(bench);
  await bench.call(owner(bench), "run_propose_step_result", { run_id: runId, step_id: "a", result: "done" });
  return runId;
};
const awaiting = async (bench: Bench) => {
  const plan = planOfSteps({ ...stepBy("a", ""), validator: { type: "orchestrator_approval" } });
  const { runId } = await bench.create(plan);
  await bench.call(owner(bench), "run_start_step", { run_id: runId, step_id: "a" });
  await bench.call(owner(bench), "run_propose_step_result", { run_id: runId, step_id: "a", result: "done" });
  return runId;
};
const paused = async (bench: Bench) => {
  const runId = await ready(bench);
  await bench.call(orchestrator(bench), "run_pause", { run_id: runId });
  return runId;
};

const onStep = (more: object) => (runId: string) => ({ run_id: runId, step_id: "a", ...more });
const onRun = (runId: string) => ({ run_id: runId });

const intent = { destination: "mail", policy: "p", payload: "hello", idempotency_key: "k" };

const scenes: Record<string, Scene> = {
  run_create: {
    prepare: async () => "",
    input: () => ({
      plan_json: JSON.stringify(planOfSteps(stepBy("a", "true"))),
      session_key: SESSION,
      original_request: "please",
    }),
  },
  run_apply_policy: { prepare: refused, input: onStep({ action: "retry", reason: "again" }) },
  run_approve_step: { prepare: awaiting, input: onStep({}) },
  run_pause: { prepare: ready, input: onRun },
  run_resume: { prepare: paused, input: onRun },
  run_start_step: { prepare: ready, input: onStep({}) },
  run_propose_step_result: { prepare: started, input: onStep({ result: "done" }) },
  intent_propose: { prepare: started, input: (runId) => ({ run_id: runId, ...intent }) },
  intent_status: {
    prepare: async (bench) => {
      const run_id = await started(bench);
      const { intent_id } = await bench.call(owner(bench), "intent_propose", { run_id, ...intent });
      return String(intent_id);
    },
    input: (intentId) => ({ run_id: intentId.split(".")[0], intent_id: intentId }),
  },
  run_read: { prepare: started, input: onRun },
  run_active: { prepare: started, input: onRun },
  run_note: { prepare: ready, input: (runId) => ({ run_id: runId, key: "k", value: "v" }) },
};

const nobodyElse = {
  "look-alike orchestrator": "access_denied",
  "look-alike owner": "access_denied",
  "look-alike engine": "access_denied",
} as const;
const forOrchestrators: Record<Kind, Expected> = {
  orchestrator: "ok",
  human: "ok",
  "human elsewhere": "ok",
  "orchestrator elsewhere": "session_mismatch",
  owner: "access_denied",
  "not owner": "access_denied",
  "owner elsewhere": "access_denied",
  ...nobodyElse,
};
const forOwners: Record<Kind, Expected> = {
  owner: "ok",
  "not owner": "step_not_yours",
  "owner elsewhere": "session_mismatch",
  orchestrator: "access_denied",
  human: "access_denied",
  "human elsewhere": "access_denied",
  "orchestrator elsewhere": "access_denied",
  ...nobodyElse,
};
const forAll: Record<Kind, Expected> = {
  orchestrator: "ok",
  owner: "ok",
  "not owner": "ok",
  human: "ok",
  "human elsewhere": "ok",
  "orchestrator elsewhere": "session_mismatch",
  "owner elsewhere": "session_mismatch",
  ...nobodyElse,
};

const matrix: Record<string, Record<Kind, Expected>> = {
  run_create: { ...forOrchestrators, "human elsewhere": "session_mismatch" },
  run_apply_policy: forOrchestrators,
  run_approve_step: forOrchestrators,
  run_pause: forOrchestrators,
  run_resume: forOrchestrators,
  run_start_step: forOwners,
  run_propose_step_result: forOwners,
  intent_propose: { ...forOwners, "not owner": "ok" },
  intent_status: { ...forOwners, "not owner": "ok" },
  run_read: forAll,
  run_active: forAll,
  run_note: forAll,
};

/** Touching anything of it but the check of credentials ends the test. */
const untouchable = ({ ledger }: Bench): ToolHost => {
  const guarded = <T extends object>(value: T, open: readonly string[]): T =>
    new Proxy(value, {
      get: (target, key) => {
        if (!open.includes(String(key))) throw new Error(`${String(key)} was read for a refused call`);
        return Reflect.get(target, key);
      },
    });
  return {
    ledger: guarded(ledger, ["check"]),
    pev: guarded({} as ToolHost["pev"], []),
    settleMs: 0,
    noteRefusal: async () => undefined,
    stopAtBudget: async () => undefined,
    duties: { expire: async () => undefined, approveBeforehand: async () => undefined },
  };
};

describe("who may use which tool", () => {
  it("is said here of every tool there is", () => {
    expect(Object.keys(matrix).sort()).toEqual(allTools.map(({ name }) => name).sort());
  });

  it.each(Object.entries(matrix))("%s", async (name, row) => {
    const bench = await openBench({ isolated: false });
    const { prepare, input } = scenes[name] ?? expect.unreachable(`no scene for ${name}`);
    const cells = Object.entries(row) as [Kind, Expected][];
    const first = await prepare(bench);
    for (const [kind, expected] of cells) {
      if (expected === "ok") continue;
      const said = await expectRefusal(
        bench,
        () => bench.call(callerOf(bench, kind), name, input(first)),
        expected,
      );
      expect(said.message, kind).not.toContain("undefined");
    }
    for (const [kind, expected] of cells) {
      if (expected !== "ok") continue;
      const runId = await prepare(bench);
      await expect(bench.call(callerOf(bench, kind), name, input(runId)), kind).resolves.toBeDefined();
    }
  });

  it("is shown by toolsFor, which lists no tool that its caller's role is refused", async () => {
    const bench = await openBench({ isolated: false });
    for (const [kind, role] of [
      ["orchestrator", ["orchestrator", "shared"]],
      ["human", ["orchestrator", "shared"]],
      ["owner", ["execution", "shared"]],
      ["look-alike engine", []],
    ] as const) {
      const shown = toolsFor(callerOf(bench, kind), bench.host).map((tool) => tool.name);
      const expected = allTools.filter((tool) => role.some((one) => one === tool.role));
      expect(shown, kind).toEqual(expected.map((tool) => tool.name));
    }
  });

  it("is decided before the ledger or the project is touched", async () => {
    const bench = await openBench({ isolated: false });
    for (const tool of allTools) {
      const strangers = (["owner", "orchestrator", "human", "look-alike orchestrator"] as const).filter(
        (kind) => matrix[tool.name]?.[kind] === "access_denied",
      );
      for (const kind of strangers) {
        const bound = bindTool(tool, callerOf(bench, kind), untouchable(bench));
        await expect(
          bound.call(scenes[tool.name]?.input("run_x")),
          `${kind} ${tool.name}`,
        ).rejects.toMatchObject({ code: "access_denied" });
      }
    }
  });

  it("a credential that is bound to one run, step or attempt opens no other", async () => {
    const bench = await openBench({ isolated: false });
    const plan = planOfSteps(stepBy("a", "true"), stepBy("b", "true", { depends_on: ["a"] }));
    const { runId } = await bench.create(plan);
    const other = await ready(bench);
    const start = (bound: Partial<Caller>, run = runId) =>
      bench.call(bench.issue("coder", bound), "run_start_step", { run_id: run, step_id: "a" });
    await expectRefusal(bench, () => start({ runId: other }), "access_denied");
    await expectRefusal(bench, () => start({ runId, stepId: "b" }), "access_denied");
    await expectRefusal(bench, () => start({ runId, stepId: "a", attempt: 2 }), "step_not_yours");
    const reader = bench.issue("coder", { runId });
    await expectRefusal(bench, () => bench.call(reader, "run_read", { run_id: other }), "access_denied");
    await expect(start({ runId, stepId: "a", attempt: 1 })).resolves.toMatchObject({ attempt: 1 });
  });
});
