import { describe, expect, it } from "vitest";
import type { Caller } from "../../src/core/commands.js";
import { allTools } from "../../tools/index.js";
import { requireToolAllowed } from "../../tools/profile-guard.js";
import { mayUse } from "../../tools/tool.js";
import { type Bench, openBench, planOfSteps, refusalOf, stepBy } from "../helpers/bench.js";
import { SESSION } from "../helpers/project.js";

/** One tool of a host for each profile; no other profile opens it. */
const sampleOf = {
  coding: "fs_edit",
  browser: "browser_navigate",
  knowledge: "save_learning",
} as const;
const foreign = [...Object.values(sampleOf), "payment_send", "exec ", "EXEC", "constructor", ""];

const working = async (profile: readonly string[]) => {
  const bench = await openBench({ isolated: false });
  const { runId } = await bench.create(planOfSteps(stepBy("a", "true", { tool_profile: profile })));
  const bound = { runId, stepId: "a" };
  await bench.call(bench.issue("coder"), "run_start_step", { run_id: runId, step_id: "a" });
  return { bench, runId, bound, agent: bench.issue("coder", bound) };
};

const allowed = async ({ ledger }: Bench, caller: Caller, tool: string): Promise<boolean> =>
  requireToolAllowed(ledger, caller, tool).then(
    () => true,
    (error: { name: string }) => {
      expect(error.name).toBe("LedgerError");
      return false;
    },
  );

describe("requireToolAllowed", () => {
  it.each([
    [["coding"], ["fs_edit"]],
    [["browser"], ["browser_navigate"]],
    [["knowledge"], ["save_learning"]],
    [["supervisor"], []],
    [
      ["coding", "knowledge"],
      ["fs_edit", "save_learning"],
    ],
  ])("opens with the profiles %j exactly %j of the host's tools", async (profile, expected) => {
    const { bench, agent } = await working(profile);
    const open: string[] = [];
    for (const tool of foreign) if (await allowed(bench, agent, tool)) open.push(tool);
    expect(open).toEqual(expected);
  });

  it("leaves every caller the run_* tools of its role, and no others", async () => {
    const { bench, agent } = await working(["supervisor"]);
    for (const caller of [agent, bench.issue("orchestrator", { role: "orchestrator" })])
      for (const tool of allTools)
        expect(await allowed(bench, caller, tool.name), `${caller.name} ${tool.name}`).toBe(
          mayUse(tool, caller),
        );
  });

  it("denies whoever is not the agent of that very attempt (W08, W56)", async () => {
    const { bench, bound, agent } = await working(["coding"]);
    expect(await allowed(bench, agent, "fs_edit")).toBe(true);
    expect(await allowed(bench, bench.issue("coder", { ...bound, attempt: 1 }), "fs_edit")).toBe(true);
    const others: Caller[] = [
      bench.issue("coder"),
      bench.issue("coder", { runId: bound.runId }),
      bench.issue("coder", { stepId: "a" }),
      bench.issue("coder", { ...bound, attempt: 2 }),
      bench.issue("coder", { ...bound, sessionKey: "elsewhere" }),
      bench.issue("coder", { ...bound, role: "human" }),
      bench.issue("reviewer", bound),
      bench.issue("coder", { ...bound, stepId: "ghost" }),
      bench.issue("coder", { ...bound, runId: "run_ghost" }),
      bench.issue("orchestrator", { ...bound, role: "orchestrator" }),
      { name: "coder", role: "executor", sessionKey: SESSION, ...bound },
    ];
    for (const other of others)
      expect(await allowed(bench, other, "fs_edit"), JSON.stringify(other)).toBe(false);
  });

  it("closes when the step is proposed, paused or over, and opens only for the step at work", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "true"), stepBy("b", "true")));
    const coder = bench.issue("coder");
    const agent = (stepId: string) => bench.issue("coder", { runId, stepId });
    const open = async () => [
      await allowed(bench, agent("a"), "exec"),
      await allowed(bench, agent("b"), "exec"),
    ];
    expect(await open()).toEqual([false, false]);
    await bench.call(coder, "run_start_step", { run_id: runId, step_id: "a" });
    expect(await open()).toEqual([true, false]);
    await bench.call(bench.issue("ada", { role: "human" }), "run_pause", { run_id: runId });
    expect(await open()).toEqual([false, false]);
    await bench.call(bench.issue("ada", { role: "human" }), "run_resume", { run_id: runId });
    await bench.call(coder, "run_propose_step_result", { run_id: runId, step_id: "a", result: "x" });
    expect(await open()).toEqual([false, false]);
  });

  it("says what is refused and why", async () => {
    const { bench, agent } = await working(["browser"]);
    const refusal = await refusalOf(requireToolAllowed(bench.ledger, agent, "exec"));
    expect(refusal).toMatchObject({ code: "access_denied", message: expect.stringContaining("exec") });
    expect(refusal.hint).toContain("tool_profile");
  });
});
