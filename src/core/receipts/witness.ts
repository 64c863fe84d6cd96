import type { EffectCall } from "../effects.js";
import type { Actor, EventOf, StoredEvent } from "../events.js";
import { isTerminal, type Run } from "../run.js";
import { isBeginning, isReplayable } from "../tracked.js";
import type { Verdict } from "../verdict.js";
import type { RunReceipt } from "./verify.js";

type Listed = RunReceipt["effects"]["listed"][number];

/** What a receipt tells and the run itself does not keep: which event said it. */
export type Witness = {
  readonly run: Run;
  /** The event that ended the run. */
  readonly end: Pick<StoredEvent, "seq" | "hash" | "at" | "position">;
  /** The fold keeps a verdict as it came, so that its event is found by it. */
  readonly verdictSeqs: ReadonlyMap<Verdict, number>;
  readonly approvals: RunReceipt["approvals"];
  readonly decisions: RunReceipt["decisions"];
  readonly effects: RunReceipt["effects"];
  readonly artifacts: RunReceipt["artifacts"];
};

/** Of more effects or artifacts than these the root of the journal is all that a receipt says; so many are two megabytes. */
const LISTED = 10_000;

/** Follows a run from its first event to the one that ends it; what comes after that is no part of its receipt. */
export const followRun = () => {
  let ended: Pick<Witness, "run" | "end"> | undefined;
  const verdictSeqs = new Map<Verdict, number>();
  const proposals = new Map<string, { readonly seq: number; readonly hash: string }>();
  const approvals: RunReceipt["approvals"][number][] = [];
  const decisions: RunReceipt["decisions"][number][] = [];
  const effects = followEffects();
  const artifacts = followArtifacts();

  /** With the run after it. */
  const take = (event: StoredEvent, run: Run): void => {
    if (ended !== undefined) return;
    const { seq, hash, at, position, actor: by } = event;
    if ("verdict" in event.payload) verdictSeqs.set(event.payload.verdict, seq);
    if (event.type === "step_result_proposed") proposals.set(event.payload.stepId, { seq, hash });
    if (event.type === "approval_received") {
      const { stepId, decision } = event.payload;
      const bound = proposals.get(stepId);
      if (bound !== undefined) approvals.push({ seq, stepId, decision, by, bound });
    }
    if (event.type === "policy_decision_applied")
      decisions.push({ seq, stepId: event.payload.stepId, action: event.payload.decision.action, by });
    // What a fork took over was done, and is told, by the run it comes from.
    if (seq > (run.forkedFrom?.seq ?? 0)) effects.take(event);
    artifacts.take(event);
    if (isTerminal(run)) ended = { run, end: { seq, hash, at, position } };
  };
  return {
    take,
    /** Undefined for a run that has not ended. */
    told: (): Witness | undefined =>
      ended && {
        ...ended,
        verdictSeqs,
        approvals,
        decisions,
        effects: effects.told(),
        artifacts: artifacts.told(),
      },
  };
};

const followEffects = () => {
  const open = new Map<string, Listed>();
  const listed = bounded<Listed>();
  /** Who said of an attempt that is still at work that it goes on without. */
  const skipped = new Map<string, Actor>();
  const end = (place: string, begun: Listed | undefined, told: Partial<Listed>): void => {
    open.delete(place);
    if (begun !== undefined && isTold(begun)) listed.add({ ...begun, ...told });
  };
  const take = (event: StoredEvent): void => {
    switch (event.type) {
      case "effect_intended":
        open.set(placeOf(event, event.payload.call.position), listedOf(event, event.payload.call));
        return;
      case "effect_settled": {
        const { outcome, position, call } = event.payload;
        const place = placeOf(event, position);
        const first = outcome.kind === "known" ? outcome.origin : null;
        const begun = call === null ? open.get(place) : listedOf(event, call);
        const said = outcome.kind === "skipped" ? (skipped.get(place) ?? event.actor) : event.actor;
        const word = said.role === "human" ? { saidBy: said } : {};
        end(place, begun, { seq: event.seq, outcome: outcome.kind, first, ...word });
        return;
      }
      case "effect_decided": {
        const place = placeOf(event, event.payload.position);
        if (event.payload.decision === "skip") skipped.set(place, event.actor);
        else skipped.delete(place);
        return;
      }
      case "event_recorded": {
        const { eventType, sideEffectClass, sideEffectKey: key, skipped, happened } = event.payload;
        if (key === null || isReplayable(sideEffectClass)) return;
        const said = recordedOf(event, key);
        if (isBeginning(eventType) && skipped === null) open.set(key, said);
        else if (event.payload.othersBegun === true) listed.add({ ...said, outcome: "failed" });
        else if (happened === false) end(key, said, { outcome: "failed" });
        else end(key, said, { outcome: skipped === null ? "done" : "known", first: skipped });
      }
    }
  };
  return {
    take,
    told: (): RunReceipt["effects"] => listed.told([...open.values()].filter(isTold)),
  };
};

/** What a client says that it made. */
const followArtifacts = () => {
  const listed = bounded<RunReceipt["artifacts"]["listed"][number]>();
  return {
    take: (event: StoredEvent): void => {
      const artifact = event.type === "event_recorded" ? event.payload.artifact : null;
      if (artifact === null) return;
      const { type, uri, contentHash: sha256, blob } = artifact;
      listed.add({ seq: event.seq, type, uri, sha256, kept: blob !== null });
    },
    told: (): RunReceipt["artifacts"] => listed.told([]),
  };
};

const bounded = <T>() => {
  const listed: T[] = [];
  let more = 0;
  return {
    add: (one: T): void => {
      if (listed.length < LISTED) listed.push(one);
      else more += 1;
    },
    /** With others behind them. */
    told: (others: readonly T[]): { readonly listed: readonly T[]; readonly more: number } => {
      const all = [...listed, ...others];
      return { listed: all.slice(0, LISTED), more: more + Math.max(0, all.length - LISTED) };
    },
  };
};

const isTold = ({ class: kind, key }: Listed): boolean => kind === "guarded" || key !== null;

const listedOf = (
  { seq, attempt, payload }: EventOf<"effect_intended"> | EventOf<"effect_settled">,
  { name, class: kind, risk, key }: EffectCall,
): Listed => ({
  ...{ seq, stepId: payload.stepId, attempt, name, class: kind, risk, key },
  ...{ outcome: "open", first: null },
});

const recordedOf = ({ seq, payload }: EventOf<"event_recorded">, key: string): Listed => ({
  ...{ seq, stepId: payload.stepName, attempt: 0, name: payload.eventType, key },
  ...{ class: payload.sideEffectClass, risk: null, outcome: "open", first: null },
});

const placeOf = (
  { attempt, payload }: EventOf<"effect_intended"> | EventOf<"effect_settled"> | EventOf<"effect_decided">,
  position: number,
): string => JSON.stringify([payload.stepId, payload.candidate ?? null, attempt, position]);
