import { expect, it } from "vitest";
import type { Run } from "../../src/core/run.js";
import { settled } from "../../tools/settled.js";
import type { ToolHost } from "../../tools/tool.js";

const judged = { runId: "run_1", seq: 9 } as Run;
const asItIs = { runId: "run_1", seq: 3 } as Run;
const hostOf = (settle: () => Promise<Run>): ToolHost =>
  ({ ledger: { load: async () => asItIs }, pev: { settle }, settleMs: 0 }) as unknown as ToolHost;

it("a call answers when the verdict is there, and when its time is over without one", async () => {
  expect(await settled({ ...hostOf(async () => judged), settleMs: 60_000 }, "run_1")).toBe(judged);
  expect(
    await settled(
      hostOf(() => new Promise(() => undefined)),
      "run_1",
    ),
  ).toBe(asItIs);
});

it("what judging cannot do is told to who waits for it, and troubles nobody who has left", async () => {
  const fails = async () => {
    throw new Error("no room");
  };
  await expect(settled({ ...hostOf(fails), settleMs: 60_000 }, "run_1")).rejects.toThrow("no room");
  let fail = (): void => undefined;
  const late = new Promise<Run>((_resolve, reject) => {
    fail = () => reject(new Error("no room"));
  });
  expect(
    await settled(
      hostOf(() => late),
      "run_1",
    ),
  ).toBe(asItIs);
  fail();
  await new Promise(setImmediate);
});
