import type { ValidatorSpec } from "../../core/spec.js";
import type { Verdict } from "../../core/verdict.js";

/** One submission before one validator. */
export type Trial = {
  /** `nothing changed`, `reference solution`, or the name of a cheat. */
  readonly submission: string;
  readonly kind: "nothing" | "solution" | "cheat";
  readonly outcome: Verdict["outcome"] | "not_applicable";
  /** Of the verdict; null where none was asked for. */
  readonly reason: Verdict["reason"] | null;
  /** What the validator said, or why it was not asked. */
  readonly message: string;
  readonly durationMs: number;
  /** The outcome is the one that a validator which bites would give. */
  readonly asItShould: boolean;
};

export type TriedValidator = {
  /** `step sum`, `criterion 1`. */
  readonly name: string;
  /** Null for an acceptance criterion. */
  readonly stepId: string | null;
  readonly validator: ValidatorSpec;
  readonly trials: readonly Trial[];
};

export type SelftestFinding = {
  readonly kind: "vacuous" | "gamed" | "refuses_solution" | "errored";
  /** Name of the validator. */
  readonly validator: string;
  readonly submissions: readonly string[];
  /** For people. */
  readonly message: string;
  /** What would mend it. */
  readonly hint: string;
};

export type SelftestReport = {
  readonly goal: string;
  /** The commit that every submission was made from. */
  readonly base: string;
  /** Of the rooms that it was judged in. */
  readonly isolationLevel: Verdict["isolationLevel"];
  /** Whether a reference solution was given for any validator. */
  readonly hasSolution: boolean;
  readonly validators: readonly TriedValidator[];
  readonly findings: readonly SelftestFinding[];
};

// What is wrong with a plan's validators, a sentence each: an empty list means that all of them bite.
export const findingsOf = (validators: readonly TriedValidator[]): readonly SelftestFinding[] =>
  validators.flatMap((tried) => {
    const wrong = tried.trials.filter(({ asItShould }) => !asItShould);
    return KINDS.flatMap(({ kind, isIt, says, hint }) => {
      const found = wrong.filter(isIt);
      if (found.length === 0) return [];
      const message = `${named(tried)} ${says(found, tried)}`;
      const submissions = found.map(({ submission }) => submission);
      return [{ kind, validator: tried.name, submissions, message, hint: hint(tried) }];
    });
  });

type Kind = {
  readonly kind: SelftestFinding["kind"];
  readonly isIt: (trial: Trial) => boolean;
  readonly says: (found: readonly Trial[], tried: TriedValidator) => string;
  readonly hint: (tried: TriedValidator) => string;
};

const named = ({ name, validator }: TriedValidator): string =>
  `${name.charAt(0).toUpperCase()}${name.slice(1)} (${validator.type})`;

const KINDS: readonly Kind[] = [
  {
    kind: "errored",
    isIt: ({ outcome }) => outcome === "errored",
    says: ([first, ...more]) =>
      `could not judge ${first?.submission}${more.length === 0 ? "" : ` and ${more.length} more`} [${first?.reason}]: ${first?.message}`,
    hint: () => "`runledger doctor` says what this machine lacks.",
  },
  {
    kind: "vacuous",
    isIt: ({ kind, outcome }) => kind === "nothing" && outcome === "passed",
    says: (_, { stepId }) =>
      stepId === null
        ? "is vacuous: it passes when nothing was changed, so it guards what is there and shows no work."
        : "is vacuous: it passes when nothing was changed, so it proves nothing about the work.",
    hint: ({ validator }) => VACUOUS_HINTS[validator.type],
  },
  {
    kind: "gamed",
    isIt: ({ kind, outcome }) => kind === "cheat" && outcome === "passed",
    says: (found) => `can be gamed by: ${found.map(({ submission }) => submission).join(", ")}.`,
    hint: ({ validator }) => GAMED_HINTS[validator.type],
  },
  {
    kind: "refuses_solution",
    isIt: ({ kind, outcome }) => kind === "solution" && outcome === "failed",
    says: ([first]) => `refuses the solution [${first?.reason}]: ${first?.message}`,
    hint: () => "Mend the validator, name protected paths of the work in may_change, or mend the solution.",
  },
];

const RED_TEST = "Let it judge by a test that fails now and passes when the work is done.";

const VACUOUS_HINTS: Readonly<Record<ValidatorSpec["type"], string>> = {
  test_pass: RED_TEST,
  build_pass: "A project that builds already needs another judge: a test that fails now, or an artifact.",
  command_pass: "Let the command exit with another code until the work is done.",
  file_changed: "Name the file that the work must change.",
  artifact_exists: "Leave out `changed: false`, so that the file must be new or different.",
  orchestrator_approval: RED_TEST,
};

const GAMED_HINTS: Readonly<Record<ValidatorSpec["type"], string>> = {
  test_pass: "Protect what was changed (`protect`), and give the step no leave to change its own tests.",
  build_pass: "That code compiles says little of what it does: add a test_pass.",
  command_pass: "Protect the files that the command depends on (`protect`), or judge by test_pass.",
  file_changed: "That a file differs says nothing of what is in it: add a test_pass, or a criterion.",
  artifact_exists: "Say what must be in the file: min_bytes, contains, sha256.",
  orchestrator_approval: "",
};
