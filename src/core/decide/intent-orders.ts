import { because } from "../because.js";
import type { Caller, CommandOf } from "../commands.js";
import { LedgerError } from "../errors.js";
import type { EventBody } from "../events.js";
import { type Intent, isOrderOver, isOrderToken, type Order } from "../intents.js";
import * as limit from "../limits.js";
import { isTerminal, type Run } from "../run.js";
import { alreadyDone, type Decider, requireLive, requireRole, requireSession } from "./guards.js";
import { requireInTime, requireItsOwn } from "./intent-votes.js";
import { requireIntent } from "./intents.js";

// One worker at a time. Fetched again by the same one, its former token is no good any more; another one takes over when its
// time is over, and only where doing it twice does no harm. Everywhere else a person is to find out first.
export const orderIntent: Decider<"order_intent"> = (command, run, { caller, at, gate }) => {
  requireRole(caller, "execute an intent", "orchestrator", "executor", "human");
  requireSession(run, caller);
  const intent = requireIntent(run, command.intentId);
  requireItsOwn(intent, caller, "execute");
  requireLive(run);
  requireNotPaused(run);
  if (gate?.ledgerId !== intent.ledgerId) throw elsewhere(intent);
  const { order, status, intentId } = intent;
  if (status === "ordered" && order !== null) {
    if (!isTheirs(order, caller)) {
      if (!isOrderOver(intent, at)) throw isOrdered(intent, order);
      if (!intent.content.idempotent) return [inDoubt(intent, order)];
    }
  } else {
    requireInTime(intent, at);
    if (status !== "approved") throw notApproved(intent);
  }
  requireNext(intent, command);
  const { attempt, tokenHash } = command;
  const expiresAt = new Date(Date.parse(at) + limit.ORDER_TTL_MS).toISOString();
  const payload = { intentId, executionId: `${intentId}.e`, attempt, tokenHash, expiresAt };
  return [{ type: "execution_ordered", version: 1, payload }];
};

const requireNotPaused = ({ runId, state, tracked }: Run): void => {
  if (state.status !== "paused") return;
  throw new LedgerError("run_not_running", `Run "${runId}" is paused; nothing of it leaves the building.`, {
    hint: `Resume it: runledger ${tracked === null ? "resume" : "runs resume"} ${runId}`,
  });
};

/** The credential, not the process: who has crashed comes back as the same. */
const isTheirs = ({ by, sessionKey }: Order, caller: Caller): boolean =>
  by.name === caller.name && by.role === caller.role && sessionKey === caller.sessionKey;

const inDoubt = ({ intentId }: Intent, { by, at }: Order): EventBody => ({
  type: "intent_reported",
  version: 1,
  payload: {
    intentId,
    outcome: "unknown",
    result: null,
    error: `"${by.name}" fetched its order at ${at} and never said what became of it.`,
  },
});

/** Who decided on what was so a moment ago reads it again. */
const requireNext = ({ intentId, order }: Intent, { attempt }: CommandOf<"order_intent">): void => {
  const next = (order?.attempt ?? 0) + 1;
  if (attempt === next) return;
  throw new LedgerError("intent_ordered", `The order of intent "${intentId}" is at attempt ${next - 1}.`, {
    hint: "Fetch it again.",
    details: { intentId, attempt: next - 1 },
  });
};

const isOrdered = ({ intentId }: Intent, { by, expiresAt }: Order): LedgerError =>
  new LedgerError("intent_ordered", `"${by.name}" executes intent "${intentId}" until ${expiresAt}.`, {
    hint: "Wait for its report.",
    details: { intentId, expiresAt },
  });

const elsewhere = ({ intentId }: Intent): LedgerError =>
  new LedgerError(
    "intent_not_approved",
    `Intent "${intentId}" belongs to another ledger; here it is history.`,
    {
      hint: "Propose it anew in a run of this ledger.",
    },
  );

const notApproved = ({ intentId, status, endReason }: Intent): LedgerError =>
  new LedgerError(
    "intent_not_approved",
    `Intent "${intentId}" is ${status.replace("_", " ")}${because(endReason)} Nothing was executed.`,
    {
      ...(status === "pending_approval" ? { hint: "It waits for a person's approval." } : {}),
      details: { intentId, status },
    },
  );

// Whoever has the order's token says what became of it, once; also of a run that has ended since. Where nobody said it, or nobody
// knows, a person does, and what a person knows is the last word. That nobody knows is never one: it is also what is written down
// when a person only asked for an order that was overdue.
export const reportIntent: Decider<"report_intent"> = (command, run, { caller, at }) => {
  const { intentId, token, outcome, result, error } = command;
  const payload = { intentId, outcome, result, error };
  const reported: EventBody = { type: "intent_reported", version: 1, payload };
  if (token === null) return decidedByPerson(command, run, caller, at) ? [reported] : alreadyDone;
  requireRole(caller, "report an execution", "orchestrator", "executor", "human");
  const intent = requireToken(run, intentId, token);
  requireSession(run, caller);
  requireItsOwn(intent, caller, "report");
  if (isSame(intent, command)) return alreadyDone;
  if (intent.status === "ordered" || intent.status === "unknown") return [reported];
  throw new LedgerError(
    "execution_reported",
    `Intent "${intentId}" was reported as ${intent.status} before.`,
    {
      hint: "A report is final. A person may say what became of one that is unknown.",
      details: { intentId, status: intent.status },
    },
  );
};

const isSame = ({ report }: Intent, said: CommandOf<"report_intent">): boolean =>
  report !== null &&
  report.outcome === said.outcome &&
  report.result === said.result &&
  report.error === said.error;

/** Throws `execution_refused`, in the same words for an intent that is not there and a token that is not right. */
const requireToken = (run: Run, intentId: string, token: string): Intent => {
  const found = run.intents.find((one) => one.intentId === intentId);
  const isRight = isOrderToken(token, found ?? { intentId, order: null });
  if (found !== undefined && isRight) return requireIntent(run, intentId);
  throw new LedgerError(
    "execution_refused",
    `There is no execution of "${intentId}" that this token reports.`,
    {
      hint: "Report with the token of the order that was fetched last.",
    },
  );
};

const decidedByPerson = (said: CommandOf<"report_intent">, run: Run, caller: Caller, at: string): boolean => {
  requireRole(caller, "say what became of an execution", "human");
  requireSession(run, caller);
  const intent = requireIntent(run, said.intentId);
  if (isSame(intent, said)) return false;
  const isLost = intent.status === "ordered" && (isOrderOver(intent, at) || isTerminal(run));
  if (intent.status === "unknown" || isLost) return true;
  throw new LedgerError("intent_not_pending", `Nobody asks what became of intent "${said.intentId}".`, {
    hint: "A person says it of one that is unknown, or whose order has run out.",
    details: { intentId: said.intentId, status: intent.status },
  });
};
