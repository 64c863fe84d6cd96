import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Desk, openDesk, planOf, shop, step } from "../../helpers/cli.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(shop);
});
afterAll(() => desk.dispose());

it.each(["claude", "codex", "gemini", "opencode", "cursor"])(
  "After mcp install for %s a run is refused by words that tell the way on, and begins when that is gone",
  async (client) => {
    const plan = await planOf(desk, "plan.json", [step("a", "maker")]);
    const file = (await desk.type("mcp", "install", "--client", client)).out.trim();
    const { code, err } = await desk.type("run", plan, "--no-drive");
    expect([code > 0, err]).toEqual([true, expect.stringContaining("[dirty_checkout]")]);
    const [, advised = ""] = /keep out of git.* with: (.*)\n/.exec(err) ?? [];
    expect(advised).toContain(file.slice(desk.repo.length));
    execFileSync("sh", ["-c", advised], { cwd: desk.repo });
    expect((await desk.type("run", plan, "--no-drive")).code).toBe(0);
  },
);

it("Whatever else is not committed is told as ever", async () => {
  const plan = await planOf(desk, "plan.json", [step("a", "maker")]);
  await desk.write({ "README.md": "# Changed\n" });
  const { err } = await desk.type("run", plan, "--no-drive");
  expect(err).toContain("Commit them, or start the run with --include-uncommitted.");
});
