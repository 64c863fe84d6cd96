import { spawnSync } from "node:child_process";
import { sign } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Envelope, PAYLOAD_TYPE, preAuthenticated } from "../../src/core/receipts/verify.js";
import { type ReceiptStatement, type RunLedger, verifyAt, verifyReceipt } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { buildPackage } from "../helpers/built.js";
import { began, say } from "../helpers/driving.js";
import { orchestrator, person, type Sample } from "../helpers/project.js";

const PLAN = planOfSteps(stepBy("a", "true"));
const agents = { coder: async () => "done" };
const SEALED = "durable: { encryption: true }\n";

const finished = async (app: RunLedger): Promise<string> => {
  const runId = await began(app, PLAN);
  await app.drive(runId);
  return runId;
};

const folderOf = ({ place }: Sample): string => join(place, "data", "receipts");

/** What the receipt says, when it holds. */
const statementOf = async (app: RunLedger, runId: string): Promise<ReceiptStatement> => {
  const { envelope } = await app.receipt(runId);
  const checked = verifyReceipt(JSON.stringify(envelope), await app.signingKeys());
  expect(checked).toMatchObject({ verified: true });
  if (!checked.verified) throw new Error(checked.message);
  return checked.statement as ReceiptStatement;
};

const claimsOf = async (app: RunLedger, runId: string): Promise<readonly string[]> =>
  (await statementOf(app, runId)).predicate.claims.notChecked.map(({ code }) => code);

const bundleOf = async (app: RunLedger, runId: string): Promise<Buffer> => {
  const lines: string[] = [];
  for await (const line of app.exportRun(runId)) lines.push(line);
  return Buffer.from(lines.join(""));
};

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe("A run that ended", () => {
  it("is signed for though its process was killed at its last event: by whoever drives a run next, or asks", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const built = buildPackage();
    const worker = fileURLToPath(new URL("../helpers/ends-killed.mjs", import.meta.url));
    const died = spawnSync(process.execPath, [worker, built.library, shop.repo], {
      env: { ...process.env, ...shop.env } as NodeJS.ProcessEnv,
    });
    built.remove();
    expect(died.signal).toBe("SIGKILL");
    expect(existsSync(folderOf(shop))).toBe(false);
    const app = await shop.open(agents);
    const [row] = await app.list({ limit: 1 });
    const runId = row?.runId ?? "";
    expect(row?.status).toBe("completed");
    await finished(app);
    await app.close();
    expect(await readdir(folderOf(shop))).toContain(`${runId}.json`);
    await rm(folderOf(shop), { recursive: true });
    const later = await shop.open(agents);
    expect((await statementOf(later, runId)).predicate.run).toMatchObject({ id: runId, status: "completed" });
  });

  it("ends as it ended where nothing can be signed, and is signed for once that is mended", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const app = await shop.open(agents);
    await writeFile(folderOf(shop), "in the way");
    const runId = await finished(app);
    expect((await app.ledger.load(runId)).state.status).toBe("completed");
    await expect(app.receipt(runId)).rejects.toMatchObject({ code: expect.stringMatching(/unavailable$/) });
    await rm(folderOf(shop));
    await statementOf(app, runId);
  });

  it("has one receipt, whoever signs at the same time", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const app = await shop.open(agents);
    const runId = await finished(app);
    await app.receipt(runId);
    await rm(folderOf(shop), { recursive: true });
    const others = await Promise.all(Array.from({ length: 4 }, () => shop.open(agents)));
    const receipts = await Promise.all([app, ...others].map((one) => one.receipt(runId)));
    expect(new Set(receipts.map((one) => JSON.stringify(one))).size).toBe(1);
    expect((await app.signingKeys()).length).toBe(1);
    expect((await readdir(join(folderOf(shop), "keys"))).sort()).toEqual(
      ["1.json", `${receipts[0]?.keyId}.key`].sort(),
    );
  });

  it("whose host or client did the work says that nobody here verified it", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const app = await shop.open(agents);
    const client = app.trackedRuns(orchestrator(app));
    const { runId } = await client.startRun({ agentId: "importer", intentSummary: "import a batch" });
    const key = "salesforce.import:batch-2026-03-22";
    const importing = { sideEffectClass: "external_mutation", sideEffectKey: key } as const;
    await client.recordEvent({ runId, eventType: "tool_call_finished", ...importing });
    await client.completeRun({ runId });
    expect(await claimsOf(app, runId)).toEqual(["client_recorded"]);
    expect((await statementOf(app, runId)).predicate.effects).toMatchObject({
      listed: [{ key, class: "external_mutation", outcome: "done" }],
      more: 0,
    });
  });
});

