// What every row of the benchmark is made of: a thing and its floor, timed in turns in the same run, told as a ratio.
// Absolute times differ between machines and minutes; the ratio of two things timed side by side hardly does.

/** Interleaved repetitions of every row; a gate needs at least seven (docs/performance.md). */
export const REPETITIONS = Number(process.env.RUNLEDGER_BENCH_REPETITIONS ?? 7);

/** Milliseconds that `work` takes. */
export const millis = async (work) => {
  const from = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - from) / 1e6;
};

export const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

export const percentile = (numbers, share) =>
  [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))];

/**
 * `ours` and `floor` answer with the time of one repetition each, in the same unit; they are called in turns, and the
 * medians' ratio is the row. `aim` is { max } or { min }, a ratio; `bound` says what a missed aim is bounded by.
 */
export const paired = async ({
  name,
  ours,
  floor,
  unit = "ms",
  aim,
  bound,
  goal,
  repetitions = REPETITIONS,
}) => {
  const times = { ours: [], floor: [] };
  for (let round = 0; round < repetitions; round += 1) {
    times.floor.push(await floor(round));
    times.ours.push(await ours(round));
  }
  const [mine, theirs] = [median(times.ours), median(times.floor)];
  return row({ name, ratio: mine / theirs, ours: mine, floor: theirs, unit, aim, bound, goal });
};

/** A finished row: a ratio with the figures it was made of. `goal`: whose aim it is, of those that docs/performance.md numbers. */
export const row = ({ name, ratio, ours, floor, unit, aim, bound, goal }) => ({
  name,
  goal: goal ?? null,
  ratio,
  ours,
  floor,
  unit,
  aim: aim ?? null,
  bound: bound ?? null,
  met: aim === undefined ? null : aim.max !== undefined ? ratio <= aim.max : ratio >= aim.min,
});

export const print = ({ name, ratio, ours, floor, unit, aim, bound, met, goal }) => {
  const whose = goal === null ? "" : `goal ${goal}, `;
  const said = aim === null ? "" : `${whose}aim ${aim.max !== undefined ? `≤ ${aim.max}` : `≥ ${aim.min}`}`;
  const verdict = met === null ? "" : met ? "met" : `missed: ${bound ?? "see docs/performance.md"}`;
  console.log(
    `${name.padEnd(64)} ${ratio.toFixed(2).padStart(7)} ×  (${number(ours)} / ${number(floor)} ${unit})  ${said}  ${verdict}`.trimEnd(),
  );
};

const number = (value) =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(3);
