import { describe, expect, it, onTestFinished } from "vitest";
import type { ErrorCode } from "../../src/core/errors.js";
import type { Role } from "../../src/core/events.js";
import { createRedactor } from "../../src/core/redact.js";
import { isWithin } from "../../src/core/sdk-key.js";
import { noteRefusals } from "../../src/ledger/refusals.js";
import { type NewSdkKey, sdkKeys } from "../../src/ledger/sdk-keys.js";
import { openStore } from "../../src/stores/open.js";
import type { Store } from "../../src/stores/store.js";
import { openBench, planOfSteps, refusalOf, stepBy } from "../helpers/bench.js";
import { openedOn, temporaryFolder } from "../helpers/ledgers.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";

const DAY_MS = 86_400_000;
const KEY = Buffer.alloc(32, 7);

const silent = async (): Promise<void> => undefined;

const opened = async () => {
  const store = await openStore(await temporaryFolder());
  onTestFinished(() => store.close());
  const clock = { aheadMs: 0 };
  const { ledger } = openedOn(store, {}, NO_SECRETS, () =>
    new Date(Date.parse("2026-05-01T12:00:00.000Z") + clock.aheadMs).toISOString(),
  );
  const issue = (name: string, role: Role) => ledger.issue({ name, role, sessionKey: "test" });
  const keys = sdkKeys(ledger, () => KEY, silent);
  const ada = issue("ada", "human");
  const make = async (asked: Partial<NewSdkKey> = {}) =>
    keys.createSdkKey(ada, { kind: "agent", name: "importer", sessionKey: "sdk:importer", ...asked });
  return { ledger, store, clock, issue, keys, ada, make };
};

const expectRefused = async (asked: Promise<unknown>, code: ErrorCode, words = ""): Promise<void> => {
  const refusal = await refusalOf(asked);
  expect(`${refusal.code}: ${refusal.message}`).toMatch(new RegExp(`^${code}: .*${words}`));
  expect(refusal.hint).toBeDefined();
};

/** As whoever can write into the file would do it. */
const rewrite = async (store: Store, id: string, change: (text: string) => string) => {
  const before = (await store.sdkKey(id)) ?? "";
  const after = change(before);
  expect(after).not.toBe(before);
  expect(await store.swapSdkKey(id, before, after)).toBe(true);
};

