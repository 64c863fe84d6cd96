import { sha256 } from "../../../src/core/canonical.js";
import type { Caller, Command } from "../../../src/core/commands.js";
import { decide } from "../../../src/core/decide/index.js";
import type { EventType, JournalEvent, StoredEvent } from "../../../src/core/events.js";
import type { GateContext } from "../../../src/core/gate-context.js";
import { sideEffectKey } from "../../../src/core/intents.js";
import { planWire } from "../../../src/core/plan-wire.js";
import { PLANNING_STEP } from "../../../src/core/planning.js";
import type { Run } from "../../../src/core/run.js";
import * as cast from "../../helpers/cast.js";
import * as gates from "../../helpers/gates.js";

/** One command of the story, worked out beforehand: whoever says it again says the very same. */
export type Line = {
  readonly runId: string;
  readonly command: Command;
  readonly caller: Caller;
  /** By the ledger's clock. */
  readonly at: string;
  /** Of the client; null for what is told apart without one. */
  readonly key: string | null;
  /** Where its run stands after it. */
  readonly seq: number;
};

export const STORY_RULES = {
  staleTtlMs: 3_600_000 * 24,
  onUnmetCriteria: "fail",
  changeValidator: "orchestrator",
  agents: null,
  gate: gates.gateRules,
  recording: { effectsPerAttempt: 1_000, eventsPerRun: 10_000, resultBytes: 10_000, checkpointsKept: 1 },
} as const;

/** So many that the rule thins out the first of them. */
const CHECKPOINTS = 12;

/** The bytes that a proposal of the story names. */
export const PATCH = "a patch of some length\n".repeat(40);

type Spoken = readonly [runId: string, said: cast.Said, by?: Caller];

const done = { kind: "done", value: { kind: "inline", json: "42" } } as const;
const second = { position: 1 };

/** Steps that are worked on, judged, refused, done again, waited in and approved, to a completed run. */
const worked = (as: string): readonly Spoken[] => {
  const first = { key: `${as}order-1` };
  const said: readonly cast.Said[] = [
    cast.create(undefined),
    cast.attach(
      cast.planOf(
        [
          cast.stepSpec("a", { maxRetries: 3 }),
          cast.stepSpec("b", { validator: cast.approval, dependsOn: ["a"] }),
        ],
        [cast.criterion("it is whole")],
      ),
    ),
    cast.note("why", "größer als ASCII ✓"),
    cast.start("a"),
    cast.refuseAccess,
    cast.setBudget({ attempts: 5 }),
    cast.intend("a", first),
    cast.settle("a", done, first),
    cast.intend("a", second),
    cast.loseWorker(1),
    (run: Run) => ({ ...cast.say(cast.decideEffect("a", "rerun"), run), ...second }),
    cast.interrupt("a"),
    cast.policy("a", cast.retry),
    cast.start("a"),
    cast.propose("a"),
    cast.error("a"),
    cast.fail("a"),
    cast.policy("a", cast.retry),
    cast.start("a"),
    cast.propose("a"),
    cast.pass("a"),
    cast.pause(),
    cast.resume(),
    cast.start("b"),
    cast.beginWait("b"),
    cast.suspend("b"),
    cast.fireTimers,
    cast.propose("b", "done", { patch: sha256(PATCH) }),
    cast.approve("b"),
    cast.pass("b"),
    cast.meet(0),
  ];
  return said.map((one) => [`${as}worked`, one]);
};

const raced = (as: string): readonly Spoken[] =>
  (
    [
      cast.create(
        cast.planOf([cast.stepSpec("a", { race: cast.two }), cast.stepSpec("z")], [cast.criterion("never")]),
      ),
      cast.of(1, cast.start("a")),
      cast.of(2, cast.start("a")),
      cast.of(2, cast.propose("a")),
      cast.of(2, cast.pass("a")),
      cast.start("z"),
      cast.promiseOf("z"),
      cast.suspend("z"),
      cast.answerPromise("z", { promise: "z/1/0" }),
      cast.propose("z"),
      cast.pass("z"),
      cast.unmeet(0),
    ] as readonly cast.Said[]
  ).map((said) => [`${as}raced`, said]);

/** Its planner makes a plan, which a person denies, and writes a better one. */
const planned = (as: string): readonly Spoken[] => {
  const run = `${as}planned`;
  const plan = JSON.stringify(planWire(cast.planOf([cast.stepSpec("a")])));
  const lead = cast.executor("lead", { runId: run, stepId: PLANNING_STEP, attempt: 1 });
  return [
    [run, cast.create(undefined, { planner: "lead" })],
    [run, cast.start(PLANNING_STEP), cast.engine],
    [run, cast.propose(PLANNING_STEP, plan), lead],
    [run, cast.reject(PLANNING_STEP), cast.person],
    [run, cast.attach(cast.planOf([cast.stepSpec("b")])), cast.person],
    [run, cast.cancel()],
  ];
};

const hosted = (as: string): readonly Spoken[] =>
  (
    [
      cast.mirror({ id: `${as}hosted` }),
      cast.reportStep("a", "running"),
      cast.sync("degraded"),
      cast.teammates([{}]),
      cast.teammates([], [{ grantRequestId: "grant-1", outcome: "granted" }]),
      cast.reportRun("completed"),
    ] as readonly cast.Said[]
  ).map((said) => [`${as}hosted`, said]);

