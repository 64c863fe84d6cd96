import * as z from "zod";
import { naturalInt } from "./shapes.js";
import { ValidatorType } from "./spec.js";

/** Errored means that the judge could not run: not a failed claim, it costs no retry and says what to do. */
export const Outcome = z.enum(["passed", "failed", "errored"]);
export type Outcome = z.infer<typeof Outcome>;

/** Why, in one word that programs can branch on. */
export const VerdictReason = z.enum([
  // passed
  "ok",
  "approved",
  // failed
  "check_failed",
  "zero_tests",
  "too_few_tests",
  "tests_lost",
  "tests_skipped",
  "report_missing",
  "report_contradicts",
  "vacuous",
  "flaky",
  "canary_passed",
  "nothing_changed",
  "no_match",
  "artifact_missing",
  "artifact_unfit",
  "tampered",
  "conflict",
  "protected",
  "outside_may_change",
  "timed_out",
  "killed",
  "limit_reached",
  "rejected",
  "awaiting_approval",
  // errored
  "toolchain_missing",
  "toolchain_unknown",
  "provision_failed",
  "room_failed",
  "no_space",
  "out_of_memory",
]);
export type VerdictReason = z.infer<typeof VerdictReason>;

export const TestCounts = z.strictObject({
  passed: naturalInt,
  failed: naturalInt,
  skipped: naturalInt,
});
export type TestCounts = z.infer<typeof TestCounts>;

/** How many tests, and the names of the first of them. */
export const NamedTests = z.strictObject({ count: naturalInt, names: z.array(z.string()) });
export type NamedTests = z.infer<typeof NamedTests>;

/** Of tests that agents never see; to them nothing is told but how many did what. */
export const HeldOutFound = z.strictObject({
  /** In the user's checkout. */
  folder: z.string(),
  /** Of the paths and bytes of all files that were laid over the tree. */
  digest: z.string(),
  files: naturalInt,
  counts: TestCounts.nullable(),
  /** How many did not pass at the base and pass now; null when nobody compared. */
  turnedGreen: naturalInt.nullable(),
  /** Failed, gone or skipped; without names where an agent reads. */
  wrong: NamedTests,
  /** Blob (hex SHA-256) of what they printed; null where an agent reads. */
  log: z.string().nullable(),
});
export type HeldOutFound = z.infer<typeof HeldOutFound>;

/** What `test_pass` found out beyond the outcome of one run. */
export const TestsFound = z.strictObject({
  /** Every run of the visible tests, in order; the last one decided. */
  runs: z.array(
    z.strictObject({
      exitCode: z.int().nullable(),
      counts: TestCounts.nullable(),
      durationMs: naturalInt,
      /** Blob (hex SHA-256) of this run's log. */
      log: z.string().nullable(),
    }),
  ),
  /** Tests that did not pass at the base and pass now; null when nobody compared. */
  turnedGreen: NamedTests.nullable(),
  /** Tests that passed only when their runner tried them again, in any run. */
  retried: NamedTests,
  /** Of the test that must fail: "failed as it must", or "not run: …"; null when the judge did not come to it. */
  canary: z.string().nullable(),
  /** Null where the plan names none, or the judge did not come to them. */
  heldOut: HeldOutFound.nullable(),
});
export type TestsFound = z.infer<typeof TestsFound>;