describe("an SDK key", () => {
  it.each([
    ["agent", "executor"],
    ["approver", "human"],
  ] as const)(
    "of an %s opens into its name, in the role of the gate that it was made for",
    async (kind, role) => {
      const { keys, make } = await opened();
      const { text, key } = await make({
        kind,
        name: "importer",
        destinations: ["crm.*"],
        lifetimeMs: DAY_MS,
      });
      expect(await keys.openSdkKey(text)).toEqual({
        key,
        caller: { name: "importer", role, sessionKey: "sdk:importer" },
      });
      expect(key).toMatchObject({ kind, destinations: ["crm.*"], policies: null, createdBy: "ada" });
    },
  );

  it("is kept as what opens nothing: neither its secret nor the whole of it is in the store", async () => {
    const { store, make } = await opened();
    const { text, key } = await make();
    const kept = (await store.sdkKey(key.id)) ?? "";
    expect(kept).toContain("importer");
    expect(kept).not.toContain(text.slice(-43));
    expect(text).toMatch(/^rl_sk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
  });

  it("opens nothing once it is revoked, in whatever life of the ledger, and again nothing", async () => {
    const { ledger, keys, ada, make } = await opened();
    const { text, key } = await make();
    await keys.openSdkKey(text);
    const revoked = await keys.revokeSdkKey(ada, "importer");
    expect(revoked).toMatchObject({ id: key.id, revokedBy: "ada" });
    await expectRefused(keys.openSdkKey(text), "credential_invalid", "revoked");
    const later = sdkKeys(ledger, () => Buffer.from(KEY), silent);
    await expectRefused(later.openSdkKey(text), "credential_invalid", "revoked");
    expect(await keys.revokeSdkKey(ada, key.id)).toEqual(revoked);
  });

  it("opens nothing from the moment on that it expires", async () => {
    const { clock, keys, make } = await opened();
    const { text } = await make({ lifetimeMs: DAY_MS });
    clock.aheadMs += DAY_MS - 5_000;
    await keys.openSdkKey(text);
    clock.aheadMs += 5_000;
    await expectRefused(keys.openSdkKey(text), "credential_expired");
    expect(await keys.sdkKeys()).toMatchObject([{ state: "expired" }]);
  });

  it.each([
    ["of another ledger", (text: string) => text.replace(/_[0-9a-f]{16}_/, "_0123456789abcdef_")],
    ["with another secret", (text: string) => text.slice(0, -43) + "A".repeat(43)],
    [
      "with one letter changed",
      (text: string) => text.slice(0, -9) + (text.at(-9) === "x" ? "y" : "x") + text.slice(-8),
    ],
    ["cut off", (text: string) => text.slice(0, -1)],
    ["with more behind it", (text: string) => `${text}A`],
    ["with a line end", (text: string) => `${text}\n`],
    ["that is empty", () => ""],
    ["that is a signed credential's", () => `rlc1_${"a".repeat(60)}.${"b".repeat(43)}`],
  ])("%s is none", async (_what, change) => {
    const { keys, make } = await opened();
    const { text } = await make();
    await expectRefused(keys.openSdkKey(change(text)), "credential_invalid", "no SDK key");
  });

  it.each([
    ["its limits", (kept: string) => kept.replace('"crm"', '"*"')],
    ["its end", (kept: string) => kept.replace(/"expiresAt":"[^"]+"/, '"expiresAt":null')],
    ["its kind", (kept: string) => kept.replace('"kind":"agent"', '"kind":"approver"')],
    ["its name", (kept: string) => kept.replace('"name":"importer"', '"name":"exporter"')],
    ["the hash of its secret", (kept: string) => kept.replace(/"secretHash":"[0-9a-f]/, '"secretHash":"g')],
    ["all of it", () => "{}"],
    ["all of it, into no JSON", () => "nonsense"],
  ])("is none any more when somebody changes %s in the file", async (_what, change) => {
    const { store, keys, make } = await opened();
    const { text, key } = await make({ destinations: ["crm"], lifetimeMs: DAY_MS });
    await rewrite(store, key.id, change);
    await expectRefused(keys.openSdkKey(text), "credential_invalid");
    expect((await keys.sdkKeys()).map(({ state }) => state)).not.toContain("active");
  });

  it("of a ledger whose file was copied under another key is none", async () => {
    const { ledger, make } = await opened();
    const { text } = await make();
    const elsewhere = sdkKeys(ledger, () => Buffer.alloc(32, 8), silent);
    await expectRefused(elsewhere.openSdkKey(text), "credential_invalid");
    expect(await elsewhere.sdkKeys()).toMatchObject([{ state: "altered" }]);
  });

  it("whose revocation somebody takes back in the file stays revoked", async () => {
    const { store, keys, ada, make } = await opened();
    const { text, key } = await make();
    await keys.revokeSdkKey(ada, key.id);
    await rewrite(store, key.id, (kept) =>
      kept
        .replace(/"revokedAt":"[^"]+"/, '"revokedAt":null')
        .replace('"revokedBy":"ada"', '"revokedBy":null'),
    );
    await expectRefused(keys.openSdkKey(text), "credential_invalid");
  });

  it("is made and revoked by people alone", async () => {
    const { issue, keys, make } = await opened();
    const { key, text } = await make();
    const { caller } = await keys.openSdkKey(text);
    for (const by of [caller, issue("lead", "orchestrator")]) {
      const asked = { kind: "approver", name: "me", sessionKey: "s" } as const;
      await expectRefused(keys.createSdkKey(by, asked), "access_denied");
      await expectRefused(keys.revokeSdkKey(by, key.id), "access_denied");
    }
    const alike = { name: "ada", role: "human", sessionKey: "s" } as const;
    await expectRefused(keys.revokeSdkKey(alike, key.id), "access_denied");
    expect(await keys.sdkKeys()).toHaveLength(1);
  });

  it("of a name is of one kind: nobody proposes and approves", async () => {
    const { keys, ada, make } = await opened();
    const { key } = await make();
    await make();
    await expectRefused(make({ kind: "approver", name: "Importer " }), "invalid_input", "agent already");
    for (const { id } of await keys.sdkKeys()) await keys.revokeSdkKey(ada, id);
    await expectRefused(make({ kind: "approver" }), "invalid_input", "agent already");
    expect(key.kind).toBe("agent");
  });

  it.each([
    [{ name: "orchestrator" }],
    [{ name: "alice@terminal" }],
    [{ name: " Alice@Terminal " }],
    [{ name: " " }],
    [{ name: "a\nb" }],
    [{ name: "x".repeat(201) }],
    [{ destinations: [] }],
    [{ destinations: ["crm*x"] }],
    [{ policies: [""] }],
    [{ lifetimeMs: 0 }],
    [{ lifetimeMs: Number.MAX_VALUE }],
    [{ kind: "person" as never }],
    [{ sessionKey: "" }],
  ])("is not made from %o, and nothing is kept", async (bad) => {
    const { store, make } = await opened();
    await refusalOf(make(bad));
    expect(await store.sdkKeyIds()).toEqual([]);
  });

  it("is named by its id where one name has several", async () => {
    const { keys, ada, make } = await opened();
    const [first, second] = [await make(), await make()];
    await expectRefused(keys.revokeSdkKey(ada, "importer"), "invalid_input", "2 active");
    await keys.revokeSdkKey(ada, first.key.id);
    await keys.openSdkKey(second.text);
    expect((await keys.revokeSdkKey(ada, "importer")).id).toBe(second.key.id);
    await expectRefused(keys.revokeSdkKey(ada, "importer"), "sdk_key_not_found");
  });

  it("is revoked once when two people do it", async () => {
    const { issue, keys, make } = await opened();
    const { key } = await make();
    const both = ["ada", "bob"].map((name) => issue(name, "human"));
    const said = await Promise.all(both.map((by) => keys.revokeSdkKey(by, key.id)));
    expect(new Set(said.map(({ revokedBy }) => revokedBy)).size).toBe(1);
  });

  it("that is refused is told in the journal of the run that it was to open, without its text", async () => {
    const bench = await openBench({ isolated: false });
    const keys = sdkKeys(bench.ledger, () => KEY, noteRefusals(bench.ledger, bench.engine));
    const ada = bench.issue("ada", { role: "human" });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "true")));
    const { text } = await keys.createSdkKey(ada, { kind: "agent", name: "importer", sessionKey: "test" });
    await keys.revokeSdkKey(ada, "importer");
    await refusalOf(keys.openSdkKey(text, { tool: "execute", runId }));
    await refusalOf(keys.openSdkKey(`${text.slice(0, -2)}zz`, { tool: "execute", runId }));
    const told = (await bench.ledger.events(runId, 0, 99)).filter(({ type }) => type === "access_refused");
    expect(told.map(({ payload }) => payload)).toMatchObject([
      { tool: "execute", code: "credential_invalid", by: { name: "importer", role: "executor" } },
      { tool: "execute", code: "credential_invalid", by: null },
    ]);
    expect(JSON.stringify(told)).not.toContain(text.slice(-43, -2));
  });

  it("is taken out of whatever is stored or printed", async () => {
    const { make } = await opened();
    const { text } = await make();
    const { text: redact } = createRedactor([]);
    expect(redact(`key=${text}.`)).toBe("key=[redacted:runledger_sdk_key].");
  });
});

describe("a limit of a key", () => {
  it.each([
    [null, "anything", true],
    [null, null, true],
    [["crm.import"], "crm.import", true],
    [["crm.import"], "crm.imports", false],
    [["crm.import"], "CRM.import", false],
    [["crm.*"], "crm.import", true],
    [["crm.*"], "crm.", true],
    [["crm.*"], "crm", false],
    [["*"], "anything", true],
    [["*"], null, false],
    [["a", "b*"], "bc", true],
  ])("%o and %o: %s", (patterns, name, is) => {
    expect(isWithin(patterns, name)).toBe(is);
  });
});

it("one agent has one spelling: what is given to it holds for both, and limits would count each for itself", async () => {
  const { make } = await opened();
  await make({ name: "importer" });
  await expectRefused(make({ name: "IMPORTER" }), "invalid_input", "another spelling");
  expect((await make({ name: "importer" })).key.name).toBe("importer");
});
