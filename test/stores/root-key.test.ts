import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, test, vi } from "vitest";
import { keyIdOf } from "../../src/stores/cipher.js";
import { rootKeys } from "../../src/stores/root-key.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { openedSealed } from "../helpers/sealed.js";

afterEach(() => void vi.useRealTimers());

const KEYS = ["11", "22", "33"].map((pair) => Buffer.from(pair.repeat(32), "hex"));
const [ONE = "", TWO = "", THREE = ""] = KEYS.map((key) => keyIdOf(key));

/** A command that writes down each time it is asked, and prints what lies in a file, or fails without it. */
const asking = async () => {
  const folder = await temporaryFolder();
  const command = ["sh", "-c", "echo asked >> asked; cat printed"];
  const roots = rootKeys({ file: join(folder, "ledger.key"), env: process.env, command, folder });
  return {
    roots,
    print: (pair: string) => writeFile(join(folder, "printed"), pair.repeat(32)),
    asked: async () => (await readFile(join(folder, "asked"), "utf8")).split("\n").length - 1,
  };
};

const secondsLater = (seconds: number): void => {
  if (!vi.isFakeTimers()) vi.useFakeTimers({ toFake: ["performance"] });
  vi.advanceTimersByTime(seconds * 1_000);
};

describe("A command that prints the root key", () => {
  test("is not asked for each row whether it prints the right one by now", async () => {
    const { roots, print, asked } = await asking();
    secondsLater(0);
    await print("11");
    for (let row = 0; row < 5; row += 1) expect(roots.find(TWO)).toBeUndefined();
    expect(await asked()).toBe(1);
    expect(roots.find(ONE)).toEqual(KEYS[0]);
    expect(await asked()).toBe(1);
    // Another root is another question.
    await print("33");
    expect(roots.find(THREE)).toEqual(KEYS[2]);
    expect(await asked()).toBe(2);
    expect(roots.find(ONE)).toBeUndefined();
    expect(await asked()).toBe(3);
    await print("11");
    secondsLater(9);
    expect(roots.find(ONE)).toBeUndefined();
    secondsLater(2);
    expect(roots.find(ONE)).toEqual(KEYS[0]);
    expect(await asked()).toBe(4);
  });

  test("is not asked for each row whether it works by now", async () => {
    const { roots, print, asked } = await asking();
    secondsLater(0);
    const failure = /failed/;
    for (let row = 0; row < 5; row += 1) expect(() => roots.find(ONE)).toThrow(failure);
    expect(() => roots.current()).toThrow(failure);
    expect(await asked()).toBe(1);
    await print("11");
    expect(() => roots.find(TWO)).toThrow(failure);
    secondsLater(11);
    expect(roots.current()).toEqual(KEYS[0]);
    expect(await asked()).toBe(2);
  });
});

describe("A change of keys", () => {
  const plan = planOf([stepSpec("a")]);

  test("leaves no file with the former root where the new one is kept elsewhere; tokens stay right", async () => {
    const folder = await temporaryFolder();
    const { tell, store } = await openedSealed(folder, { env: { RUNLEDGER_NEW_KEY: "33".repeat(32) } });
    await tell("run_1", create(plan));
    const tokens = Buffer.from(store.seals.tokenKey());
    expect(existsSync(join(folder, "ledger.key"))).toBe(true);
    store.seals.rotate();
    expect(existsSync(join(folder, "ledger.key"))).toBe(false);
    expect(Buffer.from(store.seals.tokenKey())).toEqual(tokens);
    const moved = await openedSealed(folder, { env: { RUNLEDGER_KEY: "33".repeat(32) } });
    expect(Buffer.from(moved.store.seals.tokenKey())).toEqual(tokens);
    expect((await moved.ledger.load("run_1")).goal).toBe(plan.goal);
    expect(existsSync(join(folder, "ledger.key"))).toBe(false);
  });

  test("removes what killed ones have left, and nothing else", async () => {
    const folder = await temporaryFolder();
    const { tell, store } = await openedSealed(folder);
    await tell("run_1", create(plan));
    const hex = "0123456789abcdef";
    for (const left of [hex, `next-${hex}`, `next-${hex}.${hex}`, "backup"])
      await writeFile(join(folder, `ledger.key.${left}`), KEYS[0] ?? "");
    store.seals.rotate();
    const names = (await readdir(folder)).filter((name) => name.startsWith("ledger.key"));
    expect(names.sort()).toEqual(["ledger.key", "ledger.key.backup"]);
  });

  test("takes the keys of before out of the log, or says that somebody reads them there", async () => {
    const folder = await temporaryFolder();
    const { tell, store } = await openedSealed(folder);
    await tell("run_1", create(plan));
    const reader = new Database(join(folder, "ledger.db"), { readonly: true });
    const wrapped = () => String(reader.prepare("SELECT wrapped FROM run_keys").pluck().get());
    const inAnyFile = async (key: string) => {
      const files = ["ledger.db", "ledger.db-wal"].map((name) => readFile(join(folder, name)));
      return Buffer.concat(await Promise.all(files)).includes(Buffer.from(key));
    };
    const first = wrapped();
    store.seals.rotate();
    expect(await inAnyFile(first)).toBe(false);
    reader.exec("BEGIN");
    const second = wrapped();
    expect(() => store.seals.rotate()).toThrow(/^The keys are changed/);
    expect(await inAnyFile(second)).toBe(true);
    reader.exec("COMMIT");
    reader.close();
    await store.giveBack();
    expect(await inAnyFile(second)).toBe(false);
    await tell("run_2", create(plan));
  });
});
