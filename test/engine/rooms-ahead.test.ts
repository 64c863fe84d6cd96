import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openPlaces } from "../../src/pev/places.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { began, eventsOf, eventually, placesOf } from "../helpers/driving.js";
import { buggySum } from "../helpers/project.js";

/** Folders of rooms, by the register. */
const roomsOf = async ({ dataDir }: { readonly dataDir: string }): Promise<string[]> =>
  (await (await openPlaces(join(dataDir, "places"))).list()).flatMap(({ kind, path }) =>
    kind === "room" && path !== null ? [path] : [],
  );

/** The room is there, and the first of what lies in it; who takes it waits for the rest. */
const isLaidOut = async (app: { readonly dataDir: string }): Promise<boolean> =>
  (await roomsOf(app)).some((path) => existsSync(join(path, "tree", "src")));

it("a verdict is found in the room that was laid out while the agent worked, and nothing stays of it", async () => {
  // The judge says where it stands, in a place that no sandbox would show it.
  const shop = await sample({ ...buggySum, "runledger.yaml": "isolation: { maximum: 1 }\n" });
  const ahead: string[] = [];
  const app = await shop.open({
    coder: async ({ workspace, stepId }) => {
      await writeFile(join(workspace, `${stepId}.txt`), `${stepId}\n`);
      await eventually("a room is laid out", () => isLaidOut(app));
      ahead.push(...(await roomsOf(app)));
      return "done";
    },
  });
  const seen = join(shop.place, "seen");
  const judge = (id: string) => `pwd >> ${seen} && test -f ${id}.txt && test -z "$(git status --porcelain)"`;
  const plan = planOfSteps(stepBy("a", judge("a")), stepBy("b", judge("b"), { depends_on: ["a"] }));
  const runId = await began(app, plan);
  const { run } = await app.drive(runId);
  expect(run.state.status).toBe("completed");
  const judged = (await readFile(seen, "utf8")).trimEnd().split("\n");
  expect(judged).toEqual(ahead.map((path) => join(path, "tree")));
  expect(new Set(judged).size).toBe(2);
  expect(ahead.filter(existsSync)).toEqual([]);
  expect(await placesOf(app)).toEqual([]);
});

it("a run that is stopped, and one whose step is given up, leave no room that was laid out for them", async () => {
  const shop = await sample();
  const stop = new AbortController();
  const app = await shop.open({
    coder: async () => {
      await eventually("a room is laid out", () => isLaidOut(app));
      stop.abort();
      throw new Error("I cannot");
    },
  });
  const runId = await began(app, planOfSteps(stepBy("a", "true", { max_retries: 0 })));
  expect((await app.drive(runId, stop.signal)).end).toBe("stopped");
  expect(await roomsOf(app)).toEqual([]);
  await app.drive(runId);
  expect(await placesOf(app)).toEqual(["workspace"]);
  expect((await eventsOf(app, runId)).map(({ type }) => type)).toContain("step_interrupted");
});
