import { describe, expect, it } from "vitest";
import * as limit from "../../src/core/limits.js";
import { readPlan } from "../../src/core/plan.js";
import { planOf, refusal, stepOf, told } from "./plan-helpers.js";

const plan = (goal: string) => JSON.stringify({ ...planOf(stepOf()), goal });
const fence = (body: string, tag = "json") => `\`\`\`${tag}\n${body}\n\`\`\``;
const goalOf = (text: string) => readPlan(text).goal;

describe("the plan is found in whatever a model wraps it into", () => {
  it.each([
    ["bare JSON", plan("A")],
    ["JSON behind a byte-order mark", `\uFEFF${plan("A")}`],
    ["a fence", fence(plan("A"))],
    ["a fence with an upper-case tag", fence(plan("A"), "JSON")],
    ["a fence with a blank before its tag", fence(plan("A"), " Json")],
    ["an untagged fence", fence(plan("A"), "")],
    ["a fence of four backticks", `\`${fence(plan("A"))}\``],
    ["a fence with Windows line ends", fence(plan("A")).replaceAll("\n", "\r\n")],
    ["a fence on one line", `\`\`\`json ${plan("A")} \`\`\``],
    ["a fence that was never closed", `Here:\n\`\`\`json\n${plan("A")}\n`],
    ["prose before and after a fence", `Sure {thing}!\n${fence(plan("A"))}\nAnything "else"?`],
    ["prose around a bare object", `The plan {as asked}: ${plan("A")} Good luck {"x": broken`],
    ["the first of two fences", `${fence(plan("A"))}\n${fence(plan("B"))}`],
    ["a fence behind a bare object", `${plan("B")}\n${fence(plan("A"))}`],
    ["the first fence whose body parses", `${fence(`{"goal": }`)}\n${fence(plan("A"))}`],
    ["the first fence that holds nothing else", `${fence(`${plan("B")} or so`)}\n${fence(plan("A"))}`],
    ["the first fence that is an object", `${fence("[1]")}\n${fence(plan("A"))}`],
    ["a fence behind one in another language", `${fence("ls {a}", "sh")}\n${fence(plan("A"))}`],
    ["a fence in another language that names itself", `${fence(plan("A"), "json5")}`],
    ["the first of two bare objects", `${plan("A")}\n${plan("B")}`],
    ["a bare object behind one that is broken", `{"goal": } then ${plan("A")}`],
  ])("%s", (_, text) => {
    expect(goalOf(text)).toBe("A");
  });

  it.each(["```", "a ```json {} ``` b", "}", '"', "\\", "```\n{"])(
    "a goal that holds %j does not cut it",
    (goal) => {
      for (const text of [plan(goal), fence(plan(goal)), `see ${plan(goal)} there`]) {
        expect(goalOf(text)).toBe(goal);
      }
    },
  );
});

describe("text without a plan is refused with a reason", () => {
  it.each([
    ["", "There is no plan in this text."],
    ["I cannot do that {sorry}.", "There is no plan in this text."],
    [fence("{ not: json }"), /^There is no plan/],
    [fence(`{"goal": "x",}`), /^The plan is not JSON: Expected double-quoted property name/],
    [`{"goal": "x" "steps": []}`, /^The plan is not JSON: Expected ','/],
    [
      `Here:\n\`\`\`json\n{"goal": "x", "steps": [{"id": "a"}, {"id"`,
      `The plan is not JSON: what begins in line 3 with "{\\"goal\\": \\"x\\", \\"steps" is never closed.`,
    ],
    ["[1,", /^The plan is not JSON: Unexpected end/],
    ["x".repeat(limit.PLAN_TEXT_CHARS + 1), /1000001 characters long; at most 1000000 are read/],
  ])("text %#", (text, message) => {
    const error = refusal(() => readPlan(text));
    expect(error.code).toBe("parse_failed");
    expect(error.message).toMatch(message);
  });

  it("a truncated plan is not mistaken for one of its steps", () => {
    const cut = fence(`{"goal": "x", "steps": [${JSON.stringify(stepOf())}, {"id":`);
    expect(refusal(() => readPlan(cut)).code).toBe("parse_failed");
    expect(refusal(() => readPlan(`{"goal": "x", "steps": [${JSON.stringify(stepOf())},]}`)).code).toBe(
      "parse_failed",
    );
  });

  it("JSON of another kind is a plan with a defect", () => {
    for (const [text, found] of [
      ["[]", "a list of 0"],
      ["null", "null"],
      ["5", "5"],
      ['"x"', '"x"'],
    ]) {
      expect(told(() => readPlan(text))).toEqual([`plan: ${found} → an object`]);
    }
  });
});

