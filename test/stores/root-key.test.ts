import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, test, vi } from "vitest";
import { keyIdOf } from "../../src/stores/cipher.js";
import { rootKeys } from "../../src/stores/root-key.js";
import { create, note, person, planOf, stepSpec } from "../helpers/cast.js";
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

/** What a command prints, and how it ends. */
const printing = async (script: string) => {
  const folder = await temporaryFolder();
  const command = ["sh", "-c", script];
  return rootKeys({ file: join(folder, "ledger.key"), env: process.env, command, folder });
};
const HEX = "1f".repeat(32);
const KEY = Buffer.from(HEX, "hex");
const refused = (words: RegExp, hint: RegExp) =>
  expect.objectContaining({
    code: "key_unavailable",
    message: expect.stringMatching(words),
    hint: expect.stringMatching(hint),
  });

describe("What a command prints", () => {
  test.each([
    ["hex digits", HEX],
    ["in capitals", HEX.toUpperCase()],
    ["with the end of a line of Windows", `${HEX}\r\n`],
    ["with spaces around", `  ${HEX} \n\n`],
    ["base64", KEY.toString("base64")],
    ["base64 without padding", KEY.toString("base64url")],
  ])("is a key: %s", async (_what, text) => {
    expect((await printing(`printf '${text.replaceAll("\r", "\\r")}'`)).current()).toEqual(KEY);
  });

  test.each([
    ["nothing", ""],
    ["words", "no such secret"],
    ["words of as many letters as a key has in base64", `error: ${"x".repeat(40)}`],
    ["two keys", `${HEX}\n${HEX}`],
    ["a key in two lines", `${KEY.toString("base64").slice(0, 20)}\n${KEY.toString("base64").slice(20)}`],
    ["a key and a word behind it", `${KEY.toString("base64")} ok`],
    ["a shorter key", HEX.slice(2)],
    ["a longer key", `${HEX}00`],
  ])("is no key: %s", async (_what, text) => {
    const roots = await printing(`printf '${text}'`);
    expect(() => roots.current()).toThrow(
      refused(/^What sh printed is no key of 32 bytes\.$/, /64 hex digits/),
    );
  });

  test.each([
    ["is not there", "exec no-such-program-anywhere", /^sh, .* failed with exit code 127\.$/],
    ["fails, whatever it printed", `printf ${HEX}; exit 3`, /failed with exit code 3\.$/],
    ["is killed", "kill -9 $$", /failed with exit code null\.$/],
    ["prints without end", "yes", /failed because it printed far more than a key\.$/],
  ])("is not asked of one that %s", async (_what, script, words) => {
    const roots = await printing(script);
    expect(() => roots.current()).toThrow(refused(words, /durable\.keyCommand/));
  });

  test("is not waited for longer than its time, whatever the command does about it", async () => {
    const folder = await temporaryFolder();
    // In the shell itself, so that nothing of it is left when that is ended; one that is only asked to end goes on to its end.
    const script = "trap '' TERM INT HUP; i=0; while [ $i -lt 3000000 ]; do i=$((i+1)); done; : > went-on";
    const command = ["sh", "-c", script];
    const where = { file: join(folder, "ledger.key"), env: process.env, command, folder, commandMs: 300 };
    expect(() => rootKeys(where).current()).toThrow(
      refused(/failed to end in time\.$/, /durable\.keyCommand/),
    );
    expect(existsSync(join(folder, "went-on"))).toBe(false);
  });

  test("is asked of a program that can be started", async () => {
    const folder = await temporaryFolder();
    const command = ["no-such-program-anywhere"];
    const roots = rootKeys({ file: join(folder, "ledger.key"), env: process.env, command, folder });
    const words = /^no-such-program-anywhere, .* failed because it is not there\.$/;
    expect(() => roots.current()).toThrow(refused(words, /durable\.keyCommand/));
  });
});

describe("A ledger whose root key is not the right one", () => {
  test.each([
    ["variable", { env: { RUNLEDGER_KEY: "55".repeat(32) } }, "RUNLEDGER_KEY"],
    ["command", { command: ["printf", "55".repeat(32)], env: process.env }, "durable.keyCommand"],
    ["command that fails", { command: ["false"], env: process.env }, "durable.keyCommand"],
    ["variable that is no key", { env: { RUNLEDGER_KEY: "secret" } }, "64 hex digits"],
  ])("says so with a hint and appends nothing: a %s", async (_what, sealing, hint) => {
    const folder = await temporaryFolder();
    const { tell, store } = await openedSealed(folder, { env: { RUNLEDGER_KEY: HEX } });
    await tell("run_1", create(planOf([stepSpec("a")])));
    const position = await store.position();
    await store.close();
    const wrong = await openedSealed(folder, sealing as Parameters<typeof openedSealed>[1]);
    const no = { code: "key_unavailable", hint: expect.stringContaining(hint) };
    await expect(wrong.tell("run_1", note("k", "v"), person)).rejects.toMatchObject(no);
    await expect(wrong.tell("run_2", create(planOf([stepSpec("a")])))).rejects.toMatchObject(no);
    expect(() => wrong.store.seals.rotate()).toThrow(expect.objectContaining({ code: "key_unavailable" }));
    expect(await wrong.store.position()).toBe(position);
    expect(await wrong.store.list({ limit: 9 })).toMatchObject([{ runId: "run_1", seal: "locked" }]);
    expect(existsSync(join(folder, "ledger.key"))).toBe(false);
    await wrong.store.close();
    const right = await openedSealed(folder, { env: { RUNLEDGER_KEY: HEX } });
    await right.tell("run_1", note("k", "v"), person);
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
