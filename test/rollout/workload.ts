import { expect } from "vitest";
import { isLedgerError } from "../../src/core/errors.js";
import { type HostChange, type HostRun, HostRunStatus, HostStepStatus } from "../../src/core/reported.js";
import type { HostQuery, NewHostRun } from "../../src/rollout/projection.js";
import type { Rollout } from "../../src/rollout/rollout.js";
import type { RolloutSettings, StageChange } from "../../src/rollout/stage.js";
import { hostStep } from "../helpers/cast.js";
import { randomFrom } from "../helpers/sweep.js";
import { type Faults, listed } from "./hosts.js";

/** A host that does whatever hosts do, at random, while the ledger is rolled out under it and back again. */
export type Workload = {
  readonly seed: number;
  readonly operations: number;
  /** The host's object under these settings, as a process has it that has just been started. */
  readonly open: (settings: RolloutSettings) => Rollout;
  readonly faults: { readonly ledger: Faults; readonly table: Faults };
};

/** There and back again, one stage at a time, and once more as far as reading the ledger: it has old news by then. */
const TOUR = [
  ...Array<"advance">(4).fill("advance"),
  ...Array<"retreat">(4).fill("retreat"),
  ...Array<"advance">(3).fill("advance"),
];

export type Tally = { readonly stages: string[]; done: number; faults: number; refused: number };

export const work = async ({ seed, operations, open, faults }: Workload): Promise<Tally> => {
  const next = randomFrom(seed);
  const model = new Map<string, HostRun>();
  let settings: RolloutSettings = {
    enabled: false,
    shadow: false,
    writeThrough: false,
    authoritativeRead: false,
    projectionRetired: false,
  };
  const tally: Tally = { stages: [], done: 0, faults: 0, refused: 0 };
  const legs = [...TOUR, "end" as const];
  for (const [leg, direction] of legs.entries()) {
    const rollout = open(settings);
    tally.stages.push(rollout.stage);
    await compareAll(rollout, model);
    const until = Math.floor((operations * (leg + 1)) / legs.length);
    for (; tally.done < until; tally.done += 1) {
      const at = `operation ${tally.done} of seed ${seed} at ${rollout.stage}`;
      await once({ rollout, model, next, faults, tally, at });
    }
    await compareAll(rollout, model);
    if (direction !== "end") settings = changed(settings, await move(rollout, direction, tally));
  }
  return tally;
};

const changed = (settings: RolloutSettings, { changes }: StageChange): RolloutSettings => ({
  ...settings,
  ...Object.fromEntries(changes.map(({ key, value }) => [key.slice("runLedger.".length), value])),
});

/** A person who reads the hint: what blocks is replayed, then it goes on. */
const move = async (
  rollout: Rollout,
  direction: "advance" | "retreat",
  tally: Tally,
): Promise<StageChange> => {
  if (direction === "retreat") {
    const { replayed, ...change } = await rollout.retreat();
    expect(replayed.failed).toEqual([]);
    return change;
  }
  try {
    return await rollout.advance();
  } catch (error) {
    if (!isLedgerError(error, "rollout_blocked")) throw error;
    tally.refused += 1;
    expect((await rollout.replay()).failed).toEqual([]);
    return rollout.advance();
  }
};

type Turn = {
  readonly rollout: Rollout;
  readonly model: Map<string, HostRun>;
  readonly next: () => number;
  readonly faults: Workload["faults"];
  readonly tally: Tally;
  readonly at: string;
};

const once = async (turn: Turn): Promise<void> => {
  const { rollout, model, next, at } = turn;
  const id = next() < 0.15 || model.size === 0 ? await create(turn) : await change(turn);
  if (id !== undefined) expect(await rollout.read(id), at).toEqual(model.get(id));
  expect(await rollout.read(`ghost ${Math.floor(next() * 10)}`), at).toBeUndefined();
  const query = queryOf(next, [...model.keys()]);
  expect(await rollout.list(query), at).toEqual(listed([...model.values()], query));
};

const NAMES = ["plain", "with blanks and / slashes", "größer als ASCII ✓", "-dash", "."];

