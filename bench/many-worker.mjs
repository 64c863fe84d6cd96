// A worker of its own for bench/rows/many.mjs: starts when a line comes, drives whatever is runnable until nothing is left.
import { openRunLedger } from "runledger";

const app = await openRunLedger({ projectDir: process.argv[2], agents: { coder: () => "done" } });
console.log("ready");
await new Promise((go) => process.stdin.once("data", go));
const onTrouble = (runId, error) => {
  console.error(runId, error);
  process.exitCode = 1;
};
await app.worker({ maxRuns: 16, onTrouble }).drain(new AbortController().signal);
await app.close();
process.stdin.destroy();
