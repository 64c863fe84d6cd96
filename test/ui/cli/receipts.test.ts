import { sign } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../../../src/core/canonical.js";
import { preAuthenticated } from "../../../src/core/receipts/verify.js";
import { CAST, type Desk, openDesk, planOf, step, type Typed } from "../../helpers/cli.js";
import { hasOpenssl, openssl, sigstoreAccepts } from "../../helpers/receipts.js";

const SETTINGS = { "README.md": "# A shop\n", "runledger.yaml": CAST };
const approval = { validator: { type: "orchestrator_approval" } };

let desk: Desk;
let runId: string;
beforeAll(async () => {
  desk = await openDesk(SETTINGS);
  const plan = await planOf(desk, "good", [step("chair", "maker"), step("table", "maker", approval)]);
  runId = (await desk.type("run", plan)).out.trim();
  await desk.type("approve", runId, "table");
  expect(await desk.type("resume", runId)).toMatchObject({ code: 0 });
});
afterAll(() => desk.dispose());

const folder = (at = desk): string => join(at.place, "data", "receipts");

/** A file beside the repository. */
const file = (name: string, text: string): string => {
  const path = join(desk.place, name);
  writeFileSync(path, text);
  return path;
};

const shown = async (at: Desk, ...words: readonly string[]): Promise<string> => {
  const { code, out, err } = await at.type("receipt", "show", ...words);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out;
};

const statementIn = (envelope: string) =>
  JSON.parse(Buffer.from(JSON.parse(envelope).payload, "base64").toString("utf8"));

const withPredicate = (envelope: string, change: (predicate: Record<string, unknown>) => void): string => {
  const statement = statementIn(envelope);
  change(statement.predicate);
  return JSON.stringify({
    ...JSON.parse(envelope),
    payload: Buffer.from(JSON.stringify(statement)).toString("base64"),
  });
};

/** The key that signs now, as whoever looks into the folder has it. */
const ownKey = (): string => {
  const name = readdirSync(join(folder(), "keys")).find((one) => one.endsWith(".key")) ?? "";
  return readFileSync(join(folder(), "keys", name), "utf8");
};

const signedAgain = (envelope: string, key: string, keyid?: string): string => {
  const { signatures, ...rest } = JSON.parse(envelope);
  const bytes = preAuthenticated(rest.payloadType, Buffer.from(rest.payload, "base64"));
  const sig = sign(null, bytes, key).toString("base64");
  return JSON.stringify({ ...rest, signatures: [{ keyid: keyid ?? signatures[0].keyid, sig }] });
};

/** Where no ledger is. */
const elsewhere = (...words: readonly string[]): Promise<Typed> =>
  desk.typeWith(
    { cwd: desk.place, env: { RUNLEDGER_HOME: join(desk.place, "nowhere") } },
    "receipt",
    "verify",
    ...words,
  );

