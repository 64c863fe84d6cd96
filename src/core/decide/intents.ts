import { sha256 } from "../canonical.js";
import type { Caller, CommandOf } from "../commands.js";
import { presentAttempt } from "../credential.js";
import { quoted } from "../defects.js";
import { LedgerError } from "../errors.js";
import type { EventBody } from "../events.js";
import { requireFitName } from "../fit-keys.js";
import type { GateContext, GateRules, PolicyAnswer } from "../gate-context.js";
import { refusedPolicy } from "../gate-policy/decide.js";
import type { IntentFacts } from "../gate-policy/facts.js";
import {
  contentHashOf,
  type Intent,
  type IntentContent,
  intentDigest,
  intentIdOf,
  isOpenIntent,
  isOwnIntent,
  type PolicyWord,
  sideEffectKey,
} from "../intents.js";
import * as limit from "../limits.js";
import { workedStep } from "../race.js";
import type { Run } from "../run.js";
import {
  alreadyDone,
  type DecideContext,
  type Decider,
  requireLive,
  requireOwner,
  requireRole,
  requireSession,
  requireStep,
} from "./guards.js";

// Asked again under a key that this run has, nothing follows: whoever asks finds the first one. Under a key that has happened,
// here or in another run, it is written down as skipped.
export const proposeIntent: Decider<"propose_intent"> = (command, run, context) => {
  const { caller } = context;
  requireRole(caller, "propose an intent", "orchestrator", "executor", "human");
  requireSession(run, caller);
  requireAttemptOf(run, caller);
  const gate = requireGate(context);
  const { content } = command;
  requireSamePayload(command);
  const { held } = sideEffectKey(content) === null ? { held: null } : gate;
  requireFitName(content, held);
  if (held !== null && isAnswered(run, command, held)) return alreadyDone;
  requireLive(run);
  requireRoom(run);
  const intentId = intentIdOf(run.runId, run.seq + 1);
  const proposed: EventBody = {
    type: "intent_proposed",
    version: 1,
    payload: { intentId, ledgerId: gate.ledgerId, content },
  };
  if (held !== null) return [proposed, skipped(intentId, run, command, held)];
  return [proposed, ...checked(intentId, run, command, context)];
};

/** Whoever is bound to a step speaks for the present attempt at it. */
const requireAttemptOf = (run: Run, caller: Caller): void => {
  if (caller.stepId === undefined) return;
  const step = requireStep(run, caller, caller.stepId);
  requireOwner(workedStep(step, caller.candidate), caller, presentAttempt(step));
};

/** Where nothing is known of other runs, nobody can say whether a key is free. */
const requireGate = ({ gate }: DecideContext): GateContext => {
  if (gate !== undefined) return gate;
  throw new LedgerError("access_denied", "Intents are proposed at a gate.", {
    hint: "Propose it by the ledger's gate: app.gate(caller).propose(…).",
  });
};

/** What the policy reads is what was stored, and what will be executed. */
const requireSamePayload = ({ content: { payload }, text }: CommandOf<"propose_intent">): void => {
  if (text === null || (sha256(text) === payload.digest && Buffer.byteLength(text) === payload.bytes)) return;
  throw new LedgerError("invalid_input", "The text of the payload is not the one that its digest is of.", {
    hint: "Give the digest of the text as UTF-8, or no text.",
  });
};

const requireRoom = ({ intents }: Run): void => {
  if (intents.length < limit.INTENTS_PER_RUN) return;
  throw new LedgerError("limit_exceeded", `A run proposes at most ${limit.INTENTS_PER_RUN} intents.`, {
    hint: "Start another run for what comes next.",
  });
};

type Held = NonNullable<GateContext["held"]>;

const isAnswered = (run: Run, { content }: CommandOf<"propose_intent">, held: Held): boolean => {
  const holder = held.runId === run.runId ? run.intents.find(({ seq }) => seq === held.seq) : undefined;
  if (holder !== undefined && isOpenIntent(holder)) {
    requireSameContent(holder, content);
    return true;
  }
  return run.intents.some(
    ({ first, content: former }) =>
      first?.runId === held.runId &&
      first.seq === held.seq &&
      former.payload.digest === content.payload.digest,
  );
};

