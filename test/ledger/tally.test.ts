import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Caller } from "../../src/core/commands.js";
import { decide } from "../../src/core/decide/index.js";
import { isLedgerError } from "../../src/core/errors.js";
import type { JournalEvent, StoredEvent } from "../../src/core/events.js";
import type { Run } from "../../src/core/run.js";
import type { Spent } from "../../src/core/spent.js";
import { sumOf, usageOfRun } from "../../src/core/usage.js";
import { asksSince, intentsOf, type RunTally, tallied, usedBy } from "../../src/ledger/metrics/tally.js";
import * as cast from "../helpers/cast.js";
import { gateContext, proposeIntent, vote } from "../helpers/gates.js";
import { rules } from "../helpers/given.js";

/** What is counted event by event, against what a run itself says it used. */

const done = { kind: "done", value: { kind: "inline", json: "1" } } as const;
const spent = (over: Partial<Spent> = {}): Spent => ({
  ...{ model: "m", tokensIn: 100, cacheRead: 20, cacheWrite: 3, tokensOut: 10, reasoning: 4 },
  ...{ uncounted: 0, nanoUsd: 5 },
  ...over,
});

/** Passes with each event. */
const MINUTE_MS = 60_000;

type Line = cast.Said | readonly [cast.Said, Caller];

/** A journal that is told line by line; what the rules refuse is left out. */
const telling = () => {
  const history: StoredEvent[] = [];
  let run: Run | undefined;
  let tally: RunTally | undefined;
  const hear = (events: readonly JournalEvent[]): void => {
    for (const event of events) {
      const stored = { ...event, position: event.seq, prevHash: "", hash: "" };
      history.push(stored);
      tally = tallied(tally, stored);
    }
  };
  return {
    history,
    now: () => ({ run: run as Run, tally: tally as RunTally }),
    say: (line: Line, past: readonly StoredEvent[] = []): boolean => {
      const [said, by] = Array.isArray(line) ? line : [line, undefined];
      const at = new Date(Date.UTC(2026, 0, 1) + history.length * MINUTE_MS).toISOString();
      const command = cast.say(said as cast.Said, run as Run);
      const context = {
        caller: by ?? cast.usualCaller(command, run),
        at,
        rules,
        history: past,
        gate: gateContext,
      };
      try {
        const decision = decide(command, run, context, "run_1");
        run = decision.run;
        hear(decision.events);
        return true;
      } catch (error) {
        if (isLedgerError(error)) return false;
        throw error;
      }
    },
  };
};

const told = (...lines: readonly Line[]) => {
  const { say, now } = telling();
  for (const line of lines) expect(say(line)).toBe(true);
  return now();
};

const plan = cast.planOf([cast.stepSpec("a", { maxRetries: 9 }), cast.stepSpec("b", { race: cast.two })]);
const begun = [cast.create(plan), cast.start("a")] as const;
const paid = { risk: "paid", onAmbiguous: "rerun" } as const;

const moves = fc.record({
  kind: fc.nat(9),
  step: fc.constantFrom("a", "a", "b"),
  candidate: fc.integer({ min: 1, max: 2 }),
  position: fc.constantFrom(0, 0, 0, 1, 2),
});
type Move = typeof moves extends fc.Arbitrary<infer T> ? T : never;

/** What belongs together, so that random runs get somewhere. */
const linesOf = ({ step, candidate, position, kind }: Move): readonly Line[] => {
  const calls = [{ ...paid, position }, { ...paid, position, key: `order of ${step}` }, { position }];
  const call = calls[position];
  const of = (said: cast.Said): cast.Said => (step === "b" ? cast.of(candidate, said) : said);
  const settled = (...used: readonly Spent[]): Line => of(cast.settle(step, done, call, used));
  const intended = of(cast.intend(step, call));
  const again: readonly Line[] = [cast.policy(step, cast.retry), of(cast.start(step))];
  const all: readonly (readonly Line[])[] = [
    [intended, settled(spent({ uncounted: position }), spent({ model: "n", nanoUsd: null }))],
    [intended, settled(spent({ tokensIn: null }))],
    [intended, settled()],
    [intended],
    [settled(spent())],
    [of(cast.decideEffect(step, "rerun"))],
    [[of(cast.decideEffect(step, "rerun")), cast.person]],
    [[of(cast.decideEffect(step, "done", done.value)), cast.person]],
    [of(cast.interrupt(step)), ...again],
    [of(cast.propose(step)), of(cast.fail(step)), ...again],
  ];
  return all[kind] ?? [];
};