/** What a validator says of the room it was shown. It knows nothing of runs, steps or commits. */
export const Judgement = z.strictObject({
  outcome: Outcome,
  reason: VerdictReason,
  /** One sentence for people and models. */
  message: z.string(),
  /** What would mend it; always given when errored. */
  hint: z.string().optional(),
  /** The command that decided, as argv; null when none ran. */
  command: z.array(z.string()).nullable(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  /** By the runner's own report; null when the runner's report cannot be read. */
  counts: TestCounts.nullable(),
  /** Of `test_pass`, once a test command has run; verdicts of older versions have none. */
  tests: TestsFound.optional(),
  /** Paths, tests or targets that were looked for and not found. */
  missing: z.array(z.string()),
  /** Last bytes of the output, valid UTF-8. */
  tail: z.string(),
  /** Blob (hex SHA-256) of the whole log, when there was any output. */
  log: z.string().nullable(),
});
export type Judgement = z.infer<typeof Judgement>;

/** What a judgement says of its command when none ran. */
export const nothingRan = (): Omit<Judgement, "outcome" | "reason" | "message"> => ({
  command: null,
  exitCode: null,
  signal: null,
  counts: null,
  missing: [],
  tail: "",
  log: null,
});

/**
 * 0 none · 1 scrubbed environment, caps, clean room · 2 walls of the kernel around it · 3 a sandbox: no capability, no
 * network, own processes, and nothing of the file system but an allow-list.
 */
export const IsolationLevel = z.literal([0, 1, 2, 3]);
export type IsolationLevel = z.infer<typeof IsolationLevel>;

/** Something protected that a proposal changed without leave. */
export const Violation = z.strictObject({
  path: z.string(),
  /** A rename names both of its paths. */
  change: z.enum(["added", "modified", "deleted", "renamed"]),
  /**
   * What protects it: configuration of judges (by default), a glob of the plan or of the settings, a test of the base (by its
   * name, by the tests that ran in it, or as a part of the file), a program that a judge starts, keys of package.json.
   */
  rule: z.enum([
    "judge_config",
    "plan",
    "settings",
    "base_test",
    "held_tests",
    "inline_tests",
    "judge_program",
    "package_json",
  ]),
  /** The glob, or the keys (none when package.json cannot be read). */
  names: z.array(z.string()),
});
export type Violation = z.infer<typeof Violation>;

/** Why it is protected, in a few words. */
export const protectedAs = ({ rule, names }: Pick<Violation, "rule" | "names">): string => {
  switch (rule) {
    case "judge_config":
      return "configuration of judges and builds";
    case "plan":
      return `protected by the plan: ${names.join(", ")}`;
    case "settings":
      return `protected by the settings: ${names.join(", ")}`;
    case "base_test":
      return "a test of the base";
    case "held_tests":
      return "it held tests at the base";
    case "inline_tests":
      return "the tests inside of it";
    case "judge_program":
      return "a judge starts it";
    case "package_json":
      return names.length === 0 ? "it cannot be read" : names.join(", ");
  }
};

export const Conflict = z.strictObject({
  path: z.string(),
  /** The step whose verified commit touched the same path, when one did. */
  stepId: z.string().nullable(),
});
export type Conflict = z.infer<typeof Conflict>;

/** One thing done to make the room usable, before the judge. */
export const ProvisionRecord = z.strictObject({
  what: z.string(),
  outcome: z.enum(["done", "failed"]),
  durationMs: naturalInt,
});
export type ProvisionRecord = z.infer<typeof ProvisionRecord>;

/** A judgement bound to exactly what was judged. Commits and trees are git object ids, null at isolation level 0. */
export const Verdict = Judgement.extend({
  /** The journal seq of the proposal that was judged; null for an acceptance criterion. */
  proposalSeq: z.int().nullable(),
  /** The commit the workspace started from. */
  base: z.string().nullable(),
  /** The run's head that the proposal was merged onto. */
  head: z.string().nullable(),
  /** What was judged: the merged commit and its tree. A passed verdict makes this commit the head. */
  commit: z.string().nullable(),
  tree: z.string().nullable(),
  validator: z.strictObject({ type: ValidatorType, target: z.string(), digest: z.string() }),
  isolationLevel: IsolationLevel,
  /** Protected paths that the proposal touched without leave. */
  protectedPaths: z.array(z.string()),
  /** The same with their reasons; verdicts of older versions have none. */
  violations: z.array(Violation).optional(),
  conflicts: z.array(Conflict),
  provision: z.array(ProvisionRecord),
  durationMs: naturalInt,
});
export type Verdict = z.infer<typeof Verdict>;

/** The verdict as agents may have it: what the next attempt is told must not say what it is tried with. */
export const forAgents = (verdict: Verdict): Verdict => {
  const { tests } = verdict;
  if (tests === undefined || tests.heldOut === null) return verdict;
  const wrong = { ...tests.heldOut.wrong, names: [] };
  return { ...verdict, tests: { ...tests, heldOut: { ...tests.heldOut, wrong, log: null } } };
};