describe("A receipt", () => {
  it("of a sealed run tells nothing on the disk, and goes when the run is erased", async () => {
    const shop = await sample({ "runledger.yaml": SEALED });
    const app = await shop.open(agents);
    const runId = await finished(app);
    const { envelope } = await app.receipt(runId);
    const file = join(folderOf(shop), `${runId}.json`);
    const kept = (await readFile(file)).toString("latin1");
    for (const secret of [envelope.payload.slice(0, 60), "in-toto", '"a"'])
      expect(kept).not.toContain(secret);
    await app.erase(person(app), runId);
    expect(existsSync(file)).toBe(false);
    await expect(app.receipt(runId)).rejects.toMatchObject({ code: "run_erased" });
    expect(verifyReceipt(JSON.stringify(envelope), await app.signingKeys())).toMatchObject({
      verified: true,
    });
  });

  it("is checked to the last test result: none of them may be altered, missing or another run's", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const app = await shop.open(agents);
    const [runId, otherId] = [await finished(app), await finished(app)];
    const [good, other] = [await app.receipt(runId), await app.receipt(otherId)];
    const file = join(folderOf(shop), `${runId}.json`);
    const flawsOf = async (receipt: object | null): Promise<readonly string[]> => {
      await writeFile(file, JSON.stringify(receipt));
      return (await verifyAt({ projectDir: shop.repo, env: shop.env, run: runId })).flaws.map(
        ({ message }) => message,
      );
    };
    expect(good.testResults).toHaveLength(1);
    expect(await flawsOf(good)).toEqual([]);
    const [result] = good.testResults;
    const unsigned = [{ ...result, signatures: other.testResults[0]?.signatures }];
    const altered: readonly (readonly [object | null, RegExp])[] = [
      [{ ...good, testResults: [] }, /has 0 test results, and its journal 1/],
      [{ ...good, testResults: [result, result] }, /has 2 test results/],
      [{ ...good, testResults: unsigned }, /^Test result 1 of its receipt does not hold/],
      [{ ...good, testResults: other.testResults }, /^Test result 1 of its receipt is about another/],
      [{ ...good, testResults: [good.envelope] }, /^Test result 1/],
      [{ ...good, digest: other.digest }, /names another run, key or digest/],
      [{ ...good, keyId: other.digest }, /names another run, key or digest/],
      [{ ...good, runId: otherId }, /names another run, key or digest/],
      [{ ...good, testResults: null }, /cannot be read/],
      [null, /cannot be read/],
    ];
    for (const [receipt, why] of altered)
      expect(await flawsOf(receipt)).toEqual([expect.stringMatching(why)]);
  });

  it("goes with its run, from ledger to ledger, with the keys it is checked with", async () => {
    const [here, there, last] = await Promise.all([0, 1, 2].map(() => sample({ "a.txt": "1\n" })));
    if (here === undefined || there === undefined || last === undefined) throw new Error("three samples");
    const app = await here.open(agents);
    const runId = await finished(app);
    const { ledgerId } = app.ledger.store;
    const signed = await app.receipt(runId);
    await app.rotateSigningKey(person(app));
    const signer = { ledgerId, keys: await app.signingKeys() };
    let bundle = await bundleOf(app, runId);
    for (const place of [there, last]) {
      const other = await place.open(agents);
      const receipt = { ledgerId, keyId: signed.keyId };
      expect(await other.importRun(person(other), whole(bundle))).toMatchObject({ arrived: true, receipt });
      expect(await other.receipt(runId)).toEqual({ ...signed, signer });
      expect((await other.view(runId)).receipt).toEqual({ keyId: signed.keyId, digest: signed.digest });
      // Nobody here vouches for it.
      expect(verifyReceipt(JSON.stringify(signed.envelope), await other.signingKeys())).toMatchObject({
        reason: "unknown_key",
      });
      expect(await verifyAt({ projectDir: place.repo, env: place.env })).toMatchObject({
        flawsInAll: 0,
        receipts: 1,
      });
      // Killed between the run and its receipt: whoever imports it again puts it there.
      await rm(join(folderOf(place), `${runId}.json`));
      await other.importRun(person(other), whole(bundle));
      expect((await other.receipt(runId)).keyId).toBe(signed.keyId);
      bundle = await bundleOf(other, runId);
      await other.close();
    }
    const file = join(folderOf(last), `${runId}.json`);
    const kept = JSON.parse(await readFile(file, "utf8"));
    for (const other of [
      { ...kept, signer: undefined },
      { ...kept, signer: { ...signer, ledgerId: "0".repeat(32) } },
      { ...kept, signer: { ledgerId, keys: signer.keys.slice(1) } },
      { ...kept, signer: { ledgerId, keys: [] } },
    ]) {
      await writeFile(file, JSON.stringify(other));
      expect((await verifyAt({ projectDir: last.repo, env: last.env })).flaws).toMatchObject([
        { kind: "receipt", runId },
      ]);
    }
  });

  it("that came with a run is the one that its ledger signed, with keys of that ledger, or nothing is imported", async () => {
    const [here, there] = [await sample({ "a.txt": "1\n" }), await sample({ "a.txt": "1\n" })];
    const [app, other] = [await here.open(agents), await there.open(agents)];
    const [runId, otherId] = [await finished(app), await finished(app)];
    const [signed, foreign] = [await app.receipt(runId), await app.receipt(otherId)];
    await app.rotateSigningKey(person(app));
    const [first, second] = await app.signingKeys();
    const lines = (await bundleOf(app, runId)).toString("utf8").trimEnd().split("\n");
    const withReceipt = (brought: object): Buffer => {
      const data = Buffer.from(JSON.stringify(brought)).toString("base64");
      return Buffer.from([...lines.slice(0, -1), JSON.stringify({ line: "receipt", data }), ""].join("\n"));
    };
    const good = { receipt: signed, keys: [first, second] };
    const altered: readonly (readonly [object, RegExp])[] = [
      [{ ...good, receipt: foreign }, /another journal/],
      [{ ...good, receipt: { ...signed, digest: foreign.digest } }, /names another run, key or digest/],
      [{ ...good, receipt: { ...signed, testResults: [] } }, /has 0 test results/],
      [{ ...good, receipt: { ...signed, envelope: { ...signed.envelope, payload: "" } } }, /does not hold/],
      [{ ...good, keys: [second] }, /record of signing key 1/],
      [{ ...good, keys: [first] }, /record of signing key 1/],
      [{ ...good, keys: [] }, /does not hold/],
      [{ ...good, keys: [{ ...first, untilPosition: 1 }, second] }, /end of signing key 1/],
      [{ ...good, keys: [{ ...first, lost: true }, second] }, /record of signing key 2/],
      [{ ...good, receipt: null }, /no receipt with the keys/],
    ];
    for (const [brought, why] of altered)
      await expect(other.importRun(person(other), whole(withReceipt(brought)))).rejects.toMatchObject({
        code: "bundle_invalid",
        message: expect.stringMatching(why),
        details: { line: lines.length },
      });
    const cut = Buffer.from([...lines.slice(0, -1), ""].join("\n"));
    await expect(other.importRun(person(other), whole(cut))).rejects.toMatchObject({
      code: "bundle_invalid",
    });
    expect(await other.list({ limit: 1 })).toEqual([]);
    const { receipt: _, ...header } = JSON.parse(lines[0] ?? "");
    const without = Buffer.from([JSON.stringify(header), ...lines.slice(1, -1), ""].join("\n"));
    expect(await other.importRun(person(other), whole(without))).toMatchObject({ receipt: null });
    await expect(other.receipt(runId)).rejects.toMatchObject({
      code: "receipt_elsewhere",
      details: { ledgerId: app.ledger.store.ledgerId },
    });
    expect((await other.view(runId)).receipt).toBeNull();
    const asOthers = JSON.stringify({ ...header, ledgerId: "0".repeat(32) });
    const claimed = Buffer.from([asOthers, ...lines.slice(1, -1), ""].join("\n"));
    for (const one of [other, app])
      await expect(one.importRun(person(one), whole(claimed))).rejects.toMatchObject({ code: "run_exists" });
    await other.importRun(person(other), whole(withReceipt(good)));
    expect((await other.receipt(runId)).keyId).toBe(signed.keyId);
  });

  it("that comes back to its ledger is checked with the keys that this one has, whatever the bundle says of them", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const app = await shop.open(agents);
    const { keyId: former } = await app.receipt(await finished(app));
    const [open] = await app.signingKeys();
    const stolen = await readFile(join(folderOf(shop), "keys", `${former}.key`), "utf8");
    await app.rotateSigningKey(person(app));
    const runId = await finished(app);
    const good = await app.receipt(runId);
    const signedAgain = (envelope: Envelope): Envelope => {
      const bytes = preAuthenticated(PAYLOAD_TYPE, Buffer.from(envelope.payload, "base64"));
      return {
        ...envelope,
        signatures: [{ keyid: former, sig: sign(null, bytes, stolen).toString("base64") }],
      };
    };
    const forged = {
      ...{ ...good, keyId: former, envelope: signedAgain(good.envelope) },
      testResults: good.testResults.map(signedAgain),
    };
    const lines = (await bundleOf(app, runId)).toString("utf8").trimEnd().split("\n");
    const data = Buffer.from(JSON.stringify({ receipt: forged, keys: [open] })).toString("base64");
    const bundle = Buffer.from(
      [...lines.slice(0, -1), JSON.stringify({ line: "receipt", data }), ""].join("\n"),
    );
    await rm(join(folderOf(shop), `${runId}.json`));
    expect(await app.importRun(person(app), whole(bundle))).toMatchObject({ arrived: false, receipt: null });
    expect(await app.receipt(runId)).toEqual(good);
    expect(await app.importRun(person(app), whole(bundle))).toMatchObject({ receipt: { keyId: good.keyId } });
  });

  it("that is another run's, in a store that was put back wrongly, is not taken along, and keeps no run from going", async () => {
    const [shop, there] = [await sample({ "a.txt": "1\n" }), await sample({ "a.txt": "1\n" })];
    const [app, other] = [await shop.open(agents), await there.open(agents)];
    const [runId, otherId] = [await finished(app), await finished(app)];
    await app.receipt(runId);
    const file = join(folderOf(shop), `${runId}.json`);
    await writeFile(file, JSON.stringify(await app.receipt(otherId)));
    const warned = once(process, "warning");
    const bundle = await bundleOf(app, runId);
    expect(String(await warned)).toMatch(
      `Run ${runId} goes without its receipt: Its receipt is about another`,
    );
    expect(await other.importRun(person(other), whole(bundle))).toMatchObject({
      arrived: true,
      receipt: null,
    });
    await app.close();
    const later = await shop.open(agents, () => new Date(Date.now() + 7_200_000).toISOString());
    expect((await later.prune({ keep: 0 })).runs.map((one) => one.runId)).toContain(runId);
  });

  it("stays when its run is archived, and is made before that where there is none", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const app = await shop.open(agents);
    const runId = await finished(app);
    await app.receipt(runId);
    await app.close();
    await rm(join(folderOf(shop), `${runId}.json`));
    const later = await shop.open(agents, () => new Date(Date.now() + 7_200_000).toISOString());
    const { runs } = await later.prune({ keep: 0 });
    expect(runs.map((one) => one.runId)).toEqual([runId]);
    expect((await statementOf(later, runId)).predicate.run.id).toBe(runId);
  });

  it("of a fork is its own, and names the run whose past it took over", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const app = await shop.open(agents);
    const runId = await finished(app);
    const fork = await app.fork(person(app), { runId, seq: 2 });
    await say(app, fork.runId, { type: "cancel_run", reason: "enough" });
    const { predicate } = await statementOf(app, fork.runId);
    expect(predicate.run.forkedFrom).toMatchObject({ runId, seq: 2 });
    expect(await claimsOf(app, fork.runId)).toEqual(expect.arrayContaining(["forked", "failed", "not_done"]));
  });
});
