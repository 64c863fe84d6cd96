import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { readAnchor } from "../../src/stores/anchor.js";
import { openStore } from "../../src/stores/open.js";
import type { EventRow } from "../../src/stores/store.js";
import { temporaryFolder } from "../helpers/ledgers.js";

const here = fileURLToPath(new URL(".", import.meta.url));

/** The events that were acknowledged, and the signal that ended it. */
const appending = async (...args: readonly string[]) => {
  const child = spawn(process.execPath, ["--import", "tsx", join(here, "appending.ts"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  const [, signal] = await once(child, "close");
  const rows = out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as EventRow);
  return { rows, signal };
};

test("A process killed between its commit and the anchor loses nothing, and is no rollback", async () => {
  const folder = await temporaryFolder();
  const { rows, signal } = await appending(folder, "a", "40", "kill");
  expect(signal).toBe("SIGKILL");
  expect(rows).toHaveLength(39);
  expect(readAnchor(join(folder, "ledger.anchor"))?.newest?.position).toBe(39);
  const store = await openStore(folder);
  onTestFinished(() => store.close());
  expect(await store.read("a", 0, 99)).toHaveLength(40);
  expect(await store.anchored()).toMatchObject({ state: "holds", position: 40, later: 0 });
});

test("Processes that append together leave an anchor at the newest event of all", async () => {
  const folder = await temporaryFolder();
  const all = await Promise.all(["a", "b", "c"].map((run) => appending(folder, run, "60")));
  const newest = Math.max(...all.flatMap(({ rows }) => rows.map(({ position }) => position)));
  expect(newest).toBe(180);
  const store = await openStore(folder);
  onTestFinished(() => store.close());
  expect(await store.anchored()).toMatchObject({ state: "holds", position: 180, later: 0, damaged: 0 });
});
