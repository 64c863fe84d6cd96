import type { Caller } from "../../core/commands.js";
import { requireSession } from "../../core/decide/guards.js";
import { intentNotFound, requireIntent } from "../../core/decide/intents.js";
import { isLedgerError, LedgerError } from "../../core/errors.js";
import {
  ApproveCall,
  CancelCall,
  ExecuteCall,
  type ExecutionView,
  IntentCall,
  type IntentView,
  ListIntentsCall,
  type ProposeCall,
  RejectCall,
  ReportCall,
  readCall,
} from "../../core/gate-calls.js";
import { endedExecution } from "../../core/intent-view.js";
import { type Intent, isOpenIntent, runOfIntent } from "../../core/intents.js";
import type { Run } from "../../core/run.js";
import type { Ledger, SubmitOptions } from "../../ledger/ledger.js";
import { type GateDuties, proposeTo } from "../../ledger/proposing.js";
import { shownOf } from "../../ledger/shown-intent.js";
import type { OrderTokenOf } from "../../ledger/tokens.js";
import type { OpensKeys } from "../tracked/recording.js";
import {
  type Execute,
  fetchOrder,
  isLost,
  orderOf,
  payloadOf,
  performed,
  requireTellable,
} from "./executing.js";
import { listIntents, type Opens } from "./listing.js";
import { type PayloadGiven, readPayload } from "./payload.js";

/** An intent as its proposer gives it: the payload as it is at hand, and, in process, who does it. */
export type NewIntent = Omit<ProposeCall, "payload"> & {
  readonly payload: PayloadGiven;
  /** Does it, once, when `execute` is called for it in this process; what it throws leaves open whether it happened. */
  readonly execute?: Execute;
};

/** Whoever holds it speaks as one caller. What the policy or a person allowed happens once; everything is told in plain JSON. */
export interface Gate {
  propose(intent: NewIntent): Promise<IntentView>;
  /** By a person, of exactly the content that was shown. */
  approve(call: ApproveCall): Promise<IntentView>;
  reject(call: RejectCall): Promise<IntentView>;
  cancel(call: CancelCall): Promise<IntentView>;
  /**
   * Where the intent came with its function in this process, that is called, once, and what came of it is reported. Everywhere else it
   * answers the order, for a worker to do and to report.
   */
  execute(call: ExecuteCall): Promise<ExecutionView>;
  report(call: ReportCall): Promise<IntentView>;
  getIntent(call: IntentCall): Promise<IntentView>;
  /** The same, under the name that seed 000 gives it. */
  verify(call: IntentCall): Promise<IntentView>;
  listIntents(call?: ListIntentsCall): Promise<readonly IntentView[]>;
}

/** Of one call from elsewhere. */
export type CallOptions = {
  /** Asked again under it, the call is answered again and done once. */
  readonly callKey?: string;
  /** Aborted, nobody waits for its answer any more. */
  readonly gone?: AbortSignal;
  /** Whoever calls sees no others in a list. */
  readonly opens?: Opens;
} & OpensKeys;

export type GateOf = (caller: Caller, options?: CallOptions) => Gate;

type Parts = {
  readonly ledger: Ledger;
  readonly duties: GateDuties;
  readonly orderTokenOf: OrderTokenOf;
};

/** Who asks, and under which key of the call itself. */
type Asking = { readonly caller: Caller; readonly keyed: Pick<SubmitOptions, "idempotencyKey"> };

/** Of this process: who does which intent, and what is being done. */
type Local = Parts & {
  readonly functions: Map<string, Execute>;
  readonly underWay: Map<string, Promise<ExecutionView>>;
};

export const createGate = (parts: Parts): GateOf => {
  const local: Local = { ...parts, functions: new Map(), underWay: new Map() };
  return (caller, options = {}) => gateOf(local, parts.ledger.check(caller), options);
};

