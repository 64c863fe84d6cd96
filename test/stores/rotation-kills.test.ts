import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { create, note, person, planOf, stepSpec } from "../helpers/cast.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { openedSealed } from "../helpers/sealed.js";
import { root } from "./built.js";

const rotateUntil = async (folder: string, boundary: string): Promise<unknown> => {
  const script = join(root, "test/stores/fixtures/rotate-until.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script, folder, boundary], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code, signal] = await once(child, "exit");
  return signal ?? code;
};

/** Which root counts afterwards, and what lies beside it, are two questions; that everything opens is the promise. */
test("A change of keys that is killed at any boundary leaves a ledger that opens, whose keys can be changed again", async () => {
  const folder = await temporaryFolder();
  const first = await openedSealed(folder);
  await first.tell("run_1", create(planOf([stepSpec("a")])));
  await first.tell("run_1", note("k", "v"), person);
  const tokens = Buffer.from(first.store.seals.tokenKey());
  const rootOf = () => first.store.seals.facts().root;
  const ends = [
    ["before the new root is written", "stays"],
    ["before the commit", "stays"],
    ["after the commit", "changes"],
    ["before the file's lock is given back", "changes"],
  ] as const;
  for (const [boundary, becomes] of ends) {
    const before = rootOf().id;
    expect(await rotateUntil(folder, boundary)).toBe("SIGKILL");
    // One that was open all the time, and one that comes after.
    for (const { ledger, store } of [first, await openedSealed(folder)]) {
      expect((await ledger.load("run_1")).notes, boundary).toEqual({ k: "v" });
      expect(Buffer.from(store.seals.tokenKey())).toEqual(tokens);
      expect(store.seals.facts().root.state).toBe("here");
    }
    expect(rootOf().id === before ? "stays" : "changes", boundary).toBe(becomes);
    await first.tell(`run_${boundary.replaceAll(/\W/g, "_")}`, create(planOf([stepSpec("a")])));
  }
  expect(await rotateUntil(folder, "none")).toBe(0);
  expect((await readdir(folder)).filter((name) => name.startsWith("ledger.key"))).toEqual(["ledger.key"]);
  const after = await openedSealed(folder);
  expect(after.store.seals.facts().runs.sealed).toBe(5);
  for (const { runId } of await after.ledger.list({ limit: 9 }))
    expect((await after.ledger.load(runId)).seq).toBeGreaterThan(0);
});
