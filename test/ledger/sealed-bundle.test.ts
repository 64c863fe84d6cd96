import { describe, expect, test } from "vitest";
import { readBundle, writeBundle } from "../../src/ledger/bundle.js";
import type { Store } from "../../src/stores/store.js";
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
  for await (const line of writeBundle(store, runId, { commits, at: AT, withKey: true }))
    lines.push(JSON.parse(line));
  return lines;
};

const read = ({ putBlob, seals }: Store, lines: readonly Line[]) =>
  readBundle(chunksOf(lines), { putBlob, cipherFor: seals.forArrival });

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
});
