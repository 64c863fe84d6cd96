import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { create, note, person, planOf, stepSpec } from "../helpers/cast.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { openedSealed } from "../helpers/sealed.js";
import { root } from "./built.js";

const rotateUntil = async (
  folder: string,
  boundary: string,
  env: NodeJS.ProcessEnv = {},
): Promise<unknown> => {
  const script = join(root, "test/stores/fixtures/rotate-until.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script, folder, boundary], {
    cwd: root,
    env: { ...process.env, ...env },
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

const keyFiles = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith("ledger.key"));
const NEXT = "33".repeat(32);
/** As `durable.keyCommand` would be: what it prints, somebody else changes. */
const COMMAND = ["cat", "printed"];

/** Where the root is looked for afterwards: the one that was changed to is there. */
const AFTERWARDS = {
  environment: { env: { RUNLEDGER_KEY: NEXT } },
  command: { command: COMMAND, env: { PATH: process.env.PATH ?? "" } },
} as const;

test.each(["environment", "command"] as const)(
  "A root that moved from its file to the %s leaves none of the former one, wherever that was killed",
  async (place) => {
    for (const boundary of ["after the commit", "before the file's lock is given back"]) {
      const folder = await temporaryFolder();
      const first = await openedSealed(folder);
      await first.tell("run_1", create(planOf([stepSpec("a")])));
      const tokens = Buffer.from(first.store.seals.tokenKey());
      await first.store.close();
      expect(await rotateUntil(folder, boundary, { RUNLEDGER_NEW_KEY: NEXT })).toBe("SIGKILL");
      const left = await keyFiles(folder);
      // Whoever opens it without the new one must not take what may be the only key that they have.
      const locked = await openedSealed(folder, { env: { RUNLEDGER_KEY: "44".repeat(32) } });
      expect(locked.store.seals.facts().root.state, boundary).toBe("missing");
      expect(await keyFiles(folder)).toEqual(left);
      await locked.store.close();
      await writeFile(join(folder, "printed"), NEXT);
      const { ledger, store } = await openedSealed(folder, AFTERWARDS[place]);
      expect(await keyFiles(folder), boundary).toEqual([]);
      expect((await ledger.load("run_1")).goal).not.toBe("");
      expect(Buffer.from(store.seals.tokenKey())).toEqual(tokens);
      await store.close();
      await writeFile(join(folder, "ledger.key"), tokens);
      await openedSealed(folder, AFTERWARDS[place]);
      expect(await keyFiles(folder), "settled once").toEqual(["ledger.key"]);
    }
  },
);

test.each(["environment", "command"] as const)(
  "A root in the %s is changed to another one there, wherever that was killed, and a file beside it stays",
  async (place) => {
    const folder = await temporaryFolder();
    const [before, after] = ["11".repeat(32), NEXT];
    await writeFile(join(folder, "printed"), before);
    const given =
      place === "environment" ? { RUNLEDGER_KEY: before } : { KEY_COMMAND: JSON.stringify(COMMAND) };
    const env = place === "environment" ? { RUNLEDGER_KEY: before } : { PATH: process.env.PATH ?? "" };
    const command = place === "environment" ? [] : COMMAND;
    // A ledger that was plain had a key for its tokens, which is none of the root's.
    const plain = await openedSealed(folder, { isOn: false, env, command });
    const tokens = Buffer.from(plain.store.seals.tokenKey());
    await plain.store.close();
    const first = await openedSealed(folder, { env, command });
    await first.tell("run_1", create(planOf([stepSpec("a")])));
    await first.store.close();
    expect(await rotateUntil(folder, "after the commit", { ...given, RUNLEDGER_NEW_KEY: after })).toBe(
      "SIGKILL",
    );
    await writeFile(join(folder, "printed"), after);
    const { ledger, store } = await openedSealed(folder, AFTERWARDS[place]);
    expect((await ledger.load("run_1")).goal).not.toBe("");
    expect(store.seals.facts().root.state).toBe("here");
    expect(Buffer.from(store.seals.tokenKey())).toEqual(tokens);
    expect(await keyFiles(folder)).toEqual(["ledger.key"]);
  },
);

test("A change of keys in the file that was killed once it was committed is finished by the next open", async () => {
  const folder = await temporaryFolder();
  const first = await openedSealed(folder);
  await first.tell("run_1", create(planOf([stepSpec("a")])));
  await first.store.close();
  const former = await readFile(join(folder, "ledger.key"));
  expect(await rotateUntil(folder, "after the commit")).toBe("SIGKILL");
  expect(await keyFiles(folder)).toHaveLength(2);
  await openedSealed(folder);
  expect(await keyFiles(folder)).toEqual(["ledger.key"]);
  expect(await readFile(join(folder, "ledger.key"))).not.toEqual(former);
});

test("A change of keys is not finished while somebody reads the former ones in the log, and is by a later open", async () => {
  const folder = await temporaryFolder();
  const first = await openedSealed(folder);
  await first.tell("run_1", create(planOf([stepSpec("a")])));
  const reader = new Database(join(folder, "ledger.db"), { readonly: true });
  const left = () => reader.prepare("SELECT 1 FROM meta WHERE key = 'unsettled_root'").pluck().get();
  reader.exec("BEGIN");
  const former = String(reader.prepare("SELECT wrapped FROM run_keys").pluck().get());
  const inTheFiles = async () =>
    (await Promise.all(["ledger.db", "ledger.db-wal"].map((name) => readFile(join(folder, name))))).some(
      (bytes) => bytes.includes(former),
    );
  expect(() => first.store.seals.rotate()).toThrow(
    expect.objectContaining({ code: "store_unavailable", message: expect.stringContaining("the log") }),
  );
  await openedSealed(folder);
  expect(await inTheFiles()).toBe(true);
  reader.exec("COMMIT");
  expect(left()).toBe(1);
  await openedSealed(folder);
  expect(await inTheFiles()).toBe(false);
  expect(left()).toBeUndefined();
  reader.close();
});
