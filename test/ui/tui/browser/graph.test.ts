import { describe, expect, it } from "vitest";
import { graphOf } from "../../../../src/ui/tui/browser/graph.js";

/** `a b<a c<a d<b,c`: steps and what they wait for. */
const drawn = (plan: string): string => {
  const steps = plan.split(" ").map((word) => {
    const [id = "", needs] = word.split("<");
    return { id, dependsOn: needs?.split(",") ?? [] };
  });
  const { rows, width } = graphOf(steps, 10) ?? { rows: [], width: 0 };
  for (const { before, behind } of rows) expect([...before, "●", ...behind]).toHaveLength(width);
  return rows.map(({ id, before, behind }) => `${before}●${behind} ${id}`).join("\n");
};

describe("a plan as lines", () => {
  it("is one column when each waits for the one before", () => {
    expect(drawn("a b<a c<b")).toMatchInlineSnapshot(`
      "● a
      ● b
      ● c"
    `);
  });
  it("shows what goes on side by side", () => {
    expect(drawn("a b c")).toMatchInlineSnapshot(`
      "┌─● a
      ├─● b
      ╰─● c"
    `);
    expect(drawn("setup api<setup ui<setup docs<setup")).toMatchInlineSnapshot(`
      "●   setup
      ├─● api
      ├─● ui
      ╰─● docs"
    `);
  });
  it("shows what is waited for together", () => {
    expect(drawn("setup api<setup ui<setup docs<setup release<api,ui,docs")).toMatchInlineSnapshot(`
      "●       setup
      ├─●     api
      ├─│─●   ui
      ╰─│─│─● docs
        ●─┴─╯ release"
    `);
    expect(drawn("a b c<a,b d<c e<c f<d,e")).toMatchInlineSnapshot(`
      "┌─●     a
      ╰─│─●   b
        ●─╯   c
        ├─●   d
        ╰─│─● e
          ●─╯ f"
    `);
  });
  it("shows lines that pass by each other", () => {
    expect(drawn("a b c d<a e<b f<c g<d,f h<e,g")).toMatchInlineSnapshot(`
      "┌─●     a
      ├─│─●   b
      ╰─│─│─● c
        ● │ │ d
        │ ● │ e
        │ │ ● f
        ●─│─╯ g
        ●─╯   h"
    `);
  });
  it("puts each behind what it waits for, however the plan has them", () => {
    expect(drawn("c<b b<a a")).toMatchInlineSnapshot(`
      "● a
      ● b
      ● c"
    `);
  });
  it("draws a thousand steps in a chain, and no more lines side by side than it may", () => {
    const chain = Array.from({ length: 1_000 }, (_, at) =>
      at === 0 ? "s0" : `s${at}<s${at - 1}`,
    ).toReversed();
    expect(graphOf([], 10)?.rows).toEqual([]);
    expect(drawn(chain.join(" ")).split("\n")).toHaveLength(1_000);
    const fan = Array.from({ length: 1_000 }, (_, at) => `s${at}`);
    const steps = [...fan.map((id) => ({ id, dependsOn: [] })), { id: "end", dependsOn: fan }];
    expect(graphOf(steps, 10)).toBeNull();
    expect(graphOf(steps, 2_000)?.width).toBe(2_001);
  });
});
