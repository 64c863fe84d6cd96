/**
 * How large a sweep is. Ordinary runs take a seeded slice of it, `npm run test:full` all of it; another seed is tried with
 * RUNLEDGER_SEED, and the one of a failure is in its message.
 */
export const sweepSize = (full: number, slice: number): number => (wholeSweeps ? full : slice);

export const wholeSweeps = process.env.RUNLEDGER_FULL_TESTS === "1";

/** The same in every ordinary run, so that a red one can be repeated. */
export const sweepSeed = Number(process.env.RUNLEDGER_SEED ?? 20_261_121);

/** Whole sweeps run for minutes; a slice must end within the usual limit of slow tests. */
export const SWEEP_MS = wholeSweeps ? 3_600_000 : 180_000;

/** `size` of the items, the same ones for the same seed, in their order. */
export const sliceOf = <T>(items: readonly T[], size: number): readonly T[] => {
  if (size >= items.length) return items;
  const next = randomFrom(sweepSeed);
  const chosen = new Set<number>();
  while (chosen.size < size) chosen.add(Math.floor(next() * items.length));
  return items.filter((_, index) => chosen.has(index));
};

/** Numbers in [0, 1) that follow from the seed (mulberry32). */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};
