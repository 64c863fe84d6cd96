import { userInfo } from "node:os";
import { PassThrough, Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { IntentView, NewIntent, RunLedger } from "../../../src/index.js";
import type { Tty } from "../../../src/ui/cli/program.js";
import { type Desk, openDesk, shop } from "../../helpers/cli.js";

/** What people do with intents at the terminal. */

const HOSTILE = "name\n\u001b[2J\u001b]0;owned\u0007Ada\u202e\u009b1A\nstatus  approved\n";

let desk: Desk;
let app: RunLedger;
beforeAll(async () => {
  desk = await openDesk({
    ...shop,
    "gate-policies/asks.yaml": "require_approval: always\n",
    "gate-policies/small.yaml": "auto_approve_under: 10\n",
  });
  app = await desk.open();
});
afterAll(() => desk.dispose());

const asked = (over: Partial<NewIntent> = {}): Promise<IntentView> =>
  app.gate(app.issue({ name: "importer", role: "executor", sessionKey: "project" })).propose({
    ...{ destination: "crm.import", policy: "asks", payload: { text: HOSTILE } },
    ...over,
  });
const intentOf = async (...argv: string[]): Promise<IntentView> =>
  (await desk.json("intents", ...argv)).intent as IntentView;
const codeOf = async (...argv: string[]) => {
  const { code, err } = await desk.type("intents", ...argv);
  return [code, /\[(\w+)\]/.exec(err)?.[1]];
};

/** Somebody at a terminal who types this once they are asked, and what it showed them. */
const at = (...lines: readonly string[]) => {
  const shown: string[] = [];
  const input = new PassThrough();
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      shown.push(chunk.toString("utf8"));
      if (shown.at(-1)?.endsWith(ASKS)) input.end(lines.map((line) => `${line}\n`).join(""));
      done();
    },
  });
  return { shown, input, terminal: () => ({ input, output }) as unknown as Tty };
};
const ASKS = "[y/N] ";

describe("approval at the terminal", () => {
  it("is of what was printed, by whoever says yes to it", async () => {
    const [{ intentId }, person] = [await asked(), at("YES")];
    const said = await desk.typeWith({ tty: person.terminal }, "intents", "approve", intentId);
    // Where it is asked, whatever becomes of stdout and stderr.
    expect([said.code, person.shown.at(-1)]).toEqual([0, "Approve exactly this? [y/N] "]);
    expect(person.shown.join("")).toContain("| name\n");
    expect(said.err).not.toContain("| name");
    expect(await intentOf("show", intentId)).toMatchObject({ status: "approved" });
  });

  it.each([["n"], [""], ["yes please"], []])("is none for whoever answers %j", async (...lines) => {
    const { intentId } = await asked();
    const said = await desk.typeWith({ tty: at(...lines).terminal }, "intents", "approve", intentId);
    expect([said.code, said.err.split("\n").at(-2)]).toEqual([3, "Not approved: it waits on."]);
    expect(await intentOf("show", intentId)).toMatchObject({ status: "pending_approval", votes: [] });
  });

  it("is asked of nobody who was not shown all of it", async () => {
    for (const [payload, told] of [
      [{ text: `${"a".repeat(4_000)}, and the rest` }, "… and 14 characters more"],
      [Uint8Array.of(0xff, 0xfe), "The payload is no text."],
    ] as const) {
      const [{ intentId, contentHash }, person] = [await asked({ payload }), at("y")];
      const said = await desk.typeWith({ tty: person.terminal }, "intents", "approve", intentId);
      expect([said.code, said.err]).toEqual([2, expect.stringContaining(`--hash ${contentHash}`)]);
      expect(person.shown.join("")).toContain(told);
      expect(await intentOf("show", intentId)).toMatchObject({ status: "pending_approval", votes: [] });
    }
  });

  it("is no answer that was typed before it was asked", async () => {
    const [{ intentId }, person] = [await asked(), at("n")];
    person.input.write("y\n");
    const said = await desk.typeWith({ tty: person.terminal }, "intents", "approve", intentId);
    expect([said.code, person.shown.at(-1)]).toEqual([3, expect.stringContaining(ASKS)]);
  });

  it("is none for whoever interrupts it, whatever they had typed", async () => {
    const { intentId } = await asked();
    const interrupted = AbortSignal.abort();
    const typing = desk.typeWith({ tty: at("y").terminal, interrupted }, "intents", "approve", intentId);
    expect((await typing).code).toBe(3);
    expect(await intentOf("show", intentId)).toMatchObject({ votes: [] });
  });

  it("needs the hash where nobody looks: in a script, as JSON, or in silence", async () => {
    const { intentId, contentHash } = await asked();
    const person = at("y");
    for (const [words, tty] of [
      [[], undefined],
      [["--json"], person.terminal],
      [["--quiet"], person.terminal],
    ] as const) {
      const options = tty === undefined ? {} : { tty };
      const { code, err } = await desk.typeWith(options, "intents", "approve", intentId, ...words);
      expect([code, err]).toEqual([2, expect.stringContaining(`--hash ${contentHash}`)]);
    }
    expect(person.shown).toEqual([]);
    expect(await intentOf("show", intentId)).toMatchObject({ status: "pending_approval", votes: [] });
    expect(await intentOf("approve", intentId, "--hash", contentHash)).toMatchObject({ status: "approved" });
  });
});

