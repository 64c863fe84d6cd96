import { describe, expect, test } from "vitest";
import { readBundle, writeBundle } from "../../src/ledger/bundle.js";
import type { Store } from "../../src/stores/store.js";
import { behindTheBack } from "../faults/damaged.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import { AT } from "../helpers/given.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { openedSealed } from "../helpers/sealed.js";

const plan = { ...planOf([stepSpec("a")]), goal: "Operation Nightingale" };
const base = "0".repeat(40);
const commits = { origin: base, refs: { base }, pack: Buffer.from("PACK and so on") };

type Line = Record<string, unknown>;

const bundleOf = async (store: Store, runId: string): Promise<Line[]> => {
  const lines: Line[] = [];
  for await (const line of writeBundle(store, runId, { commits, receipt: undefined, at: AT, withKey: true }))
    lines.push(JSON.parse(line));
  return lines;
};

const read = ({ putBlob, seals }: Store, lines: readonly Line[]) =>
  readBundle(chunksOf(lines), { putBlob, cipherFor: seals.forArrival, version: "", keep: seals.keepArrival });

const keysIn = (folder: string): unknown[] =>
  behindTheBack(folder, (db) => db.prepare("SELECT key_id FROM run_keys").pluck().all()) as unknown[];

async function* chunksOf(lines: readonly Line[]): AsyncGenerator<Uint8Array> {
  for (const line of lines) yield Buffer.from(`${JSON.stringify(line)}\n`);
}

const sealedRun = async () => {
  const opened = await openedSealed(await temporaryFolder());
  await opened.tell("run_1", create(plan, { base }));
  return { ...opened, lines: await bundleOf(opened.store, "run_1") };
};

describe("A bundle of a sealed run", () => {
  test("has what git keeps of it sealed too, and only the pack of that run", async () => {
    const { store, tell, lines } = await sealedRun();
    const kept = Buffer.from(String(lines.at(-1)?.pack), "base64");
    expect(kept.includes("PACK")).toBe(false);
    expect(Buffer.from((await read(store, lines)).commits?.pack ?? [])).toEqual(commits.pack);
    await tell("run_2", create(plan, { base }));
    const others = (await bundleOf(store, "run_2")).at(-1)?.pack;
    for (const pack of [others, commits.pack.toString("base64")])
      await expect(read(store, [...lines.slice(0, -1), { ...lines.at(-1), pack }])).rejects.toMatchObject({
        code: "bundle_invalid",
        details: { line: lines.length },
      });
  });

  test("that is refused keeps no key, and a plain run of that name stays as it is", async () => {
    const { lines } = await sealedRun();
    const folder = await temporaryFolder();
    const { tell } = await openedSealed(folder, { isOn: false });
    await tell("run_1", create(plan));
    const { store, ledger } = await openedSealed(folder);
    await expect(read(store, lines.slice(0, 1))).rejects.toMatchObject({ code: "run_exists" });
    expect(() => store.seals.keepArrival("run_1", store.seals.forNew("run_1"))).toThrow(/has another key/);
    const renamed = [{ ...lines[0], runId: "run_7" }, ...lines.slice(1)];
    for (const cut of [lines.slice(0, 1).map((line) => ({ ...line, runId: "run_7" })), renamed])
      await expect(read(store, cut)).rejects.toMatchObject({ code: "bundle_invalid" });
    expect(keysIn(folder)).toEqual([]);
    expect((await (await openedSealed(folder)).ledger.load("run_1")).goal).toBe(plan.goal);
    expect((await ledger.load("run_1")).goal).toBe(plan.goal);
  });

  test("leaves a key when it is cut off later, which no other run gets", async () => {
    const { lines, store: from } = await sealedRun();
    const sender = from.seals.of("run_1")?.keyId ?? "?";
    for (const isOn of [true, false]) {
      const folder = await temporaryFolder();
      const { store, tell, ledger } = await openedSealed(folder, { isOn });
      await expect(read(store, lines.slice(0, -1))).rejects.toMatchObject({ code: "bundle_invalid" });
      expect(keysIn(folder)).toEqual([sender]);
      await tell("run_1", create(plan));
      expect(keysIn(folder)).toHaveLength(isOn ? 1 : 0);
      expect(keysIn(folder)).not.toContain(sender);
      expect((await (await openedSealed(folder)).ledger.load("run_1")).goal).toBe(plan.goal);
      await expect(read(store, lines)).rejects.toMatchObject({
        code: "run_exists",
      });
      expect((await ledger.load("run_1")).goal).toBe(plan.goal);
    }
  });

  test("comes in after one of that name that was cut off, with another key", async () => {
    const [first, second] = [await sealedRun(), await sealedRun()];
    const folder = await temporaryFolder();
    const { store, ledger } = await openedSealed(folder);
    await expect(read(store, first.lines.slice(0, -1))).rejects.toMatchObject({ code: "bundle_invalid" });
    const { run, rows, cipher } = await read(store, second.lines);
    await ledger.adopt({ run, rows, cipher, origin: null });
    expect(keysIn(folder)).toEqual([cipher?.keyId]);
    expect((await (await openedSealed(folder)).ledger.load("run_1")).goal).toBe(plan.goal);
  });
});
