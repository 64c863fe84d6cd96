import * as limit from "../../src/core/limits.js";
import { DEEP, deepList, HOSTILE_VALUES, ODD_TEXTS, ODD_VALUES, type Pick } from "./bad-input.js";

type Fields = Record<string, unknown>;
/** The wire form of a plan that held every rule before it was hurt. */
export type WirePlan = Fields & { steps: Fields[] };

/** Does one thing wrong to a plan, and says where: the path that the refusal must name. */
type HurtPlan = (plan: WirePlan, pick: Pick) => string;

const anyStep = ({ steps }: WirePlan, pick: Pick): { step: Fields; at: string } => {
  const index = pick.below(steps.length);
  return { step: steps[index] ?? {}, at: `steps[${index}]` };
};

/** Puts a value into a field of any step. */
const inStep =
  (key: string, value: (pick: Pick) => unknown, below = ""): HurtPlan =>
  (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    step[key] = value(pick);
    return `${at}.${key}${below}`;
  };

const inValidator =
  (validator: (pick: Pick) => Fields, below: string): HurtPlan =>
  (plan, pick) =>
    `${inStep("validator", validator)(plan, pick)}${below}`;

const over = (chars: number) => "x".repeat(chars + 1);
const copies = (count: number, value: unknown): unknown[] => Array.from({ length: count }, () => value);

const BAD_PATHS = ["/etc/passwd", "../up", "a/../../b", "~/x", "C:/x", "a\\b", "-rf", "  ", "a\0b"];
const BAD_GLOBS = [
  "(a+)+b",
  "+(+(a))b",
  "!(*a*a)b",
  "@(a|b)/c",
  `${"*a".repeat(40)}b`,
  `${"**/a/".repeat(40)}b`,
  "{a,b}".repeat(40),
  "{a,".repeat(60),
  "?".repeat(limit.TARGET_CHARS),
  "(".repeat(9_000),
];
const BAD_IDS = ["-a", "a b", "a/b", "a.b", "ä", "a\n", "..", ".", "a:b", over(limit.ID_CHARS)];
const BAD_TIMES = ["soon", "2 minutes", "-1s", "0", "25h", "1e3s", "٣s", "9".repeat(40), -1, 1.5, 0, 1e9];

/** Stands for a list so deep that JSON.stringify could not write it. */
const DEEP_MARK = "a list in a list in a list";

/** The plan as JSON text, deep lists and all. */
export const jsonOf = (plan: WirePlan, indent = 0): string =>
  JSON.stringify(plan, null, indent).replaceAll(
    JSON.stringify(DEEP_MARK),
    "[".repeat(DEEP) + "]".repeat(DEEP),
  );

