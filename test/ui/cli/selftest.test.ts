import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CAST, type Desk, openDesk, planOf, shop, step } from "../../helpers/cli.js";

let desk: Desk;
let plan: string;
beforeAll(async () => {
  desk = await openDesk(shop);
  const validator = { type: "artifact_exists", target: "out/a.txt", params: { contains: "made" } };
  const weak = { type: "artifact_exists", target: "out/b.txt" };
  plan = await planOf(desk, "plan.json", [
    step("a", "maker", { validator }),
    step("b", "maker", { validator: weak }),
  ]);
  await desk.write({
    "../solution/out/a.txt": "made\n",
    "../solution/README.md": "# A shop\n",
    "../solution/runledger.yaml": CAST,
  });
});
afterAll(() => desk.dispose());

describe("runledger selftest", () => {
  it("answers 0 when all bite, with a table", async () => {
    const { code, out, err } = await desk.type("selftest", plan, "--step", "a", "--solution", "../solution");
    expect({ code, out: masked(out) }).toMatchSnapshot();
    expect(err).toMatch(
      /^Trying step a \(artifact_exists\)\.\nAll bite: 1 validator, 4 trials at isolation level \d\.\n$/,
    );
  });

  it("answers 1 and a sentence for each finding, and says what nobody looked at", async () => {
    const { code, out, err } = await desk.type("selftest", plan, "--validator", "artifact_exists");
    expect(code).toBe(1);
    expect(out).toContain("✘ Step b (artifact_exists) can be gamed by: empty file, blank file.\n");
    expect(err).toMatch(
      /Say what must be in the file.*\n1 finding: 2 validators, 6 trials at isolation level \d\. No reference solution/,
    );
  });

  it("answers programs with one document", async () => {
    const report = await desk.json("selftest", plan, "--step", "b");
    expect(report).toMatchObject({
      schemaVersion: 1,
      findings: [{ kind: "gamed", validator: "step b", submissions: ["empty file", "blank file"] }],
    });
  });

  it("looks for solutions from where it was called", async () => {
    const words = ["selftest", plan, "--step", "a", "--solution", "a=solution"];
    expect((await desk.typeWith({ cwd: desk.place }, "-C", desk.repo, ...words)).code).toBe(4);
    const there = ["selftest", plan, "--step", "a", "--solution", `a=${join(desk.place, "solution")}`];
    expect((await desk.type(...there)).code).toBe(0);
  });

  it("writes no journal", async () => {
    expect(await desk.json("list")).toMatchObject({ runs: [] });
  });

  it("refuses what it cannot try", async () => {
    expect((await desk.type("selftest", "none.json")).code).toBe(4);
    expect((await desk.type("selftest", plan, "--step", "nix")).code).toBe(4);
    expect((await desk.type("selftest", plan, "--validator", "nix")).code).toBe(2);
  });

  it("ends with Ctrl-C", async () => {
    const interrupted = AbortSignal.abort();
    const { code, err } = await desk.typeWith({ interrupted }, "selftest", plan);
    expect({ code, err: err.split("\n").at(-2) }).toEqual({
      code: 130,
      err: "Interrupted; nothing of it was kept.",
    });
  });
});

/** How long it took is no matter of the command's. */
const masked = (text: string): string => text.replace(/\b\d+(\.\d+)?m?s\b/g, "TOOK").replace(/ +/g, " ");
