import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { digestOf } from "../../src/core/canonical.js";
import type { CheckpointContent } from "../../src/core/checkpoints.js";
import { applyDelta } from "../../src/core/json-delta.js";
import { packed, readBytes, writeBytes } from "../../src/ledger/checkpoints/bytes.js";
import { memoryCheckpoints } from "../../src/stores/checkpoints.js";

const TURNS = 200;
const MESSAGES_A_TURN = 10;

/** Eight words of forty, by a rule, so that each run of the test packs the same bytes. */
const said = (number: number): string =>
  Array.from({ length: 8 }, (_, at) => digestOf([number, at]).slice(0, 5)).join(" ");

const messages = Array.from({ length: TURNS * MESSAGES_A_TURN }, (_, number) => ({
  role: number % 2 === 0 ? "user" : "assistant",
  content: said(number),
}));

/** What an agent remembers that keeps so many messages, and what its run knows after ten guarded effects a turn. */
const contentAfter = (turn: number, window: number): CheckpointContent => {
  const last = turn * MESSAGES_A_TURN;
  const from = Math.max(0, last - window);
  const listed = (first: number) => Array.from({ length: last - first }, (_, at) => first + at);
  const done = listed(Math.max(0, last - 1_000));
  return {
    ...{ version: 1, runId: "run_1", of: { stepId: "a", attempt: 1 }, agentVersion: "1" },
    ...{ turn, calls: last, eventLogPosition: 3 + 2 * last },
    workingMemory: {
      summary: from === 0 ? "" : `what came before message ${from}`,
      messages: messages.slice(from, last),
    },
    pendingProposals: [],
    receipts: done.map((seq) => ({
      ...{ seq, stepId: "a", attempt: 1, name: "ask", key: `k-${seq}`, status: "done" },
    })),
    ...{ receiptsInAll: last, artifacts: [], artifactsInAll: 0 },
    ...{ blockedEffectKeys: done.map((seq) => `k-${seq}`), blockedEffectKeysInAll: last, memoryDelta: {} },
    metrics: { tokensIn: 100 * last, tokensOut: 10 * last, toolCalls: last, cost: 0 },
    ...{ unresolvedApprovals: [], suggestedNextAction: "", createdAt: "2026-01-01T00:00:00.000Z" },
  };
};

/** What the checkpoints of some turns take, and the most that one of those takes which is stored as a difference. */
const bytesOf = async (window: number, first: number) => {
  const sizes: number[] = [];
  const differences: number[] = [];
  const store = memoryCheckpoints();
  let before: CheckpointContent | null = null;
  for (let turn = first; turn <= TURNS; turn += 1) {
    const content = contentAfter(turn, window);
    const name = { runId: "run_1", id: `ckpt_${turn}` };
    const { full, text } = packed(content, (turn - 1) % 10 === 0 ? null : before);
    await writeBytes(store, name, text);
    const size = (await store.get(name))?.byteLength ?? 0;
    sizes.push(size);
    if (!full) {
      differences.push(size);
      const read = await readBytes(store, name);
      if (typeof read !== "object" || read.kind !== "delta") throw new Error("it is a difference");
      expect(digestOf(applyDelta(before, read.delta))).toBe(digestOf(content));
    }
    before = content;
  }
  return { all: sizes.reduce((sum, size) => sum + size), most: Math.max(...differences) };
};

/** The last ones of 200 are the longest. */
const FIRST = 181;

it.each([
  ["all of them", 2_000, 1_600_000],
  ["the newest 200 of them", 200, 700_000],
])(
  "a turn of a conversation of 2,000 messages costs what came new, where %s are remembered",
  async (_what, window, all) => {
    const bytes = await bytesOf(window, FIRST);
    expect(bytes.most).toBeLessThan(2_000);
    expect(bytes.all).toBeLessThan(all);
  },
);

it("what would be no shorter as a difference is stored whole", () => {
  const content = contentAfter(1, 10);
  const other = { ...contentAfter(150, 1_000), workingMemory: null, receipts: [], blockedEffectKeys: [] };
  expect(packed(content, contentAfter(2, 10)).full).toBe(false);
  const strange = Object.fromEntries(Object.keys(content).map((key) => [`no ${key}`, 1]));
  expect(packed(other, strange as never).full).toBe(true);
});

it("what another version wrote is none that this one can read", async () => {
  const store = memoryCheckpoints();
  const name = { runId: "run_1", id: "ckpt_1" };
  const { text } = packed(contentAfter(1, 10), null);
  const [whole] = [JSON.parse(text) as object];
  await writeBytes(store, name, JSON.stringify({ ...whole, format: 3 }));
  expect(await readBytes(store, name)).toBe("newer");
  expect(JSON.parse(gunzipSync((await store.get(name)) ?? "").toString())).toMatchObject({ kind: "full" });
});
