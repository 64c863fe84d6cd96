import { sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { sha256 } from "../../src/core/canonical.js";
import type { Caller } from "../../src/core/commands.js";
import {
  type Envelope,
  PAYLOAD_TYPE,
  preAuthenticated,
  type ReceiptStatement,
  trustedKeysIn,
  verifyReceipt,
} from "../../src/core/receipts/verify.js";
import { type Receipts, witnessIn } from "../../src/ledger/receipts.js";
import { wrongInReceipt } from "../../src/ledger/verify/receipts.js";
import { openStore } from "../../src/stores/open.js";
import * as cast from "../helpers/cast.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import * as gates from "../helpers/gates.js";
import { openedIn, openedOn, temporaryFolder } from "../helpers/ledgers.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { receiptsIn, tryReceipts, VERSIONS } from "../helpers/receipt-trials.js";
import { finishedRuns } from "../helpers/receipts.js";

const statementOf = async (receipts: Receipts, runId: string): Promise<ReceiptStatement> => {
  const { envelope } = await receipts.receipt(runId);
  const checked = verifyReceipt(JSON.stringify(envelope), await receipts.signingKeys());
  if (!checked.verified) throw new Error(checked.message);
  return checked.statement as ReceiptStatement;
};

describe("A receipt", () => {
  it("of any run verifies here, with openssl and with sigstore's library; altered anywhere, none of them takes it", async () => {
    await tryReceipts({ good: 12, altered: 60, everyOpenssl: 30, seed: 20_261_122 });
  });

  it("is one text: the same bytes written otherwise, or signed twice, are no receipt here", async () => {
    const folder = await temporaryFolder();
    const opened = await openedIn(folder);
    const receipts = receiptsIn(opened, folder);
    const [runId = ""] = await finishedRuns(opened, 1, 7);
    const { envelope } = await receipts.receipt(runId);
    const keys = await receipts.signingKeys();
    const [signature = { keyid: "", sig: "" }] = envelope.signatures;
    for (const other of [
      { ...envelope, payload: `${envelope.payload}\n` },
      { ...envelope, signatures: [{ ...signature, sig: signature.sig.replace(/=+$/, "") }] },
      { ...envelope, signatures: [signature, signature] },
      { ...envelope, signatures: [] },
      { ...envelope, payload: null },
      null,
    ])
      expect(verifyReceipt(JSON.stringify(other), keys)).toMatchObject({ reason: "not_an_envelope" });
    const [text, payload] = [JSON.stringify(envelope), JSON.stringify(envelope.payload)];
    for (const twice of [
      text.replace(/}$/, `,"payload":${payload}}`),
      text.replace(/}$/, ` , "\\u0070ayload" : ${payload}}`),
      text.replace('"keyid":', '"keyid":"x","keyid":'),
      text.replace(/}$/, ',"more":{"a":1,"a":2}}'),
    ]) {
      expect(JSON.parse(twice)).toMatchObject(envelope);
      expect(verifyReceipt(twice, keys)).toMatchObject({ reason: "not_an_envelope" });
    }
    for (const same of [
      `\uFEFF${text}`,
      `${text}\r\n`,
      text.replace(/}$/, ',"more":{"payload":["payload\\"",":","payload"],"sig":1}}'),
      JSON.stringify(envelope, null, 2).replaceAll("\n", "\r\n"),
    ])
      expect(verifyReceipt(same, keys)).toMatchObject({ verified: true });
    expect(verifyReceipt("no JSON", keys)).toMatchObject({ reason: "not_an_envelope" });
    expect(verifyReceipt(JSON.stringify(envelope), [])).toMatchObject({ reason: "unknown_key" });
  });

  it("says of everything that was not verified in a sandbox that it was not, whatever became of the run", async () => {
    const folder = await temporaryFolder();
    const opened = await openedIn(folder);
    const receipts = receiptsIn(opened, folder);
    for (const runId of await finishedRuns(opened, 40, 7)) {
      const { run, steps, criteria, claims } = (await statementOf(receipts, runId)).predicate;
      const about = (stepId: string) => claims.notChecked.filter((one) => one.stepId === stepId);
      for (const step of steps) {
        const isSure = step.how === "verified" && step.verdict?.isolationLevel === 3;
        if (!isSure) expect({ step, said: about(step.id).length > 0 }).toEqual({ step, said: true });
        if (step.how === "verified") expect(step.verdict?.outcome).toBe("passed");
      }
      for (const { index, status } of criteria)
        if (status !== "met")
          expect(
            claims.notChecked.some(({ sentence }) => sentence.startsWith(`Criterion ${index + 1} `)),
          ).toBe(true);
      const known = await opened.ledger.load(runId);
      expect([run.status, run.reason]).toEqual([
        known.state.status,
        known.state.status === "failed" ? known.state.reason : null,
      ]);
    }
  });

  it("is good though clocks were put back, and what a retired key signs afterwards is not", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(folder);
    onTestFinished(() => store.close());
    let clock = "2026-03-01T12:00:00.000Z";
    const opened = openedOn(store, {}, NO_SECRETS, () => clock);
    const receipts = receiptsIn(opened, folder);
    const keys = join(folder, "receipts", "keys");
    const ended = async (runId: string) => {
      await opened.tell(runId, create(planOf([stepSpec("a")])));
      await opened.tell(runId, cast.cancel());
      return (await receipts.receipt(runId)).envelope;
    };
    const before = await ended("run_1");
    const [former] = await receipts.signingKeys();
    const stolen = await readFile(join(keys, `${former?.keyId}.key`), "utf8");
    clock = "2026-03-01T11:00:00.000Z";
    await receipts.rotateSigningKey(opened.ledger.issue(cast.person));
    clock = "2026-03-01T10:00:00.000Z";
    const after = await ended("run_2");
    const published = await receipts.signingKeys();
    const checked = (envelope: Envelope) =>
      verifyReceipt(JSON.stringify(envelope), trustedKeysIn(JSON.stringify({ keys: published })));
    expect(checked(before)).toMatchObject({ verified: true, keyId: former?.keyId });
    expect(checked(after)).toMatchObject({ verified: true });
    const sig = sign(null, preAuthenticated(PAYLOAD_TYPE, Buffer.from(after.payload, "base64")), stolen);
    const forged = { ...after, signatures: [{ keyid: former?.keyId ?? "", sig: sig.toString("base64") }] };
    expect(checked(forged)).toMatchObject({
      reason: "key_retired",
      message: expect.stringContaining("retired after event"),
    });
  });

  it("says whose word an effect's outcome is, where a person settled what a crash left open", async () => {
    const folder = await temporaryFolder();
    const opened = await openedIn(folder);
    await opened.tell("run_1", create(planOf([stepSpec("a")])));
    await opened.tell("run_1", cast.start("a"));
    await opened.tell("run_1", cast.intend("a", { name: "pay", class: "guarded", key: "order-1" }));
    await opened.tell("run_1", cast.decideEffect("a", "fail"));
    await opened.tell("run_1", cast.decideEffect("a", "done", { kind: "inline", json: "1" }), cast.person);
    await opened.tell("run_1", cast.cancel());
    const { effects, claims } = (await statementOf(receiptsIn(opened, folder), "run_1")).predicate;
    const { name } = cast.person;
    expect(effects.listed).toMatchObject([{ name: "pay", outcome: "done", saidBy: { name, role: "human" } }]);
    expect(claims.notChecked.filter(({ code }) => code === "effect_said")).toEqual([
      { code: "effect_said", stepId: "a", sentence: expect.stringContaining(`the word of ${name}`) },
    ]);
  });

  it("says so too of an effect that a person had skipped while its run lived, and not of what the engine skips", async () => {
    const folder = await temporaryFolder();
    const opened = await openedIn(folder);
    const skipped = async (runId: string, by: Caller) => {
      await opened.tell(runId, create(planOf([stepSpec("a")])));
      await opened.tell(runId, cast.start("a"));
      await opened.tell(runId, cast.intend("a", { name: "pay", class: "guarded" }));
      await opened.tell(runId, cast.decideEffect("a", "skip"), by);
      await opened.tell(runId, cast.settle("a", { kind: "skipped" }, { name: "pay", class: "guarded" }));
      await opened.tell(runId, cast.cancel());
      return (await statementOf(receiptsIn(opened, folder), runId)).predicate.effects.listed;
    };
    const { name } = cast.person;
    const word = { outcome: "skipped", saidBy: { name, role: "human" } };
    expect(await skipped("run_1", cast.person)).toMatchObject([word]);
    const [other] = await skipped("run_2", opened.engine);
    expect(other).toMatchObject({ outcome: "skipped" });
    expect(other).not.toHaveProperty("saidBy");
  });

  it("of before says what was told then and stays good; one that says how it was made is held to it", async () => {
    const folder = await temporaryFolder();
    const opened = await openedIn(folder);
    await opened.tell("run_1", create(planOf([stepSpec("a")])));
    await opened.tell("run_1", cast.start("a"));
    await opened.tell("run_1", cast.intend("a", { name: "pay", class: "guarded" }));
    await opened.tell("run_1", cast.decideEffect("a", "skip"), cast.person);
    await opened.tell("run_1", cast.settle("a", { kind: "skipped" }, { name: "pay", class: "guarded" }));
    await opened.tell("run_1", cast.cancel());
    const receipts = receiptsIn(opened, folder);
    const [good, trusted] = [await receipts.receipt("run_1"), await receipts.signingKeys()];
    const key = await readFile(join(folder, "receipts", "keys", `${good.keyId}.key`), "utf8");
    const witness = await witnessIn(opened.ledger, "run_1");
    const by = { ledgerId: opened.ledger.store.ledgerId, trusted, version: VERSIONS.runledger };
    const { predicate, ...around } = await statementOf(receipts, "run_1");
    const [effect] = predicate.effects.listed;
    const { saidBy: _, ...before } = effect ?? {};
    const wrongWith = (versions: object): string | undefined => {
      const said = {
        ...around,
        predicate: { ...predicate, effects: { listed: [before], more: 0 }, versions },
      };
      const bytes = Buffer.from(JSON.stringify(said));
      const sig = sign(null, preAuthenticated(PAYLOAD_TYPE, bytes), key).toString("base64");
      const signatures = [{ keyid: good.keyId, sig }];
      const envelope = { ...good.envelope, payload: bytes.toString("base64"), signatures };
      return wrongInReceipt({ ...good, envelope, digest: sha256(bytes) }, witness, by);
    };
    expect(wrongInReceipt(good, witness, by)).toBeUndefined();
    expect(wrongWith(VERSIONS)).toBeUndefined();
    expect(wrongWith(predicate.versions)).toBe("Its receipt says something else than its journal.");
  });

  it("tells what needed leave and who gave it, bound to what they saw, without the payload", async () => {
    const folder = await temporaryFolder();
    const opened = await openedIn(folder, { gate: gates.gateRules });
    const { ledger, tell } = opened;
    const agent = cast.executor("coder");
    await tell("run_1", create(planOf([stepSpec("a")])));
    await tell("run_1", cast.start("a"));
    await tell("run_1", gates.proposeIntent(), agent);
    await tell("run_1", gates.vote("approve"), cast.person);
    await tell("run_1", gates.orderIntent(), agent);
    await tell("run_1", gates.reportIntent(), agent);
    await tell("run_1", cast.cancel());
    const { predicate } = await statementOf(receiptsIn(opened, folder), "run_1");
    const intent = gates.newest(await ledger.load("run_1"));
    expect(predicate.intents).toEqual({
      listed: [
        expect.objectContaining({
          ...{ destination: "salesforce.import", key: "batch-1", status: "succeeded" },
          contentHash: intent?.contentHash,
          by: { name: "coder", role: "executor" },
          votes: [expect.objectContaining({ decision: "approve", bound: intent?.contentHash })],
          reportedBy: { name: "coder", role: "executor" },
        }),
      ],
      more: 0,
    });
    expect(JSON.stringify(predicate)).not.toMatch(/ada@example|imported/);
    expect(predicate.claims.notChecked.map(({ code }) => code)).toContain("intents_reported");
  });
});
