import type { EffectCall } from "../effects.js";
import type { JournalEvent, StoredEvent } from "../events.js";
import { evolve } from "../evolve.js";
import { isTerminal, type Run } from "../run.js";
import type { Verdict } from "../verdict.js";
import type { RunReceipt } from "./verify.js";

type Listed = RunReceipt["effects"]["listed"][number];

/** What a receipt tells and the run itself does not keep: which event said it. */
export type Witness = {
  readonly run: Run;
  /** The event that ended the run. */
  readonly end: Pick<StoredEvent, "seq" | "hash" | "at">;
  /** The fold keeps a verdict as it came, so that its event is found by it. */
  readonly verdictSeqs: ReadonlyMap<Verdict, number>;
  readonly approvals: RunReceipt["approvals"];
  readonly decisions: RunReceipt["decisions"];
  readonly effects: RunReceipt["effects"];
};

/** Of more effects than these the root of the journal is all that a receipt says; ten thousand of them are two megabytes. */
const EFFECTS_LISTED = 10_000;

/** Follows a run from its first event to the one that ends it; what comes after that is no part of its receipt. */
export const followRun = () => {
  let run: Run | undefined;
  let end: Witness["end"] | undefined;
  const verdictSeqs = new Map<Verdict, number>();
  const proposals = new Map<string, { readonly seq: number; readonly hash: string }>();
  const approvals: RunReceipt["approvals"][number][] = [];
  const decisions: RunReceipt["decisions"][number][] = [];
  const effects = followEffects();

  const take = (event: StoredEvent): void => {
    if (end !== undefined) return;
    run = evolve(run, event);
    const { seq, hash, at, actor: by } = event;
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
    if (isTerminal(run)) end = { seq, hash, at };
  };
  return {
    take,
    /** Undefined for a run that has not ended. */
    told: (): Witness | undefined =>
      run === undefined || end === undefined
        ? undefined
        : { run, end, verdictSeqs, approvals, decisions, effects: effects.told() },
  };
};

const followEffects = () => {
  const open = new Map<string, Listed>();
  const listed: Listed[] = [];
  let more = 0;
  const list = (effect: Listed): void => {
    if (listed.length < EFFECTS_LISTED) listed.push(effect);
    else more += 1;
  };
  const take = (event: JournalEvent): void => {
    if (event.type === "effect_intended") {
      const { call } = event.payload;
      open.set(placeOf(event, call.position), listedOf(event, call));
    }
    if (event.type !== "effect_settled") return;
    const { outcome, position, call } = event.payload;
    const place = placeOf(event, position);
    const begun = call === null ? open.get(place) : listedOf(event, call);
    open.delete(place);
    if (begun === undefined || !isTold(begun)) return;
    const first = outcome.kind === "known" ? outcome.origin : null;
    list({ ...begun, seq: event.seq, outcome: outcome.kind, first });
  };
  return {
    take,
    told: (): RunReceipt["effects"] => {
      for (const left of [...open.values()].filter(isTold)) list(left);
      return { listed, more };
    },
  };
};

const isTold = ({ class: kind, key }: Listed): boolean => kind === "guarded" || key !== null;

const listedOf = (
  { seq, attempt, payload }: JournalEvent & { readonly type: "effect_intended" | "effect_settled" },
  { name, class: kind, risk, key }: EffectCall,
): Listed => ({
  ...{ seq, stepId: payload.stepId, attempt, name, class: kind, risk, key },
  ...{ outcome: "open", first: null },
});

const placeOf = (
  { attempt, payload }: JournalEvent & { readonly type: "effect_intended" | "effect_settled" },
  position: number,
): string => JSON.stringify([payload.stepId, payload.candidate ?? null, attempt, position]);