const create = async ({ rollout, model, next, faults, tally }: Turn): Promise<string | undefined> => {
  const count = model.size;
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
  const given: NewHostRun = {
    kind: pick(["workflow", "background"]),
    sessionKey: pick(["session-1", "session-2"]),
    name: pick(NAMES),
    request: pick(["", "please"]),
    ...(next() < 0.5 ? { id: `${pick(NAMES)} ${count}`.slice(0, 60) } : {}),
    ...(next() < 0.5 ? { descriptor: { count, list: [null, true, "x"] } } : {}),
    ...(next() < 0.3 ? { status: "pending" } : {}),
    steps: Array.from({ length: Math.floor(next() * 4) }, (_, index) =>
      hostStep(`s${index}`, { dependsOn: index === 0 ? [] : [`s${index - 1}`] }),
    ),
  };
  const written = await withFault({ faults, next, tally, rollout }, () => rollout.create(given));
  if (written === undefined) return undefined;
  const { run } = written;
  const { id, createdAt } = run;
  model.set(id, {
    id,
    createdAt,
    kind: given.kind,
    sessionKey: given.sessionKey,
    name: given.name,
    request: given.request,
    descriptor: given.descriptor ?? null,
    status: given.status ?? "running",
    result: "",
    error: "",
    steps: [...(given.steps ?? [])],
  });
  if (given.id !== undefined) expect(id).toBe(given.id);
  return id;
};

const ENDED: readonly HostRun["status"][] = ["completed", "failed", "cancelled"];

const change = async ({ rollout, model, next, faults, tally }: Turn): Promise<string | undefined> => {
  const ids = [...model.keys()];
  const id = ids[Math.floor(next() * ids.length)] ?? "";
  const before = model.get(id);
  if (before === undefined) throw new Error("the model has lost a run");
  if (ENDED.includes(before.status)) {
    // The last word again, as hosts say it that are not sure it was heard.
    const { status, result, error } = before;
    await rollout.complete(id, { status: status as "completed", result, error });
    return id;
  }
  const said = changeOf(next, before);
  const written = await withFault({ faults, next, tally, rollout }, () => rollout.update(id, said));
  if (written !== undefined) model.set(id, after(before, said));
  return id;
};

const changeOf = (next: () => number, { steps }: HostRun): HostChange => {
  const outcome = {
    result: next() < 0.5 ? "" : `result ${Math.floor(next() * 5)}`,
    error: next() < 0.8 ? "" : "went wrong",
  };
  const draw = next();
  if (draw < 0.15 || steps.length === 0) {
    const stepId = next() < 0.2 && steps[0] ? steps[0].stepId : `step ${steps.length}`;
    return { kind: "step", step: hostStep(stepId, { goal: `Do ${stepId} again`, ...outcome }) };
  }
  if (draw < 0.8) {
    const step = steps[Math.floor(next() * steps.length)];
    const status = HostStepStatus.options[Math.floor(next() * HostStepStatus.options.length)] ?? "running";
    return { kind: "step_status", stepId: step?.stepId ?? "", status, ...outcome };
  }
  const status = HostRunStatus.options[Math.floor(next() * (draw < 0.97 ? 3 : 6))] ?? "running";
  return { kind: "run_status", status, ...outcome };
};

/** What a change does to a record, written down once more, apart from the code that is tried. */
const after = (before: HostRun, said: HostChange): HostRun => {
  const run = structuredClone(before);
  if (said.kind === "run_status") {
    run.status = said.status;
    run.result = said.result;
    run.error = said.error;
    return run;
  }
  if (said.kind === "step_status") {
    for (const step of run.steps)
      if (step.stepId === said.stepId) {
        step.status = said.status;
        step.result = said.result;
        step.error = said.error;
      }
    return run;
  }
  const at = run.steps.findIndex(({ stepId }) => stepId === said.step.stepId);
  if (at === -1) run.steps.push(said.step);
  else run.steps[at] = said.step;
  return run;
};

/**
 * Now and then one side fails. Undefined when the host was told that nothing was written; what was written degraded is
 * replayed before the host looks again, as the promise says.
 */
const withFault = async <T extends { readonly degraded: unknown }>(
  { faults, next, tally, rollout }: Pick<Turn, "faults" | "next" | "tally" | "rollout">,
  write: () => Promise<T>,
): Promise<T | undefined> => {
  const draw = next();
  const side = draw < 0.02 ? faults.ledger : draw < 0.04 ? faults.table : undefined;
  if (side === undefined) return write();
  tally.faults += 1;
  side.kind = "fails";
  const written = await write().catch(() => undefined);
  side.kind = "none";
  if (written !== undefined && written.degraded !== null) expect((await rollout.replay()).failed).toEqual([]);
  return written;
};

const queryOf = (next: () => number, ids: readonly string[]): HostQuery => ({
  limit: 1 + Math.floor(next() * 5),
  ...(next() < 0.5 ? {} : { statuses: HostRunStatus.options.filter(() => next() < 0.5) }),
  ...(next() < 0.5 || ids.length === 0 ? {} : { after: ids[Math.floor(next() * ids.length)] ?? "" }),
});

const compareAll = async (rollout: Rollout, model: ReadonlyMap<string, HostRun>): Promise<void> => {
  const all = { limit: model.size + 10 };
  expect(await rollout.list(all), rollout.stage).toEqual(listed([...model.values()], all));
  for (const [id, run] of model) expect(await rollout.read(id), rollout.stage).toEqual(run);
};