describe("What is counted", () => {
  it("is what the run says it used, whatever happens, in a fork of it too", () => {
    let [spending, forks] = [0, 0];
    const total = ({ tally }: { tally: RunTally }) => sumOf([...usedBy(tally).values()]);
    fc.assert(
      fc.property(
        fc.array(moves, { maxLength: 25, size: "max" }),
        fc.integer({ min: 2, max: 12 }),
        (tried, forkedAt) => {
          const first = telling();
          for (const line of [...begun, cast.of(1, cast.start("b")), cast.of(2, cast.start("b"))])
            first.say(line);
          for (const line of tried.flatMap(linesOf)) {
            first.say(line);
            expect(total(first.now())).toEqual(usageOfRun(first.now().run));
          }
          spending += usageOfRun(first.now().run).calls;
          const fork = telling();
          if (!fork.say([cast.forkOf("run_1", forkedAt), cast.orchestrator], first.history)) return;
          forks += 1;
          for (const line of tried.flatMap(linesOf)) {
            fork.say(line);
            expect(total(fork.now())).toEqual(usageOfRun(fork.now().run));
          }
        },
      ),
      { numRuns: 40 },
    );
    expect([spending > 40, forks > 10]).toEqual([true, true]);
  });

  it("is told by who asked which model", () => {
    const { tally } = told(
      ...begun,
      cast.intend("a", paid),
      cast.settle("a", done, paid, [spent(), spent({ model: "n", tokensOut: 1 })]),
      cast.intend("a", { ...paid, position: 1 }),
    );
    const used = Object.fromEntries(usedBy(tally));
    expect(used['["coder","m"]']).toMatchObject({ calls: 1, tokensIn: 100, nanoUsd: 5 });
    expect(used['["coder","n"]']).toMatchObject({ calls: 1, tokensOut: 1 });
    expect(used['["coder",null]']).toMatchObject({ calls: 0, uncounted: 1 });
  });

  it("has each verdict by its judge, and the time from the claim to it", () => {
    const { tally } = told(
      ...begun,
      cast.propose("a"),
      cast.error("a"),
      cast.fail("a"),
      cast.policy("a", cast.retry),
      cast.start("a"),
      cast.propose("a"),
      cast.pass("a"),
    );
    expect(Object.fromEntries(tally.verdicts)).toEqual({
      '["step","test_pass","errored"]': { verdicts: 1, waitedMs: 0 },
      '["step","test_pass","failed"]': { verdicts: 1, waitedMs: 2 * MINUTE_MS },
      '["step","test_pass","passed"]': { verdicts: 1, waitedMs: MINUTE_MS },
    });
    expect(Object.fromEntries(tally.attempts)).toEqual({ coder: 2 });
  });

  it("leaves out what the past of a fork has counted", () => {
    const first = telling();
    for (const line of [...begun, cast.refuseAccess, cast.propose("a"), cast.fail("a"), cast.loseWorker(1)])
      expect(first.say(line)).toBe(true);
    const fork = telling();
    expect(fork.say([cast.forkOf("run_1"), cast.person], first.history)).toBe(true);
    const { tally } = fork.now();
    expect([tally.attempts.size, tally.verdicts.size, tally.refusals.size, tally.workersLost]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  it("has intents by status, and not those that a fork took over", () => {
    const first = telling();
    const asked = [proposeIntent(), vote("deny"), proposeIntent({ idempotencyKey: "batch-2" })];
    for (const line of [...begun, ...asked]) expect(first.say(line)).toBe(true);
    const { run, tally } = first.now();
    expect(intentsOf(tally)).toEqual(["denied", "pending_approval"]);
    expect(intentsOf(tally)).toEqual(run.intents.map(({ status }) => status));
    expect(asksSince(tally, false)).toBe(run.intents[1]?.at);
    const fork = telling();
    expect(fork.say(cast.forkOf("run_1"), first.history)).toBe(true);
    expect(fork.say(proposeIntent({ policy: "free", idempotencyKey: "batch-3" }))).toBe(true);
    expect(intentsOf(fork.now().tally)).toEqual(["approved"]);
  });

  it("knows since when a run asks: a claim, a promise, a pause, whichever is first", () => {
    const claimed = told(...begun, cast.promiseOf("a"), cast.note("k", "v"));
    const since = claimed.run.steps[0]?.effects.waits[0]?.since;
    expect(since).toBeDefined();
    expect(asksSince(claimed.tally, false)).toBe(since);
    const paused = told(...begun, cast.pause(), cast.note("k", "v"));
    expect(paused.run.state).toMatchObject({ since: asksSince(paused.tally, true) });
    expect(asksSince(told(...begun).tally, false)).toBeNull();
  });
});
