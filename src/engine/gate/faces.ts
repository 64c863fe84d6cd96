import { sha256 } from "../../core/canonical.js";
import type { Caller } from "../../core/commands.js";
import { type IntentView, readCall, WaitCall } from "../../core/gate-calls.js";
import { isTerminal } from "../../core/run.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { TrackedRuns } from "../tracked/tracked.js";
import type { CallOptions, Gate, GateOf, NewIntent } from "./gate.js";
import { untilDecided } from "./waiting.js";

/** All that a client of the gate may call, in process and elsewhere alike (seed 000). */
export interface GateCalls extends Omit<Gate, "propose">, TrackedRuns {
  /** Without a run one is started for it. */
  propose(intent: Proposal): Promise<IntentView>;
  /** The intent as soon as nobody is asked about it any more, or as it is when the time is over. */
  waitForDecision(call: WaitCall): Promise<IntentView>;
}

export type Proposal = Omit<NewIntent, "runId"> & { readonly runId?: string };

export interface GateFaces {
  /** What may leave the building, and the runs that tell of it, for one caller. */
  gate(caller: Caller, options?: CallOptions): GateCalls;
}

type Parts = {
  readonly ledger: Ledger;
  readonly intents: GateOf;
  readonly trackedRuns: (caller: Caller) => TrackedRuns;
  /** Aborted, whoever waits is answered as it stands. */
  readonly interrupted: AbortSignal;
};

export const gateFaces = ({ ledger, intents, trackedRuns, interrupted }: Parts): GateFaces => ({
  gate: (caller, options = {}) => {
    const gate = intents(caller, options);
    const runs = trackedRuns(caller);
    return {
      ...gate,
      ...runs,
      propose: async (intent) =>
        gate.propose({
          ...intent,
          runId: intent.runId ?? (await runFor(ledger, runs, caller, intent, options.callKey)),
        }),
      waitForDecision: async (call) => {
        const { intentId, waitMs } = readCall("the question", WaitCall, call);
        return untilDecided(ledger, () => gate.getIntent({ intentId }), waitMs, interrupted);
      },
    };
  },
});

/** The same side effect asked for again belongs to the same run, as long as that is not over. */
const runFor = async (
  ledger: Ledger,
  runs: TrackedRuns,
  caller: Caller,
  { destination, idempotencyKey, idempotency_key }: Proposal,
  callKey: string | undefined,
): Promise<string> => {
  const ownKey = idempotencyKey ?? idempotency_key;
  const about = ownKey === undefined || ownKey === null ? callKey : `${destination}:${ownKey}`;
  const asked = { agentId: caller.name, intentSummary: `Asked for ${destination}, in no run` };
  for (let after = ""; ; ) {
    const key = about === undefined ? {} : { idempotencyKey: sha256(`run of ${about}${after}`) };
    const { runId } = await runs.startRun({ ...asked, ...key });
    if (about === undefined || !isTerminal(await ledger.load(runId))) return runId;
    after = ` after ${runId}`;
  }
};