/** Kinds that JSON can say. */
export const hurtPlan = {
  unknownKey: (plan, pick) => {
    const key = pick.of(["gaol", "Goal", "step", "x".repeat(300), "a.b", "0", "\u202ekey", "work_dir"]);
    plan[key] = 1;
    return /^[a-zA-Z_]{1,64}$/.test(key) ? key : "plan[";
  },
  protoKey: (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    const key = pick.of(["__proto__", "constructor", "toString", "hasOwnProperty"]);
    Object.defineProperty(step, key, { value: { goal: "x" }, enumerable: true, configurable: true });
    return `${at}.${key}`;
  },
  missingKey: (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    const key = pick.of(["id", "goal", "owner_agent", "validator"]);
    delete step[key];
    return `${at}.${key}`;
  },
  wrongKind: (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    const key = pick.of(["goal", "owner_agent", "depends_on", "tool_profile", "validator", "may_change"]);
    step[key] = pick.of([true, 7, 1e300, null, { length: 3 }]);
    return `${at}.${key}`;
  },
  stepsAreNone: (plan, pick) => {
    plan.steps = pick.of([[], {}, "steps", null, { length: 2 }]) as Fields[];
    return "steps";
  },
  stepIsNone: (plan, pick) => {
    const index = pick.below(plan.steps.length);
    plan.steps[index] = pick.of([null, "build", 7, []]) as unknown as Fields;
    return `steps[${index}]`;
  },
  repeatedId: (plan, pick) => {
    const { step } = anyStep(plan, pick);
    const { id } = step;
    plan.steps.push({ ...step, id: pick.of([String(id), String(id).toUpperCase()]), depends_on: [] });
    return `steps[${plan.steps.length - 1}].id`;
  },
  dependsOnItself: (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    step.depends_on = [step.id];
    return `${at}.depends_on[0]`;
  },
  circle: (plan, pick) => {
    const { step } = anyStep(plan, pick);
    const ends = Array.from({ length: 2 + pick.below(8) }, (_, n) => `circle${n}`);
    for (const [n, id] of ends.entries())
      plan.steps.push({ ...step, id, depends_on: [ends[(n + 1) % ends.length]] });
    return "steps[";
  },
  ghostDependency: (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    step.depends_on = [pick.of(["ghost", ...ODD_TEXTS])];
    return `${at}.depends_on[0]`;
  },
  badId: inStep("id", (pick) => pick.of([...BAD_IDS, ...ODD_TEXTS.filter((text) => !/^\w*$/.test(text))])),
  unknownAgent: inStep("owner_agent", (pick) => pick.of(["nobody", "Coder", "coder ", "__proto__"])),
  tooLong: (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    step.goal = over(limit.GOAL_CHARS);
    return `${at}.goal`;
  },
  blank: (plan, pick) => {
    plan.goal = pick.of(["", " ", "\t\n", "\u00a0", "\ufeff"]);
    return "goal";
  },
  nul: inStep("goal", () => "make it\0build"),
  giant: (plan) => {
    plan.goal = "g".repeat(900_000);
    return "goal";
  },
  badPath: inValidator(
    (pick) => ({
      type: pick.of(["artifact_exists", "test_pass", "file_changed"]),
      target: pick.of(BAD_PATHS),
    }),
    ".target",
  ),
  badGlob: inValidator((pick) => ({ type: "file_changed", target: pick.of(BAD_GLOBS) }), ".target"),
  badGlobInList: (plan, pick) => {
    plan.protect = ["src/**", pick.of([...BAD_GLOBS, ...BAD_PATHS, "!src/**"])];
    return "protect[1]";
  },
  tooManyGlobs: inStep("may_change", () => copies(limit.GLOBS_PER_LIST + 1, "src/**")),
  badCommand: inValidator(
    (pick) => ({
      type: "command_pass",
      target: pick.of(["", " ", "-c x", "a\0b", over(limit.TARGET_CHARS)]),
    }),
    ".target",
  ),
  unknownJudge: inValidator((pick) => ({ type: pick.of(["tests_pass", "vibes", ...ODD_TEXTS]) }), ".type"),
  unknownParameter: inValidator(
    () => ({ type: "build_pass", params: { min_tests: 1 } }),
    ".params.min_tests",
  ),
  badParameter: inValidator(
    (pick) => ({ type: "test_pass", params: { min_tests: pick.of([0, -1, 1.5, "1", null, 1e300]) } }),
    ".params.min_tests",
  ),
  badExitCode: inValidator(
    (pick) => ({
      type: "command_pass",
      target: "true",
      params: { expected_exit_code: pick.of([-1, 256, 1e300, "0x1", "", " 1", null, true, [0]]) },
    }),
    ".params.expected_exit_code",
  ),
  ownRoom: inValidator(
    (pick) => ({ type: "build_pass", work_dir: pick.of(["src", "/", ".."]) }),
    ".work_dir",
  ),
  criterionAsksAPerson: (plan) => {
    plan.acceptance_criteria = [{ description: "d", validator: { type: "orchestrator_approval" } }];
    return "acceptance_criteria[0].validator.type";
  },
  tooManyCriteria: (plan) => {
    const one = { description: "d", validator: { type: "build_pass" } };
    plan.acceptance_criteria = copies(limit.CRITERIA_PER_PLAN + 1, one);
    return "acceptance_criteria";
  },
  badRetries: inStep("max_retries", (pick) => pick.of([-1, 21, 0.5, "2", null, 1e300])),
  badTime: (plan, pick) =>
    inStep(pick.of(["timeout", "agent_timeout"]), () => pick.of(BAD_TIMES))(plan, pick),
  unknownProfile: inStep("tool_profile", (pick) => [pick.of(["root", "Coding", ...ODD_TEXTS])], "[0]"),
  tooManySteps: (plan) => {
    const [first = {}] = plan.steps;
    for (let n = 0; n <= limit.STEPS_PER_PLAN; n += 1) plan.steps.push({ ...first, id: `many${n}` });
    return "steps";
  },
  tooManyDependencies: inStep("depends_on", () => copies(limit.STEPS_PER_PLAN + 1, "a")),
  knot: (plan) => {
    const [first = {}] = plan.steps;
    const ids = Array.from({ length: 300 }, (_, n) => `knot${n}`);
    for (const id of ids) plan.steps.push({ ...first, id, depends_on: ids });
    return "steps[";
  },
  nonsenseKeys: (plan) => {
    for (let n = 0; n < 20_000; n += 1) plan[`nonsense${n}`] = n;
    return "nonsense";
  },
  deepText: inStep("goal", () => DEEP_MARK),
  oddValue: (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    const key = pick.of(["id", "goal", "owner_agent", "validator", "may_change", "timeout", "max_retries"]);
    step[key] = pick.of([...ODD_VALUES, ...ODD_TEXTS]);
    // Others may depend on the id that was there.
    return key === "id" ? "steps[" : `${at}.${key}`;
  },
} satisfies Readonly<Record<string, HurtPlan>>;

/** Kinds that only a program can hand in, as values. */
export const hurtPlanValue = {
  deep: (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    const key = pick.of(["goal", "validator", "may_change", "owner_agent"]);
    step[key] = deepList(DEEP);
    return `${at}.${key}`;
  },
  hostileField: (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    const key = pick.of(["id", "goal", "owner_agent", "validator", "max_retries"]);
    step[key] = pick.of(Object.values(HOSTILE_VALUES))();
    return `${at}.${key}`;
  },
  hostileList: (plan, pick) => {
    const { step, at } = anyStep(plan, pick);
    const key = pick.of(["depends_on", "tool_profile"]);
    step[key] = pick.of(
      ["throws", "revoked", "holes", "endless", "function"].map((n) => HOSTILE_VALUES[n]),
    )?.();
    return `${at}.${key}`;
  },
  hostileGetter: (plan, pick) => {
    const { step } = anyStep(plan, pick);
    Object.defineProperty(step, "goal", {
      enumerable: true,
      configurable: true,
      get: () => {
        throw new TypeError("do not look");
      },
      set: () => undefined,
    });
    return "plan";
  },
} satisfies Readonly<Record<string, HurtPlan>>;
