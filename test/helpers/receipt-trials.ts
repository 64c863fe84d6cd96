import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { type Envelope, verifyReceipt } from "../../src/core/receipts/verify.js";
import { createReceipts, type Receipts } from "../../src/ledger/receipts.js";
import { fileReceipts } from "../../src/stores/receipts.js";
import { fileSigningKeys } from "../../src/stores/signing-keys.js";
import { tricked, withEachMemberChanged } from "./altered-receipts.js";
import { type Opened, openedIn, temporaryFolder } from "./ledgers.js";
import { finishedRuns, openssl, sigstoreAccepts } from "./receipts.js";

/** Each of them at least once. */
const TRICKS_MIN = 12;

export const VERSIONS = { runledger: "0", node: "20", git: "2.45", sandbox: null };

/** Receipts of a ledger in a folder, as an opened project has them. */
export const receiptsIn = (opened: Pick<Opened, "ledger" | "store">, folder: string): Receipts =>
  createReceipts({
    ledger: opened.ledger,
    kept: fileReceipts(join(folder, "receipts"), opened.store.seals),
    keys: fileSigningKeys(join(folder, "receipts", "keys"), opened.store),
    versions: async () => VERSIONS,
  });

/** So many good receipts of random runs and so many altered ones, before three that have no code in common. */
export const tryReceipts = async (sizes: {
  readonly good: number;
  readonly altered: number;
  /** openssl is asked about every so many. */
  readonly everyOpenssl: number;
  readonly seed: number;
}): Promise<void> => {
  const folder = await temporaryFolder();
  const opened = await openedIn(folder);
  const receipts = receiptsIn(opened, folder);
  const runIds = await finishedRuns(opened, sizes.good, sizes.seed);
  expect(runIds.length).toBe(sizes.good);
  const good: Envelope[] = [];
  for (const runId of runIds) good.push((await receipts.receipt(runId)).envelope);
  const [key] = await receipts.signingKeys();
  if (key === undefined) throw new Error("the first receipt made no key");
  const shell = openssl(key.publicKey);
  onTestFinished(shell.remove);
  const answersTo = (text: string, index: number) => ({
    own: verifyReceipt(text, [key]).verified,
    sigstore: sigstoreAccepts(text, key.publicKey),
    ...(index % sizes.everyOpenssl === 0 ? { openssl: shell.accepts(text) } : {}),
  });
  const all = (answer: boolean, index: number) => ({
    ...{ own: answer, sigstore: answer },
    ...(index % sizes.everyOpenssl === 0 ? { openssl: answer } : {}),
  });
  good.forEach((envelope, index) => {
    expect(answersTo(JSON.stringify(envelope), index)).toEqual(all(true, index));
  });
  const members = withEachMemberChanged(good);
  const altered = [...members, ...tricked(good, Math.max(TRICKS_MIN, sizes.altered - members.length))];
  expect(altered.length).toBeGreaterThanOrEqual(sizes.altered);
  altered.forEach(({ what, envelope }, index) => {
    expect({ what, ...answersTo(envelope, index) }).toEqual({ what, ...all(false, index) });
  });
};