/** Whoever was answered with the first one would take what they ask for now for approved. */
const requireSameContent = ({ intentId, content: former, status }: Intent, content: IntentContent): void => {
  if (intentDigest(former) === intentDigest(content)) return;
  throw new LedgerError(
    "idempotency_key_reused",
    `Intent "${intentId}" has the key ${quoted(sideEffectKey(content) ?? "")}, with other content, and is ${status.replace("_", " ")}.`,
    {
      hint: "Propose it as it was, cancel that one first, or take another key.",
      details: { intentId, status },
    },
  );
};

const skipped = (
  intentId: string,
  { runId }: Run,
  { content }: CommandOf<"propose_intent">,
  { intent, ...at }: Held,
): EventBody => ({
  type: "intent_skipped",
  version: 1,
  payload: {
    intentId,
    contentHash: contentHashOf(runId, content, { digest: null, environment: null }),
    first: { intentId: intentIdOf(at.runId, at.seq), ...at },
    status: intent?.status ?? null,
    result: intent?.report?.result ?? null,
  },
});

const checked = (
  intentId: string,
  { runId }: Run,
  { content, text }: CommandOf<"propose_intent">,
  { caller, at, rules, gate }: DecideContext,
): readonly EventBody[] => {
  const { environment, ask } = rules.gate ?? shut;
  const facts = gate?.facts ?? { proposalsLastHour: 0, proposalsLastDay: 0 };
  const answer = ask(content.policy, factsOf({ content, text }, caller, environment), facts);
  const { digest, reason, detail, risk, outcome, approvalsNeeded, onNoResponse, remindAfterMs } = answer;
  const policy: PolicyWord = { id: content.policy, digest, reason, detail, environment, risk };
  const about = { intentId, contentHash: contentHashOf(runId, content, policy) };
  if (outcome === "blocked") return [{ type: "intent_blocked", version: 1, payload: { ...about, policy } }];
  const needed = outcome === "approved" ? 0 : Math.max(1, approvalsNeeded);
  const waiting = { approvalsNeeded: needed, expiresAt: expiryOf(content.expiresInMs, answer, at) };
  const payload = { ...about, policy, outcome, ...waiting, onNoResponse, remindAfterMs };
  const told: EventBody = { type: "policy_checked", version: 1, payload };
  if (needed === 0) return [told];
  return [told, { type: "approval_requested", version: 1, payload: { ...about, approvalsNeeded: needed } }];
};

/** Without policies nothing leaves the building. */
const shut: GateRules = {
  environment: null,
  ask: (policy) => ({
    ...refusedPolicy("policy_not_found", `There is no policy ${quoted(policy)}.`),
    digest: null,
  }),
};

/** The sooner of what the proposer asks for and what the policy allows. */
const expiryOf = (asked: number | null, { expiresAfterMs }: PolicyAnswer, at: string): string =>
  new Date(Date.parse(at) + Math.min(asked ?? expiresAfterMs, expiresAfterMs)).toISOString();

const factsOf = (
  { content, text }: Pick<CommandOf<"propose_intent">, "content" | "text">,
  { name }: Caller,
  environment: string | null,
): IntentFacts => {
  const { destination, payload, recordCount, valueUsd, action, scope, tags, metadata } = content;
  return {
    ...{ destination, agentId: name, environment, recordCount, valueUsd, action, scope, tags, metadata },
    payload: { ...payload, text },
  };
};

/** Of this run itself: those of a past that it took over are the other one's. */
export const requireIntent = ({ runId, intents }: Run, intentId: string): Intent => {
  const found = intents.find((one) => one.intentId === intentId && isOwnIntent({ runId }, one));
  if (found !== undefined) return found;
  throw intentNotFound(intentId);
};

export const intentNotFound = (intentId: string): LedgerError =>
  new LedgerError("intent_not_found", `There is no intent ${quoted(intentId)}.`, {
    hint: "An intent's id is RUN.NUMBER, as propose answered it.",
  });