describe("a repeated key is refused, wherever it is", () => {
  it.each([
    [`{"goal":"a","goal":"b","steps":[STEP]}`, ["goal"]],
    [`{"goal":"a","go\\u0061l":"b","steps":[STEP]}`, ["goal"]],
    [
      `{"goal":"a","steps":[STEP, {"id":"z","id":"y","goal":"g","owner_agent":"o","validator":{"type":"build_pass"}}]}`,
      ["steps[1].id"],
    ],
    [
      `{"goal":"a","steps":[STEP],"acceptance_criteria":[{"description":"d","validator":{"type":"build_pass","params":{"toolchain":"go","toolchain":"rust"}}}]}`,
      ["acceptance_criteria[0].validator.params.toolchain"],
    ],
  ])("%s", (text, paths) => {
    const step = JSON.stringify(stepOf());
    expect(told(() => readPlan(text.replace("STEP", step)))).toEqual(
      paths.map((path) => `${path}: the same key again → each key once`),
    );
  });

  it("but the same key in different objects, and strings that look like keys, are no repetition", () => {
    const tricky = `{"goal":"{\\"goal\\":1, \\"a\\": [\\"","steps":[${JSON.stringify(stepOf())}],"protect":["goal","goal","a,b"]}`;
    expect(readPlan(tricky).protect).toEqual(["goal", "goal", "a,b"]);
  });
});

describe("hostile text is answered soon", () => {
  // Each of these makes a scan that starts over at every brace or fence read the text a hundred thousand times.
  it.each([
    ["opening braces", "{".repeat(1_000_000)],
    ["opening objects", `{"a":`.repeat(190_000)],
    ["fences that never close", "```{\n".repeat(200_000)],
    ["fences and blanks", "``` \n".repeat(200_000)],
    ["blanks and lines", " \n".repeat(500_000)],
    ["one fence and blanks", `\`\`\`${" ".repeat(999_000)}`],
    ["blanks after a fenced object", `\`\`\`{}${" ".repeat(999_000)}x`],
    ["backticks", "`".repeat(1_000_000)],
    ["quotes", `{"${'"'.repeat(999_000)}`],
    ["backslashes", `{"${"\\".repeat(999_000)}`],
    ["deep lists", "[".repeat(499_000) + "]".repeat(499_000)],
    ["deep objects", `${`{"a":`.repeat(160_000)}1${"}".repeat(160_000)}`],
    ["deep repeated keys", `${`{"a":1,"a":`.repeat(80_000)}1${"}".repeat(80_000)}`],
    ["many unknown keys", `{${Array.from({ length: 90_000 }, (_, i) => `"k${i}":1`).join(",")}}`],
    [
      "a knot of dependencies",
      JSON.stringify(
        planOf(
          ...Array.from({ length: 300 }, (_, i) =>
            stepOf({ id: `s${i}`, depends_on: Array.from({ length: 300 }, (_, j) => `s${j}`) }),
          ),
        ),
      ),
    ],
    [
      "many unknown dependencies",
      JSON.stringify(
        planOf(
          ...Array.from({ length: 400 }, (_, i) =>
            stepOf({ id: `step-number-${i}`, depends_on: Array.from({ length: 200 }, (_, j) => `n-${j}`) }),
          ),
        ),
      ),
    ],
  ])("%s", (_, text) => {
    expect(text.length).toBeLessThanOrEqual(limit.PLAN_TEXT_CHARS);
    const error = refusal(() => readPlan(text));
    expect(["parse_failed", "validation_failed"]).toContain(error.code);
    expect(JSON.stringify(error).length).toBeLessThan(200_000);
  });
});
