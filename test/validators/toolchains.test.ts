import { afterAll, describe, expect, test } from "vitest";
import type { Toolchain } from "../../src/core/spec.js";
import type { Judgement } from "../../src/core/verdict.js";
import { judge } from "../../validators/index.js";
import { closeLocalRooms, localRoom, type Sample } from "../helpers/local-room.js";

/** Programs that only say that they were called. */
const programs = { go: "echo called go", node: "echo called node", npm: "echo called npm" };

const build = async (sample: Sample, toolchain?: Toolchain): Promise<Judgement> =>
  judge(
    { type: "build_pass", target: "", params: toolchain === undefined ? {} : { toolchain } },
    await localRoom({ programs, ...sample }),
  );

afterAll(closeLocalRooms);

describe("the toolchain of a tree", () => {
  const both = { "go.mod": "module a\n", "package.json": '{ "scripts": { "build": "true" } }' };

  test("is the first of a fixed order when the tree shows several", async () => {
    expect((await build({ both })).tail).toBe("called go\n");
  });

  test("can be forced by the plan", async () => {
    expect((await build({ both }, "node")).tail).toBe("called npm\n");
  });

  test("is unknown where nothing shows it, and the hint names another validator", async () => {
    const judgement = await build({ both: { "README.md": "" } });
    expect(judgement).toMatchObject({ outcome: "errored", reason: "toolchain_unknown" });
    expect(judgement.hint).toContain("command_pass");
  });

  test("cannot be removed by the proposal without failing", async () => {
    const judgement = await build({ both: { "go.mod": "module a\n" }, remove: ["go.mod"] });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed" });
    expect(judgement.missing).toContain("go.mod");
  });
});
