import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  answerQuestion,
  credentialUseFor,
  type FileVersion,
  ledgerVersionAt,
  type RunLedger,
} from "../../../src/index.js";
import type { LedgerProcess } from "../../../src/ui/mcp/ledger-process.js";
import type { Bearer, Question } from "../../../src/ui/mcp/line.js";
import { remembering } from "../../../src/ui/mcp/remembering.js";
import { MARKS_OUTSIDE, makeSample, type Sample } from "../../helpers/project.js";

/** A ledger on the disk with a second look at its file, as a front has it; the way to its process is a call that is counted. */

const lead = { name: "lead", role: "orchestrator", sessionKey: "test" } as const;
const plan = {
  goal: "Ship it",
  steps: [{ id: "a", goal: "Make it", owner_agent: "coder", validator: { type: "build_pass" } }],
};

let shop: Sample;
let app: RunLedger;
let runId: string;
let asked: Question["kind"][];
let underWay: () => Promise<unknown>;
let clock: number;
let front: LedgerProcess;
beforeAll(async () => {
  shop = await makeSample({ "README.md": "# A shop\n", "runledger.yaml": MARKS_OUTSIDE });
  app = await shop.open();
});
afterAll(async () => {
  await app.close();
  await shop.dispose();
});
beforeEach(async () => {
  runId = (await app.createRun(app.issue(lead), { plan, sessionKey: "test", originalRequest: "x" })).runId;
  [asked, clock, underWay] = [[], Date.now(), async () => undefined];
  front = await opened();
});
afterEach(() => front.close());

const toProcess: LedgerProcess["ask"] = async (as, question) => {
  asked.push(question.kind);
  if ("sdkKey" in as || question.kind === "gate" || question.kind === "metrics") throw new Error("no tool");
  const caller =
    "credential" in as ? await app.openCredential(as.credential, credentialUseFor(question)) : app.issue(as);
  const answer = await answerQuestion(app, caller, question);
  await underWay();
  return JSON.parse(JSON.stringify(answer)) as typeof answer;
};

/** With the file open, which it is behind the first answer. */
const opened = async (ask = toProcess): Promise<LedgerProcess> => {
  let file: Promise<FileVersion> | undefined;
  const process = { ask, close: () => undefined, end: async () => undefined };
  const made = remembering(process, {
    open: () => {
      file = ledgerVersionAt({ projectDir: shop.repo, env: shop.env });
      return file;
    },
    nowMs: () => clock,
  });
  await made.ask(lead, { kind: "who" });
  await file;
  asked = [];
  return made;
};

const reading = (): Question => ({ kind: "tool", name: "run_read", input: { run_id: runId } });
const note = (value: string) =>
  app.ledger.submit(runId, { type: "write_note", key: "k", value }, app.issue(lead));
const signed = async (): Promise<Bearer> => ({
  credential: (await app.signCredential({ ...lead, lifetimeMs: 3_600_000 })).credential,
});

describe("what was read", () => {
  it("is told again while nobody has changed it, and anew at once when somebody has", async () => {
    const first = await front.ask(lead, reading());
    expect(await front.ask(lead, reading())).toEqual(first);
    expect(asked).toEqual(["tool"]);
    for (const value of ["one", "two", "three"]) {
      await note(value);
      expect(await front.ask(lead, reading())).toMatchObject({ notes: { k: value } });
    }
    expect(asked).toHaveLength(4);
  });

  it("while somebody changed it is not told again", async () => {
    underWay = () => note("behind it");
    expect(await front.ask(lead, reading())).toMatchObject({ notes: {} });
    underWay = async () => undefined;
    expect(await front.ask(lead, reading())).toMatchObject({ notes: { k: "behind it" } });
  });

  it("is told to nobody else, and of nothing else", async () => {
    await front.ask(lead, reading());
    const stranger = { ...lead, sessionKey: "another" };
    await expect(front.ask(stranger, reading())).rejects.toMatchObject({ code: "session_mismatch" });
    const other = { kind: "tool", name: "run_active", input: { run_id: runId } } as const;
    expect(await front.ask(lead, other)).toHaveProperty("totals");
    expect(asked).toHaveLength(3);
  });

  it.each([
    ["a second later", 1_000],
    ["when the clock was put back", -1],
  ])("is asked for anew %s", async (_when, ms) => {
    await front.ask(lead, reading());
    clock += ms;
    await front.ask(lead, reading());
    expect(asked).toHaveLength(2);
  });

  it("is not kept where nobody can tell whether the ledger changed", async () => {
    const process = { ask: toProcess, close: () => undefined, end: async () => undefined };
    const blind = remembering(process, { open: async () => undefined });
    for (let time = 0; time < 3; time += 1) await blind.ask(lead, reading());
    expect(asked).toHaveLength(3);
  });

  it("is forgotten when the front closes", async () => {
    await front.ask(lead, reading());
    await front.end();
    await front.ask(lead, reading());
    expect(asked).toHaveLength(2);
  });
});

describe("a credential", () => {
  it("that expires is looked at again from that moment on", async () => {
    const { credential, expiresAt } = await app.signCredential({ ...lead, lifetimeMs: 3_600_000 });
    clock = Date.parse(expiresAt) - 2;
    for (let time = 0; time < 2; time += 1) await front.ask({ credential }, reading());
    clock += 1;
    await front.ask({ credential }, reading());
    expect(asked).toHaveLength(1);
    clock += 1;
    await front.ask({ credential }, reading());
    expect(asked).toHaveLength(2);
  });

  it("that was refused is refused each time, and each time the journal hears of it", async () => {
    const as = await signed();
    const owner = app.issue({ ...lead, sessionKey: "another" });
    const other = await app.createRun(owner, { plan, sessionKey: "another", originalRequest: "x" });
    const foreign = { kind: "tool", name: "run_read", input: { run_id: other.runId } } as const;
    for (let time = 0; time < 3; time += 1)
      await expect(front.ask(as, foreign)).rejects.toMatchObject({ code: "session_mismatch" });
    const events = await app.ledger.events(other.runId, 0, 100);
    expect(events.filter(({ type }) => type === "access_refused")).toHaveLength(3);
  });
});

it.each<[string, Bearer, Question]>([
  [
    "asks for an intent, which may expire meanwhile",
    lead,
    { kind: "tool", name: "intent_status", input: {} },
  ],
  ["changes something", lead, { kind: "tool", name: "run_note", input: { run_id: "x", key: "k" } }],
  ["comes with an SDK key", { sdkKey: "k" }, { kind: "who" }],
  ["asks for numbers", lead, { kind: "metrics" }],
])("whoever %s is never answered from memory", async (_what, as, question) => {
  const ask: LedgerProcess["ask"] = async (_as, { kind }) => {
    asked.push(kind);
    return {};
  };
  const other = await opened(ask);
  for (let time = 0; time < 2; time += 1) await other.ask(as, question);
  other.close();
  expect(asked).toHaveLength(2);
});

// The last, since it takes the key from the others.
it("a credential whose key is gone opens nothing any more", async () => {
  const as = await signed();
  await front.ask(as, reading());
  rmSync(join(app.dataDir, "ledger.key"));
  await expect(front.ask(as, reading())).rejects.toMatchObject({ code: "credential_invalid" });
});
