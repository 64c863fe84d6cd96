import { expect } from "vitest";
import type { Caller } from "../../src/core/commands.js";
import type { DecideContext, Rules } from "../../src/core/decide/guards.js";
import { type Decision, decide } from "../../src/core/decide/index.js";
import { type ErrorCode, isLedgerError, LedgerError } from "../../src/core/errors.js";
import { EventBody, type EventType, type JournalEvent, type StoredEvent } from "../../src/core/events.js";
import { fold } from "../../src/core/evolve.js";
import type { GateContext } from "../../src/core/gate-context.js";
import { findStep, type Run, type Step, type StepStatus } from "../../src/core/run.js";
import type { CriterionSpec, StepSpec } from "../../src/core/spec.js";
import { create, planOf, type Said, say, usualCaller } from "./cast.js";
import { gateContext, gateRules } from "./gates.js";

/** Rule tests as sentences: given a run, when somebody says something, then this happens, or it is refused. */
export const given = (run: Run | undefined, world: World = {}): Given => ({
  when: (said, by) => outcomeOf(attempt(run, said, by, world)),
});

type World = {
  readonly rules?: Partial<Rules>;
  readonly at?: string;
  /** What a fork takes over. */
  readonly history?: readonly StoredEvent[];
  /** What the ledger knows of a command beyond its run. */
  readonly facts?: NonNullable<DecideContext["facts"]>;
  /** What the ledger knows of other runs. */
  readonly gate?: Partial<GateContext>;
};

type Given = { when(said: Said, by?: Caller): Outcome };

type Outcome = {
  /** Exactly these events follow. Answers with the run after them. */
  thenHappened(...types: readonly EventType[]): Run;
  /** It was done before, so nothing follows. */
  thenNothing(): Run;
  thenRefuses(code: ErrorCode): LedgerError;
  readonly events: readonly JournalEvent[];
};

export const RUN_ID = "run_1";
export const AT = "2026-01-02T03:04:05.000Z";
export const HOUR_MS = 3_600_000;

export const rules: Rules = {
  staleTtlMs: HOUR_MS,
  onUnmetCriteria: "fail",
  changeValidator: "orchestrator",
  agents: null,
  gate: gateRules,
};

/** A run made by deciding one command after the other; each must be accepted. */
export const played = (...lines: readonly (Said | readonly [Said, Caller])[]): Run =>
  playedOn(undefined, {}, ...lines);

export const playedOn = (
  run: Run | undefined,
  world: World,
  ...lines: readonly (Said | readonly [Said, Caller])[]
): Run => {
  const end = lines.reduce<Run | undefined>((before, line) => {
    const [said, by] = Array.isArray(line) ? line : [line, undefined];
    return accepted(attempt(before, said, by, world)).run;
  }, run);
  if (end === undefined) throw new Error("a story needs at least one command");
  return end;
};

/** The events of such a story, as a journal would keep them for another run. */
export const historyOf = (runId: string, ...lines: readonly Said[]): readonly StoredEvent[] => {
  let run: Run | undefined;
  const events = lines.flatMap((said) => {
    const decision = accepted(attempt(run, said, undefined));
    run = decision.run;
    return decision.events;
  });
  return events.map((event, at) => ({
    ...event,
    runId,
    position: at + 1,
    prevHash: at === 0 ? "0" : `hash ${at}`,
    hash: `hash ${at + 1}`,
  }));
};

/** A running run with these steps. */
export const runWith = (steps: readonly StepSpec[], criteria: readonly CriterionSpec[] = []): Run =>
  played(create(planOf(steps, criteria)));

export const stepIn = (run: Run, stepId: string): Step => {
  const step = findStep(run, stepId);
  if (step === undefined) throw new Error(`no step ${stepId}`);
  return step;
};

export const statusOf = (run: Run, stepId: string): StepStatus => stepIn(run, stepId).state.status;

/** The answer of the rules as a value, with what holds for every answer checked on the way. */
export const attempt = (
  run: Run | undefined,
  said: Said,
  by: Caller | undefined,
  world: World = {},
): Decision | LedgerError => {
  const command = run === undefined ? sayOfNothing(said) : say(said, run);
  const caller = by ?? usualCaller(command, run);
  const before = structuredClone(run);
  const { at = AT, history = [] } = world;
  const gate = { ...gateContext, ...world.gate };
  const context = {
    caller,
    at,
    rules: { ...rules, ...world.rules },
    history,
    gate,
    ...(world.facts && { facts: world.facts }),
  };
  try {
    const decision = decide(command, run, context, RUN_ID);
    requireWhole(run, decision);
    return decision;
  } catch (error) {
    if (isLedgerError(error)) return error;
    throw error;
  } finally {
    expect(run).toEqual(before);
  }
};

const sayOfNothing = (said: Said) => {
  if (typeof said === "function") throw new Error("this command can only be said of a run");
  return said;
};

const requireWhole = (run: Run | undefined, { events, run: after }: Decision): void => {
  expect(fold(events, run)).toEqual(after);
  events.forEach((event, index) => {
    const { type, version, payload } = event;
    const attempted = "attempt" in event ? { attempt: event.attempt } : {};
    EventBody.parse({ type, version, payload, ...attempted });
    expect(event.seq).toBe((run?.seq ?? 0) + index + 1);
  });
};

const accepted = (answer: Decision | LedgerError): Decision => {
  if (answer instanceof LedgerError) throw answer;
  return answer;
};

const outcomeOf = (answer: Decision | LedgerError): Outcome => ({
  thenHappened: (...types) => {
    const { events, run } = accepted(answer);
    expect(events.map(({ type }) => type)).toEqual(types);
    return run;
  },
  thenNothing: () => {
    const { events, run } = accepted(answer);
    expect(events).toEqual([]);
    return run;
  },
  thenRefuses: (code) => {
    if (!(answer instanceof LedgerError))
      throw new Error(`accepted: ${answer.events.map(({ type }) => type).join(", ") || "nothing happened"}`);
    expect(answer.code).toBe(code);
    return answer;
  },
  get events() {
    return accepted(answer).events;
  },
});
