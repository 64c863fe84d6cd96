import { randomUUID } from "node:crypto";
import type { TestPassSpec } from "../../src/core/spec.js";
import type { Judgement } from "../../src/core/verdict.js";
import { errored, evidenceOf, failed } from "../judgement.js";
import { outcomesOf, type TestReport } from "../reports/report.js";
import type { Room } from "../room.js";
import { canaryName } from "../toolchains/canary-files.js";
import type { Canary } from "../toolchains/command.js";
import { commandIn, execute, type TestRun } from "./run.js";

/** What the verdict says of it. */
const SANG = "failed as it must";
const notRun = (why: string): string => `not run: ${why}`;

/** Files whose tests are run once more beside the canary, at most. */
const FILES_MAX = 8;

/**
 * A test of ours that must fail, run where the real ones ran: a copy of a test file with one more test behind its own, which
 * tries every assertion it knows and fails. Code that makes assertions pass, leaves early or tells a report of its own does
 * not know its name. Answers what the verdict says of it, or the judgement that it did not fail.
 */
export const canaryOf = async (
  spec: TestPassSpec,
  { command, report }: TestRun,
  green: readonly string[],
  room: Room,
): Promise<string | Judgement> => {
  if (spec.params.canary === false) return notRun("the plan does without it");
  if (report === undefined) return notRun("the report of this runner cannot be read");
  if (command.canaryFor === undefined) return notRun("there is none for this runner");
  if (room.lay === undefined) return notRun("without workspace isolation nothing is laid beside your tests");
  const canaries: Laid[] = [];
  for (const file of filesFor(report, green)) {
    const token = `t${randomUUID().replaceAll("-", "").slice(0, 15)}`;
    const canary = await command.canaryFor(file, token);
    if (canary !== undefined) canaries.push({ ...canary, file, token });
  }
  const laid = await room.lay(canaries.map(({ path, text }) => fileOf(path, text)));
  if (canaries.length === 0 || !laid) return notRun("no test file was found that it could be laid beside");
  return heard(spec, canaries, room);
};

type Laid = Canary & { readonly file: string; readonly token: string };

/** Where work was shown there is most to gain by a trick; one more file says whether the others mean anything. */
const filesFor = ({ tests }: TestReport, green: readonly string[]): readonly string[] => {
  const ids = new Set(green);
  const passing = tests.filter(({ outcome }) => outcome === "passed");
  const files = (of: typeof passing) => [...new Set(of.map(({ file }) => file))];
  const first = files(passing.filter(({ id }) => ids.has(id))).slice(0, FILES_MAX - 1);
  const others = files(passing).filter((file) => !first.includes(file));
  return [...first, ...others.slice(0, first.length === 0 ? FILES_MAX : 1)];
};

/** One that nobody heard of may have been cut off by another that failed, where runners stop at the first: it runs alone then. */
const heard = async (
  spec: TestPassSpec,
  canaries: readonly Laid[],
  room: Room,
): Promise<string | Judgement> => {
  const together = await runOf(spec, canaries, room);
  let sang = 0;
  let silent = "";
  for (const canary of canaries) {
    const cutOff = canaries.length > 1 && soundOf(canary, together) === "unknown";
    const run = cutOff ? await runOf(spec, [canary], room) : together;
    const sound = soundOf(canary, run);
    // Held-out tests may have run in the same package; what they printed is not for agents.
    const told = spec.params.heldOut === undefined ? run : undefined;
    if (sound === "failed") sang += 1;
    else if (run?.execution.timedOut) return outOfTime(canary, told);
    else if (sound === "passed" || (await singsAtBase(spec, canary, sound, room)))
      return mute(canary, sound, told);
    else silent = canary.file;
  }
  if (sang > 0) return SANG;
  return notRun(`beside ${silent} the runner does not find it, or cannot load it`);
};

/**
 * Unknown: the run failed without a word about it, as when a copied test file cannot be loaded a second time; or as when code
 * that has passed once leaves at once, lest it be heard.
 */
type Sound = "failed" | Unsung;
type Unsung = "passed" | "silent" | "unknown";

const soundOf = ({ token }: Laid, run: TestRun | undefined): Sound => {
  const outcomes = run?.report === undefined ? [] : [...outcomesOf(run.report)];
  const ours = outcomes.filter(([id]) => id.includes(canaryName(token))).map(([, outcome]) => outcome);
  if (ours.includes("failed")) return run?.execution.exitCode === 0 ? "passed" : "failed";
  if (ours.includes("passed")) return "passed";
  return run?.execution.exitCode === 0 ? "silent" : "unknown";
};

const runOf = async (
  spec: TestPassSpec,
  canaries: readonly Laid[],
  room: Room,
): Promise<TestRun | undefined> => {
  const only = canaries.map(({ path }) => path);
  const command = await commandIn(spec, room, only);
  return "outcome" in command ? undefined : execute(command, room);
};

/**
 * Of a runner that passes over such a file before the work too, nobody can say that the work silenced it. Neither can they of
 * a copy that cannot be loaded there, or not a second time, when what the first one left lies there.
 */
const singsAtBase = async (spec: TestPassSpec, canary: Laid, sound: Sound, room: Room): Promise<boolean> => {
  const base = await room.atBase();
  const text = sound === "silent" ? canary.alone : canary.text;
  if (base === undefined || !(await base.lay?.([fileOf(canary.path, text)]))) return false;
  const sings = async () => soundOf(canary, await runOf(spec, [canary], base)) === "failed";
  return (await sings()) && (sound === "silent" || (await sings()));
};

/** Whether time was short or somebody took it is not to be told from outside. */
const outOfTime = ({ file }: Laid, run: TestRun | undefined): Judgement =>
  errored(
    "room_failed",
    `The time limit was reached while a test of ours that must fail ran beside the tests of ${file}.`,
    "Give the step a longer timeout, or say canary: false in the plan, then resume the run.",
    run === undefined ? {} : evidenceOf(run.execution),
  );

const mute = ({ file }: Laid, sound: Unsung, run: TestRun | undefined): Judgement => {
  const what = TOLD[sound];
  const message = `A test of ours that must fail ${what} beside the tests of ${file}: what they say proves nothing.`;
  const hint =
    "Leave assertions, the test runner and its process as they are; where a project needs it so, the plan can say canary: false.";
  return { ...failed("canary_passed", message, run === undefined ? {} : evidenceOf(run.execution)), hint };
};

const TOLD = {
  passed: "was not reported as failed",
  silent: "was not reported at all",
  unknown: "was not reached, though it is at the base,",
} satisfies Record<Unsung, string>;

const fileOf = (path: string, text: string) => ({ path, bytes: Buffer.from(text) });
