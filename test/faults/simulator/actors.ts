import type { Caller } from "../../../src/core/commands.js";
import { isLedgerError } from "../../../src/core/errors.js";
import { type Action, nextActions } from "../../../src/core/next.js";
import { createRedactor } from "../../../src/core/redact.js";
import { findStep, isTerminal, type Run } from "../../../src/core/run.js";
import { createCredentials } from "../../../src/ledger/credentials.js";
import { type Ledger, openLedger } from "../../../src/ledger/ledger.js";
import type { Lease, Store } from "../../../src/stores/store.js";
import * as cast from "../../helpers/cast.js";
import { doing } from "../../helpers/stories.js";
import { STORY_RULES } from "../lab/story.js";
import type { World } from "./world.js";

export const RUNS = ["run_a", "run_b"];
const TTL_MS = 300_000;
const HOUR_MS = 3_600_000;

/** One process: a ledger of its own, which remembers what it has read, and does one thing after the other for ever. */
export type Actor = { readonly live: () => Promise<void> };

type Speaking = {
  readonly ledger: Ledger;
  readonly tell: (
    runId: string,
    said: cast.Said,
    more?: { epoch?: number; key?: string; by?: Caller },
  ) => Promise<Run>;
};

const speaking = (store: Store, world: World): Speaking => {
  const { credentials, engine, host } = createCredentials();
  const now = () => new Date(world.nowMs).toISOString();
  const ledger = openLedger({ store, rules: STORY_RULES, credentials, redactor: createRedactor([]), now });
  return {
    ledger,
    tell: async (runId, said, { epoch, key, by } = {}) => {
      const run = typeof said === "function" ? await ledger.load(runId) : undefined;
      const command =
        run === undefined ? (said as Exclude<cast.Said, (run: Run) => unknown>) : cast.say(said, run);
      const caller =
        by ??
        cast.usualCaller(
          command,
          run ?? (await store.runRow(runId).then((row) => row && ledger.load(runId))),
        );
      const credential =
        caller.role === "engine" ? engine : caller.role === "host" ? host : ledger.issue(caller);
      const options = {
        ...(epoch === undefined || world.plant.forgetsItsLease === true ? {} : { epoch }),
        ...(key === undefined ? {} : { idempotencyKey: key }),
      };
      const { run: after, events } = await ledger.submit(runId, command, credential, options);
      world.seen.acknowledged.push(...events);
      return after;
    },
  };
};

/** What is refused, or fails, is no fault; an error that is not ours is. */
const forgiving = async (work: () => Promise<unknown>): Promise<void> => {
  try {
    await work();
  } catch (error) {
    if (!isLedgerError(error)) throw error;
  }
};

