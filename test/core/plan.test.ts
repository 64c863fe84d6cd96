import { describe, expect, it } from "vitest";
import * as limit from "../../src/core/limits.js";
import { readPlan, readSteps, readValidator } from "../../src/core/plan.js";
import { defectsOf, judgedBy, planOf, refusal, stepOf, told } from "./plan-helpers.js";

const RELATIVE = "a path relative to the project";
const FLAG = `no leading "-", which a program takes for a flag`;

describe("readPlan fills in what planners leave out", () => {
  it("gives a bare step its defaults", () => {
    expect(readPlan(planOf(stepOf()))).toEqual({
      goal: "ship it",
      protect: [],
      acceptanceCriteria: [],
      steps: [
        {
          id: "build",
          goal: "make it build",
          ownerAgent: "coder",
          dependsOn: [],
          toolProfile: ["coding"],
          validator: { type: "build_pass", target: "", params: {} },
          mayChange: { paths: [], only: false },
          maxRetries: 2,
        },
      ],
    });
  });

  it.each([
    [{ type: "build_pass" }, "coding"],
    [{ type: "test_pass" }, "coding"],
    [{ type: "file_changed", target: "src/**" }, "coding"],
    [{ type: "artifact_exists", target: "out.txt" }, "coding"],
    [{ type: "command_pass", target: "make" }, "coding"],
    [{ type: "orchestrator_approval" }, "supervisor"],
  ])("infers the tool profile of %j", (validator, profile) => {
    expect(readPlan(judgedBy(validator)).steps[0]?.toolProfile).toEqual([profile]);
  });

  it("keeps the profiles that are given, once each, and treats an empty list as not given", () => {
    const profile = (given: unknown) =>
      readPlan(planOf(stepOf({ tool_profile: given }))).steps[0]?.toolProfile;
    expect(profile(["browser", "knowledge", "browser"])).toEqual(["browser", "knowledge"]);
    expect(profile([])).toEqual(["coding"]);
  });

  it.each([
    ["2m", 120_000],
    ["1h30m", 5_400_000],
    ["250ms", 250],
    [90, 90_000],
    ["24h", limit.TIMEOUT_MAX_MS],
  ])("reads the time limit %j", (given, ms) => {
    const [step] = readPlan(planOf(stepOf({ timeout: given, agent_timeout: given }))).steps;
    expect(step).toMatchObject({ timeoutMs: ms, agentTimeoutMs: ms });
  });

  it("takes a key of package.json in may_change, and of no other file of its kind", () => {
    const told = (entry: string) => {
      try {
        return readPlan(planOf(stepOf({ may_change: [entry] }))).steps[0]?.mayChange.paths;
      } catch (error) {
        return error instanceof Error ? error.message : error;
      }
    };
    for (const entry of ["package.json#dependencies", "packages/*/package.json#scripts", "notes#1/a.md"])
      expect(told(entry)).toEqual([entry]);
    for (const entry of [
      "Cargo.toml#dependencies",
      "package.json#",
      "x/tsconfig.json#paths",
      "xpackage.json#a",
    ])
      expect(told(entry)).toMatch(/expected "package\.json#KEY", or the whole file/);
  });

  it("reads may_change as a list, or as the only paths a step may change", () => {
    const mayChange = (given: unknown) => readPlan(planOf(stepOf({ may_change: given }))).steps[0]?.mayChange;
    expect(mayChange(["src/**"])).toEqual({ paths: ["src/**"], only: false });
    expect(mayChange({ paths: ["src/**"] })).toEqual({ paths: ["src/**"], only: false });
    expect(mayChange({ paths: [], only: true })).toEqual({ paths: [], only: true });
  });

  it("reads all params of all judges", () => {
    const sha256 = "a".repeat(64);
    const counts = {
      min_tests: 3,
      no_skips: true,
      red_before_green: true,
      repeat: 5,
      held_out: "secret/tests",
      canary: false,
    };
    expect(readValidator({ type: "test_pass", params: { toolchain: "go", ...counts } }).params).toEqual({
      toolchain: "go",
      minTests: 3,
      noSkips: true,
      redBeforeGreen: true,
      repeat: 5,
      heldOut: "secret/tests",
      canary: false,
    });
    const params = { min_bytes: 1, sha256, contains: "ok", changed: false };
    expect(readValidator({ type: "artifact_exists", target: "a", params }).params).toEqual({
      minBytes: 1,
      sha256,
      contains: "ok",
      changed: false,
    });
    for (const code of [3, "3", "003"]) {
      const judge = { type: "command_pass", target: "exit 3", params: { expected_exit_code: code } };
      expect(readValidator(judge).params).toEqual({ expectedExitCode: 3 });
    }
  });

  it("drops the empty work_dir that the seeds show", () => {
    expect(readValidator({ type: "test_pass", target: "./...", params: {}, work_dir: "" })).toEqual({
      type: "test_pass",
      target: "./...",
      params: {},
    });
  });

  it("counts a dependency that is named twice once", () => {
    const plan = readPlan(planOf(stepOf({ id: "a" }), stepOf({ id: "b", depends_on: ["a", "a"] })));
    expect(plan.steps[1]?.dependsOn).toEqual(["a"]);
  });

  it.each([
    ["./internal/..."],
    ["example.com/mod/pkg"],
    ["tests/test_a.py::test_x[1-2]"],
    ["a::b"],
    ["~lock"],
    ["a..b"],
    ["…"],
  ])("accepts %j as what to test", (target) => {
    expect(readValidator({ type: "test_pass", target }).target).toBe(target);
  });

  it("lets file_changed turn its glob round, and command_pass say what it likes", () => {
    expect(readValidator({ type: "file_changed", target: "!docs/**" }).target).toBe("!docs/**");
    const shell = "cd /tmp && ls ../.. ~/x \\\n | grep -v C:\\\\";
    expect(readValidator({ type: "command_pass", target: shell }).target).toBe(shell);
  });
});