describe("The receipt of a finished run", () => {
  it("is there when the command that ended the run has ended, and its key for its owner alone", () => {
    expect(readdirSync(folder())).toContain(`${runId}.json`);
    const keys = readdirSync(join(folder(), "keys"));
    expect(keys).toEqual(expect.arrayContaining(["1.json", expect.stringMatching(/^[0-9a-f]{64}\.key$/)]));
    for (const name of keys) expect(statSync(join(folder(), "keys", name)).mode & 0o777).toBe(0o600);
  });

  it("says what was verified, what was approved, and what nobody checked", async () => {
    const { subject, predicate } = statementIn(await shown(desk, "last"));
    const { run } = (await desk.json("show", runId)) as { run: { head: string; planDigest: string } };
    expect(subject).toEqual(
      expect.arrayContaining([
        { name: "head", digest: { gitCommit: run.head } },
        { name: "head tree", digest: { gitTree: expect.stringMatching(/^[0-9a-f]{40}$/) } },
        { name: `journal of ${runId}`, digest: { sha256: predicate.journal.root } },
      ]),
    );
    expect(predicate).toMatchObject({
      planDigest: run.planDigest,
      run: { id: runId, status: "completed", host: null, forkedFrom: null },
      steps: [
        { id: "chair", how: "verified", attempts: 1, verdict: { outcome: "passed", tamperedPaths: [] } },
        { id: "table", how: "approved" },
      ],
      approvals: [{ stepId: "table", decision: "approve", by: { role: "human" } }],
      versions: { node: process.versions.node, git: expect.stringMatching(/^2\./) },
    });
    const codes = predicate.claims.notChecked.map(({ code }: { code: string }) => code);
    expect(codes).toEqual(expect.arrayContaining(["no_criteria", "approved"]));
  });

  it("is the same to the byte when it is made once more", async () => {
    const before = await shown(desk, runId);
    rmSync(join(folder(), `${runId}.json`));
    expect(await shown(desk, runId)).toBe(before);
  });

  it("names its key where the run is shown", async () => {
    const [line] = (await desk.type("show", runId)).out.split("\n").filter((one) => one.includes("receipt"));
    const { keyId, digest } = await desk.json("receipt", "show", runId);
    expect(line).toContain(String(keyId).slice(0, 16));
    expect(await desk.json("show", runId)).toMatchObject({ receipt: { keyId, digest } });
  });

  it("is no receipt before the run has ended", async () => {
    const plan = await planOf(desk, "later", [step("a", "maker")]);
    const later = (await desk.type("run", plan, "--no-drive")).out.trim();
    expect(await desk.type("receipt", "show", later)).toMatchObject({
      code: 5,
      err: expect.stringContaining("its receipt is made at its end"),
    });
    await desk.type("cancel", later);
    expect(statementIn(await shown(desk, later)).predicate).toMatchObject({
      run: { status: "failed", reason: "cancelled" },
      steps: [{ id: "a", status: "pending", how: null }],
      claims: { notChecked: expect.arrayContaining([expect.objectContaining({ code: "failed" })]) },
    });
  });
});

describe("Whoever has a receipt", () => {
  it("checks it against the ledger, or with the public key alone: from a file, or piped in", async () => {
    const receipt = file("receipt.json", await shown(desk, runId));
    const key = file("ledger.pem", (await desk.type("receipt", "keys", "--pem")).out);
    expect(await desk.type("receipt", "verify", receipt)).toMatchObject({
      code: 0,
      err: expect.stringContaining("The journal"),
    });
    expect(await elsewhere(receipt, "--key", key)).toMatchObject({
      code: 0,
      out: expect.stringContaining("1 of 2 steps were verified"),
      err: "",
    });
    expect(await elsewhere(receipt)).toMatchObject({ code: 2, err: expect.stringContaining("--key") });
    const input = Readable.from([Buffer.from(readFileSync(receipt))]);
    expect(await desk.typeWith({ input }, "receipt", "verify", "-")).toMatchObject({ code: 0 });
  });

  it("finds its commits in a repository that has them, and is told of one that does not", async () => {
    const receipt = file("receipt.json", await shown(desk, runId));
    const store = join(desk.place, "data", "store.git");
    expect(await desk.type("receipt", "verify", receipt, "--repo", store)).toMatchObject({ code: 0 });
    expect(await desk.type("receipt", "verify", receipt, "--repo", desk.repo)).toMatchObject({
      code: 1,
      err: expect.stringContaining("the repository has no commit"),
    });
  });

  it("is refused with a reason: another statement, an unknown key, no receipt at all", async () => {
    const good = await shown(desk, runId);
    const key = file("ledger.pem", (await desk.type("receipt", "keys", "--pem")).out);
    const stranger = await openDesk(SETTINGS);
    const other = (await stranger.type("run", await planOf(stranger, "p", [step("a", "maker")]))).out.trim();
    const foreign = await shown(stranger, other);
    await stranger.dispose();
    const forged = withPredicate(good, (predicate) => {
      predicate.planDigest = "0".repeat(64);
    });
    for (const [text, reason] of [
      [forged, "bad_signature"],
      [foreign, "unknown_key"],
      ["{}", "not_an_envelope"],
      [good.replace("in-toto+json", "other+json"), "wrong_payload_type"],
    ] as const) {
      const { code, err } = await elsewhere(file("bad.json", text), "--key", key, "--json");
      expect({ code, ...JSON.parse(err) }).toMatchObject({
        code: 1,
        error: { code: "receipt_refused", details: { reason } },
      });
    }
  });

  it("is told what is wrong with a file that is none: a folder, bytes, one without an end", async () => {
    const key = file("ledger.pem", (await desk.type("receipt", "keys", "--pem")).out);
    for (const [path, code, why] of [
      [desk.place, 4, "EISDIR"],
      ["/dev/zero", 2, "a receipt has at most"],
      [process.execPath, 2, "a receipt has at most"],
      [key, 1, "no DSSE envelope"],
    ] as const)
      expect({ path, ...(await elsewhere(path, "--key", key)) }).toMatchObject({
        ...{ path, code },
        err: expect.stringContaining(why),
      });
  });

  it.skipIf(!hasOpenssl())(
    "needs openssl alone, or sigstore's library (skipped without openssl)",
    async () => {
      const { out: pem } = await desk.type("receipt", "keys", "--pem");
      const shell = openssl(pem);
      const receipt = await shown(desk, runId);
      const one = (await shown(desk, runId, "--statement", "1")).trim();
      expect(one).toBe((await shown(desk, runId, "--statement", "all")).split("\n")[0]);
      expect(statementIn(one)).toMatchObject({
        predicateType: "https://in-toto.io/attestation/test-result/v0.1",
        predicate: { result: "PASSED", configuration: [{ name: "artifact_exists" }] },
      });
      for (const text of [receipt, one]) {
        expect(shell.accepts(text)).toBe(true);
        expect(sigstoreAccepts(text, pem)).toBe(true);
        expect(await elsewhere(file("one.json", text), "--key", file("ledger.pem", pem))).toMatchObject({
          code: 0,
        });
      }
      shell.remove();
    },
  );
});

