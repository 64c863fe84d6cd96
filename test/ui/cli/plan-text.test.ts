import { expect, it } from "vitest";
import { planLines } from "../../../src/ui/cli/plan-text.js";
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