describe("readPlan refuses, saying where, what and what instead", () => {
  it.each<[string, unknown, string[]]>([
    ["a plan that is no object", [planOf(stepOf())], ["plan: a list of 1 → an object"]],
    ["nothing at all", undefined, ["plan: nothing → an object"]],
    ["null", null, ["plan: null → an object"]],
    ["a plan without a goal", { steps: [stepOf()] }, ["goal: nothing → text"]],
    ["a plan without steps", { goal: "x" }, ["steps: nothing → a list"]],
    ["no step", planOf(), ["steps: a list of 0 → at least 1 entry"]],
    ["a blank goal", { goal: " \n", steps: [stepOf()] }, [`goal: " \\n" → text that is not blank`]],
    [
      "a goal with NUL",
      planOf(stepOf({ goal: "a\0b" })),
      [`steps[0].goal: "a\\u0000b" → text without NUL characters`],
    ],
    ["a step that is no object", { goal: "x", steps: [5] }, ["steps[0]: 5 → an object"]],
    [
      "a blank owner",
      planOf(stepOf({ owner_agent: " " })),
      [`steps[0].owner_agent: " " → text that is not blank`],
    ],
    [
      "a derived field",
      planOf(stepOf({ status: "completed" })),
      [
        `steps[0].status: an unknown key → one of "id", "goal", "owner_agent", "depends_on", "tool_profile", "validator", "may_change", "max_retries", "candidates", "pick", "timeout", "agent_timeout"`,
      ],
    ],
    [
      "a key in another case",
      { Goal: "x", goal: "x", steps: [stepOf()] },
      [
        `Goal: an unknown key → one of "goal", "protect", "steps", "acceptance_criteria"; did you mean "goal"?`,
      ],
    ],
    [
      "keys of JavaScript's own",
      JSON.parse(`{"goal":"x","steps":[],"__proto__":{"goal":"y"},"constructor":1}`),
      [
        "steps: a list of 0 → at least 1 entry",
        `__proto__: an unknown key → one of "goal", "protect", "steps", "acceptance_criteria"`,
        `constructor: an unknown key → one of "goal", "protect", "steps", "acceptance_criteria"`,
      ],
    ],
    [
      "an unknown profile",
      planOf(stepOf({ tool_profile: ["codng"] })),
      [
        `steps[0].tool_profile[0]: "codng" → one of "coding", "browser", "knowledge", "supervisor"; did you mean "coding"?`,
      ],
    ],
    ["too many retries", planOf(stepOf({ max_retries: 21 })), ["steps[0].max_retries: 21 → at most 20"]],
    ["half a retry", planOf(stepOf({ max_retries: 1.5 })), ["steps[0].max_retries: 1.5 → a whole number"]],
    ["less than no retry", planOf(stepOf({ max_retries: -1 })), ["steps[0].max_retries: -1 → at least 0"]],
    [
      "a null where a default would do",
      planOf(stepOf({ may_change: null })),
      ["steps[0].may_change: null → a list or an object"],
    ],
    [
      "may_change without paths",
      planOf(stepOf({ may_change: { onyl: true } })),
      [
        "steps[0].may_change.paths: nothing → a list",
        `steps[0].may_change.onyl: an unknown key → one of "paths", "only"; did you mean "only"?`,
      ],
    ],
    [
      "a criterion that somebody would have to approve",
      {
        ...planOf(stepOf()),
        acceptance_criteria: [{ description: "ok", validator: { type: "orchestrator_approval" } }],
      },
      [
        `acceptance_criteria[0].validator.type: "orchestrator_approval" → a judge that needs nobody: a criterion is verified by itself`,
      ],
    ],
    [
      "a criterion that says it is met",
      {
        ...planOf(stepOf()),
        acceptance_criteria: [{ description: " ", met: true, validator: { type: "build_pass" } }],
      },
      [
        `acceptance_criteria[0].description: " " → text that is not blank`,
        `acceptance_criteria[0].met: an unknown key → one of "description", "validator"`,
      ],
    ],
  ])("%s", (_, plan, expected) => {
    expect(told(() => readPlan(plan))).toEqual(expected);
  });

  it.each([
    ["one candidate", { candidates: 1 }, "steps[0].candidates: 1 → a whole number from 2 to 10"],
    ["eleven candidates", { candidates: 11 }, "steps[0].candidates: 11 → a whole number from 2 to 10"],
    ["a list of one", { candidates: ["coder"] }, "steps[0].candidates: "],
    ["a blank agent among them", { candidates: ["coder", " "] }, "steps[0].candidates: "],
    [
      "an agent that there is not",
      { candidates: ["coder", "codr"] },
      `steps[0].candidates[1]: "codr" → one of "coder", "reviewer"`,
    ],
    [
      "candidates without the owner agent",
      { candidates: ["reviewer", "reviewer"] },
      `steps[0].candidates: a list without it → candidates with the owner agent "coder" among them`,
    ],
    ["another way to pick", { candidates: 2, pick: "last" }, "steps[0].pick: "],
    ["a pick of nothing", { pick: "first" }, "steps[0].pick: it without candidates → candidates beside it"],
    [
      "a person as the judge of a race",
      { candidates: 2, validator: { type: "orchestrator_approval" } },
      "steps[0].candidates: candidates of a step that a person approves → a judge that needs nobody",
    ],
  ])("%s", (_, over, expected) => {
    const agents = ["coder", "reviewer"];
    const said = told(() => readPlan(planOf(stepOf(over)), { agents }));
    expect(said).toHaveLength(1);
    expect(said[0]?.startsWith(expected)).toBe(true);
  });

  it.each(["held_out", "red_before_green", "repeat", "canary"])("%s outside of a judge's params", (key) => {
    expect(defectsOf(() => readPlan(planOf(stepOf({ [key]: 2 }))))).toMatchObject([
      { path: `steps[0].${key}`, found: "an unknown key" },
    ]);
  });

  it.each([0, -1, 1.5, 86_401, "0s", "25h", "2 m", "soon", "", null, true, Number.NaN, ["2m"]])(
    "the time limit %j",
    (timeout) => {
      expect(defectsOf(() => readPlan(planOf(stepOf({ timeout, agent_timeout: timeout }))))).toMatchObject([
        { path: "steps[0].timeout" },
        { path: "steps[0].agent_timeout" },
      ]);
    },
  );

  it.each(["", " ", "a b", "a/b", "..", "-a", "_a", "a.b", "ä", "a\n", "a~1", "a".repeat(65), 5, null])(
    "the step id %j, which would not make a folder and a branch everywhere",
    (id) => {
      expect(defectsOf(() => readPlan(planOf(stepOf({ id }))))).toMatchObject([{ path: "steps[0].id" }]);
    },
  );

  it("texts, lists and plans above their limits", () => {
    const tooLong = "x".repeat(limit.GOAL_CHARS + 1);
    const globs = Array.from({ length: limit.GLOBS_PER_LIST + 1 }, () => "a");
    expect(
      told(() => readPlan({ goal: tooLong, protect: globs, steps: [stepOf({ may_change: globs })] })),
    ).toEqual([
      `goal: "${"x".repeat(60)}…" (10001 characters) → at most 10000 characters`,
      "protect: a list of 201 → at most 200 entries",
      expect.stringContaining("steps[0].may_change: a list of 201 → at most 200 entries"),
    ]);
    const many = Array.from({ length: limit.STEPS_PER_PLAN + 1 }, (_, i) =>
      stepOf({ id: `s${i}`, goal: "" }),
    );
    expect(told(() => readPlan(planOf(...many)))).toEqual(["steps: a list of 1001 → at most 1000 entries"]);
    const criteria = Array.from({ length: limit.CRITERIA_PER_PLAN + 1 }, () => ({}));
    expect(told(() => readPlan({ ...planOf(stepOf()), acceptance_criteria: criteria }))).toEqual([
      "acceptance_criteria: a list of 201 → at most 200 entries",
    ]);
  });

  it("accepts as much as the limits allow", () => {
    const steps = Array.from({ length: limit.STEPS_PER_PLAN }, (_, i) =>
      stepOf({ id: `s${i}`, depends_on: i === 0 ? [] : [`s${i - 1}`] }),
    );
    expect(readPlan(planOf(...steps)).steps).toHaveLength(limit.STEPS_PER_PLAN);
  });
});

