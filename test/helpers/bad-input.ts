import { expect } from "vitest";
import { errorKinds, isLedgerError, type LedgerError } from "../../src/core/errors.js";
import type { Store } from "../../src/stores/store.js";
import { randomFrom, sweepSeed, wholeSweeps } from "./sweep.js";

/** Choices that follow from a seed, so that a case is told whole by its damage and its seed. */
export type Pick = {
  /** A whole number from 0 to below `bound`. */
  readonly below: (bound: number) => number;
  readonly of: <T>(list: readonly T[]) => T;
};

export const pickFrom = (seed: number): Pick => {
  const next = randomFrom(seed);
  const below = (bound: number): number => Math.floor(next() * bound);
  const of = <T>(list: readonly T[]): T => {
    if (list.length === 0) throw new Error("there is nothing to pick from");
    return list[below(list.length)] as T;
  };
  return { below, of };
};

/** What a case does to a valid input, and with which seed. */
export type Hurt<K extends string> = { readonly kind: K; readonly seed: number };

/** A getter that fails would stop the hurts that look at what is there, so it comes last. */
export const gettersLast = <K extends string>(hurts: readonly Hurt<K>[]): readonly Hurt<K>[] =>
  hurts.toSorted((a, b) => Number(/getter/i.test(a.kind)) - Number(/getter/i.test(b.kind)));

/** Texts that programs stumble over: controls, half characters, marks that turn text round, names of every object. */
export const ODD_TEXTS: readonly string[] = [
  "",
  " ",
  "\t\n",
  "\0",
  "a\0b",
  "\u001b[2J",
  "\u0085",
  "\ud800",
  "\udfffx",
  "\u202eevil",
  "\ufeff",
  "e\u0301",
  "\u{1f4a5}",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "../../etc/passwd",
  "/etc/passwd",
  "~/.ssh/id",
  "C:\\windows",
  "-rf",
  "--help",
  "$(id)",
  "%00",
  "null",
  "1e999",
  "\r\nX: y",
  "{{7*7}}",
  "'; DROP TABLE events; --",
];

/** Values of every kind that JSON has, at the edges of what it has. */
export const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  1e300,
  2 ** 53,
  [],
  {},
  [[]],
  [null],
  "",
  "7",
  { length: 3 },
  { toString: 1 },
];

/** So deep that whoever walks it by calling itself falls over. */
export const deepList = (depth: number): unknown => {
  let value: unknown = [];
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
};

export const DEEP = 10_000;

/** Values that only a program can hand in: every look at them may fail or lie. */
export const HOSTILE_VALUES: Readonly<Record<string, () => unknown>> = {
  throws: () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new Error("do not look");
        },
        ownKeys: () => {
          throw new Error("do not look");
        },
      },
    ),
  revoked: () => {
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    return proxy;
  },
  bigint: () => 10n,
  symbol: () => Symbol("s"),
  function: () => () => undefined,
  date: () => new Date(Number.NaN),
  map: () => new Map([["goal", "x"]]),
  notANumber: () => Number.NaN,
  infinite: () => Number.POSITIVE_INFINITY,
  holes: () => Object.assign(new Array(3), { 2: "x" }),
  endless: () => new Array(4_294_967_295),
  itself: () => {
    const value: Record<string, unknown> = {};
    value.self = value;
    return value;
  },
};

/** Refused on purpose: a code of the table, a sentence of readable length, and all of it fit for the wire. */
export const expectTyped = (refusal: unknown): LedgerError => {
  if (!isLedgerError(refusal)) throw refusal;
  expect(Object.keys(errorKinds)).toContain(refusal.code);
  expect(refusal.message.trim()).not.toBe("");
  expect(refusal.message.length).toBeLessThan(SENTENCE_CHARS);
  expect(JSON.stringify(refusal).length).toBeLessThan(WIRE_CHARS);
  return refusal;
};

/** It goes back to a model or a person; what is longer is not read. */
const SENTENCE_CHARS = 6_000;
/** A hundred defects with their places. */
const WIRE_CHARS = 200_000;

