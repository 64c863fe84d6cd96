import { isLedgerError, type LedgerError } from "../../src/core/errors.js";

type Defect = { path: string; found: string; expected: string };

/** The smallest plan that holds every rule; `change` breaks it. */
export const planOf = (...steps: Record<string, unknown>[]) => ({ goal: "ship it", steps });

export const stepOf = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: "build",
  goal: "make it build",
  owner_agent: "coder",
  validator: { type: "build_pass" },
  ...change,
});

export const judgedBy = (validator: unknown) => planOf(stepOf({ validator }));

export const refusal = (act: () => unknown): LedgerError => {
  try {
    act();
  } catch (error) {
    if (isLedgerError(error)) return error;
    throw error;
  }
  throw new Error("it was accepted");
};

export const defectsOf = (act: () => unknown): Defect[] => {
  const error = refusal(act);
  if (error.code !== "validation_failed") throw error;
  return error.details.defects as Defect[];
};

/** `path: found → expected`, so that a table shows what a model reads. */
export const told = (act: () => unknown): string[] =>
  defectsOf(act).map(({ path, found, expected }) => `${path}: ${found} → ${expected}`);
