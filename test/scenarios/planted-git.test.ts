import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openArena } from "../attacks/arena.js";
import { running } from "../attacks/families/git.js";
import { REPAIR } from "../attacks/projects.js";

it("all programs that can be planted in a .git reaches neither the checkout nor its git when the repair is applied", async () => {
  const arena = await openArena({ project: "shop", level: 1 });
  const { app, repo, place } = arena;
  try {
    const { tripwire } = arena.scene("", "all");
    const run = await arena.run(async ({ workspace }) => {
      const scene = { ...arena.scene(workspace, "all"), stepId: "sum" };
      await scene.write(REPAIR);
      for (const { ruins, plant } of running) if (ruins !== true) await plant(scene);
      // The control: the agent's own git does run what was planted.
      spawnSync("git", ["commit", "--all", "--message", "x"], { cwd: workspace });
      expect(existsSync(tripwire)).toBe(true);
      await rm(tripwire);
      return "done";
    }, {});
    expect(run.state).toMatchObject({ status: "completed" });
    const config = await readFile(join(repo, ".git", "config"), "utf8");
    await arena.inside(() => app.apply(run.runId));
    expect(arena.git("show", "HEAD:src/sum.mjs")).toBe(REPAIR["src/sum.mjs"]);
    expect(arena.git("status", "--porcelain")).toBe("");
    expect(await readFile(join(repo, ".git", "config"), "utf8")).toBe(config);
    expect((await readdir(place)).filter((name) => name.startsWith("tripwire"))).toEqual([]);
  } finally {
    await arena.close();
  }
});
