import { LedgerError } from "../../index.js";

/** What reads and writes JSON goes down into it level by level, and ends the process where it runs out of stack; people and agents nest by tens. */
const NESTING_MAX = 100;

/** Throws `invalid_input` for what would not reach the ledger's process as it was sent. */
export const requireTellable = (said: unknown): void => {
  let level: readonly unknown[] = [said];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > NESTING_MAX) throw unfit(`it is nested deeper than ${NESTING_MAX} levels`);
    level = level.flatMap(inside);
  }
};

const inside = (value: unknown): readonly unknown[] => {
  if (typeof value === "number" && !Number.isFinite(value)) throw unfit("it has a number that is too large");
  if (typeof value !== "object" || value === null) return [];
  // It would be read as what the others are made from, and be gone.
  if (Object.hasOwn(value, "__proto__")) throw unfit("it has a member called __proto__");
  return Object.values(value);
};

const unfit = (why: string): LedgerError =>
  new LedgerError("invalid_input", `That is refused: ${why}.`, {
    hint: "Send it flatter, as text, or as an artifact: its hash, and where it is.",
  });
