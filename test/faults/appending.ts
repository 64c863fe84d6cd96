// A process that appends to a run of its own, and says after each append which event was acknowledged. It ends by itself
// after COUNT events, or is killed within the commit of the last one: behind it and before its anchor ("kill").
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { batchOf } from "../stores/batches.js";

const [folder = "", runId = "", count = "", how = ""] = process.argv.slice(2);
let acknowledged = 0;
const { writeSync } = fs;
if (how === "kill") {
  fs.writeSync = ((...given: Parameters<typeof writeSync>) => {
    const isRecord = Buffer.isBuffer(given[1]) && given[1].toString("latin1").startsWith("rl1 ");
    if (isRecord && acknowledged === Number(count) - 1) process.kill(process.pid, "SIGKILL");
    return writeSync(...given);
  }) as typeof writeSync;
  syncBuiltinESMExports();
}
const { openStore } = await import("../../src/stores/open.js");
const store = await openStore(folder);
for (let seq = 0; seq < Number(count); seq += 1) {
  const [row] = await store.append(batchOf(runId, seq));
  acknowledged += 1;
  console.log(JSON.stringify(row));
}
await store.close();