/** Processor time that one input may cost. Time on the wall would measure the machine's other work. */
export const CPU_MS_MAX = 1_000;

type Outcome<T> = { readonly value: T } | { readonly refusal: LedgerError };

/**
 * What came of one bad input. One that costs too much is tried once more: rubbish of the cases before it may be swept in
 * its time. What is accepted may cost more where it does work, such as judging a step.
 */
export const tried = async <T>(
  work: () => T | Promise<T>,
  bounded: "always" | "refusal" = "always",
): Promise<Outcome<T>> => {
  const first = await measured(work);
  if (first.cpuMs <= CPU_MS_MAX || (bounded === "refusal" && "value" in first.outcome)) return first.outcome;
  const second = await measured(work);
  if (Math.min(first.cpuMs, second.cpuMs) > CPU_MS_MAX)
    throw new Error(
      `it cost ${Math.round(first.cpuMs)} and ${Math.round(second.cpuMs)} ms of processor time`,
    );
  return second.outcome;
};

const measured = async <T>(work: () => T | Promise<T>): Promise<{ outcome: Outcome<T>; cpuMs: number }> => {
  const start = process.cpuUsage();
  const outcome = await outcomeOf(work);
  const { user, system } = process.cpuUsage(start);
  return { outcome, cpuMs: (user + system) / 1_000 };
};

const outcomeOf = async <T>(work: () => T | Promise<T>): Promise<Outcome<T>> => {
  try {
    return { value: await work() };
  } catch (refusal) {
    return { refusal: expectTyped(refusal) };
  }
};

/** What a store holds, as far as bad input could have changed it. */
export const heldBy = async (store: Store): Promise<unknown> => ({
  events: (await store.feed(0, 100_000)).map(({ position, hash }) => `${position} ${hash}`),
  runs: (await store.list({ limit: 1_000 })).map(({ runId, lastSeq, updatedAt }) => [
    runId,
    lastSeq,
    updatedAt,
  ]),
});

/** Counts what came of the cases, so that a sweep cannot pass because nothing was bad. */
export const newTally = (family: string) => {
  const codes = new Map<string, number>();
  const kinds = new Map<string, { refused: number; accepted: number }>();
  const totals = { refused: 0, accepted: 0 };
  /** Of a case with several damages nobody can say which one was refused. */
  const countKinds = (hurts: readonly Hurt<string>[], how: "refused" | "accepted"): void => {
    totals[how] += 1;
    const [only] = hurts;
    if (only === undefined || hurts.length > 1) return;
    const seen = kinds.get(only.kind) ?? { refused: 0, accepted: 0 };
    seen[how] += 1;
    kinds.set(only.kind, seen);
  };
  return {
    refused: (hurts: readonly Hurt<string>[], code: string): void => {
      countKinds(hurts, "refused");
      codes.set(code, (codes.get(code) ?? 0) + 1);
    },
    accepted: (hurts: readonly Hurt<string>[]): void => countKinds(hurts, "accepted"),
    /** Nine of ten were refused, every kind of damage was refused where it stood alone, and every code was seen. */
    expectWide: (expected: { kinds: readonly string[]; codes: readonly string[] }): void => {
      const { refused, accepted } = totals;
      if (wholeSweeps)
        console.log(
          `${family}: ${refused} of ${refused + accepted} refused, ${kinds.size} kinds of damage; ` +
            [...codes].map(([code, count]) => `${code} ${count}`).join(", "),
        );
      expect(refused / (refused + accepted), `${accepted} were accepted`).toBeGreaterThanOrEqual(0.9);
      const unrefused = expected.kinds.filter((kind) => (kinds.get(kind)?.refused ?? 0) === 0);
      expect(unrefused, `never refused (seed ${sweepSeed})`).toEqual([]);
      expect([...codes.keys()]).toEqual(expect.arrayContaining([...expected.codes]));
    },
  };
};
