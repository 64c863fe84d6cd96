// Every row, one after the other, in one run: ratios to a floor or a peer measured beside it.
// Usage: npm run bench [-- NAME ...]   RUNLEDGER_BENCH_REPETITIONS=3 for a quick look, RUNLEDGER_BENCH_JSON=FILE to keep them
//        RUNLEDGER_BENCH_SYNC_MS=1 for a disk that syncs so much slower, ours and the floors' alike
import { fork } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { printGoals } from "./goals.mjs";
import { print } from "./measure.mjs";
import { slowSync } from "./slow-sync.mjs";

const asked = process.argv.slice(2);
const names = (await readdir(new URL("rows", import.meta.url)))
  .filter((name) => name.endsWith(".mjs"))
  .map((name) => name.replace(/\.mjs$/, ""))
  // Rooms come last: they delete so many files that some file systems are slow for minutes.
  .sort((a, b) => Number(a === "rooms") - Number(b === "rooms") || a.localeCompare(b));
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(", ")}; there are ${names.join(", ")}.`);
  process.exit(2);
}

const syncMs = process.env.RUNLEDGER_BENCH_SYNC_MS;
const env = { ...process.env, ...(syncMs === undefined ? {} : slowSync(syncMs)) };
const all = [];
const failed = [];
for (const name of names.filter((one) => asked.length === 0 || asked.includes(one))) {
  console.log(`\n${name}`);
  // A process of its own: starting a program takes longer the more memory the starter has, ours and the floor's alike.
  const child = fork(fileURLToPath(new URL("fixtures/rows-of.mjs", import.meta.url)), [name], { env });
  child.on("message", (row) => {
    all.push(row);
    print(row);
  });
  const [code] = await once(child, "exit");
  if (code !== 0) failed.push(name);
}
const withAim = all.filter(({ met }) => met !== null);
console.log(`\n${all.length} rows, ${withAim.filter(({ met }) => met).length} of ${withAim.length} aims met`);
printGoals(all);
if (process.env.RUNLEDGER_BENCH_JSON)
  await writeFile(process.env.RUNLEDGER_BENCH_JSON, JSON.stringify(all, null, 2));
if (failed.length > 0) {
  console.error(`Not measured to the end: ${failed.join(", ")}.`);
  process.exit(1);
}