/** Claims a run, does a few things that are due for it, and lets it go. */
export const workerOn = (store: Store, world: World, name: string): Actor => {
  const { ledger, tell } = speaking(store, world);
  const once = async (): Promise<void> => {
    const runId = RUNS[Math.floor(world.draw() * RUNS.length)] ?? "";
    if ((await store.runRow(runId)) === undefined) return;
    const former = await store.leaseOf(runId);
    const lease = await store.claim({ runId, owner: name, ttlMs: TTL_MS });
    if (lease === undefined) return;
    const { epoch } = lease;
    await forgiving(async () => {
      if (former !== undefined) await tell(runId, cast.loseWorker(former.epoch), { epoch });
      await tell(runId, cast.fireTimers, { epoch });
      for (let left = 4; left > 0; left -= 1) {
        const run = await ledger.load(runId);
        const actions = nextActions(run);
        const action = actions[Math.floor(world.draw() * actions.length)];
        if (action === undefined || isTerminal(run)) break;
        await perform(runId, run, action, lease);
      }
    });
    await store.release(lease);
  };
  const perform = async (runId: string, run: Run, action: Action, { epoch }: Lease): Promise<void> => {
    if (action.kind === "work") return work(runId, run, action.stepId, epoch);
    // More verdicts pass than fail, or no life would come to its end.
    const luck = Math.min(9, Math.floor(world.draw() * 18));
    if (action.kind === "decide_policy")
      await tell(runId, cast.policy(action.stepId, luck > 7 ? cast.skip : cast.retry), { epoch });
    else await tell(runId, doing(run, action, luck), { epoch });
  };
  const work = async (runId: string, run: Run, stepId: string, epoch: number): Promise<void> => {
    const begun = findStep(run, stepId)?.state.status !== "pending";
    const now = begun ? run : await tell(runId, cast.start(stepId), { epoch });
    const step = findStep(now, stepId);
    if (step === undefined || step.state.status !== "in_progress") return;
    const { effects, attempt } = step;
    const name = `${runId} ${stepId} ${attempt}`;
    const call = (): void => void world.seen.calls.set(name, (world.seen.calls.get(name) ?? 0) + 1);
    const done = { kind: "done", value: { kind: "inline", json: "1" } } as const;
    if (effects.recorded === 0) {
      if (world.plant.actsBeforeItsIntent === true) call();
      await tell(runId, cast.intend(stepId), { epoch });
      if (world.plant.actsBeforeItsIntent !== true) call();
      await tell(runId, cast.settle(stepId, done), { epoch });
    } else if (effects.open.length > 0)
      // Whoever began it may still be about to do it: nobody else does.
      await tell(runId, cast.settle(stepId, world.seen.calls.has(name) ? done : { kind: "skipped" }), {
        epoch,
      });
    if (effects.recorded < 2 && world.draw() < 0.5) {
      await tell(runId, cast.beginWait(stepId, { ...cast.sleepCall, position: 1, ms: HOUR_MS }), { epoch });
      await tell(runId, cast.suspend(stepId, [1]), { epoch });
    } else await tell(runId, cast.propose(stepId), { epoch });
  };
  return {
    live: async () => {
      for (;;) await forgiving(once);
    },
  };
};

/** Makes the runs, writes notes, pauses and resumes; asks again, with the same key, until there is an answer. */
export const personOn = (store: Store, world: World, life: number): Actor => {
  const { tell } = speaking(store, world);
  let asked = 0;
  const plan = cast.planOf(
    [cast.stepSpec("a"), cast.stepSpec("b", { dependsOn: ["a"] })],
    [cast.criterion("it is whole")],
  );
  const untilAnswered = async (work: () => Promise<unknown>): Promise<void> => {
    for (let tries = 0; tries < 5; tries += 1) {
      try {
        await work();
        return;
      } catch (error) {
        if (!isLedgerError(error)) throw error;
        if (error.code !== "store_unavailable") return;
      }
    }
  };
  /** Asked for and not answered yet: he comes back to them when he has done something else. */
  const unanswered: { readonly runId: string; readonly value: string }[] = [];
  const ask = async (one: { readonly runId: string; readonly value: string }): Promise<void> => {
    const { runId, value } = one;
    try {
      await tell(runId, cast.note("k", value), { key: value, by: cast.person });
      world.seen.notes.set(value, true);
    } catch (error) {
      if (!isLedgerError(error)) throw error;
      if (error.code === "store_unavailable") unanswered.push(one);
    }
  };
  const note = async (runId: string): Promise<void> => {
    const again = world.draw() < 0.4 ? unanswered.shift() : undefined;
    if (again !== undefined) return ask(again);
    asked += 1;
    const value = `note ${life}.${asked}`;
    world.seen.notes.set(value, false);
    return ask({ runId, value });
  };
  return {
    live: async () => {
      for (const runId of RUNS)
        await untilAnswered(() => tell(runId, cast.create(plan), { key: `make ${runId}` }));
      for (;;) {
        const runId = RUNS[Math.floor(world.draw() * RUNS.length)] ?? "";
        const luck = world.draw();
        if (luck < 0.5) await note(runId);
        else await forgiving(() => tell(runId, luck < 0.55 ? cast.pause() : cast.resume(true)));
      }
    },
  };
};
