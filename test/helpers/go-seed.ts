import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "../../src/core/canonical.js";
import type { RunLedger } from "../../src/index.js";
import { makeSample, onePlan, person, SESSION } from "./project.js";
import { has, toolchainSamples } from "./toolchain-samples.js";

const KEPT = fileURLToPath(new URL("../../node_modules/.cache/go-seed-", import.meta.url));

/**
 * Gives the ledger of a Go project what its first room would make, for whoever tests what comes after: half a minute of both
 * processors each time. It is made as ledgers make it, by a room, once for all tests of this machine and this Go, and copied before
 * anything else runs.
 */
export const giveGoSeed = async (
  { dataDir }: RunLedger,
  files: Readonly<Record<string, string>>,
): Promise<void> => {
  if (!("go.mod" in files) || !has("go")) return;
  const kept = `${KEPT}${sha256(execFileSync("go", ["version"], { encoding: "utf8" }))}`;
  if (!existsSync(kept)) await makeSeed(kept);
  await copySeeds(kept, join(dataDir, "cache"));
};

const copySeeds = async (from: string, to: string): Promise<void> => {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const name of (await readdir(from)).filter((name) => /^go-[0-9a-f]+$/.test(name)))
    await cp(join(from, name), join(to, name), { recursive: true });
};

/** Of two that make it at the same moment the first is kept: they are alike. */
const makeSeed = async (kept: string): Promise<void> => {
  const go = toolchainSamples.find(({ name }) => name === "go");
  const sample = await makeSample(go?.files ?? {});
  try {
    const app = await sample.open({ coder: () => "nothing was done" });
    const run = await app.createRun(person(app), {
      plan: onePlan({ max_retries: 0, timeout: "10m" }),
      sessionKey: SESSION,
      originalRequest: "go",
    });
    await app.drive(run.runId);
    const draft = `${kept}.${process.pid}`;
    await copySeeds(join(app.dataDir, "cache"), draft);
    await rename(draft, kept).catch(() => rm(draft, { recursive: true }));
  } finally {
    await sample.dispose();
  }
};