describe("a target can neither leave the tree nor become a flag", () => {
  const OUTSIDE: [string, string][] = [
    ["/etc/passwd", RELATIVE],
    ["//x", RELATIVE],
    ["~/x", RELATIVE],
    ["~", RELATIVE],
    ["C:/x", RELATIVE],
    ["c:x", RELATIVE],
    ["..", `no ".." segment`],
    ["../x", `no ".." segment`],
    ["a/../../x", `no ".." segment`],
    ["a/..", `no ".." segment`],
    ["a\\b", "forward slashes"],
    ["..\\x", "forward slashes"],
    ["-exec=sh", FLAG],
    [" -x", FLAG],
    ["a\0b", "text without NUL characters"],
  ];

  it.each(OUTSIDE)("%j is refused wherever a path is meant", (path, expected) => {
    for (const type of ["build_pass", "test_pass", "file_changed", "artifact_exists"]) {
      expect(defectsOf(() => readValidator({ type, target: path }))).toMatchObject([
        { path: "target", expected },
      ]);
    }
    const plan = { ...planOf(stepOf({ may_change: [path] })), protect: [path] };
    expect(defectsOf(() => readPlan(plan))).toMatchObject([
      { path: "protect[0]", expected },
      { path: "steps[0].may_change[0]", expected },
    ]);
    expect(defectsOf(() => readValidator({ type: "file_changed", target: `!${path}` }))).toHaveLength(1);
  });

  it("only file_changed may begin with an exclamation mark", () => {
    for (const type of ["build_pass", "test_pass", "artifact_exists"]) {
      expect(told(() => readValidator({ type, target: "!a" }))).toEqual([`target: "!a" → no leading "!"`]);
    }
    const plan = { ...planOf(stepOf({ may_change: { paths: ["!a"] } })), protect: ["!a"] };
    expect(told(() => readPlan(plan))).toEqual([
      `protect[0]: "!a" → no leading "!"`,
      `steps[0].may_change.paths[0]: "!a" → no leading "!"`,
    ]);
  });

  it.each(["file_changed", "artifact_exists", "command_pass"])("%s needs a target", (type) => {
    for (const target of [undefined, "", "  ", null, 5]) {
      expect(defectsOf(() => readValidator({ type, target }))).toMatchObject([{ path: "target" }]);
    }
  });

  it("an exclamation mark alone is no target", () => {
    expect(defectsOf(() => readValidator({ type: "file_changed", target: "!" }))).toHaveLength(1);
  });

  it("a command must not begin with a dash or hold NUL", () => {
    expect(told(() => readValidator({ type: "command_pass", target: " -c ls" }))).toEqual([
      `target: " -c ls" → no leading "-", which sh takes for a flag`,
    ]);
    expect(defectsOf(() => readValidator({ type: "command_pass", target: "a\0b" }))).toHaveLength(1);
  });

  it("approval has no target and no params", () => {
    expect(
      told(() => readValidator({ type: "orchestrator_approval", target: "x", params: { a: 1 } })),
    ).toEqual([`target: "x" → ""`, "params.a: an unknown key → no key here"]);
  });

  it("a target longer than an argument may be is refused", () => {
    expect(told(() => readValidator({ type: "command_pass", target: "x".repeat(20_001) }))).toEqual([
      `target: "${"x".repeat(60)}…" (20001 characters) → at most 20000 characters`,
    ]);
  });
});

