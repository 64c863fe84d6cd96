import type { TestPassSpec } from "../../src/core/spec.js";
import type { Judgement } from "../../src/core/verdict.js";
import { failed } from "../judgement.js";
import { outcomesOf, type TestReport } from "../reports/report.js";
import type { Room } from "../room.js";
import { type BaseRun, baseRunWith } from "./base.js";
import type { TestRun } from "./run.js";

/**
 * Tests that pass now and did not pass at the base: they failed there, or their file could not be loaded. Where a failed
 * base has no report at all (its tests do not compile), none of them passed. One that the base does not have is no such test.
 */
export const turnedGreen = ({ report: base, red }: BaseRun, now: TestReport): readonly string[] => {
  const passing = [...outcomesOf(now)].filter(([, outcome]) => outcome === "passed").map(([id]) => id);
  if (base === null) return red ? passing : [];
  const before = outcomesOf(base);
  const broken = new Set(base.brokenFiles);
  const fileOf = new Map(now.tests.map(({ id, file }) => [id, file]));
  return passing.filter((id) => {
    const outcome = before.get(id);
    return outcome === "failed" || (outcome === undefined && broken.has(fileOf.get(id) ?? ""));
  });
};

/** Tests that the proposal brings, and that fail without its work: laid over the base they did not pass. */
export const redOfItsOwn = async (
  spec: TestPassSpec,
  { command, report }: TestRun,
  base: BaseRun | undefined,
  room: Room,
): Promise<readonly string[] | Judgement> => {
  if (report === undefined || base === undefined) {
    const what = report === undefined ? "the report of this runner cannot be read" : "there is no base";
    return failed("vacuous", `Whether any test failed before is unknown, for ${what}.`);
  }
  const known = new Set(base.report?.tests.map(({ id }) => id));
  const added = report.tests.filter(({ id, outcome }) => outcome === "passed" && !known.has(id));
  if (added.length === 0) return failed("vacuous", "No test that passes now had failed at the base.");
  const { isSource = (path: string, file: string) => path === file } = command;
  const files = [...new Set(added.map(({ file }) => file))];
  const changed = (await room.changedFiles()).filter(({ change }) => change !== "deleted");
  const paths = changed.map(({ path }) => path).filter((path) => files.some((file) => isSource(path, file)));
  const laid = await baseRunWith(spec, room, paths);
  if (laid !== undefined && "outcome" in laid) return laid;
  const addedIds = new Set(added.map(({ id }) => id));
  const green = laid === undefined ? [] : turnedGreen(laid, report).filter((id) => addedIds.has(id));
  if (green.length > 0) return green;
  return failed(
    "vacuous",
    "No test that passes now had failed at the base, and the new ones pass there too, without the change.",
  );
};
