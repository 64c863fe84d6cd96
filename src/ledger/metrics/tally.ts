import { type EffectEvent, effectsAfter } from "../../core/effect-events.js";
import { type Effects, noEffects } from "../../core/effects.js";
import type { EventOf, EventType, JournalEvent, StoredEvent } from "../../core/events.js";
import { intentEvents } from "../../core/intent-events.js";
import { type IntentEvent, withIntent } from "../../core/intent-fold.js";
import type { IntentStatus } from "../../core/intents.js";
import type { Run } from "../../core/run.js";
import { spentIn, sumOf, type Usage, underWay } from "../../core/usage.js";
import type { Verdict } from "../../core/verdict.js";

/** Who works on a step, or as one of its candidates. */
type Work = {
  readonly agent: string;
  readonly attempt: number;
  readonly effects: Effects;
  /** When it was claimed to be done; null before that, and once it was judged. */
  readonly claimedAt: string | null;
};

export type Judged = { readonly verdicts: number; readonly waitedMs: number };

/**
 * What is counted of one run. It is changed in place: a fold that copies would take as long as the run is long, squared. What was
 * used is counted by the same rules as a run's own `usage`, and here also by who asked which model.
 */
export type RunTally = {
  /** Up to here the events are another run's, which has counted them. */
  readonly pastSeq: number;
  /** By agent. */
  readonly attempts: Map<string, number>;
  /** By what was judged, the validator's type and the outcome. */
  readonly verdicts: Map<string, Judged>;
  /** By agent and model, without what is under way. */
  readonly spent: Map<string, Usage>;
  /** By code. */
  readonly refusals: Map<string, number>;
  workersLost: number;
  /** Those of its past too, which are not counted. */
  asked: Pick<Run, "runId" | "intents">;
  /** By step and candidate. */
  readonly works: Map<string, Work>;
  pausedAt: string | null;
};

type Handlers = { readonly [T in EventType]?: (tally: RunTally, event: EventOf<T>) => void };

/** The same for each of their types. */
const forIntents = (handle: (tally: RunTally, event: JournalEvent & IntentEvent) => void): Handlers =>
  Object.fromEntries(intentEvents.map(({ shape }) => [shape.type.value, handle]));

const handlers: Handlers = {
  // The plan's steps take the place of the one that made it.
  plan_attached: ({ works }) => works.clear(),
  step_started: (tally, event) => {
    const { payload, attempt } = event;
    const former = tally.works.get(workOf(payload));
    if (former !== undefined) countSpent(tally, former, event);
    tally.works.set(workOf(payload), { agent: payload.agent, attempt, effects: noEffects, claimedAt: null });
    if (isOwn(tally, event)) add(tally.attempts, payload.agent, 1);
  },
  step_result_proposed: ({ works }, { payload, at }) => claimed(works, payload, at),
  step_validation_passed: (tally, event) => judged(tally, event),
  step_validation_failed: (tally, event) => judged(tally, event),
  // It is judged once more: the claim stands.
  step_validation_errored: (tally, event) => countVerdict(tally, event, "step", 0),
  criterion_met: (tally, event) => countVerdict(tally, event, "criterion", 0),
  criterion_unmet: (tally, event) => countVerdict(tally, event, "criterion", 0),
  effect_intended: (tally, event) => effected(tally, event),
  effect_settled: (tally, event) => {
    const work = worked(tally, event);
    if (work !== undefined) countSpent(tally, work, event);
    effected(tally, event);
  },
  effect_decided: (tally, event) => {
    const work = worked(tally, event);
    if (work !== undefined) countSpent(tally, work, event);
    effected(tally, event);
  },
  promise_created: (tally, event) => effected(tally, event),
  promise_resolved: (tally, event) => effected(tally, event),
  run_paused: (tally, { at }) => {
    tally.pausedAt = at;
  },
  access_refused: (tally, event) => {
    if (isOwn(tally, event)) add(tally.refusals, event.payload.code, 1);
  },
  worker_lost: (tally, event) => {
    if (isOwn(tally, event)) tally.workersLost += 1;
  },
  ...forIntents((tally, event) => {
    tally.asked = withIntent(tally.asked, event);
  }),
};

/** Events of other types change nothing here, and are not read. */
export const countedTypes: readonly EventType[] = [
  "run_created",
  ...(Object.keys(handlers) as (keyof typeof handlers)[]),
];

/** After one more of its events; `run_created` begins anew, also for a run that was taken out and has come back. */
export const tallied = (tally: RunTally | undefined, event: StoredEvent): RunTally | undefined => {
  if (event.type === "run_created") return newTally(event.runId, event.payload.forkedFrom?.seq ?? 0);
  if (tally === undefined) return undefined;
  (handlers[event.type] as ((tally: RunTally, event: StoredEvent) => void) | undefined)?.(tally, event);
  return tally;
};