describe("readValidator knows six judges and nothing beside them", () => {
  it.each<[unknown, string[]]>([
    [
      { type: "tests_pass" },
      [
        `type: "tests_pass" → one of "build_pass", "test_pass", "file_changed", "artifact_exists", "command_pass", "orchestrator_approval"; did you mean "test_pass"?`,
      ],
    ],
    [{ type: "toString", target: "x" }, [expect.stringContaining(`type: "toString" → one of`) as string]],
    [{ target: "x" }, [expect.stringContaining("type: nothing → one of") as string]],
    [{ type: "test_pass", work_dir: "/tmp" }, [`work_dir: "/tmp" → ""`]],
    [
      { type: "test_pass", params: { minTests: 1 } },
      [
        `params.minTests: an unknown key → one of "toolchain", "min_tests", "no_skips", "red_before_green", "repeat", "held_out", "canary"; did you mean "min_tests"?`,
      ],
    ],
    [{ type: "test_pass", params: { min_tests: 0 } }, ["params.min_tests: 0 → at least 1"]],
    [{ type: "test_pass", params: { repeat: 1 } }, ["params.repeat: 1 → at least 2"]],
    [{ type: "test_pass", params: { repeat: 21 } }, ["params.repeat: 21 → at most 20"]],
    [
      { type: "test_pass", params: { held_out: "../up" } },
      [expect.stringMatching(/^params\.held_out: /) as unknown as string],
    ],
    [{ type: "test_pass", params: { no_skips: "yes" } }, [`params.no_skips: "yes" → true or false`]],
    [
      { type: "build_pass", params: { toolchain: "rost" } },
      [`params.toolchain: "rost" → one of "go", "node", "python", "rust", "java"; did you mean "rust"?`],
    ],
    [{ type: "build_pass", params: null }, ["params: null → an object"]],
    [
      { type: "artifact_exists", target: "a", params: { sha256: "A".repeat(64), contains: "" } },
      [
        `params.sha256: "${"A".repeat(60)}…" (64 characters) → 64 lower-case hexadecimal digits`,
        `params.contains: "" → text that is not empty`,
      ],
    ],
  ])("%j", (validator, expected) => {
    expect(told(() => readValidator(validator))).toEqual(expected);
  });

  it.each([256, -1, 1.5, "1.5", "0x1", " 1", "", "256", "1e2", null, true, []])(
    "the exit code %j",
    (code) => {
      const judge = { type: "command_pass", target: "x", params: { expected_exit_code: code } };
      expect(defectsOf(() => readValidator(judge))).toMatchObject([
        { path: "params.expected_exit_code", expected: "a whole number from 0 to 255" },
      ]);
    },
  );

  it("reads JSON text as well", () => {
    expect(readValidator(`{"type":"build_pass"}`).type).toBe("build_pass");
  });
});

