import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createDeliveries, type Target } from "../../src/engine/notify/deliveries.js";
import { type GateCalls, isLedgerError, type RunLedger } from "../../src/index.js";
import { gatedProject, openRun, personOf, SESSION } from "../helpers/gated.js";
import { randomFrom, SWEEP_MS, sweepSeed, sweepSize } from "../helpers/sweep.js";

const RACES = sweepSize(1_000, 8);
/** Times that somebody asks again before the race has come to nothing. */
const ROUNDS_MAX = 500;

/** Lets one of those who wait at a door go on, by the seed: what lies between two doors is never cut. */
const doors = (seed: number) => {
  const random = randomFrom(seed);
  const waiting: (() => void)[] = [];
  return {
    random,
    door: () => new Promise<void>((resolve) => void waiting.push(resolve)),
    open: async (work: Promise<unknown>): Promise<void> => {
      let isOver = false;
      const end = (): void => {
        isOver = true;
      };
      work.then(end, end);
      while (!isOver) {
        await nextTurn();
        waiting.splice(Math.floor(random() * waiting.length), 1)[0]?.();
      }
      await work;
    },
  };
};

/** A ledger whose appends wait at the door, so that what was decided on may be old by then. */
const behindDoor = (app: RunLedger, through: { door: () => Promise<void> }): void => {
  const store = app.ledger.store as { -readonly [K in "append"]: RunLedger["ledger"]["store"][K] };
  const append = store.append.bind(app.ledger.store);
  store.append = async (batch) => {
    await through.door();
    return append(batch);
  };
};

/** What is refused because somebody else was faster is asked again. */
const refusedOr = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await work();
  } catch (error) {
    if (isLedgerError(error)) return undefined;
    throw error;
  }
};

const leadOf = (app: RunLedger, name = "lead") =>
  app.issue({ name, role: "orchestrator", sessionKey: SESSION });

/** What happened outside, and every token that somebody ever had. */
type Outside = { done: number; reports: number; readonly tokens: Set<string> };

/** Executes what it fetched, unless it may have happened; may be lost between the deed and its report, and comes back. */
const worker = async (
  gate: GateCalls,
  intentId: string,
  outside: Outside,
  at: { door: () => Promise<void>; isLost: boolean },
) => {
  let isLost = at.isLost;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    await at.door();
    const order = await refusedOr(() => gate.execute({ intentId }));
    if (order === undefined) continue;
    if (order.executionToken === null) {
      if (order.status === "succeeded") return;
      continue;
    }
    outside.tokens.add(order.executionToken);
    await at.door();
    if (!order.inDoubt) outside.done += 1;
    if (isLost) {
      isLost = false;
      continue;
    }
    // Whoever has an order in doubt looks whether it happened before anything is said of it.
    if (outside.done === 0) continue;
    await at.door();
    const report = { intentId, executionToken: order.executionToken, status: "succeeded" } as const;
    const said = await refusedOr(() => gate.report({ ...report, result: { done: outside.done } }));
    if (said !== undefined) outside.reports += 1;
  }
};

const approver = async (
  gate: GateCalls,
  asked: { intentId: string; contentHash: string },
  door: () => Promise<void>,
) => {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    await door();
    const now = await refusedOr(() => gate.approve(asked));
    if (now !== undefined) return;
    if ((await gate.getIntent({ intentId: asked.intentId })).status !== "pending_approval") return;
  }
};

/** One is slow, the other was ended in the middle of its answer and never came back. */
const targets = (told: string[], door: () => Promise<void>): readonly Target[] =>
  (["slow", "crashed"] as const).map((name) => ({
    name,
    events: ["intent_approval"],
    settingsMs: 0,
    timeoutMs: 60_000,
    tell: async (notice) => {
      for (let turn = 0; turn < 5; turn += 1) await door();
      told.push(`${name} ${notice.runId}.${notice.seq}`);
      return name === "slow" ? { kind: "told" } : { kind: "failed", error: "it crashed" };
    },
  }));

describe("two workers, two approvers, a slow webhook and one that crashed", () => {
  it(`come to one execution and one report, in ${RACES} interleavings`, { timeout: SWEEP_MS }, async () => {
    const project = await gatedProject();
    const [one, two] = [await project.open(), await project.open()];
    let turn: () => Promise<void> = async () => undefined;
    for (const app of [one, two]) behindDoor(app, { door: () => turn() });
    const told: string[] = [];
    for (let race = 0; race < RACES; race += 1) {
      const seed = sweepSeed + race;
      turn = async () => undefined;
      const runId = await openRun(one);
      const { random, door, open } = doors(seed);
      turn = door;
      const other = random() < 0.5 ? "lead" : "other";
      const policy = random() < 0.5 ? "ask-first" : "two-people";
      const terms = { runId, destination: "bank", payload: { text: "pay" }, idempotencyKey: `k${race}` };
      const outside: Outside = { done: 0, reports: 0, tokens: new Set() };
      const since = await one.ledger.store.position();
      const proposed = () =>
        Promise.all([one, two].map((app) => app.gate(leadOf(app)).propose({ ...terms, policy })));
      const racing = async (): Promise<void> => {
        const [asked, again] = await proposed();
        expect(again?.intentId, `seed ${seed}`).toBe(asked?.intentId);
        const { intentId, contentHash } = asked as { intentId: string; contentHash: string };
        const deliveries = [one, two].map(({ ledger }) => createDeliveries(ledger));
        const { signal } = new AbortController();
        await Promise.all([
          ...deliveries.map((each) => each.pass(targets(told, door), since, signal)),
          approver(one.gate(personOf(one, "ada")), { intentId, contentHash }, door),
          approver(two.gate(personOf(two, "bob")), { intentId, contentHash }, door),
          worker(one.gate(leadOf(one)), intentId, outside, { door, isLost: random() < 0.3 }),
          worker(two.gate(leadOf(two, other)), intentId, outside, { door, isLost: random() < 0.3 }),
        ]);
      };
      await open(racing());
      // Whoever was slow comes back with what he holds, and another story.
      turn = async () => undefined;
      const { done, reports, tokens } = outside;
      const [intentId = ""] = (await one.ledger.load(runId)).intents.map((intent) => intent.intentId);
      for (const executionToken of tokens)
        for (const gate of [one.gate(leadOf(one)), two.gate(leadOf(two, other))]) {
          const late = { intentId, executionToken, status: "failed", error: "late" } as const;
          expect(await refusedOr(() => gate.report(late)), `seed ${seed}`).toBeUndefined();
        }
      const events = await one.ledger.events(runId, 0, 1_000);
      const count = (type: string) => events.filter((event) => event.type === type).length;
      expect({
        seed,
        ...{ done, reports },
        told: count("intent_reported"),
        proposed: count("intent_proposed"),
      }).toEqual({
        ...{ seed, done: 1, reports: 1, told: 1, proposed: 1 },
      });
      expect(count("intent_approved"), `seed ${seed}`).toBe(policy === "two-people" ? 2 : 1);
    }
    const ofSlow = told.filter((line) => line.startsWith("slow"));
    expect(new Set(ofSlow).size).toBe(ofSlow.length);
    expect(told.length).toBeGreaterThan(0);
  });
});
