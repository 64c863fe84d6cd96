import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openBench, planOfSteps, stepBy } from "../helpers/bench.js";
import { isolationOf } from "../helpers/isolation.js";
import { tempFolder } from "../helpers/repositories.js";
import { eventually, isAlive } from "./room-fixtures.js";

const benchWith = async (script: (place: string) => string) => {
  const place = tempFolder();
  // Its set-up speaks to us through a folder that no sandbox would show.
  const isolation = isolationOf(place, { maximum: 1 });
  const bench = await openBench({ project: { isolation, setup: [["sh", "-c", script(place)]] } });
  const run = await bench.create(planOfSteps(stepBy("one", "true")));
  const [step] = run.steps;
  if (step === undefined) throw new Error("the plan has a step");
  const { places, disposal, workspaceRoot } = bench.pev.project;
  const left = async () => {
    await disposal.settle();
    return {
      places: await places.list(),
      folders: existsSync(workspaceRoot) ? readdirSync(workspaceRoot) : [],
    };
  };
  return { place, left, open: (signal: AbortSignal) => bench.pev.openWorkspace(run, step, signal) };
};

const NOTHING = { places: [], folders: [] };

describe("a workspace that nobody waits for any more", () => {
  it("stops its set-up, leaves nothing behind and says why", async () => {
    const { place, left, open } = await benchWith((at) => `echo $$ > ${at}/pid; exec sleep 1000`);
    const stop = new AbortController();
    const opening = open(stop.signal);
    const pid = await eventually(() => {
      const file = join(place, "pid");
      return existsSync(file) ? Number(readFileSync(file, "utf8")) || undefined : undefined;
    });
    const why = new Error("interrupted by the user");
    stop.abort(why);
    await expect(opening).rejects.toBe(why);
    expect(isAlive(pid)).toBe(false);
    expect(await left()).toEqual(NOTHING);
  });

  it("is not even begun, and can be had afterwards", async () => {
    const { place, left, open } = await benchWith((at) => `echo ran >> ${at}/ran`);
    await expect(open(AbortSignal.abort())).rejects.toThrow(/aborted/);
    expect(await left()).toEqual(NOTHING);
    expect(existsSync(join(place, "ran"))).toBe(false);
    const { folder } = await open(new AbortController().signal);
    expect(existsSync(join(folder, "package.json"))).toBe(true);
    expect(readFileSync(join(place, "ran"), "utf8")).toBe("ran\n");
  });
});

it("a workspace whose set-up fails says what failed, and is not kept", async () => {
  const { left, open } = await benchWith(() => "echo no network >&2; exit 3");
  await expect(open(new AbortController().signal)).rejects.toMatchObject({
    code: "provision_failed",
    message: expect.stringContaining("exit 3: no network"),
  });
  expect(await left()).toEqual(NOTHING);
});
