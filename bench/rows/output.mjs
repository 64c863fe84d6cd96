// What a validator prints, kept with its secrets taken out, against the same output kept as it comes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRedactor } from "../../dist/src/core/redact.js";
import { OutputLog } from "../../dist/src/pev/process-output.js";
import { inFolder } from "../ledgers.mjs";
import { millis, paired } from "../measure.mjs";

const BYTES = 100_000_000;
const SECRETS = [
  { name: "SHOP_TOKEN", value: "shop-3f9a88c1d2e4f5a6b7c8" },
  { name: "DATABASE_URL", value: "postgres://app:hunter2hunter2@db/shop" },
  { name: "DATABASE_URL", value: "hunter2hunter2" },
  {
    name: "DEPLOY_KEY",
    value: "-".repeat(5) + "BEGIN KEY".padEnd(1_700, "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
  },
  { name: "API_KEY", value: "0123456789abcdefghijABCDEFGHIJ" },
];

export async function* rows() {
  yield* inFolder(async function* (place) {
    for (const [name, line] of Object.entries(LINES)) {
      const file = join(place, "printed");
      await writeFile(file, line.repeat(Math.ceil(BYTES / line.length)));
      const floor = () => millis(() => taken(file, (chunk) => chunk));
      for (const [what, secrets] of [
        ["shapes alone", []],
        ["5 secrets", SECRETS],
      ]) {
        const ours = () => {
          const stream = createRedactor(secrets).stream();
          return millis(() => taken(file, stream.push));
        };
        yield await paired({ name: `100 MB of output, ${name}, ${what}`, ours, floor });
      }
    }
  });
}

const LINES = {
  "log lines":
    "2026-11-21T20:44:34.123Z [info] src/server/handlers/orders.ts:71 GET /orders/71 200 in 12ms 3f786850e387550fdab836ed7e6dc881de23001b\n",
  "in colours":
    "\u001b[32m✓\u001b[39m orders \u001b[2m›\u001b[22m adds up prices of many \u001b[90m(3 ms)\u001b[39m\n",
  "one line without an end": "aB3dE6gH9jK2mN5pQ8sT",
};

const taken = async (file, through) => {
  const child = spawn("cat", [file], { stdio: ["ignore", "pipe", "inherit"] });
  const log = new OutputLog();
  child.stdout.on("data", (chunk) => log.add(through(chunk)));
  await once(child, "close");
};
