import { execFileSync, spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleFromJSON } from "@sigstore/bundle";
import { toSignedEntity, Verifier } from "@sigstore/verify";
import fc from "fast-check";
import { type Envelope, publicKeyId } from "../../src/core/receipts/verify.js";
import { isTerminal } from "../../src/core/run.js";
import { GENESIS_HASH, toRows } from "../../src/ledger/journal.js";
import * as cast from "./cast.js";
import { attempt } from "./given.js";
import type { Opened } from "./ledgers.js";
import { stories, tell } from "./stories.js";

/** What a reader types who has no more than openssl: the lines of docs/receipts.md. */
export const recipe = (): string => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/receipts.md", import.meta.url)), "utf8");
  const found = /```sh\n(set -eu; receipt=\$1[^`]*)```/.exec(page)?.[1];
  if (found === undefined) throw new Error("docs/receipts.md has no recipe for openssl");
  return found;
};

/** Checks many envelopes with that recipe, in a folder of its own. */
export const openssl = (publicKey: string) => {
  const folder = mkdtempSync(join(tmpdir(), "runledger-test-"));
  const [script, key] = [join(folder, "check.sh"), join(folder, "ledger.pem")];
  writeFileSync(script, recipe());
  writeFileSync(key, publicKey);
  return {
    accepts: (envelope: string): boolean => {
      const receipt = join(folder, "receipt.json");
      writeFileSync(receipt, `${envelope}\n`);
      return spawnSync("sh", [script, receipt, key], { stdio: "ignore" }).status === 0;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};

export const hasOpenssl = (): boolean => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** Somebody else's code: sigstore's library, for which a receipt is a bundle with a public key. */
export const sigstoreAccepts = (text: string, publicKey: string): boolean => {
  const key = createPublicKey(publicKey);
  const keyFor = (hint: string) => {
    if (hint === publicKeyId(key)) return { publicKey: key, validFor: () => true };
    throw new Error(`no key ${hint}`);
  };
  const trusted = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
  const thresholds = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 };
  try {
    const envelope = JSON.parse(text) as Envelope;
    const bundle = bundleFromJSON({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: { publicKey: { hint: envelope.signatures[0]?.keyid }, tlogEntries: [] },
      dsseEnvelope: envelope,
    });
    new Verifier({ ...trusted, publicKey: keyFor }, thresholds).verify(toSignedEntity(bundle));
    return true;
  } catch {
    return false;
  }
};

/** Random runs that ended, each taken into the ledger under a name of its own: what people, agents and hosts tried, until somebody cancelled it. */
export const finishedRuns = async (
  { ledger }: Pick<Opened, "ledger">,
  count: number,
  seed: number,
): Promise<readonly string[]> => {
  const ids: string[] = [];
  for (const story of fc.sample(stories, { numRuns: count * 2, seed })) {
    if (ids.length === count) break;
    const { history, run: told } = tell(story);
    if (told === undefined) continue;
    const end = isTerminal(told) ? undefined : attempt(told, cast.cancel(), undefined);
    if (end instanceof Error) continue;
    const run = end?.run ?? told;
    const runId = `run_${ids.length + 1}`;
    const events = [...history, ...(end?.events ?? [])].map((event) => ({ ...event, runId }));
    await ledger.adopt({
      run: { ...run, runId },
      rows: toRows(events, GENESIS_HASH),
      origin: null,
      cipher: null,
    });
    ids.push(runId);
  }
  return ids;
};
