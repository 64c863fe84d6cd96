import fc from "fast-check";
import { expect, test } from "vitest";
import type { Caller } from "../../src/core/commands.js";
import { type Decision, decide } from "../../src/core/decide/index.js";
import { isLedgerError, type LedgerError } from "../../src/core/errors.js";
import type { JournalEvent } from "../../src/core/events.js";
import { fold } from "../../src/core/evolve.js";
import { holdsKey, type Intent, sideEffectKey } from "../../src/core/intents.js";
import * as limit from "../../src/core/limits.js";
import type { Run } from "../../src/core/run.js";
import * as cast from "../helpers/cast.js";
import * as gates from "../helpers/gates.js";
import { AT, rules } from "../helpers/given.js";

/** Two runs of one ledger, two keys, and whoever tries whatever comes to mind, by a clock that sometimes jumps. */
const RUNS = ["run_1", "run_2"] as const;
const speakers: readonly Caller[] = [
  cast.executor("coder"),
  cast.executor("coder"),
  cast.executor("reviewer"),
  cast.orchestrator,
  cast.person,
  { ...cast.person, name: "bob" },
  cast.engine,
];
const moves = fc.record({
  run: fc.nat(1),
  kind: fc.nat(13),
  key: fc.nat(1),
  policy: fc.constantFrom("free", "ask", "ask-2", "nobody"),
  idempotent: fc.boolean(),
  which: fc.nat(3),
  speaker: fc.nat(speakers.length - 1),
  token: fc.nat(9),
  passes: fc.constantFrom(0, 0, 0, 60_000, limit.ORDER_TTL_MS, 3_600_000),
});
type Move = typeof moves extends fc.Arbitrary<infer T> ? T : never;

type World = { readonly runs: Map<string, Run>; readonly events: JournalEvent[]; atMs: number };

/** What the ledger's table of keys would say, worked out from the runs alone. */
const heldIn = ({ runs }: World, key: string | null) => {
  for (const { runId, intents } of runs.values())
    for (const intent of intents)
      if (key !== null && holdsKey(intent) && sideEffectKey(intent.content) === key)
        return { runId, seq: intent.seq, intent };
  return null;
};

/** One token for each fetch, as a ledger makes them; now and then somebody gives another. */
const tokenOf = ({ intentId, order }: Intent, { token }: Move): string =>
  token === 0 ? "guess" : `${intentId} ${order?.attempt ?? 0}`;

const commandOf = (run: Run, move: Move): cast.Said => {
  const intent = run.intents.at(-1 - move.which);
  const about = intent === undefined ? {} : { intentId: intent.intentId, contentHash: intent.contentHash };
  const of = (said: cast.Said): cast.Said => ({ ...cast.say(said, run), ...about }) as cast.Said;
  const { kind, key, policy, idempotent } = move;
  if (kind < 4) return gates.proposeIntent({ idempotencyKey: `k${key}`, policy, idempotent });
  if (kind < 6) return of(gates.vote("approve"));
  if (kind === 6) return of(gates.vote("deny"));
  if (intent === undefined || kind === 7) return gates.expireIntents;
  const { intentId, order } = intent;
  if (kind < 10) {
    const attempt = (order?.attempt ?? 0) + (move.token === 1 ? 0 : 1);
    return orderOf(intentId, attempt);
  }
  if (kind === 10) return { type: "cancel_intent", intentId, reason: "not needed" };
  if (kind === 13) return move.token > 7 ? cast.cancel() : cast.pause();
  const outcome = (["succeeded", "failed", "unknown"] as const)[move.token % 3] ?? "unknown";
  const token = kind === 12 && move.token > 5 ? null : tokenOf(intent, move);
  return { type: "report_intent", intentId, token, outcome, result: null, error: "" };
};

const orderOf = (intentId: string, attempt: number): cast.Said => ({
  type: "order_intent",
  intentId,
  attempt,
  tokenHash: gates.hashOf(`${intentId} ${attempt}`, { intentId, attempt }),
});

const answerOf = (world: World, runId: string, said: cast.Said, caller: Caller): Decision | LedgerError => {
  const run = world.runs.get(runId);
  if (run === undefined) throw new Error(`no run ${runId}`);
  const command = cast.say(said, run);
  const key = command.type === "propose_intent" ? sideEffectKey(command.content) : null;
  const gate = { ...gates.gateContext, held: heldIn(world, key) };
  try {
    return decide(command, run, { caller, at: new Date(world.atMs).toISOString(), rules, gate }, runId);
  } catch (error) {
    if (isLedgerError(error)) return error;
    throw error;
  }
};