describe("steps must agree with each other", () => {
  const chain = (...edges: [string, ...string[]][]) =>
    planOf(...edges.map(([id, ...depends_on]) => stepOf({ id, depends_on })));

  it("names a cycle in order", () => {
    expect(told(() => readPlan(chain(["a", "b"], ["b", "c"], ["c", "a"], ["d", "a"])))).toEqual([
      "steps[2].depends_on[0]: a cycle: a → b → c → a → dependencies without a cycle",
    ]);
  });

  it("names every cycle, also one inside another and a step that waits for itself", () => {
    const plan = chain(["a", "b", "c"], ["b", "a"], ["c", "a"], ["d", "d"]);
    expect(defectsOf(() => readPlan(plan)).map(({ found }) => found)).toEqual([
      "a cycle: a → b → a",
      "a cycle: a → c → a",
      "a cycle: d → d",
    ]);
  });

  it("shortens a cycle through a thousand steps", () => {
    const edges = Array.from({ length: 1000 }, (_, i): [string, string] => [`s${i}`, `s${(i + 1) % 1000}`]);
    const [only, ...others] = defectsOf(() => readPlan(chain(...edges)));
    expect(only?.found).toMatch(/^a cycle: s0 → s1 → .* → … \(980 more\) → s0$/);
    expect(others).toEqual([]);
  });

  it("complains about a repeated id without inventing a cycle", () => {
    expect(told(() => readPlan(chain(["a"], ["b", "a"], ["A", "b"])))).toEqual([
      `steps[2].id: "A" → an id of its own, case aside: "a" comes before`,
    ]);
    expect(told(() => readPlan(chain(["a"], ["b", "a"], ["a", "b"])))).toEqual([
      `steps[2].id: "a" → an id of its own, case aside: "a" comes before`,
    ]);
  });

  it("complains about an unknown dependency without inventing a cycle", () => {
    expect(told(() => readPlan(chain(["setup"], ["b", "Setup"], ["c", "nowhere"])))).toEqual([
      `steps[1].depends_on[0]: "Setup" → the id of a step; did you mean "setup"?`,
      `steps[2].depends_on[0]: "nowhere" → the id of a step`,
    ]);
  });

  it("knows the agents when the caller does", () => {
    const plan = planOf(stepOf({ owner_agent: "codr" }), stepOf({ id: "b", owner_agent: "coder" }));
    expect(readPlan(plan).steps).toHaveLength(2);
    expect(told(() => readPlan(plan, { agents: ["coder", "reviewer"] }))).toEqual([
      `steps[0].owner_agent: "codr" → one of "coder", "reviewer"; did you mean "coder"?`,
    ]);
    expect(told(() => readPlan(planOf(stepOf()), { agents: [] }))).toEqual([
      `steps[0].owner_agent: "coder" → an agent, but none is configured`,
    ]);
  });

  it("tells all defects at once: fields, agents, ids, dependencies and cycles", () => {
    const plan = {
      gaol: "x",
      steps: [
        stepOf({ id: "a", goal: "", owner_agent: "nobody", depends_on: ["b", 5], timeout: "never" }),
        stepOf({ id: "b", depends_on: ["a", "x"], validator: { type: "command_pass", target: "-x" } }),
        stepOf({ id: "B" }),
        stepOf({ id: "c", depends_on: ["c"] }),
      ],
    };
    const error = refusal(() => readPlan(plan, { agents: ["coder"] }));
    const defects = error.details.defects as { path: string }[];
    expect(defects.map(({ path }) => path)).toEqual([
      "goal",
      "steps[0].goal",
      "steps[0].depends_on[1]",
      "steps[0].timeout",
      "steps[1].validator.target",
      "gaol",
      "steps[2].id",
      "steps[0].owner_agent",
      "steps[1].depends_on[1]",
      "steps[3].depends_on[0]",
    ]);
    expect(error.message).toMatch(
      /^10 defects in the plan: goal: found nothing, expected text; .*; and 5 more\.$/,
    );
    expect(error.details.count).toBe(10);
  });

  it("tells a bounded number of them, and the count of all", () => {
    const keys = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, 1]));
    const error = refusal(() => readPlan({ ...planOf(stepOf()), ...keys }));
    expect(error.details.defects).toHaveLength(100);
    expect(error.message).toMatch(/^5000 defects in the plan: .*; and 4995 more\.$/);
  });
});