describe("intents of an agent", () => {
  it("are listed, looked at, approved as they were seen, executed and reported", async () => {
    const { intentId, contentHash, runId } = await asked({ recordCount: 40, idempotencyKey: "batch-1" });
    const { intents } = (await desk.json("intents", "list", "--run", runId)) as { intents: IntentView[] };
    expect(intents).toMatchObject([{ intentId, status: "pending_approval" }]);
    const { out } = await desk.type("intents", "show", intentId);
    for (const told of ["crm.import", "asks, SHA-256", "crm.import:batch-1", "40", contentHash, "0 of 1"])
      expect(out).toContain(told);

    expect(await codeOf("approve", intentId, "--hash", "0".repeat(64))).toEqual([5, "intent_changed"]);
    expect((await intentOf("show", intentId)).votes).toEqual([]);
    expect(await codeOf("execute", intentId)).toEqual([5, "intent_not_approved"]);

    const approved = await desk.type(
      "intents",
      "approve",
      intentId,
      "--hash",
      contentHash,
      "--reason",
      "seen",
    );
    expect([approved.code, approved.out]).toEqual([0, `${intentId} approved\n`]);
    expect(approved.err.indexOf(contentHash)).toBeLessThan(approved.err.indexOf("It is allowed."));
    expect(approved.err).toContain("| name\n");

    const order = await desk.json("intents", "execute", intentId);
    expect(order).toMatchObject({ status: "ordered", payload: { text: HOSTILE }, attempt: 1 });
    expect(await codeOf("report", intentId, "succeeded", "--token", "f".repeat(64))).toEqual([
      5,
      "execution_refused",
    ]);
    const report = ["report", intentId, "succeeded", "--result", '{"imported":40}'];
    expect(await codeOf(...report)).toEqual([5, "intent_not_pending"]);
    const env = { RUNLEDGER_EXECUTION_TOKEN: String(order.executionToken) };
    expect(await desk.typeWith({ env }, "intents", ...report)).toMatchObject({ code: 0 });
    expect(await intentOf("show", `${runId.slice(-12)}.${intentId.split(".")[1]}`)).toMatchObject({
      ...{ status: "succeeded", result: { imported: 40 } },
      votes: [{ decision: "approve", reason: "seen" }],
    });
    expect(await desk.json("intents", "list", "--run", runId)).toMatchObject({ intents: [] });
    expect(await desk.json("intents", "list", "--run", runId, "--all")).toMatchObject({
      intents: [{ intentId }],
    });
  });

  it("are denied with a reason, or cancelled", async () => {
    const [one, other] = [await asked(), await asked()];
    expect((await desk.type("intents", "deny", one.intentId)).code).toBe(2);
    expect(await codeOf("deny", one.intentId, "--hash", other.contentHash, "--reason", "no")).toEqual([
      5,
      "intent_changed",
    ]);
    expect(await intentOf("deny", one.intentId, "--reason", "not these")).toMatchObject({
      status: "denied",
      votes: [{ decision: "deny", reason: "not these" }],
    });
    expect(await intentOf("cancel", other.intentId)).toMatchObject({ status: "cancelled" });
    expect(await codeOf("approve", other.intentId)).toEqual([5, "intent_not_pending"]);
    expect(await codeOf("show", "nonsense")).toEqual([4, "intent_not_found"]);
    expect(await codeOf("show", `${one.runId}.999`)).toEqual([4, "intent_not_found"]);
  });

  it("obey nobody's terminal: escapes, marks of direction and forged lines are shown as text", async () => {
    const { intentId } = await asked({ metadata: { note: "a\u001b[31mb" }, action: "x\u009b2J" });
    const shown = await desk.type("intents", "show", intentId, "--payload");
    const person = at("y");
    await desk.typeWith({ tty: person.terminal }, "intents", "approve", intentId);
    for (const text of [shown.out, person.shown.join("")]) {
      expect(text).toContain("| status  approved\n");
      expect(text).not.toMatch(/^status {2}approved/m);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
      expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }
    const { out } = await desk.type("intents", "show", intentId, "--payload", "--json");
    expect(out).not.toMatch(/[\u007f-\u009f\u202a-\u202e]/);
    expect(JSON.parse(out)).toMatchObject({ payload: { text: HOSTILE, base64: null } });
  });

  it("are offered to whoever presses Tab, as long as somebody is asked", async () => {
    const [open, over] = [await asked(), await asked()];
    await desk.type("intents", "cancel", over.intentId, "--reason", "sent by hand");
    expect((await intentOf("show", over.intentId)).message).toContain("sent by hand");
    const { out } = await desk.type("__complete", "intents", "approve", "");
    expect(out).toContain(`${open.intentId}\tpending_approval: crm.import`);
    expect(out).not.toContain(over.intentId);
  });

  it("are approved for somebody else by their deputy alone", async () => {
    const { intentId, contentHash } = await asked();
    const hash = ["--hash", contentHash];
    expect(await codeOf("approve", intentId, ...hash, "--for", "ada")).toEqual([5, "access_denied"]);
    const ada = app.issue({ name: "ada", role: "human", sessionKey: "project" });
    await app.delegate(ada, { to: `${userInfo().username}@terminal`, lifetimeMs: 3_600_000 });
    expect(await intentOf("approve", intentId, ...hash, "--for", "ada")).toMatchObject({
      votes: [{ onBehalfOf: "ada", mandate: expect.stringMatching(/^del_/) }],
    });
    expect((await desk.type("intents", "show", intentId)).out).toContain("@terminal for ada at ");
  });

  it("whose payload is no text have it as base64", async () => {
    const { intentId } = await asked({ payload: Uint8Array.of(0xff, 0xfe) });
    expect((await desk.type("intents", "show", intentId, "--payload")).out).toContain(
      "The payload is no text.",
    );
    expect(await desk.json("intents", "show", intentId, "--payload")).toMatchObject({
      payload: { text: null, base64: "//4=" },
    });
  });

  it("that are in doubt are settled by a person without a token", async () => {
    const gate = app.gate(app.issue({ name: "importer", role: "executor", sessionKey: "project" }));
    const { intentId } = await asked({ policy: "small", recordCount: 1 });
    const { executionToken } = await gate.execute({ intentId });
    await gate.report({ intentId, executionToken: executionToken ?? "", status: "unknown" });
    expect(await intentOf("report", intentId, "failed", "--error", "it never arrived")).toMatchObject({
      status: "failed",
      report: { error: "it never arrived", by: { role: "human" } },
    });
    expect(await codeOf("report", intentId, "succeeded", "--result", "{")).toEqual([2, "invalid_input"]);
  });
});

