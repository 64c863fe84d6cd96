import { describe, expect, it } from "vitest";
import type { StoredEvent, TestsFound } from "../../../src/index.js";
import { eventTold, progressLine, testsTold } from "../../../src/ui/cli/describe.js";
import { verdictLines } from "../../../src/ui/tui/browser/step-lines.js";
import * as cast from "../../helpers/cast.js";

const run = (exitCode: number | null): TestsFound["runs"][number] => ({
  exitCode,
  counts: null,
  durationMs: 9,
  log: null,
});
const found = (over: Partial<TestsFound> = {}): TestsFound => ({
  runs: [run(0)],
  turnedGreen: null,
  retried: { count: 0, names: [] },
  canary: null,
  heldOut: null,
  ...over,
});

describe("what a verdict found out about its tests", () => {
  it("is silent where there is nothing to tell", () => {
    expect(testsTold(found())).toEqual([]);
  });

  it("tells each of several runs", () => {
    expect(testsTold(found({ runs: [run(0), run(1), run(null)] }))).toEqual([
      ["runs", "3: ok, exit 1, stopped"],
    ]);
  });

  it("tells what turned green, and how many of them have no name here", () => {
    expect(testsTold(found({ turnedGreen: { count: 3, names: ["a", "b"] } }))).toEqual([
      ["green", "3 turned: a, b and 1 more"],
    ]);
    expect(testsTold(found({ turnedGreen: { count: 0, names: [] } }))).toEqual([
      ["green", "nothing that was red at the base"],
    ]);
  });

  it("tells what passed on a second try only, and what became of the canary", () => {
    const retried = { count: 1, names: ["a"] };
    expect(testsTold(found({ retried, canary: "failed as it must" }))).toEqual([
      ["retried", "a"],
      ["canary", "failed as it must"],
    ]);
  });

  it("stands on the screen of a verdict, and stays harmless and within its columns", () => {
    const turnedGreen = { count: 2, names: ["a\u001b[2J", "b".repeat(60)] };
    const lines = verdictLines(cast.verdictWith({ tests: found({ turnedGreen }) }), 40);
    const text = lines.map((line) => line.map((part) => part.text).join(""));
    expect(text.some((line) => line.startsWith("green     2 turned: a"))).toBe(true);
    expect(text.join("")).not.toContain("\u001b");
    expect(text.every((line) => line.length <= 40)).toBe(true);
  });
});

describe("a line of progress", () => {
  const message = `${"Its tokens are used up. ".repeat(8)}Raise them: runledger budget run_1 --tokens N, then: runledger resume run_1`;
  const paused = { type: "run_paused", payload: { reason: "budget", message, stepId: null } } as StoredEvent;
  const told = (live: boolean) =>
    progressLine(
      {
        out: process.stdout,
        err: process.stderr,
        json: false,
        quiet: false,
        live,
        colour: false,
        columns: undefined,
        redact: (text) => text,
      },
      paused,
    );

  it("is whole where nobody watches, down to the last word of a command", () => {
    expect(told(false)).toBe(`‖ paused: ${message}`);
  });

  it("is cut where a person does", () => {
    expect(told(true)).toMatch(/^‖ paused: Its tokens.{140,150}…$/);
  });

  it("counts one as one", () => {
    const words = (type: string, payload: object) => eventTold({ type, payload } as StoredEvent).text;
    const plan = (steps: number) => words("plan_attached", { plan: { steps: Array(steps).fill({}) } });
    expect([plan(1), plan(2)]).toEqual(["a plan of 1 step", "a plan of 2 steps"]);
    expect(words("approval_requested", { intentId: "run_1.3", approvalsNeeded: 1 })).toBe(
      "run_1.3: waits for 1 approval",
    );
    expect(words("tracking_resumed", { checkpointId: null, blockedKeys: 1 })).toBe(
      "resumed from the journal alone; 1 side effect is blocked",
    );
  });
});
