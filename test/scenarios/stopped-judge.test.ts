import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import {
  buggySum,
  MARKS_OUTSIDE,
  makeSample,
  onePlan,
  person,
  type Sample,
  SESSION,
} from "../helpers/project.js";

let shop: Sample | undefined;
afterEach(async () => {
  await shop?.dispose();
  shop = undefined;
});

/** A run whose judge has begun and would go on for an hour. */
const judging = async () => {
  shop = await makeSample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
  const app = await shop.open({ coder: () => "done" });
  const begun = join(shop.place, "begun");
  const validator = { type: "command_pass", target: `touch '${begun}'; sleep 3600` };
  const plan = onePlan({ validator, timeout: "2h" });
  const run = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "judge it" });
  const stop = new AbortController();
  const driven = app.drive(run.runId, stop.signal);
  await vi.waitUntil(() => existsSync(begun), { timeout: 30_000 });
  return { app, runId: run.runId, driven, stop };
};

const typesOf = async ({ app, runId }: Awaited<ReturnType<typeof judging>>): Promise<readonly string[]> =>
  (await app.ledger.events(runId, 0, 100)).map(({ type }) => type);

it("cancelling a run stops its judge at once, and no verdict follows the end", async () => {
  const scene = await judging();
  const { app, runId, driven } = scene;
  await app.ledger.submit(runId, { type: "cancel_run", reason: "enough" }, person(app));
  expect(await driven).toMatchObject({
    end: "idle",
    run: { state: { status: "failed", reason: "cancelled" } },
  });
  expect((await typesOf(scene)).at(-1)).toBe("run_failed");
});

it("an interrupted judge records nothing; the next worker judges the same proposal again", async () => {
  const scene = await judging();
  const { app, runId, driven, stop } = scene;
  stop.abort();
  expect(await driven).toMatchObject({ end: "stopped" });
  expect((await typesOf(scene)).at(-1)).toBe("step_result_proposed");
  expect((await app.view(runId)).waiting).toMatchObject({ for: "worker", hint: `runledger resume ${runId}` });
});

it("a set-up command is stopped like an agent: nothing is recorded, and the half-made workspace is gone", async () => {
  shop = await makeSample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
  const begun = join(shop.place, "begun");
  await shop.write({
    "runledger.yaml": `workspace: { setup: [[sh, -c, "touch '${begun}'; sleep 3600"]] }\n${MARKS_OUTSIDE}`,
  });
  const app = await shop.open({ coder: () => "done" });
  const run = await app.createRun(person(app), {
    plan: onePlan(),
    sessionKey: SESSION,
    originalRequest: "set it up",
  });
  const stop = new AbortController();
  const driven = app.drive(run.runId, stop.signal);
  await vi.waitUntil(() => existsSync(begun), { timeout: 30_000 });
  stop.abort();
  expect(await driven).toMatchObject({ end: "stopped", run: { steps: [{ attempt: 0 }] } });
  expect(await readdir(join(shop.place, "state/runledger/workspaces"))).toEqual([]);
});