/** An attempt seals and discards what it knows, and starts a run that is cancelled before it does anything. */
const family = (as: string): readonly Spoken[] => {
  const [parent, child] = [`${as}parent`, `${as}child`];
  const began: readonly cast.Said[] = [
    cast.create(cast.planOf([cast.stepSpec("a")])),
    cast.start("a"),
    ...Array.from({ length: CHECKPOINTS }, () => cast.signed("a")),
    cast.passOver("a", `${as}ckpt`),
    cast.discardCheckpoints,
    cast.beginWait("a", { kind: "child", position: 0, name: "sub", childId: child, input: "0".repeat(64) }),
  ];
  // A line is an event, but for the run that comes with its plan, and the checkpoint that takes the oldest one away.
  const seq = began.length + 2;
  const link = { runId: parent, seq, stepId: "a", attempt: 1, position: 0, depth: 1 };
  const of = { child: { parent: link, sessionKey: cast.SESSION } };
  return [
    ...began.map((said): Spoken => [parent, said]),
    [child, cast.create(undefined, of), cast.engine],
    [child, cast.cancel()],
    [child, cast.tellParent],
    [parent, { ...cast.finishChild, childId: child }],
  ];
};

/** What leaves the building, once, and all that does not. */
const governed = (as: string): readonly Spoken[] => {
  const propose = (key: string, policy: string) =>
    gates.proposeIntent({ idempotencyKey: `${as}${key}`, policy });
  const said: readonly cast.Said[] = [
    cast.create(cast.planOf([cast.stepSpec("a")])),
    propose("once", "free"),
    gates.orderIntent(),
    gates.reportIntent(),
    propose("once", "free"),
    propose("denied", "ask-for-long"),
    gates.vote("deny"),
    propose("cancelled", "ask-for-long"),
    gates.vote("approve"),
    gates.cancelIntent,
    propose("late", "ask"),
    gates.expireIntents,
    propose("nobody", "no such policy"),
    propose("reminded", "ask-again"),
    gates.expireIntents,
    propose("deferred", "ask-on"),
    gates.expireIntents,
    propose("unopposed", "ask-or-do"),
    gates.expireIntents,
    cast.cancel(),
  ];
  return said.map((one) => [`${as}governed`, one]);
};

/** A client says what it does: it pays, hands over, is interrupted, and goes on. */
const recorded = (as: string): readonly Spoken[] => {
  const paid = { sideEffectClass: "payment", sideEffectKey: `${as}order-9` } as const;
  const said: readonly cast.Said[] = [
    cast.startTracked(),
    cast.recordEvent(),
    cast.recordEvent({ ...paid, eventType: "tool_call_started" }),
    cast.recordEvent({ ...paid, eventType: "tool_call_finished" }),
    cast.openHandoff,
    cast.completeHandoff,
    cast.recordEvent({ eventType: "interruption_detected" }),
    cast.resumeTracked,
    cast.endTracked("completed"),
  ];
  return said.map((one) => [`${as}recorded`, one]);
};

const ended = (as: string): readonly Spoken[] => [
  [`${as}forked`, cast.forkOf(`${as}worked`, 4)],
  [`${as}forked`, cast.cancel()],
];

/** An hour and more between two lines: whatever was armed is due at the next one. */
const HOUR_AND_MORE_MS = 3_700_000;
const BEGAN = Date.parse("2026-01-02T03:04:05.000Z");

/** By the place of the effect, by the host's own name for its run, and by the parent's for its child. */
const isToldApart = ({ type }: Command, { role }: Caller): boolean =>
  ["record_effects", "mirror_run"].includes(type) || (type === "create_run" && role === "engine");

/** The rules are pure, so the whole story is known before anybody writes any of it. */
const played = (as: string) => {
  const spoken = [worked, raced, planned, hosted, ended, family, governed, recorded].flatMap((part) =>
    part(as),
  );
  const runs = new Map<string, Run>();
  const history = new Map<string, readonly JournalEvent[]>();
  const lines = spoken.map(([runId, said, by], index): Line => {
    const run = runs.get(runId);
    const command = run === undefined ? (said as Command) : cast.say(said, run);
    const caller = by ?? cast.usualCaller(command, run);
    const at = new Date(BEGAN + index * HOUR_AND_MORE_MS).toISOString();
    const past = command.type === "fork_run" ? (history.get(command.from) ?? []) : [];
    const gate = { ...gates.gateContext, held: holderOf(command, [...runs.values()]) };
    const context = { caller, at, rules: STORY_RULES, history: past.map(asStored), gate };
    const decision = decide(command, run, context, runId);
    if (decision.events.length === 0) throw new Error(`nothing comes of line ${index}, ${command.type}`);
    runs.set(runId, decision.run);
    history.set(runId, [...(history.get(runId) ?? []), ...decision.events]);
    const key = isToldApart(command, caller) ? null : `${as}line ${index}`;
    return { runId, command, caller, at, key, seq: decision.run.seq };
  });
  return { lines, events: [...history.values()].flat() };
};

/** Whose intent has the key, as a ledger would look it up. */
const holderOf = (command: Command, runs: readonly Run[]): GateContext["held"] => {
  if (command.type !== "propose_intent") return null;
  const key = sideEffectKey(command.content);
  for (const { runId, intents } of runs) {
    const intent = intents.find((one) => one.status === "succeeded" && sideEffectKey(one.content) === key);
    if (intent !== undefined) return { runId, seq: intent.seq, intent };
  }
  return null;
};

const asStored = (event: JournalEvent, at: number): StoredEvent => ({
  ...event,
  position: at + 1,
  prevHash: "",
  hash: "",
});

const { lines, events } = played("");

/** A life in which every type of event happens. */
export const STORY: readonly Line[] = lines;
export const typesTold: ReadonlySet<EventType> = new Set(events.map(({ type }) => type));

/** The same again in a ledger that knows it already: its runs bear other names. */
export const storyAs = (as: string): readonly Line[] => played(as).lines;
