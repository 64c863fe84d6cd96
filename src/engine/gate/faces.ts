import type { Caller } from "../../core/commands.js";
import { type IntentView, type ListedPolicies, readCall, WaitCall } from "../../core/gate-calls.js";
import type { Ledger } from "../../ledger/ledger.js";
import { underEither } from "../../pev/under-either.js";
import type { OpensKeys } from "../tracked/recording.js";
import type { TrackedRuns } from "../tracked/tracked.js";
import type { CallOptions, Gate, GateOf } from "./gate.js";
import { untilDecided } from "./waiting.js";

/** All that a client of the gate may call, in process and elsewhere alike (seed 000). */
export interface GateCalls extends Gate, TrackedRuns {
  /** The intent as soon as nobody is asked about it any more, or as it is when the time is over. */
  waitForDecision(call: WaitCall): Promise<IntentView>;
  /** The policies that proposals may name, as their files are now. */
  listPolicies(): Promise<ListedPolicies>;
}

export interface GateFaces {
  /** What may leave the building, and the runs that tell of it, for one caller. */
  gate(caller: Caller, options?: CallOptions): GateCalls;
}

type Parts = {
  readonly ledger: Ledger;
  readonly intents: GateOf;
  readonly trackedRuns: (caller: Caller, opens: OpensKeys) => TrackedRuns;
  readonly policies: () => ListedPolicies;
  /** Takes a checkpoint when the run has come to a boundary, as the settings say. */
  readonly signIfDue: (runId: string) => Promise<void>;
  /** Aborted, whoever waits is answered as it stands. */
  readonly interrupted: AbortSignal;
};

export const gateFaces = ({
  ledger,
  intents,
  trackedRuns,
  policies,
  signIfDue,
  interrupted,
}: Parts): GateFaces => ({
  gate: (caller, options = {}) => {
    const gate = signing(intents(caller, options), signIfDue);
    const runs = trackedRuns(caller, options);
    return {
      ...gate,
      ...runs,
      waitForDecision: async (call) => {
        const { intentId, waitMs } = readCall("the question", WaitCall, call);
        const ends = options.gone === undefined ? [interrupted] : [interrupted, options.gone];
        return underEither(ends, (over) =>
          untilDecided(ledger, () => gate.getIntent({ intentId }), waitMs, over),
        );
      },
      listPolicies: async () => policies(),
    };
  },
});

/**
 * Behind each call that may have brought a client's run to a boundary: somebody is asked, something is executed. What became of the
 * call is answered whatever becomes of the checkpoint: an order that was fetched, or a report, would be lost otherwise.
 */
const signing = (gate: Gate, signIfDue: Parts["signIfDue"]): Gate => {
  const after =
    <C, A extends { readonly runId: string }>(call: (said: C) => Promise<A>) =>
    async (said: C): Promise<A> => {
      const answer = await call(said);
      await signIfDue(answer.runId).catch((error: unknown) =>
        process.emitWarning(`A checkpoint of run ${answer.runId} is still due: ${String(error)}`),
      );
      return answer;
    };
  const { propose, approve, reject, cancel, execute, report } = gate;
  return {
    ...gate,
    ...{ propose: after(propose), approve: after(approve), reject: after(reject) },
    ...{ cancel: after(cancel), execute: after(execute), report: after(report) },
  };
};
