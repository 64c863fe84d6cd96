import * as z from "zod";
import * as limit from "./limits.js";
import { ChangedGlob, ProjectPath, Selector } from "./paths.js";
import { naturalInt, positiveInt } from "./shapes.js";
import { Toolchain, ValidatorSpec } from "./spec.js";
import { closed, readAs, textOf, textUpTo } from "./wire.js";

const judge = <T extends string, G extends z.ZodType, P extends z.ZodRawShape>(
  type: T,
  target: G,
  params: P,
) =>
  closed({
    type: z.literal(type),
    target,
    params: closed(params).prefault({} as z.input<ReturnType<typeof closed<P>>>),
    // Where a validator runs is decided at run time. Seed plans show the key empty; a filled one chose its own room.
    work_dir: z.literal("").optional(),
  });

const Shell = textOf(limit.TARGET_CHARS).refine(
  (line) => !line.trim().startsWith("-"),
  `no leading "-", which sh takes for a flag`,
);

const ExitCode = readAs("a whole number from 0 to 255", (value) => {
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" && /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined;
});

const Judges = z.discriminatedUnion("type", [
  judge("build_pass", Selector.default(""), { toolchain: Toolchain.optional() }),
  judge("test_pass", Selector.default(""), {
    toolchain: Toolchain.optional(),
    min_tests: positiveInt.optional(),
    no_skips: z.boolean().optional(),
    red_before_green: z.boolean().optional(),
    repeat: z.int().min(2).max(limit.TEST_RUNS_MAX).optional(),
    held_out: ProjectPath.optional(),
    canary: z.boolean().optional(),
  }),
  judge("file_changed", ChangedGlob, {}),
  judge("artifact_exists", ProjectPath, {
    min_bytes: naturalInt.optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits")
      .optional(),
    contains: textUpTo(limit.TARGET_CHARS)
      .refine((text) => text !== "", "text that is not empty")
      .optional(),
    changed: z.boolean().optional(),
  }),
  judge("command_pass", Shell, { expected_exit_code: ExitCode.optional() }),
  judge("orchestrator_approval", z.literal("").default(""), {}),
]);

/**
 * The judge of a step as planners write it. Everything that could turn a target into a flag, or lead out of the tree it
 * judges, is refused here, before anything is journaled.
 */
export const WireValidator = Judges.transform(({ type, target, params }) =>
  // The core schema checks once more what the wire schema let through, so the two cannot drift apart.
  ValidatorSpec.parse({ type, target, params: renamed(params, toCamel) }),
);

/** A criterion is judged when nobody is asked any more. */
export const WireCriterionValidator = WireValidator.superRefine(({ type }, context) => {
  if (type !== "orchestrator_approval") return;
  const message = "a judge that needs nobody: a criterion is verified by itself";
  context.addIssue({ code: "custom", path: ["type"], message });
});

export const validatorWire = ({ type, target, params }: ValidatorSpec): Record<string, unknown> => ({
  type,
  target,
  params: renamed(params, toSnake),
});

const renamed = (params: object, rename: (key: string) => string): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(params)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [rename(key), value]),
  );

const toCamel = (key: string): string =>
  key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const toSnake = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
