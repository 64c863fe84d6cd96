// A run of one step, whose agent does the effects: guarded, so each is on the disk before and after it happens.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openRunLedger } from "../../../dist/library/kept.js";

const guarded = { class: "guarded", onAmbiguous: "rerun" };

export const open = async (place, watch) => {
  const project = join(place, "project");
  await mkdir(project, { recursive: true });
  await writeFile(join(project, "runledger.yaml"), "");
  const settled = new Map();
  const agents = {
    a: async ({ runId, goal }, effects) => {
      const { id, count } = JSON.parse(goal);
      const all = new Promise((resolve) => settled.set(runId, { left: count, resolve }));
      await watch.begin(id);
      for (let at = 0; at < count; at += 1) await effects.effect("call", guarded, () => watch.effect(at));
      // The last one has happened; it is done when that is on the disk, as it is with all others.
      await all;
      watch.end(id);
      return "done";
    },
  };
  const env = {
    PATH: process.env.PATH,
    HOME: place,
    RUNLEDGER_HOME: join(place, "data"),
    RUNLEDGER_SET_runLedger__workspaceIsolation: "false",
  };
  const app = await openRunLedger({ projectDir: project, env, agents });
  app.ledger.observe((events, { runId }) => {
    const waits = settled.get(runId);
    if (waits === undefined) return;
    for (const { type } of events) waits.left -= type === "effect_settled" ? 1 : 0;
    if (waits.left === 0) waits.resolve();
  });
  const me = app.issue({ name: "bench", role: "human", sessionKey: "bench" });
  const run = async (id, count) => {
    const goal = JSON.stringify({ id, count });
    const plan = {
      goal,
      steps: [{ id: "a", goal, owner_agent: "a", validator: { type: "command_pass", target: "true" } }],
    };
    const asked = { plan, sessionKey: "bench", originalRequest: "bench", idempotencyKey: id };
    const { runId } = await app.createRun(me, asked);
    const { run: driven } = await app.drive(runId);
    if (driven.state.status !== "completed") throw new Error(`the run is ${driven.state.status}`);
  };
  return { run, resume: run, close: () => app.close() };
};
