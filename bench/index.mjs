// Every row, one after the other, in one run: ratios to a floor or a peer measured beside it.
// Usage: npm run bench [-- NAME ...]   RUNLEDGER_BENCH_REPETITIONS=3 for a quick look, RUNLEDGER_BENCH_JSON=FILE to keep them
import { readdir, writeFile } from "node:fs/promises";
import { print } from "./measure.mjs";

const asked = process.argv.slice(2);
const files = (await readdir(new URL("rows", import.meta.url)))
  .filter((name) => name.endsWith(".mjs"))
  .sort();
const chosen = files.filter((file) => asked.length === 0 || asked.includes(file.replace(/\.mjs$/, "")));
const unknown = asked.filter((name) => !files.includes(`${name}.mjs`));
if (unknown.length > 0) {
  console.error(
    `There is no ${unknown.join(", ")}; there are ${files.map((f) => f.replace(/\.mjs$/, "")).join(", ")}.`,
  );
  process.exit(2);
}

const all = [];
for (const file of chosen) {
  console.log(`\n${file.replace(/\.mjs$/, "")}`);
  const { rows } = await import(new URL(`rows/${file}`, import.meta.url).href);
  for await (const row of rows()) {
    all.push(row);
    print(row);
  }
}
const withAim = all.filter(({ met }) => met !== null);
console.log(`\n${all.length} rows, ${withAim.filter(({ met }) => met).length} of ${withAim.length} aims met`);
if (process.env.RUNLEDGER_BENCH_JSON)
  await writeFile(process.env.RUNLEDGER_BENCH_JSON, JSON.stringify(all, null, 2));