describe("A ledger", () => {
  it("whose signing key others can read is told so, and mends it", async () => {
    const name = readdirSync(join(folder(), "keys")).find((one) => one.endsWith(".key")) ?? "";
    const key = join(folder(), "keys", name);
    chmodSync(key, 0o644);
    const finding = async (...words: readonly string[]) => {
      const { out } = await desk.type("doctor", "--json", ...words);
      const { findings } = JSON.parse(out) as { findings: { check: string; status: string }[] };
      return findings.find(({ check }) => check === "signing key");
    };
    expect(await finding()).toMatchObject({ status: "warn" });
    await finding("--fix");
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(await finding()).toMatchObject({ status: "ok" });
  });

  it("finds out by verify that a receipt is another than its journal says, or is not signed by it", async () => {
    const path = join(folder(), `${runId}.json`);
    const kept = readFileSync(path, "utf8");
    expect(await desk.json("verify")).toMatchObject({ flawsInAll: 0, receipts: 2 });
    const { envelope, ...rest } = JSON.parse(kept);
    const forged = withPredicate(JSON.stringify(envelope), (predicate) => {
      predicate.head = "0".repeat(40);
    });
    const signed = signedAgain(forged, ownKey());
    const digest = sha256(Buffer.from(JSON.parse(signed).payload, "base64"));
    const kinds: readonly (readonly [string, object, string])[] = [
      [forged, rest, "does not hold"],
      [signed, rest, "names another run, key or digest"],
      // Whoever has the key can sign anything; the journal says otherwise.
      [signed, { ...rest, digest }, "something else than its journal"],
    ];
    for (const [text, beside, why] of kinds) {
      writeFileSync(path, JSON.stringify({ ...beside, envelope: JSON.parse(text) }));
      const message = expect.stringContaining(why);
      expect(await desk.json("verify")).toMatchObject({ flaws: [{ kind: "receipt", runId, message }] });
    }
    writeFileSync(path, kept);
  });

  it("signs with a new key after a rotation; what the former one signed stays good, and what it signs afterwards does not", async () => {
    const before = await shown(desk, runId);
    const stolen = ownKey();
    const { formerKeyId, keyId } = await desk.json("receipt", "rotate");
    expect(existsSync(join(folder(), "keys", `${formerKeyId}.key`))).toBe(false);
    const later = (await desk.type("run", await planOf(desk, "after", [step("b", "maker")]))).out.trim();
    const after = await shown(desk, later);
    expect(JSON.parse(after).signatures[0].keyid).toBe(keyId);
    const keys = file("keys.json", (await desk.type("receipt", "keys", "--json")).out);
    for (const text of [before, after])
      expect(await elsewhere(file("one.json", text), "--key", keys)).toMatchObject({ code: 0 });
    const backdated = signedAgain(after, stolen, String(formerKeyId));
    const { code, err } = await elsewhere(file("bad.json", backdated), "--key", keys, "--json");
    expect({ code, ...JSON.parse(err) }).toMatchObject({
      code: 1,
      error: { details: { reason: "key_retired" } },
    });
    // An earlier end, or none, is believed where nobody has the ledger; here it is looked up.
    const own = join(folder(), `${later}.json`);
    const kept = readFileSync(own, "utf8");
    for (const position of [1, undefined]) {
      const early = withPredicate(after, ({ run, journal }) => {
        Object.assign(run as object, { endedAt: statementIn(before).predicate.run.endedAt });
        Object.assign(journal as object, { position });
      });
      const forged = file("early.json", signedAgain(early, stolen, String(formerKeyId)));
      expect(await elsewhere(forged, "--key", keys)).toMatchObject({ code: 0 });
      const refused = { code: 1, err: expect.stringContaining("says something else of that run") };
      expect(await desk.type("receipt", "verify", forged)).toMatchObject(refused);
      rmSync(own);
      expect(await desk.type("receipt", "verify", forged)).toMatchObject(refused);
      expect(await desk.type("receipt", "verify", file("one.json", after))).toMatchObject({ code: 0 });
      writeFileSync(own, kept);
    }
    const result = (await desk.type("receipt", "show", later, "--statement", "1")).out;
    const changed = withPredicate(result, (predicate) => {
      const [{ annotations }] = predicate.configuration as [{ annotations: object }];
      Object.assign(annotations, { runEndPosition: 1, reason: "all of it" });
    });
    expect(await desk.type("receipt", "verify", file("one.json", result))).toMatchObject({ code: 0 });
    expect(
      await desk.type(
        "receipt",
        "verify",
        file("two.json", signedAgain(changed, stolen, String(formerKeyId))),
      ),
    ).toMatchObject({ code: 1, err: expect.stringContaining("says something else of that run") });
  });

  it("whose private key is lost says so, signs again once a person says that it is, and what was signed stays good", async () => {
    const before = await shown(desk, runId);
    const name = readdirSync(join(folder(), "keys")).find((one) => one.endsWith(".key")) ?? "";
    rmSync(join(folder(), "keys", name));
    const later = (await desk.type("run", await planOf(desk, "lost", [step("c", "maker")]))).out.trim();
    expect(await desk.json("show", later)).toMatchObject({ run: { state: { status: "completed" } } });
    expect(await desk.type("receipt", "show", later)).toMatchObject({
      err: expect.stringContaining("--lost"),
    });
    const { findings } = JSON.parse((await desk.type("doctor", "--json")).out) as {
      findings: { check: string; status: string; fix: string }[];
    };
    expect(findings.find(({ check }) => check === "signing key")).toMatchObject({
      status: "fail",
      fix: expect.stringContaining("receipt rotate --lost"),
    });
    const rotated = await desk.json("receipt", "rotate", "--lost");
    expect(rotated).toMatchObject({ formerKeyId: name.slice(0, -4), formerLost: true, lost: true });
    const { keyId } = rotated;
    expect((await desk.type("receipt", "keys")).out).toMatch(new RegExp(`${name.slice(0, -4)}.*, lost`));
    const keys = file("keys.json", (await desk.type("receipt", "keys", "--json")).out);
    expect(JSON.parse(await shown(desk, later)).signatures[0].keyid).toBe(keyId);
    for (const text of [before, await shown(desk, later)])
      expect(await elsewhere(file("one.json", text), "--key", keys)).toMatchObject({ code: 0 });
  });
});
