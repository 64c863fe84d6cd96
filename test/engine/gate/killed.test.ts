import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage } from "../../helpers/built.js";
import { gatedProject, openRun } from "../../helpers/gated.js";

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

const run = promisify(execFile);
const ORDER_MS = 900_000;
const worker = join(import.meta.dirname, "../../helpers/intent-worker.mjs");

const boundaries = ["proposed", "approved", "ordered, not done", "done, not reported", "reported"] as const;

const lives = async (at: string, idempotent: boolean) => {
  const project = await gatedProject();
  const app = await project.open();
  const runId = await openRun(app);
  const env = { ...process.env, XDG_DATA_HOME: join(project.folder, "data"), RUN_ID: runId };
  const life = (given: object) =>
    run(process.execPath, [worker, built.library, project.folder, JSON.stringify({ idempotent, ...given })], {
      env,
    });
  await expect(life({ at, aheadMs: 0 })).rejects.toMatchObject({ stderr: "", signal: "SIGKILL" });
  const { stdout } = await life({ at: "", aheadMs: ORDER_MS });
  const effects = (await readFile(join(project.folder, "effects"), "utf8")).split("\n").filter(Boolean);
  return { ...JSON.parse(stdout), effects };
};

describe.each(boundaries)("killed when it is %s,", (at) => {
  it("what must not happen twice happens once, and the next life is told what became of it", async () => {
    const { last, types, verified, effects } = await lives(at, false);
    expect(effects).toEqual(["crm:batch-1"]);
    expect(last).toMatchObject({ status: "skipped", first: { status: "succeeded" } });
    expect(types.filter((type: string) => type === "intent_approved").length).toBeLessThanOrEqual(2);
    expect(verified.flaws).toEqual([]);
  });

  it("what does no harm twice is done again under its key, and reported once", async () => {
    const { last, types, effects } = await lives(at, true);
    expect(new Set(effects)).toEqual(new Set(["crm:batch-1"]));
    expect(effects).toHaveLength(at === "done, not reported" ? 2 : 1);
    expect(last).toMatchObject({ status: "skipped", first: { status: "succeeded" } });
    expect(types.filter((type: string) => type === "intent_reported")).toHaveLength(1);
  });
});