describe("propose", () => {
  it("asks as the person at the terminal, who may not approve it", async () => {
    await desk.write({ "../leads.csv": "name\nAda\n" });
    const terms = ["--records", "40", "--usd", "2.5", "--key", "k", "--action", "upsert", "--scope", "eu"];
    const more = ["--tag", "leads", "vip", "--expires", "1h", "--idempotent", "--for", "carol"];
    const file = ["propose", "crm.import", "--policy", "asks", "--file", "../leads.csv"];
    const { code, out } = await desk.type("intents", ...file, ...terms, ...more, "--json");
    const { intent } = JSON.parse(out) as { intent: IntentView };
    expect(code).toBe(3);
    expect(intent).toMatchObject({
      ...{ recordCount: 40, valueUsd: 2.5, sideEffectKey: "crm.import:k", action: "upsert", scope: "eu" },
      ...{
        tags: ["leads", "vip"],
        idempotent: true,
        onBehalfOf: "carol",
        payload: { type: "csv", bytes: 9 },
      },
    });
    expect(Date.parse(intent.expiresAt ?? "") - Date.parse(intent.proposedAt)).toBe(3_600_000);
    expect(await codeOf("approve", intent.intentId, "--hash", intent.contentHash)).toEqual([
      5,
      "access_denied",
    ]);
    const again = await intentOf(
      "propose",
      "crm.import",
      "--policy",
      "asks",
      "--text",
      "x",
      "--run",
      intent.runId,
    );
    expect(again.runId).toBe(intent.runId);
  });

  it("ends as its policy decides, and wants one payload", async () => {
    const small = ["propose", "crm.import", "--policy", "small", "--text", "./Ada"];
    expect((await desk.type("intents", ...small, "--records", "1")).code).toBe(0);
    expect((await desk.type("intents", ...small, "--records", "11")).code).toBe(3);
    const [, ...words] = small;
    const blocked = ["propose", ...words.map((word) => (word === "small" ? "not-there" : word))];
    expect((await desk.type("intents", ...blocked)).code).toBe(5);
    expect(await codeOf(...small, "--file", "x")).toEqual([2, "invalid_input"]);
    expect(await codeOf(...small.slice(0, 4))).toEqual([2, "invalid_input"]);
  });
});
