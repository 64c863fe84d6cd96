import { describe, expect, it, vi } from "vitest";
import type { AppendBatch, EventRow, NewEventRow } from "../../src/stores/store.js";
import { figure } from "../helpers/figures.js";
import { SWEEP_MS, sweepSeed, sweepSize } from "../helpers/sweep.js";
import { hashOfRow } from "./simulator/checker.js";
import { simulate } from "./simulator/simulate.js";
import type { Plant } from "./simulator/world.js";

// Whoever was overtaken waits a random while: here others get their turn by the seed alone.
vi.mock("node:timers/promises", () => ({ setTimeout: async () => {}, setImmediate: async () => {} }));

const SEEDS = sweepSize(5_000, 12);
/** A bug that harms seldom is looked for so long. */
const SEEDS_FOR_A_BUG = 60;

/** The events of a batch as somebody else would have them, in a chain that holds. */
const rechained = (batch: AppendBatch, events: readonly NewEventRow[]): AppendBatch => {
  let prevHash = batch.events[0]?.prevHash ?? "";
  const rows = events.map((event, index) => {
    const row = { ...event, runId: batch.runId, seq: batch.expectedSeq + 1 + index, prevHash };
    prevHash = hashOfRow(row);
    const { runId: _, ...rest } = row;
    return { ...rest, hash: prevHash };
  });
  return { ...batch, events: rows };
};

const rewriting =
  (change: (event: NewEventRow) => readonly NewEventRow[]): NonNullable<Plant["append"]> =>
  (batch, next) => {
    const events = batch.events.flatMap(change);
    const same =
      events.length === batch.events.length && events.every((event, at) => event === batch.events[at]);
    return next(same ? batch : rechained(batch, events));
  };

const twice = (type: string) => rewriting((event) => (event.type === type ? [event, event] : [event]));

const sometimes = (every: number) => {
  let asked = 0;
  return (): boolean => {
    asked += 1;
    return asked % every === 0;
  };
};

const ofAnother = (event: NewEventRow): NewEventRow => {
  if (event.type !== "step_validation_passed") return event;
  const said = JSON.parse(event.payload);
  const verdict = { ...said.verdict, proposalSeq: said.verdict.proposalSeq - 1 };
  return { ...event, payload: JSON.stringify({ ...said, verdict }) };
};

const early = (event: NewEventRow): NewEventRow =>
  event.type === "timer_fired" ? { ...event, at: "2025-12-31T00:00:00.000Z" } : event;

const bugs: readonly [what: string, plant: () => Plant, found: RegExp][] = [
  [
    "acknowledges what it does not keep",
    () => {
      const now = sometimes(20);
      return {
        append: async (batch, next) =>
          now()
            ? batch.events.map((event): EventRow => ({ ...event, runId: batch.runId, position: 0 }))
            : next(batch),
      };
    },
    /was acknowledged, and is not there/,
  ],
  [
    "tears a batch",
    () => ({
      append: async (batch, next) => {
        const [first, ...others] = batch.events;
        if (first === undefined || others.length === 0 || batch.expectedSeq === 0) return next(batch);
        const kept = await next({ ...batch, events: [first] });
        return [...kept, ...others.map((event): EventRow => ({ ...event, runId: batch.runId, position: 0 }))];
      },
    }),
    /was acknowledged, and is not there/,
  ],
  [
    "forgets the keys of clients",
    () => ({ append: ({ key: _, ...batch }, next) => next(batch) }),
    /note .* is there [2-9] times/,
  ],
  ["takes writes of former holders", () => ({ takesWritesOfFormerHolders: true }), /whose lease was over/],
  ["gives epochs again", () => ({ givesEpochsAgain: true }), /was given again/],
  ["lets workers write without their lease", () => ({ forgetsItsLease: true }), /whose lease was over/],
  [
    "acts before its intent is kept",
    () => ({ actsBeforeItsIntent: true }),
    /effect was done (without an intent|[2-9] times)/,
  ],
  ["settles effects twice", () => ({ append: twice("effect_settled") }), /was settled twice/],
  ["fires timers twice", () => ({ append: twice("timer_fired") }), /fired twice/],
  ["fires timers early", () => ({ append: rewriting((event) => [early(event)]) }), /fired before it was due/],
  [
    "passes a step by the verdict on another proposal",
    () => ({ append: rewriting((event) => [ofAnother(event)]) }),
    /is of no proposal/,
  ],
  ["begins attempts twice", () => ({ append: twice("step_started") }), /began while another was open/],
  ["writes behind the end", () => ({ append: twice("run_completed") }), /came after the end/],
  [
    "keeps events that follow another",
    () => {
      const now = sometimes(15);
      return {
        append: (batch, next) =>
          next(
            now()
              ? { ...batch, events: batch.events.map((event) => ({ ...event, prevHash: "0".repeat(64) })) }
              : batch,
          ),
      };
    },
    /follows another/,
  ],
];

describe(`a simulated life (seed ${sweepSeed})`, () => {
  it(
    "keeps every promise, whoever dies, whatever is refused or unanswered, however clocks jump",
    async () => {
      const broken: string[] = [];
      let [events, ended] = [0, 0];
      for (let seed = sweepSeed; seed < sweepSeed + SEEDS; seed += 1) {
        const simulated = await simulate(seed);
        broken.push(...simulated.broken.map((one) => `seed ${seed}: ${one}`));
        events += simulated.events;
        ended += simulated.ended;
      }
      figure("lives", SEEDS, broken.length, `lives (${events} events, ${ended} runs ended)`);
      expect(broken).toEqual([]);
      // Lives in which nothing happens keep every promise too.
      expect(events / SEEDS).toBeGreaterThan(20);
      expect(ended).toBeGreaterThan(SEEDS / 10);
    },
    SWEEP_MS,
  );

  it("is the same for the same seed", async () => {
    expect(await simulate(sweepSeed)).toEqual(await simulate(sweepSeed));
  });

  it.each(bugs)("finds a ledger that %s", async (_what, plant, found) => {
    for (let seed = sweepSeed; seed < sweepSeed + SEEDS_FOR_A_BUG; seed += 1) {
      const { broken } = await simulate(seed, plant());
      if (broken.some((one) => found.test(one))) return;
    }
    expect.unreachable(`nothing was found in ${SEEDS_FOR_A_BUG} lives`);
  });
});
