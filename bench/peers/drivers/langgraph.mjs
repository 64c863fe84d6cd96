// LangGraph's functional API on its SQLite checkpointer: each checkpoint written before the next step, and, unlike as it
// comes, synced.
import { join } from "node:path";
import { entrypoint, task } from "@langchain/langgraph";
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite";

export const open = async (place, watch) => {
  const checkpointer = SqliteSaver.fromConnString(join(place, "langgraph.db"));
  checkpointer.setup();
  checkpointer.db.pragma("synchronous = FULL");
  if (checkpointer.db.pragma("synchronous", { simple: true }) !== 2) throw new Error("it does not sync");
  const step = task("step", async (at) => watch.effect(at));
  const workflow = entrypoint({ name: "bench", checkpointer }, async ({ id, count }) => {
    await watch.begin(id);
    for (let at = 0; at < count; at += 1) await step(at);
    watch.end(id);
    return "done";
  });
  const config = (id) => ({ configurable: { thread_id: id }, durability: "sync", recursionLimit: 100_000 });
  return {
    run: (id, count) => workflow.invoke({ id, count }, config(id)),
    resume: (id) => workflow.invoke(null, config(id)),
    close: async () => checkpointer.db.close(),
  };
};