const gateOf = (local: Local, caller: Caller, { callKey, opens }: CallOptions): Gate => {
  const { ledger, duties } = local;
  const keyed = callKey === undefined ? {} : { idempotencyKey: callKey };
  const shown = (intent: Intent): Promise<IntentView> => {
    // What never happens any more is done by nobody: a host proposes for months.
    if (!isOpenIntent(intent)) local.functions.delete(intent.intentId);
    return shownOf(ledger, intent);
  };
  const vote = async (
    decision: "approve" | "deny",
    { intentId, contentHash, reason = "", onBehalfOf = null }: ApproveCall,
  ): Promise<IntentView> => {
    const { run, intent } = await found(local, caller, intentId);
    const command = { type: "vote_intent", intentId, decision, reason, onBehalfOf } as const;
    const shownHash = contentHash ?? intent.contentHash;
    const after = await ledger.submit(run.runId, { ...command, contentHash: shownHash }, caller);
    return shown(requireIntent(after.run, intentId));
  };
  const getIntent = async (call: IntentCall): Promise<IntentView> => {
    const { intentId } = readCall("the question", IntentCall, call);
    return shown((await found(local, caller, intentId)).intent);
  };
  return {
    propose: async ({ payload, execute, ...terms }) => {
      requireFunction(execute);
      const read = { ...terms, payload: await readPayload(payload) };
      const intent = await proposeTo(ledger, duties, caller, read, keyed);
      if (execute !== undefined) local.functions.set(intent.intentId, execute);
      return shown(intent);
    },
    approve: async (call) => vote("approve", readCall("the approval", ApproveCall, call)),
    reject: async (call) => {
      const { contentHash, ...said } = readCall("the refusal", RejectCall, call);
      const { intent } = await found(local, caller, said.intentId);
      return vote("deny", { ...said, contentHash: contentHash ?? intent.contentHash });
    },
    cancel: async (call) => {
      const { intentId, reason } = readCall("the cancellation", CancelCall, call);
      const { run } = await found(local, caller, intentId);
      const after = await ledger.submit(run.runId, { type: "cancel_intent", intentId, reason }, caller);
      return shown(requireIntent(after.run, intentId));
    },
    execute: (call) =>
      executed({ ...local, caller, keyed }, readCall("the execution", ExecuteCall, call).intentId),
    report: async (call) => {
      const {
        intentId,
        executionToken,
        status,
        result = null,
        error = "",
      } = readCall("the report", ReportCall, call);
      if (executionToken === null) throw withoutOrder(intentId);
      const runId = runNamed(intentId);
      const said = {
        type: "report_intent",
        intentId,
        token: executionToken ?? null,
        outcome: status,
        error,
      } as const;
      const json = result === null ? null : JSON.stringify(ledger.redactor.deep(result));
      const { run } = await ledger.submit(runId, { ...said, result: json }, caller);
      local.functions.delete(intentId);
      return shown(requireIntent(run, intentId));
    },
    getIntent,
    verify: getIntent,
    listIntents: async (call = {}) =>
      listIntents(ledger, caller, { ...readCall("the question", ListIntentsCall, call), opens }),
  };
};

const withoutOrder = (intentId: string): LedgerError =>
  new LedgerError("execution_refused", `There was no order to execute "${intentId}": its token is null.`, {
    hint: "execute answers no token where nothing is to be done; its status and message say why. A person who found out leaves executionToken out.",
    details: { intentId },
  });

const runNamed = (intentId: string): string => {
  const runId = runOfIntent(intentId);
  if (runId !== undefined) return runId;
  throw intentNotFound(intentId);
};

/** As it is now, with what has expired written down. */
const found = async (
  { ledger, duties }: Pick<Local, "ledger" | "duties">,
  caller: Caller,
  intentId: string,
): Promise<{ readonly run: Run; readonly intent: Intent }> => {
  const runId = runNamed(intentId);
  requireSession(await ledger.load(runId).catch(unlessNoRun(intentId)), caller);
  await duties.expire(runId);
  const run = await ledger.load(runId);
  return { run, intent: requireIntent(run, intentId) };
};

