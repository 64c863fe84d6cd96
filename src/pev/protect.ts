import type { ChangedFile } from "../../validators/room.js";
import type { StepSpec, ValidatorSpec } from "../core/spec.js";
import type { Violation } from "../core/verdict.js";
import { vendoredIn } from "./dependency-files.js";
import { inlineTests } from "./inline-tests.js";
import { judgePrograms } from "./judge-programs.js";
import { type Leave, leaveOf, matcher } from "./leave.js";
import { changedKeys, FREE_PACKAGE_KEYS } from "./package-keys.js";
import { folded, isTestByName, judgesByName } from "./protected-paths.js";

/** Reads a file of the base (`before`) or of the proposal (`after`); undefined when it is none. */
type Read = (side: "before" | "after", path: string) => Promise<string | undefined>;

export type ProtectInput = {
  readonly changed: readonly ChangedFile[];
  readonly step: Pick<StepSpec, "mayChange">;
  /** Globs that nobody may add, change or remove what they match of. */
  readonly protect: { readonly plan: readonly string[]; readonly settings: readonly string[] };
  /** Every judge of the plan: what one of them starts is no other step's to change. */
  readonly validators: readonly ValidatorSpec[];
  /** Paths of the base. */
  readonly base: readonly string[];
  readonly read: Read;
};

export type ProtectFinding = {
  /** Protected paths changed without leave, by path. */
  readonly violations: readonly Violation[];
  /** Paths outside an `only` list. */
  readonly outside: readonly string[];
};

// An agent must not touch what it is judged by, unless the step says that it may.
export const checkProtection = async (input: ProtectInput): Promise<ProtectFinding> => {
  const { changed, step, read } = input;
  const leave = leaveOf(step.mayChange.paths);
  const ruleFor = rulesOf(input, judgePrograms(input.validators, await read("before", "package.json")));
  const violations = new Map<string, Violation>();
  const outside = new Set<string>();
  for (const file of changed) {
    for (const path of pathsOf(file)) {
      if (leave.allows(path)) continue;
      const wasThere = file.change !== "added" && (file.change !== "renamed" || path === file.from);
      const keys = await keysWithoutLeave(leave, path, wasThere, read);
      if (step.mayChange.only && (leave.keysOf(path).size === 0 || keys?.length !== 0)) outside.add(path);
      const rule = await ruleFor(path, wasThere, keys);
      if (rule !== undefined) violations.set(path, { path, change: file.change, ...rule });
    }
  }
  return {
    violations: [...violations.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
    outside: [...outside].sort(),
  };
};

// Which files held tests is known only after the base's own run; of a file that is code as well, only its tests count.
export const touchedTests = async (input: {
  /** Files of the base that held tests and are not what they were. */
  readonly judgedBy: readonly string[];
  readonly mayChange: readonly string[];
  readonly readBase: (path: string) => Promise<string | undefined>;
}): Promise<readonly string[]> => {
  const leave = leaveOf(input.mayChange);
  const touched: string[] = [];
  for (const path of input.judgedBy.filter((one) => !leave.allows(one)))
    if (inlineTests(path, (await input.readBase(path)) ?? "") === "") touched.push(path);
  return touched;
};

const pathsOf = ({ path, from }: ChangedFile): readonly string[] =>
  from === undefined ? [path] : [path, from];

/** Tells what nobody may even add: configuration by its name, and what these globs match. */
export const judgeFileMatcher = (protect: readonly string[]): ((path: string) => boolean) => {
  const byWord = matcher(protect);
  return (path) => judgesByName(path) || byWord(path);
};

type Rule = Pick<Violation, "rule" | "names">;
type RuleFor = (
  path: string,
  wasThere: boolean,
  keys: readonly string[] | null | undefined,
) => Promise<Rule | undefined>;

/** The first rule that a change of a path breaks. */
const rulesOf = (input: ProtectInput, programs: ReadonlySet<string>): RuleFor => {
  const globs = (["plan", "settings"] as const).flatMap((by) =>
    input.protect[by].map((glob) => ({ rule: by, glob, matches: matcher([glob]) })),
  );
  const started = new Set([...programs].map(folded));
  // A file of another spelling takes the place of this one where file systems do not tell them apart.
  const atBase = new Set(input.base.map(folded));
  const isVendored = vendoredIn([...atBase, ...input.changed.map(({ path }) => folded(path))]);
  return async (path, wasThere, keys) => {
    if (judgesByName(path) || isVendored(folded(path))) return { rule: "judge_config", names: [] };
    const word = globs.find(({ matches }) => matches(path));
    if (word !== undefined) return { rule: word.rule, names: [word.glob] };
    if (wasThere || atBase.has(folded(path))) {
      if (isTestByName(path)) return { rule: "base_test", names: [] };
      if (started.has(folded(path))) return { rule: "judge_program", names: [] };
    }
    if (keys !== undefined) return packageRule(keys);
    if (wasThere && (await changedInline(path, input.read))) return { rule: "inline_tests", names: [] };
    return undefined;
  };
};

/** Changed keys of a package.json that the step was not given; null when nobody can tell, undefined for other files. */
const keysWithoutLeave = async (
  leave: Leave,
  path: string,
  wasThere: boolean,
  read: Read,
): Promise<readonly string[] | null | undefined> => {
  if (!/(^|\/)package\.json$/.test(folded(path))) return undefined;
  const given = leave.keysOf(path);
  const keys = changedKeys(wasThere ? await read("before", path) : "{}", await read("after", path));
  return keys?.filter((key) => !given.has(key)) ?? null;
};

const packageRule = (keys: readonly string[] | null): Rule | undefined => {
  const bound = keys?.filter((key) => !FREE_PACKAGE_KEYS.has(key));
  return bound?.length === 0 ? undefined : { rule: "package_json", names: [...(bound ?? [])] };
};

const changedInline = async (path: string, read: Read): Promise<boolean> => {
  const before = inlineTests(path, (await read("before", path)) ?? "");
  return before !== "" && before !== inlineTests(path, (await read("after", path)) ?? "");
};
