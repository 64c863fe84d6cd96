// openworkflow on its SQLite backend, as it comes; Node 24.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { OpenWorkflow } from "openworkflow";
import { BackendSqlite } from "openworkflow/sqlite";

export const open = async (place, watch) => {
  const file = join(place, "openworkflow.db");
  const backend = BackendSqlite.connect(file);
  const app = new OpenWorkflow({ backend });
  const workflow = app.defineWorkflow({ name: "bench" }, async ({ input: { id, count }, step }) => {
    await watch.begin(id);
    for (let at = 0; at < count; at += 1)
      await step.run({ name: `step-${at}` }, async () => watch.effect(at));
    watch.end(id);
    return "done";
  });
  const worker = app.newWorker({ concurrency: 100 });
  let isStarted = false;
  const start = async () => {
    if (!isStarted) await worker.start();
    isStarted = true;
  };
  return {
    run: async (id, count) => {
      await start();
      const handle = await workflow.run({ id, count });
      await handle.result({ timeoutMs: 110_000 });
    },
    resume: async () => {
      // Its lease lasts 30 seconds, which nobody wants to measure seven times: as if they were over.
      const db = new DatabaseSync(file);
      db.prepare("UPDATE workflow_runs SET available_at = ? WHERE status = 'running'").run(
        new Date(0).toISOString(),
      );
      db.close();
      await start();
      await new Promise(() => undefined);
    },
    close: async () => {
      if (isStarted) await worker.stop();
      await backend.stop();
    },
  };
};