describe("readSteps: steps that take the place of another", () => {
  const existing = [
    { id: "setup", dependsOn: [] },
    { id: "big", dependsOn: ["setup"] },
    { id: "after", dependsOn: ["big"] },
    { id: "Last", dependsOn: ["after"] },
  ];
  const around = { existing, replaces: "big" };

  it("may depend on each other and on what the replaced step could wait for", () => {
    const steps = [stepOf({ id: "one", depends_on: ["setup"] }), stepOf({ id: "two", depends_on: ["one"] })];
    expect(readSteps(steps, around).map(({ id, dependsOn }) => [id, dependsOn])).toEqual([
      ["one", ["setup"]],
      ["two", ["one"]],
    ]);
    expect(readSteps(JSON.stringify(steps), around)).toHaveLength(2);
    expect(readSteps(`Sure:\n\`\`\`json\n${JSON.stringify(steps)}\n\`\`\``, around)).toHaveLength(2);
    expect(readSteps(`Sure: ${JSON.stringify(steps)} as asked`, around)).toHaveLength(2);
  });

  it("may not wait for the step they replace, nor for what waits for it", () => {
    expect(
      told(() => readSteps([stepOf({ depends_on: ["big", "after", "Last", "nowhere"] })], around)),
    ).toEqual([
      `steps[0].depends_on[0]: "big" → a step that does not itself wait for "big"`,
      `steps[0].depends_on[1]: "after" → a step that does not itself wait for "big"`,
      `steps[0].depends_on[2]: "Last" → a step that does not itself wait for "big"`,
      `steps[0].depends_on[3]: "nowhere" → the id of a step`,
    ]);
  });

  it("hold every other rule of a plan", () => {
    expect(told(() => readSteps([], around))).toEqual(["steps: a list of 0 → at least 1 entry"]);
    expect(told(() => readSteps({ steps: [stepOf()] }, around))).toEqual(["steps: an object → a list"]);
    const steps = [
      stepOf({ id: "last" }),
      stepOf({ id: "x", depends_on: ["y"] }),
      stepOf({ id: "y", depends_on: ["x"] }),
    ];
    expect(told(() => readSteps(steps, { ...around, agents: ["other"] }))).toEqual([
      `steps[0].id: "last" → an id of its own, case aside: a step of this run has it`,
      ...[0, 1, 2].map((i) => `steps[${i}].owner_agent: "coder" → one of "other"`),
      "steps[2].depends_on[0]: a cycle: x → y → x → dependencies without a cycle",
    ]);
  });

  it("do not make a run longer than a plan may be", () => {
    const full = Array.from({ length: limit.STEPS_PER_PLAN }, (_, i) => ({ id: `s${i}`, dependsOn: [] }));
    expect(told(() => readSteps([stepOf()], { existing: full, replaces: "s0" }))).toEqual([
      "steps: 1 steps for a run of 1000 → at most 1000 steps in a run",
    ]);
  });
});
