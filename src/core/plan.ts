import type * as z from "zod";
import { defectLine, defectsSentence, type Flaw, flawsOf, isRecord, toDefects } from "./defects.js";
import { LedgerError } from "./errors.js";
import { type Around, type ExistingStep, relationFlaws } from "./plan-graph.js";
import { jsonFromText } from "./plan-text.js";
import { WireValidator } from "./plan-validator.js";
import { WirePlan, WireSteps } from "./plan-wire.js";
import type { Plan, StepSpec, ValidatorSpec } from "./spec.js";

/** A plan comes from a model, so it is refused as a whole, with every defect named, or it holds all rules. */
export const readPlan = (input: unknown, options: Pick<Around, "agents"> = {}): Plan =>
  read(input, {
    what: "plan",
    root: "plan",
    opening: "{",
    schema: WirePlan,
    relations: (value) => (isRecord(value) ? relationFlaws(value.steps, ["steps"], options) : []),
  });

/** The steps that take the place of `replaces`: every rule of a plan holds for the run they come to. */
export const readSteps = (
  input: unknown,
  around: Pick<Around, "agents"> & { readonly existing: readonly ExistingStep[]; readonly replaces: string },
): StepSpec[] =>
  read(input, {
    what: "list of steps",
    root: "steps",
    opening: "[",
    schema: WireSteps,
    relations: (value) => relationFlaws(value, [], around),
  });

/** The judge that shall replace a step's judge, under the rules of a plan. */
export const readValidator = (input: unknown): ValidatorSpec =>
  read(input, {
    what: "validator",
    root: "validator",
    opening: "{",
    schema: WireValidator,
    relations: () => [],
  });

type Reading<T> = {
  readonly what: string;
  /** How the document itself is called in the path of a defect. */
  readonly root: string;
  readonly opening: "{" | "[";
  readonly schema: z.ZodType<T>;
  readonly relations: (value: unknown) => readonly Flaw[];
};

const read = <T>(input: unknown, { what, root, opening, schema, relations }: Reading<T>): T => {
  const { value, repeatedKeys } =
    typeof input === "string" ? jsonFromText(input, opening, what) : { value: input, repeatedKeys: [] };
  const { result, found } = looked(value, schema, relations);
  const flaws = [...repeatedKeys, ...found];
  if (result !== undefined && flaws.length === 0) return result;
  const defects = toDefects(flaws, root);
  throw new LedgerError(
    "validation_failed",
    defectsSentence(`the ${what}`, defects.map(defectLine), flaws.length),
    { hint: "Mend every defect and hand it in again.", details: { defects, count: flaws.length } },
  );
};

// A host hands in values, not text: what fails when it is looked at (a getter that throws, a revoked proxy) is no plan.
const looked = <T>(
  value: unknown,
  schema: z.ZodType<T>,
  relations: Reading<T>["relations"],
): { readonly result?: T; readonly found: readonly Flaw[] } => {
  try {
    const read = schema.safeParse(value);
    const shape = read.success ? [] : flawsOf(read.error.issues, value);
    const found = [...shape, ...relations(value)];
    return read.success ? { result: read.data, found } : { found };
  } catch {
    return { found: [{ at: [], found: "a value that cannot be looked at", expected: "plain data" }] };
  }
};
