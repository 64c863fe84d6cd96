import { digestOf } from "../../core/canonical.js";
import { parseDuration } from "../../core/duration.js";
import { requireSameCall } from "../../core/effects.js";
import { LedgerError } from "../../core/errors.js";
import * as limit from "../../core/limits.js";
import { readPlan } from "../../core/plan.js";
import { planDigest } from "../../core/spec.js";
import { promiseId, tokenHash, type WaitCall, waitPrint } from "../../core/waits.js";
import { newRunId } from "../../ledger/run-id.js";
import type { Calls } from "./calls.js";
import type { ChildOptions, EffectContext, EffectOptions, PromiseOptions } from "./context.js";
import { Lost, type Numbers, quiet } from "./numbers.js";
import { race } from "./racing.js";
import type { ChildResult, RecordedEffect } from "./recorded.js";
import { readValue } from "./values.js";
import type { Waits } from "./waits.js";

export type WaitingOptions = {
  readonly calls: Calls;
  readonly recorded: ReadonlyMap<number, RecordedEffect>;
  readonly waits: Waits;
  readonly numbers: Numbers;
  /** The end of the attempt waits for it; rejects when that has come. */
  readonly underWay: <T>(name: string, work: () => Promise<T>) => Promise<T>;
  readonly effectAt: (
    position: number,
    name: string,
    said: EffectOptions,
    perform: () => Promise<unknown>,
  ) => Promise<unknown>;
};

/** What an agent waits for: times, answers from outside, and several things at once. */
export const createWaiting = (
  options: WaitingOptions,
): Pick<EffectContext, "sleep" | "promise" | "child" | "all" | "race"> => {
  const { numbers, waits } = options;
  const { take } = numbers;
  const positions = new WeakMap<Promise<unknown>, number>();
  const tracked = <T>(position: number, wait: Promise<T>): Promise<T> => {
    positions.set(wait, position);
    return wait;
  };
  const letGo = (part: Promise<unknown>): void => {
    const position = positions.get(part);
    if (position !== undefined) waits.letGo(position);
  };
  return {
    sleep: (duration) =>
      numbers.call(() => {
        const position = take();
        return tracked(position, sleep(options, position, duration));
      }),
    promise: <T>(name: string, said: PromiseOptions = {}) =>
      numbers.call(() => {
        const position = take();
        const delivery = said.deliver === undefined ? null : take();
        return tracked(position, promise(options, { position, delivery }, name, said)) as Promise<T>;
      }),
    child: (name, plan, said = {}) =>
      numbers.call(() => {
        const position = take();
        return tracked(position, child(options, position, { name, plan, ...said }));
      }),
    all: (parts) => quiet(all(parts)) as never,
    race: (parts) => numbers.call(() => race(options, parts, letGo)),
  };
};

const all = async (parts: readonly unknown[]): Promise<readonly unknown[]> => {
  const ended = await Promise.allSettled(parts);
  return ended.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
};

const sleep = async (options: WaitingOptions, position: number, duration: string | number): Promise<void> => {
  const ms = typeof duration === "number" ? Math.ceil(duration) : parseDuration(duration);
  if (ms === undefined || !(ms >= 0 && ms <= limit.SLEEP_MAX_MS))
    throw new LedgerError("invalid_input", `"${duration}" is no time to sleep.`, {
      hint: "Give milliseconds, or a text such as 90s, 1h30m or 7d; ten years are the most.",
    });
  await over(options, { kind: "timer", position, name: "sleep", ms });
};

const promise = async (
  options: WaitingOptions,
  { position, delivery }: { readonly position: number; readonly delivery: number | null },
  name: string,
  { deliver, onAmbiguous = "rerun" }: PromiseOptions,
): Promise<unknown> => {
  const { calls, waits, effectAt } = options;
  const { of } = calls;
  const { step, tokenOf, ledger } = calls.options;
  const known = step.effects.waits.find((one) => one.position === position);
  const madeIn = known?.kind === "promise" ? known.madeIn : of.runId;
  const promiseName = { ...of, runId: madeIn, position };
  const token = await waits.busy(() => tokenOf(promiseName));
  const call = { kind: "promise", position, name, tokenHash: tokenHash(token, promiseName) } as const;
  const before = await begin(options, call);
  if (deliver !== undefined && delivery !== null) {
    const given = { runId: of.runId, id: promiseId({ ...of, position }), token };
    const said = { class: "guarded", risk: "notify", onAmbiguous } as const;
    // What it answers is nobody's business, least of all the journal's: it has seen the token.
    const hand = async (): Promise<void> => {
      try {
        await deliver(given);
      } catch (error) {
        throw withoutToken(error, token);
      }
    };
    await effectAt(delivery, `deliver: ${name}`, said, hand);
  }
  const outcome = before ?? (await until(options, call));
  if (outcome.kind === "done") return readValue(ledger.store, { runId: calls.of.runId, name }, outcome.value);
  if (outcome.kind === "failed") throw new LedgerError("effect_failed", outcome.error);
  return undefined;
};

/** Recorded under its id before it is made: a crash in between leaves nothing that could be made twice. */
const child = async (
  options: WaitingOptions,
  position: number,
  { name, plan: given, request }: { readonly name: string; readonly plan: unknown } & ChildOptions,
): Promise<ChildResult> => {
  const { calls, waits, underWay } = options;
  const { ledger, step, startChild } = calls.options;
  const { agents } = ledger.rules;
  const plan = readPlan(given, agents === null ? {} : { agents });
  const originalRequest = request ?? plan.goal;
  const known = step.effects.waits.find((one) => one.position === position);
  const childId = known?.kind === "child" ? known.childId : newRunId();
  const input = digestOf({ plan: planDigest(plan), originalRequest });
  const call = { kind: "child", position, name, childId, input } as const;
  const before = await begin(options, call);
  if (before === null)
    await waits.busy(() => underWay(name, () => startChild({ childId, plan, originalRequest })));
  const outcome = before ?? (await until(options, call));
  if (outcome.kind === "done")
    return readValue(ledger.store, { runId: calls.of.runId, name }, outcome.value) as Promise<ChildResult>;
  throw new LedgerError(
    "effect_failed",
    outcome.kind === "failed" ? outcome.error : "It was not waited for.",
  );
};

/** Who fails to reach an address often names it. */
const withoutToken = (error: unknown, token: string): Error =>
  new Error((error instanceof Error ? error.message : String(error)).replaceAll(token, "[token]"));

const over = async (options: WaitingOptions, call: WaitCall): Promise<void> => {
  if ((await begin(options, call)) === null) await until(options, call);
};

/** Who has lost waits for nothing, also where it is called again to end something else. */
const until = async (
  { numbers, waits }: WaitingOptions,
  call: WaitCall,
): Promise<NonNullable<RecordedEffect["outcome"]>> => {
  if (numbers.hasLost()) throw new Lost();
  return waits.until(call);
};

/** On the disk, or read back; what it came to when it is over. */
const begin = async (
  { recorded, calls, waits, numbers }: WaitingOptions,
  call: WaitCall,
): Promise<RecordedEffect["outcome"]> => {
  waits.requireHere();
  const before = recorded.get(call.position);
  if (before !== undefined) requireSameCall(before.call, waitPrint(call));
  if (before !== undefined) return before.outcome;
  if (numbers.hasLost()) throw new Lost();
  await waits.busy(() => calls.recorder.wait(call));
  return null;
};
