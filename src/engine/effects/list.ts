import { noSuchStep } from "../../core/decide/guards.js";
import {
  type EffectCall,
  type EffectDecision,
  type EffectOrigin,
  type EffectOutcome,
  effectKey,
} from "../../core/effects.js";
import type { Actor, StoredEvent } from "../../core/events.js";
import { type HeldKey, heldKeys } from "../../core/left-effects.js";
import { PLANNING_STEP } from "../../core/planning.js";
import { workedSteps } from "../../core/race.js";
import { findStep } from "../../core/run.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { AttemptName } from "./recorded.js";
import { readValue } from "./values.js";

/**
 * open: begun and not ended; it is under way, or was cut off. asked: a person is to say what becomes of it. skipped: done
 * without. known: it had happened before under its business key.
 */
export const effectStatuses = ["open", "asked", "done", "failed", "skipped", "known"] as const;
export type EffectStatus = (typeof effectStatuses)[number];

/** What one call of an agent did to the world, as far as the journal knows. */
export type ListedEffect = Omit<EffectCall, "input"> & {
  readonly stepId: string;
  readonly attempt: number;
  /** Null where there is no race. */
  readonly candidate: number | null;
  /** What the other side was given to know it by: the business key, or a digest of run, step, attempt and position. */
  readonly givenKey: string;
  readonly status: EffectStatus;
  /** Null where it may be done again, so that only its end was recorded. */
  readonly since: string | null;
  readonly settledAt: string | null;
  readonly decision: {
    readonly decision: EffectDecision;
    readonly reason: string;
    readonly by: Actor;
    readonly at: string;
  } | null;
  /** Its attempt is over, and it holds its business key until a person says what became of it. */
  readonly held: boolean;
  /** Of one that failed. */
  readonly error: string | null;
  /** Of one that is known: the intent of the first. */
  readonly origin: EffectOrigin | null;
  /** Of one that is known: its result went with the run that had it. */
  readonly erased: boolean;
  /** Of its result as JSON; null where there is none here. */
  readonly bytes: number | null;
  /** Only when asked for, and only where there is one: of a known one that of the first. */
  readonly value?: unknown;
};

export type EffectQuery = {
  readonly stepId?: string;
  readonly attempt?: number;
  readonly candidate?: number;
  readonly position?: number;
  /** Only those of which nobody knows whether they happened. */
  readonly open?: boolean;
  /** With their results. */
  readonly values?: boolean;
};

/** So many events at a time. */
const PAGE = 250;

/** In the order in which they were first recorded. Throws `step_not_found` for a step that the run does not have. */
export const listEffects = async (
  ledger: Ledger,
  runId: string,
  query: EffectQuery = {},
): Promise<readonly ListedEffect[]> => {
  const start = await startOf(ledger, runId, query);
  const found = new Map<string, Found>();
  for (let after = start; ; ) {
    const events = await ledger.events(runId, after, PAGE);
    for (const event of events) note(found, runId, query, event);
    if (events.length < PAGE) break;
    after += events.length;
  }
  const held = heldKeys(await ledger.load(runId));
  const listed: ListedEffect[] = [];
  for (const one of found.values()) {
    if (query.open === true && one.outcome !== null) continue;
    const isHeld = held.some((left) => isOf(left, one));
    listed.push({
      ...told(one, isHeld),
      ...(query.values === true ? await resultOf(ledger, runId, one) : {}),
    });
  }
  return listed;
};

const isOf = (left: HeldKey, { of, call }: Found): boolean =>
  left.stepId === of.stepId &&
  left.candidate === of.candidate &&
  left.attempt === of.attempt &&
  left.position === call.position;

/** Behind which event those that are asked for begin. */
const startOf = async (ledger: Ledger, runId: string, { stepId, attempt }: EffectQuery): Promise<number> => {
  const run = await ledger.load(runId);
  if (stepId === undefined) return 0;
  const step = findStep(run, stepId);
  if (step !== undefined && attempt !== step.attempt) return 0;
  if (step !== undefined)
    return Math.min(...workedSteps(step).map(({ effects }) => effects.firstSeq ?? run.seq + 1)) - 1;
  // The steps of the plan have taken its place.
  if (stepId === PLANNING_STEP) return 0;
  throw noSuchStep(run, stepId);
};

type Found = {
  readonly of: AttemptName;
  readonly call: EffectCall;
  readonly since: string | null;
  settledAt: string | null;
  outcome: EffectOutcome | null;
  decision: ListedEffect["decision"];
};

const note = (found: Map<string, Found>, runId: string, query: EffectQuery, event: StoredEvent): void => {
  if (event.type !== "effect_intended" && event.type !== "effect_settled" && event.type !== "effect_decided")
    return;
  const { attempt, at } = event;
  const { stepId, candidate } = event.payload;
  const position = event.type === "effect_intended" ? event.payload.call.position : event.payload.position;
  if (!isMeant(query, { stepId, attempt, candidate, position })) return;
  const of = { runId, stepId, attempt, ...(candidate === undefined ? {} : { candidate }) };
  const name = JSON.stringify([stepId, attempt, candidate, position]);
  const begun = (call: EffectCall, since: string | null): void => {
    const { decision = null } = found.get(name) ?? {};
    found.set(name, { of, call, since, settledAt: null, outcome: null, decision });
  };
  if (event.type === "effect_intended") begun(event.payload.call, at);
  if (event.type === "effect_settled" && event.payload.call !== null) begun(event.payload.call, null);
  const known = found.get(name);
  if (known === undefined) return;
  if (event.type === "effect_settled") {
    known.outcome = event.payload.outcome;
    known.settledAt = at;
  }
  if (event.type === "effect_decided") {
    const { decision, reason } = event.payload;
    known.decision = { decision, reason, by: event.actor, at };
  }
};

const isMeant = (
  query: EffectQuery,
  of: { stepId: string; attempt: number; candidate: number | undefined; position: number },
): boolean =>
  (["stepId", "attempt", "candidate", "position"] as const).every(
    (part) => query[part] === undefined || query[part] === of[part],
  );

const told = ({ of, call, since, settledAt, outcome, decision }: Found, held: boolean): ListedEffect => {
  const { input: _, ...said } = call;
  return {
    stepId: of.stepId,
    attempt: of.attempt,
    candidate: of.candidate ?? null,
    ...said,
    givenKey: effectKey(call, of),
    status: outcome?.kind ?? (decision?.decision === "fail" ? "asked" : "open"),
    since,
    settledAt,
    decision,
    held,
    error: outcome?.kind === "failed" ? outcome.error : null,
    origin: outcome?.kind === "known" ? outcome.origin : null,
    erased:
      outcome?.kind === "known" && outcome.outcome.kind === "skipped" && outcome.outcome.erased === true,
    bytes: outcome?.kind === "done" ? bytesOf(outcome.value) : null,
  };
};

const bytesOf = (value: Extract<EffectOutcome, { kind: "done" }>["value"]): number =>
  value.kind === "inline" ? Buffer.byteLength(value.json) : value.bytes;

const resultOf = async (
  { store }: Ledger,
  runId: string,
  { call: { name }, outcome }: Found,
): Promise<{ readonly value?: unknown }> => {
  const first = outcome?.kind === "known" ? outcome.outcome : outcome;
  return first?.kind === "done" ? { value: await readValue(store, { runId, name }, first.value) } : {};
};