const unlessNoRun =
  (intentId: string) =>
  (error: unknown): never => {
    throw isLedgerError(error, "run_not_found") ? intentNotFound(intentId) : error;
  };

const requireFunction = (execute: unknown): void => {
  if (execute === undefined || typeof execute === "function") return;
  throw new LedgerError("invalid_input", "What executes an intent in this process is a function.", {
    hint: "Leave execute out, and fetch the order by execute({ intentId }).",
  });
};

/** Calls in this process for one intent are one. */
const executed = (local: Local & Asking, intentId: string): Promise<ExecutionView> => {
  const before = local.underWay.get(intentId);
  if (before !== undefined) return before;
  const execute = local.functions.get(intentId);
  const work =
    execute === undefined ? ordered(local, intentId) : done(local, local.caller, intentId, execute);
  if (execute === undefined) return work;
  const forget = (): void => void local.underWay.delete(intentId);
  local.underWay.set(intentId, work);
  work.then(forget, forget);
  return work;
};

/** There is something to tell of it. Whatever never may happen is refused instead: nobody takes that for an answer. */
const isOver = ({ status }: Intent): boolean =>
  status === "succeeded" || status === "failed" || status === "unknown" || status === "skipped";

const ordered = async (local: Local & Asking, intentId: string): Promise<ExecutionView> => {
  const { ledger, caller } = local;
  const { run, intent } = await found(local, caller, intentId);
  if (isOver(intent)) return endedExecution(await shownOf(ledger, intent), { inDoubt: false });
  const bytes = await payloadOf(ledger, run.runId, intent);
  requireTellable(ledger, intent, bytes);
  const fetched = await fetchOrder(local, run.runId, intentId, { toDoAtOnce: false });
  if (fetched !== undefined) return orderOf(fetched, run.runId, bytes);
  const { intent: after } = await found(local, caller, intentId);
  return endedExecution(await shownOf(ledger, after), { inDoubt: true });
};

/** In this process. What an earlier one began and never told may have happened, so it is not done again. */
const done = async (
  local: Local,
  caller: Caller,
  intentId: string,
  execute: Execute,
): Promise<ExecutionView> => {
  const { ledger, orderTokenOf } = local;
  const { run, intent } = await found(local, caller, intentId);
  const { runId } = run;
  if (isOver(intent)) return endedExecution(await shownOf(ledger, intent), { inDoubt: false });
  const report = async (of: Intent, ended: Omit<Awaited<ReturnType<typeof performed>>, never>) => {
    const token = orderTokenOf({ intentId, attempt: of.order?.attempt ?? 0 });
    const after = await ledger.submit(runId, { type: "report_intent", intentId, token, ...ended }, caller);
    local.functions.delete(intentId);
    return shownOf(ledger, requireIntent(after.run, intentId));
  };
  if (isLost(intent, ledger.now())) return endedExecution(await report(intent, LOST), { inDoubt: true });
  if (intent.status === "ordered" && !intent.content.idempotent)
    return endedExecution(await shownOf(ledger, intent), { inDoubt: true });
  const bytes = await payloadOf(ledger, runId, intent);
  const fetched = await fetchOrder({ ...local, caller }, runId, intentId, { toDoAtOnce: true });
  if (fetched === undefined) {
    const { intent: after } = await found(local, caller, intentId);
    const inDoubt = after.status === "ordered" || after.status === "unknown";
    return endedExecution(await shownOf(ledger, after), { inDoubt });
  }
  const ended = await performed(local, { intent: fetched.intent, bytes }, execute);
  const told = await report(fetched.intent, ended);
  return endedExecution(told, { inDoubt: ended.outcome === "unknown" });
};

const LOST = {
  outcome: "unknown",
  result: null,
  error: "Whoever fetched its order never said what became of it.",
} as const;
