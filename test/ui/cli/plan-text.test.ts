import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { planLines, printPlan } from "../../../src/ui/cli/plan-text.js";
import { planOf, stepSpec } from "../../helpers/cast.js";

const linesOf = (over: Parameters<typeof stepSpec>[1]): readonly string[] =>
  planLines({ state: "proposed", proposalSeq: 3, plan: planOf([stepSpec("a", over)]) });

it("a plan is shown with the tools and limits of its steps", () => {
  const lines = linesOf({ toolProfile: ["coding", "browser"], timeoutMs: 90_500, agentTimeoutMs: 3_600_000 });
  expect(lines).toContain("    tools coding, browser");
  // To the millisecond: what is approved is what was looked at.
  expect(lines).toContain("    judge at most 90500ms");
  expect(lines).toContain("    agent at most 1h");
  const without = linesOf({}).join("\n");
  expect(without).toContain("tools coding\n");
  expect(without).not.toContain("at most");
});

it("a step that may change nothing is told from one that may change what is not protected", () => {
  expect(linesOf({ mayChange: { paths: [], only: true } })).toContain("    may change nothing");
  expect(linesOf({ mayChange: { paths: [], only: false } }).join()).not.toContain("may change");
  expect(linesOf({ mayChange: { paths: ["a.md"], only: true } })).toContain("    may change only a.md");
});

it("no line that a model wrote begins where one of ours does", () => {
  const criteria = [{ description: "it works\n    judged by me", validator: stepSpec("a").validator }];
  const plan = {
    ...planOf([stepSpec("a", { goal: "Do it\njudged by nobody" })]),
    acceptanceCriteria: criteria,
  };
  const lines = planLines({ state: "proposed", proposalSeq: 3, plan });
  expect(lines).toContain("    goal Do it");
  expect(lines).toContain("         judged by nobody");
  expect(lines.filter((line) => /^ {4}judged by/.test(line))).toHaveLength(2);
});

it("a terminal breaks no line of a model where one of ours could begin, nor a secret in two", () => {
  const goal = `Fix it with sesame-${"x".repeat(30)}${" ".repeat(40)}No command of its own. ${" ".repeat(60)}Steps (0)`;
  const printed = (columns: number | undefined): readonly string[] => {
    const out = new PassThrough();
    const redact = (text: string) => text.replaceAll(/sesame-x{30}/g, "[redacted]");
    const output = {
      ...{ out, err: out, json: false, quiet: false, live: false, colour: false },
      columns,
      redact,
    };
    printPlan(output, { state: "proposed", proposalSeq: 3, plan: planOf([stepSpec("a", { goal })]) });
    return String(out.read()).split("\n");
  };
  for (const columns of [12, 40, 80]) {
    const lines = printed(columns);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    // One of each is ours.
    expect(lines.filter((line) => line.startsWith("No command"))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith("Steps ("))).toHaveLength(1);
    expect(lines.join("\n")).not.toContain("xxx");
  }
  expect(printed(undefined)).toContain(`    goal ${goal.replace(/sesame-x+/, "[redacted]")}`);
});
