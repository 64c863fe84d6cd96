import type { TestPassSpec } from "../../src/core/spec.js";
import type { Judgement } from "../../src/core/verdict.js";
import { errored, judgeUnfinished } from "../judgement.js";
import { asReport, isRecord, type TestReport } from "../reports/report.js";
import type { Room } from "../room.js";
import { commandIn, execute } from "./run.js";

/** How the tests ended before the proposal. */
export type BaseRun = {
  /** Null where the base has none that can be read. */
  readonly report: TestReport | null;
  /** The runner exited with another code than 0. */
  readonly red: boolean;
};

/** Undefined when there is no base, or none whose tests anybody could name; errored when its tests could not be run. */
export const baseRun = (spec: TestPassSpec, room: Room): Promise<BaseRun | undefined | Judgement> =>
  untroubled(async () => asBaseRun(await room.cachedAtBase((base) => runAtBase(spec, base))));

/** The same with tests of the proposal laid over the base; known to nobody yet. */
export const baseRunWith = (
  spec: TestPassSpec,
  room: Room,
  paths: readonly string[],
): Promise<BaseRun | undefined | Judgement> =>
  untroubled(async () => {
    const base = await room.atBaseWith(paths);
    return base === undefined ? undefined : ((await runAtBase(spec, base)) ?? undefined);
  });

/** Null where the base has no test command, or one whose report cannot be read: kept, for it will never have one. */
export const runAtBase = async (
  spec: TestPassSpec,
  base: Room,
  only: readonly string[] = [],
): Promise<BaseRun | null> => {
  const command = await commandIn(spec, base, only);
  if ("outcome" in command) {
    if (command.reason === "toolchain_missing") throw new BaseTrouble(command);
    return null;
  }
  if (command.readReport === undefined) return null;
  const { execution, report = null } = await execute(command, base);
  const unfinished = judgeUnfinished(execution, command.program);
  if (unfinished !== undefined) throw new BaseTrouble(unfinished);
  return { report, red: execution.exitCode !== 0 };
};

// The room keeps what was found as an unknown value; a shape it does not have is as good as nothing.
export const asBaseRun = (value: unknown): BaseRun | undefined =>
  isRecord(value) && typeof value.red === "boolean"
    ? { red: value.red, report: asReport(value.report) ?? null }
    : undefined;

/** A base that could not be run is nothing to compare with today and may be tomorrow; thrown, it is not kept. */
class BaseTrouble extends Error {
  readonly judgement: Judgement;

  constructor({ message, hint = BASE_HINT, ...found }: Judgement) {
    super(message);
    const reason = found.reason === "toolchain_missing" ? found.reason : "room_failed";
    const told = `The tests could not be run at the base, to compare with: ${message}`;
    this.judgement = errored(reason, told, hint, found);
  }
}

const BASE_HINT =
  "Give the step a longer timeout, then resume the run. Where the base itself hangs or dies, judge the step by command_pass.";

/** A base that could not be run comes back as the judgement that says so. */
export const untroubled = async <T>(find: () => Promise<T>): Promise<T | Judgement> => {
  try {
    return await find();
  } catch (error) {
    if (error instanceof BaseTrouble) return error.judgement;
    throw error;
  }
};
