import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyAt } from "../../../src/index.js";
import { sample } from "../../helpers/bench.js";
import { buildPackage } from "../../helpers/built.js";
import { orchestrator } from "../../helpers/project.js";

/** Clients that are really killed, before and behind each thing that they do. */

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

const boundaries = ["starting", "beginning", "paying", "ending", "signing"].flatMap((place) => [
  `before ${place}`,
  `after ${place}`,
]);
const isBegun = ["after beginning", "before paying", "after paying", "before ending"];
const isBlocked = [...isBegun, "after ending", "before signing", "after signing"];

const shopOf = async (settings: string) => {
  const shop = await sample({ "a.txt": "1\n", "runledger.yaml": settings });
  const bank = join(shop.place, "bank");
  const client = (killAt: string) =>
    spawnSync(
      process.execPath,
      [join(import.meta.dirname, "../../helpers/client-worker.mjs"), built.library, shop.repo, bank, killAt],
      { env: shop.env as NodeJS.ProcessEnv, encoding: "utf8" },
    );
  return { shop, bank, client };
};

describe("A client that is killed", () => {
  it.each(boundaries)("%s pays once, and its next life knows what was done", async (killAt) => {
    const { shop, bank, client } = await shopOf("durable: { encryption: true }\n");
    expect(client(killAt).signal).toBe("SIGKILL");
    const { stdout, stderr } = client("");
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      blocked: isBlocked.includes(killAt),
      begun: isBegun.includes(killAt),
    });
    expect(await readFile(bank, "utf8")).toBe("paid\n");
    const app = await shop.open();
    const [row] = await app.list({ limit: 9 });
    const runs = app.trackedRuns(app.issue({ name: "payer", role: "orchestrator", sessionKey: "shop" }));
    const { run } = await runs.getRun({ runId: row?.runId ?? "" });
    expect(run).toMatchObject({ status: "completed", skippedSideEffects: 0, blockedSideEffects: 1 });
    expect(await verifyAt({ projectDir: shop.repo, env: shop.env })).toMatchObject({ flaws: [] });
    await expect(app.trackedRuns(orchestrator(app)).getRun({ runId: run.runId })).rejects.toThrow();
  });

  it("while it resumes goes on all the same", async () => {
    const { bank, client } = await shopOf("");
    expect(client("after paying").signal).toBe("SIGKILL");
    for (const killAt of ["before resuming", "after resuming", "before ending"])
      expect(client(killAt).signal).toBe("SIGKILL");
    expect(client("").status).toBe(0);
    expect(await readFile(bank, "utf8")).toBe("paid\n");
  });
});
