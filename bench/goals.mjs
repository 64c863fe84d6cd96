// What effects and the journal are to cost: the numbered goals of docs/performance.md, and whether the rows of this run reach them.

const GOALS = new Map([
  [1, "a durable effect ≤ 1.25 × a bare commit, an append ≤ 1.15 ×"],
  [2, "the same encrypted ≤ 1.40 ×"],
  [3, "one sync an effect, its intent included"],
  [4, "p99 of an effect ≤ 1.5 × the bare p99"],
  [5, "five effects ≤ 1.3 × five bare commits"],
  [6, "100 runs at once ≥ 0.30 × a bare group commit, and ≥ 10 × the best synced peer on SQLite"],
  [7, "replay ≥ 0.50 × a bare read and JSON.parse, decrypted ≥ 0.38 ×"],
  [8, "resume after 10,000 effects ≤ 3 × a bare read; from a snapshot 100,000 ≤ 1.5 × 1,000"],
  [9, "after a kill, process start to the next effect ≤ 2 × the bare resume"],
  [10, "bytes ≤ 2 × bare, memory ≤ 1.6 × bare, flat in the number of effects"],
  [11, "process start to open store ≤ 1.8 × bare, --version ≤ 1.3 × node -e 0"],
  [12, "without syncs, said so aloud, ≥ 0.30 × bare"],
  [15, "sealing 1 KB ≤ 1.3 × sodium-native"],
  [16, "validating an event ≤ 1.5 × one zod object"],
]);

export const printGoals = (rows) => {
  const measured = [...GOALS].map(([goal, words]) => ({
    goal,
    words,
    rows: rows.filter((row) => row.goal === goal),
  }));
  if (measured.every((one) => one.rows.length === 0)) return;
  console.log("\ngoals");
  for (const { goal, words, rows: its } of measured) {
    const ratios = its.map(({ ratio, met }) => `${ratio.toFixed(2)}${met ? "" : " missed"}`);
    const said = its.length === 0 ? "not measured in this run" : ratios.join(", ");
    console.log(`${String(goal).padStart(2)}  ${words}: ${said}`);
  }
};