/** By agent and model, with what is under way, which nobody has counted. */
export const usedBy = ({ spent, works }: RunTally): ReadonlyMap<string, Usage> => {
  const used = new Map(spent);
  for (const work of works.values()) addUsage(used, keyOf(work.agent, null), underWay(work));
  return used;
};

/** By status; those of its past are another run's. */
export const intentsOf = ({ asked, pastSeq }: RunTally): readonly IntentStatus[] =>
  asked.intents.filter(({ seq }) => seq > pastSeq).map(({ status }) => status);

/** Since when the run asks something of a person, if its events tell; else null. */
export const asksSince = ({ works, pausedAt, asked }: RunTally, isPaused: boolean): string | null => {
  if (isPaused) return pausedAt;
  const since = [...works.values()].flatMap(({ claimedAt, effects }) => [
    ...(claimedAt === null ? [] : [claimedAt]),
    ...effects.waits.flatMap((one) => (one.kind === "promise" && one.resolved === null ? [one.since] : [])),
  ]);
  const intents = asked.intents.filter(({ status }) => status === "pending_approval").map(({ at }) => at);
  return [...since, ...intents].sort()[0] ?? null;
};

const newTally = (runId: string, pastSeq: number): RunTally => ({
  pastSeq,
  attempts: new Map(),
  verdicts: new Map(),
  spent: new Map(),
  refusals: new Map(),
  workersLost: 0,
  asked: { runId, intents: [] },
  works: new Map(),
  pausedAt: null,
});

const isOwn = ({ pastSeq }: RunTally, { seq }: Pick<StoredEvent, "seq">): boolean => seq > pastSeq;

/** Names that are counted together, as one key. */
export const keyOf = (...names: readonly (string | null)[]): string => JSON.stringify(names);

type Of = { readonly stepId: string; readonly candidate?: number | undefined };

const workOf = ({ stepId, candidate = 0 }: Of): string => keyOf(stepId, String(candidate));

/** Undefined for what is told of an attempt that another one has followed: that was counted when the new one began. */
const worked = (
  { works }: RunTally,
  { payload, attempt }: { readonly payload: Of; readonly attempt: number },
): Work | undefined => {
  const work = works.get(workOf(payload));
  return work?.attempt === attempt ? work : undefined;
};

const effected = (tally: RunTally, event: EventOf<EffectEvent["type"]>): void => {
  const work = worked(tally, event);
  if (work === undefined) return;
  tally.works.set(workOf(event.payload), { ...work, effects: effectsAfter(event, work.effects) });
};

const countSpent = (
  tally: RunTally,
  { agent, effects }: Work,
  event: EventOf<"effect_settled" | "effect_decided" | "step_started">,
): void => {
  if (!isOwn(tally, event)) return;
  for (const { model, usage } of spentIn(effects, event)) addUsage(tally.spent, keyOf(agent, model), usage);
};

const claimed = (works: Map<string, Work>, of: Of, claimedAt: string | null): void => {
  const work = works.get(workOf(of));
  if (work !== undefined) works.set(workOf(of), { ...work, claimedAt });
};

const judged = (
  tally: RunTally,
  event: EventOf<"step_validation_passed" | "step_validation_failed">,
): void => {
  const claimedAt = tally.works.get(workOf(event.payload))?.claimedAt ?? event.at;
  // A clock that was put back tells nothing.
  countVerdict(tally, event, "step", Math.max(0, Date.parse(event.at) - Date.parse(claimedAt)));
  claimed(tally.works, event.payload, null);
};

const countVerdict = (
  tally: RunTally,
  event: StoredEvent | { readonly seq: number; readonly payload: { readonly verdict: Verdict } },
  of: "step" | "criterion",
  waitedMs: number,
): void => {
  if (!isOwn(tally, event) || !("verdict" in event.payload)) return;
  const { validator, outcome } = event.payload.verdict;
  const key = keyOf(of, validator.type, outcome);
  const former = tally.verdicts.get(key) ?? { verdicts: 0, waitedMs: 0 };
  tally.verdicts.set(key, { verdicts: former.verdicts + 1, waitedMs: former.waitedMs + waitedMs });
};

export const add = (counts: Map<string, number>, key: string, more: number): void =>
  void counts.set(key, (counts.get(key) ?? 0) + more);

export const addUsage = (used: Map<string, Usage>, key: string, more: Usage): void => {
  if (more.calls + more.uncounted === 0) return;
  const former = used.get(key);
  used.set(key, former === undefined ? more : sumOf([former, more]));
};
