import { describe, expect, it } from "vitest";
import { findStep, type Run } from "../../../src/core/run.js";
import type { Limits } from "../../../src/core/walls.js";
import { heldByWalls } from "../../../src/pev/at-a-wall.js";
import { openWalls } from "../../../src/pev/walls/walls.js";
import { errored, failed, passed } from "../../../validators/judgement.js";
import { type BenchOptions, openBench, planOfSteps, sample, stepBy } from "../../helpers/bench.js";
import { began } from "../../helpers/driving.js";
import { buggySum } from "../../helpers/project.js";
import { WIDE, wideWalls } from "../../helpers/walls.js";

const MIB = 1024 ** 2;
const EAT = `const held = [];
const eat = () => { held.push(Buffer.alloc(8 * ${MIB}, 1)); if (held.length < 64) setTimeout(eat, 20); };
eat();
`;

/** Agents' workspaces are set up by the same commands, elsewhere. */
const INSIDE_A_ROOM = `case "$PWD" in */workspaces/*) ;; *) exec node eat.mjs;; esac`;

const judged = async (plan: unknown, limits: Partial<Limits>, options: BenchOptions = {}): Promise<Run> => {
  const walls = openWalls({ ...WIDE, ...limits });
  const bench = await openBench({ ...options, project: { walls, ...options.project } });
  const { runId, steps } = await bench.create(plan);
  const on = { run_id: runId, step_id: steps[0]?.spec.id };
  await bench.call(bench.issue("coder"), "run_start_step", on);
  await bench.call(bench.issue("coder"), "run_propose_step_result", { ...on, result: "done" });
  return bench.ledger.load(runId);
};
const verdictOf = (run: Run) => {
  const state = findStep(run, run.steps[0]?.spec.id ?? "")?.state;
  if (state?.status === "verify_pending") return state.lastError;
  return state !== undefined && "verdict" in state ? state.verdict : undefined;
};
const withEat = { files: { ...buggySum, "eat.mjs": EAT } };

const gap = await wideWalls.gap();
it.skipIf(gap !== null)(
  `a verdict of a room with real walls says level 2 (${gap ?? "control groups"})`,
  async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": "isolation: { maximum: 2 }\n" });
    const app = await shop.open({ coder: () => "done" });
    const { run } = await app.drive(await began(app, planOfSteps(stepBy("a", "true"))));
    expect(verdictOf(run)).toMatchObject({ outcome: "passed", isolationLevel: 2 });
  },
);

describe.skipIf(process.platform !== "linux")("a judge at a wall (read from /proc, so on Linux only)", () => {
  it("of memory has not failed: no attempt is lost, and a person is told what to raise", async () => {
    const plan = planOfSteps(stepBy("a", "node eat.mjs"));
    const run = await judged(plan, { memoryBytes: 128 * MIB }, withEat);
    expect(verdictOf(run)).toMatchObject({
      outcome: "errored",
      reason: "out_of_memory",
      message: `"sh" was ended, for it needed more memory than limits.memory allows (128MiB).`,
      hint: expect.stringMatching(/raise limits\.memory in runledger\.yaml/),
      command: ["sh", "-c", "node eat.mjs"],
    });
    expect(run.state).toMatchObject({ status: "paused" });
    expect(run.steps[0]).toMatchObject({ attempt: 1, state: { status: "verify_pending" } });
  });

  it("of processes has failed, with the wall in the message", async () => {
    const forks = "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 600 & done; wait";
    const run = await judged(planOfSteps(stepBy("a", forks)), { processes: 10 });
    expect(verdictOf(run)).toMatchObject({
      outcome: "failed",
      reason: "limit_reached",
      message: expect.stringMatching(/more processes and threads than limits\.processes allows \(10\)/),
    });
  });

  it("while the room is prepared is errored, whichever it is", async () => {
    const options = { ...withEat, project: { setup: [["sh", "-c", INSIDE_A_ROOM]] } };
    const run = await judged(planOfSteps(stepBy("a", "true")), { memoryBytes: 128 * MIB }, options);
    expect(verdictOf(run)).toMatchObject({
      outcome: "errored",
      reason: "out_of_memory",
      provision: [{ outcome: "failed", what: expect.stringMatching(/limits\.memory allows \(128MiB\)/) }],
    });
  });
});

describe("what was ended at a wall", () => {
  const reached = { wall: { wall: "files", limit: 100 }, noSpace: false } as const;

  it("never passes, and what was errored stays so", () => {
    expect(heldByWalls(passed("fine"), reached)).toMatchObject({
      outcome: "failed",
      reason: "limit_reached",
      message: `"What the judge started" was ended, for it made more files than limits.files allows (100).`,
    });
    expect(heldByWalls(errored("room_failed", "the base hangs", "wait"), reached)).toMatchObject({
      outcome: "errored",
      reason: "room_failed",
    });
  });

  it("on a full disk has not failed, but may have passed", () => {
    const full = { wall: null, noSpace: true };
    expect(heldByWalls(failed("check_failed", "exit 1"), full)).toMatchObject({
      outcome: "errored",
      reason: "no_space",
      message: "The disk was full while the work was judged: exit 1",
      hint: "Free disk space, then resume the run.",
    });
    expect(heldByWalls(passed("fine"), full)).toMatchObject({ outcome: "passed" });
  });
});