const told = (
  story: readonly Move[],
  check: (world: World, before: World, answer: Decision | LedgerError) => void,
) => {
  const world: World = { runs: new Map(), events: [], atMs: Date.parse(AT) };
  for (const runId of RUNS) {
    const plan = cast.planOf([cast.stepSpec("a")]);
    const created = decide(cast.create(plan), undefined, { caller: cast.orchestrator, at: AT, rules }, runId);
    world.runs.set(runId, created.run);
  }
  for (const move of story) {
    world.atMs += move.passes;
    const runId = RUNS[move.run] ?? "run_1";
    const run = world.runs.get(runId);
    if (run === undefined) throw new Error("no run");
    const before = { ...world, runs: new Map(world.runs) };
    const answer = answerOf(world, runId, commandOf(run, move), speakers[move.speaker] ?? cast.engine);
    if ("events" in answer) {
      expect(fold(answer.events, run)).toEqual(answer.run);
      world.runs.set(runId, answer.run);
      world.events.push(...answer.events);
    }
    check(world, before, answer);
  }
  return world;
};

const stories = fc.array(moves, { maxLength: 60, size: "max" });
const intentsOf = ({ runs }: World): readonly Intent[] =>
  [...runs.values()].flatMap(({ intents }) => intents);

test("Whoever tries whatever: a key is never with two, and nothing that has ended moves again", () => {
  fc.assert(
    fc.property(stories, (story) => {
      told(story, (world, before) => {
        const keys = intentsOf(world).flatMap((one) =>
          holdsKey(one) ? (sideEffectKey(one.content) ?? []) : [],
        );
        expect(new Set(keys).size).toBe(keys.length);
        for (const former of intentsOf(before)) {
          if (
            !["succeeded", "failed", "denied", "expired", "skipped", "cancelled", "blocked"].includes(
              former.status,
            )
          )
            continue;
          const now = intentsOf(world).find(({ intentId }) => intentId === former.intentId);
          expect(now).toEqual(former);
        }
      });
    }),
    { numRuns: 100 },
  );
});

test("Nothing is ordered without its policy or enough other people, and each order is in other hands only after its time", () => {
  fc.assert(
    fc.property(stories, (story) => {
      told(story, (world, before, answer) => {
        if (!("events" in answer)) return;
        for (const event of answer.events) {
          if (event.type !== "execution_ordered") continue;
          const former = intentsOf(before).find(({ intentId }) => intentId === event.payload.intentId);
          if (former === undefined) throw new Error("ordered before it was proposed");
          const names = former.votes
            .filter((vote) => vote.decision === "approve")
            .map((vote) => vote.by.name);
          expect(new Set(names).size).toBeGreaterThanOrEqual(former.approvalsNeeded);
          expect(names).not.toContain(former.by.name);
          if (former.order === null) {
            expect(former.status).toBe("approved");
            expect(Date.parse(former.expiresAt ?? "")).toBeGreaterThan(world.atMs);
            continue;
          }
          const isSame = former.order.by.name === event.actor.name;
          const isOver = Date.parse(former.order.expiresAt) <= world.atMs;
          expect(isSame || (isOver && former.content.idempotent)).toBe(true);
          expect(event.payload.attempt).toBe(former.order.attempt + 1);
        }
      });
    }),
    { numRuns: 100 },
  );
});

test("Each intent is said to have succeeded at most once, and each key has succeeded at most once in all runs", () => {
  fc.assert(
    fc.property(stories, (story) => {
      const { events, runs } = told(story, () => undefined);
      const done = events.flatMap((event) =>
        event.type === "intent_reported" && event.payload.outcome === "succeeded"
          ? [event.payload.intentId]
          : [],
      );
      expect(new Set(done).size).toBe(done.length);
      const all = [...runs.values()].flatMap(({ intents }) => intents);
      const keys = all.flatMap((one) => (one.status === "succeeded" ? [sideEffectKey(one.content)] : []));
      expect(new Set(keys).size).toBe(keys.length);
    }),
    { numRuns: 100 },
  );
});

test("The stories reach every state of an intent", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(stories, (story) => {
      told(story, (world) => {
        for (const { status } of intentsOf(world)) seen.add(status);
      });
    }),
    { numRuns: 400, seed: 11 },
  );
  expect([...seen].sort()).toEqual([
    ...["approved", "blocked", "cancelled", "denied", "expired", "failed", "ordered"],
    ...["pending_approval", "skipped", "succeeded", "unknown"],
  ]);
});
