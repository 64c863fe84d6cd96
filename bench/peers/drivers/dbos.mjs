// DBOS Transact on PostgreSQL; the place is the address of a database of its own.
import { DBOS } from "@dbos-inc/dbos-sdk";

export const open = async (place, watch) => {
  DBOS.setConfig({ name: "bench", systemDatabaseUrl: place, logLevel: "error", applicationVersion: "bench" });
  const workflow = DBOS.registerWorkflow(
    async (id, count) => {
      await watch.begin(id);
      for (let at = 0; at < count; at += 1)
        await DBOS.runStep(async () => watch.effect(at), { name: `step-${at}` });
      watch.end(id);
      return "done";
    },
    { name: "bench" },
  );
  await DBOS.launch();
  return {
    run: async (id, count) => {
      const handle = await DBOS.startWorkflow(workflow, { workflowID: id })(id, count);
      await handle.getResult();
    },
    // It takes up by itself, when it starts, what it had not ended.
    resume: () => new Promise(() => undefined),
    close: () => DBOS.shutdown(),
  };
};
