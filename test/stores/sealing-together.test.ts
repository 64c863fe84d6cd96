import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../helpers/ledgers.js";
import { openedSealed } from "../helpers/sealed.js";
import { root } from "./built.js";

const LEDGERS = 15;
const KEY = "11".repeat(32);

type Told = { readonly keyId?: string; readonly refused?: string };

/** A process of its own, ready to seal the run of this name in whatever ledger it is told. */
const sealer = async (runId: string, ...key: readonly string[]): Promise<ChildProcess> => {
  const script = join(root, "test/stores/fixtures/seal-when-told.ts");
  const child = fork(script, [runId, ...key], {
    cwd: root,
    execArgv: ["--import", "tsx"],
    env: { PATH: process.env.PATH },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "message");
  return child;
};

/** Both at the same moment, one ledger after the other. */
const together = async (folder: string, sealers: readonly ChildProcess[]): Promise<readonly Told[][]> => {
  const ends: Told[][] = [];
  for (let ledger = 0; ledger < LEDGERS; ledger += 1) {
    const answers = sealers.map((child) => once(child, "message"));
    for (const child of sealers) child.send(join(folder, String(ledger)));
    ends.push((await Promise.all(answers)).map(([told]) => told as Told));
  }
  return ends;
};

test("Two processes that seal the first runs of a ledger at once agree on one root and one ledger's key", async () => {
  const folder = await temporaryFolder();
  const ends = await together(folder, [await sealer("run_1"), await sealer("run_2")]);
  for (const [ledger, [first, second]] of ends.entries()) {
    expect({ ...first, keyId: "" }).toEqual({ ...second, keyId: "" });
    const place = join(folder, String(ledger));
    expect((await readdir(place)).filter((name) => name.startsWith("ledger.key"))).toEqual(["ledger.key"]);
    const { store } = await openedSealed(place);
    expect([store.seals.of("run_1")?.keyId, store.seals.of("run_2")?.keyId]).toEqual([
      first?.keyId,
      second?.keyId,
    ]);
  }
});

test("Of two processes with different root keys one is refused, and keeps nothing that nobody could open", async () => {
  const folder = await temporaryFolder();
  const keys = [KEY, "22".repeat(32)];
  const ends = await together(folder, await Promise.all(keys.map((key, at) => sealer(`run_${at}`, key))));
  for (const [ledger, both] of ends.entries()) {
    expect(both.map(({ refused }) => refused).filter(Boolean)).toEqual(["key_unavailable"]);
    const at = both.findIndex(({ refused }) => refused === undefined);
    const { store } = await openedSealed(join(folder, String(ledger)), {
      env: { RUNLEDGER_KEY: keys[at] ?? "" },
    });
    expect([store.seals.of(`run_${at}`)?.keyId, store.seals.of(`run_${1 - at}`)]).toEqual([
      both[at]?.keyId,
      null,
    ]);
  }
});
