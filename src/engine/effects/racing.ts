import { type EffectCall, requireSameCall } from "../../core/effects.js";
import { LedgerError } from "../../core/errors.js";
import { Lost } from "./numbers.js";
import type { WaitingOptions } from "./waiting.js";

/** A call that is under way, or a function that makes some: all that happens within it is its own. */
export type Racing<T> = Promise<T> | (() => Promise<T> | T);

type Racer<T> = { readonly end: Promise<T>; readonly lose: () => void };

/**
 * The first that ends, the same one in each life. A function that has lost makes no new call any more, and a later life calls
 * it only to end what was left open; of a promise that has lost only what it is itself is known, which `letGo` is told.
 */
export const race = async <T>(
  options: WaitingOptions,
  parts: readonly Racing<T>[],
  letGo: (part: Promise<T>) => void,
): Promise<T> => {
  // Who has lost already may still fail, and nobody listens.
  for (const part of parts) if (typeof part !== "function") part.catch(() => undefined);
  if (parts.length === 0) throw new LedgerError("invalid_input", "A race of nobody has no end.");
  const call = callOf(options.numbers.take(), parts);
  const known = winnerBefore(options, call);
  const racers = parts.map((part, index): Racer<T> => {
    if (typeof part !== "function") return { end: part, lose: () => letGo(part) };
    return enter(options, part, known === undefined ? undefined : known === index);
  });
  const index = known ?? (await firstOf(options, call, racers));
  for (const [place, { lose }] of racers.entries()) if (place !== index) lose();
  return racers[index]?.end as Promise<T>;
};

/** `wins`: undefined as long as nobody knows. */
const enter = <T>(
  { numbers, waits, underWay }: WaitingOptions,
  part: () => Promise<T> | T,
  wins: boolean | undefined,
): Racer<T> => {
  const lane = numbers.lane();
  if (wins === false) lane.lose();
  const isCalled = (wins ?? !numbers.hasLost()) || lane.leftOpen().length > 0;
  const end = isCalled ? lane.run(part) : new Promise<never>(() => undefined);
  end.catch(() => undefined);
  const lose = (): void => {
    for (const position of lane.lose()) waits.letGo(position, new Lost());
    const left = lane.leftOpen();
    if (left.length === 0) return;
    // An attempt that ended before would leave them, and their business keys, open for ever.
    underWay("race", () => Promise.race([end, Promise.all(left)])).catch(() => undefined);
  };
  return { end, lose };
};

/** Which of them are functions is told too: their calls have other numbers. */
const callOf = (position: number, parts: readonly Racing<unknown>[]): EffectCall => {
  const functions = parts.flatMap((part, index) => (typeof part === "function" ? [index] : []));
  const input = functions.length === 0 ? `${parts.length}` : `${parts.length}: ${functions.join()}`;
  return {
    ...{ position, name: "race", class: "pure", risk: "none" },
    ...{ onAmbiguous: null, key: null, input },
  };
};

/** Of an earlier life. */
const winnerBefore = ({ recorded }: WaitingOptions, call: EffectCall): number | undefined => {
  const before = recorded.get(call.position);
  if (before !== undefined) requireSameCall(before.call, call);
  const outcome = before?.outcome;
  return outcome?.kind === "done" && outcome.value.kind === "inline"
    ? Number(JSON.parse(outcome.value.json))
    : undefined;
};

/** Recorded, because two that have ended by the next life would end in another order. */
const firstOf = async (
  { calls, waits, numbers }: WaitingOptions,
  call: EffectCall,
  racers: readonly Racer<unknown>[],
): Promise<number> => {
  const ends = racers.map(({ end }, index) => {
    const ended = (): number => index;
    return end.then(ended, ended);
  });
  const index = await Promise.race(ends);
  waits.requireHere();
  // Who has lost a race around this one decides nothing any more.
  if (numbers.hasLost()) throw new Lost();
  calls.settle(call, { kind: "done", value: { kind: "inline", json: String(index) } });
  return index;
};
