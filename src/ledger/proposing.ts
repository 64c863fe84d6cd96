import { digestOf, sha256 } from "../core/canonical.js";
import type { Caller } from "../core/commands.js";
import { requireSession } from "../core/decide/guards.js";
import { requireIntent } from "../core/decide/intents.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { isFitName, requireFitName } from "../core/fit-keys.js";
import { type IntentAsked, ProposeCall, readCall } from "../core/gate-calls.js";
import { INTENT_SCOPE, type Intent, type IntentContent, isOverdue, sideEffectKey } from "../core/intents.js";
import * as limit from "../core/limits.js";
import { bytesOf, textOf } from "../core/payload.js";
import { isTerminal, type Run } from "../core/run.js";
import { holderOf } from "./gate-facts.js";
import { sessionScope } from "./keys.js";
import type { Ledger, SubmitOptions } from "./ledger.js";
import { newRunId } from "./run-id.js";
import { approvedBeforehand } from "./standing.js";

type Keyed = Pick<SubmitOptions, "idempotencyKey">;

/** Written down whatever the policy says, and at once what that is. Answers with the intent that has its key. */
export const proposeTo = async (
  ledger: Ledger,
  duties: GateDuties,
  caller: Caller,
  call: unknown,
  /** Of the call itself, where it may be asked again. */
  keyed: Keyed = {},
): Promise<Intent> => {
  const asked = readCall("the intent", ProposeCall, call);
  const propose = (runId: string) => proposeIn({ ledger, duties, caller, keyed }, runId, asked);
  if (asked.runId !== undefined) return propose(asked.runId);
  // Before it gets one.
  await requireFit(ledger, duties, asked);
  for (let former: string | null = null; ; ) {
    const runId = await runFor(ledger, caller, asked, keyed, former);
    try {
      return await propose(runId);
    } catch (error) {
      // One that is over answers what it was asked before; what is new gets a run of its own, the same for whoever asks again.
      if (!isLedgerError(error, "run_terminal") || !isTerminal(await ledger.load(runId))) throw error;
      former = runId;
    }
  }
};

const requireFit = async (ledger: Ledger, duties: GateDuties, asked: IntentAsked): Promise<void> => {
  const idempotencyKey = asked.idempotencyKey ?? asked.idempotency_key ?? null;
  const named = { destination: asked.destination, idempotencyKey };
  if (isFitName(named)) return;
  await freeExpired(ledger, duties, named);
  const known = async (runId: string) =>
    (await ledger.store.runRow(runId)) === undefined ? undefined : { run: await ledger.load(runId) };
  // A run that is not there yet: what others brought here is nothing to it.
  const at = { runId: newRunId(), at: ledger.now() };
  requireFitName(named, await holderOf(ledger.store, sideEffectKey(named), known, at));
};

type Proposing = {
  readonly ledger: Ledger;
  readonly duties: GateDuties;
  readonly caller: Caller;
  readonly keyed: Keyed;
};

const proposeIn = async (
  { ledger, duties, caller, keyed }: Proposing,
  runId: string,
  asked: IntentAsked & Pick<ProposeCall, "payload">,
): Promise<Intent> => {
  const before = await ledger.load(runId);
  requireSession(before, ledger.check(caller));
  const bytes = bytesOf(asked.payload);
  const text = textOf(bytes);
  requireNoSecret(ledger, bytes, text);
  const content = contentOf(asked, bytes);
  await freeExpired(ledger, duties, content);
  const command = { type: "propose_intent", content, text } as const;
  // Nothing is kept for what is refused.
  const keep = () => ledger.store.putBlob(bytes, runId);
  const { run, events } = await ledger.submit(runId, command, caller, { ...keyed, keep });
  const made = events.find(({ type }) => type === "intent_proposed");
  const intent = answerOf(run, content, made?.seq);
  const after = await duties.approveBeforehand(runId, intent);
  return after === undefined ? intent : requireIntent(after, intent.intentId);
};

/** The same for each proposal under one key, so that a repeated one finds its run. */
const runFor = async (
  ledger: Ledger,
  caller: Caller,
  asked: IntentAsked,
  keyed: Keyed,
  /** Which is over; null for the first one. */
  former: string | null,
): Promise<string> => {
  const { destination } = asked;
  const { name, role } = ledger.check(caller);
  const key = asked.idempotencyKey ?? asked.idempotency_key ?? null;
  const command = {
    type: "start_run",
    agentId: name,
    intentSummary: `Send to ${destination}`,
    ...{ parentRunId: null, runtime: null, permissions: {}, blockedCapabilities: [] },
  } as const;
  const { idempotencyKey: callKey } = keyed;
  const after = former === null ? [] : [former];
  const ofIntent =
    key === null ? undefined : digestOf({ intentRun: [name, role, destination, key, ...after] });
  const ofCall =
    callKey === undefined || former === null ? callKey : digestOf({ intentRun: [callKey, former] });
  const idempotencyKey = ofIntent ?? ofCall;
  if (idempotencyKey === undefined) return (await ledger.submit(newRunId(), command, caller)).run.runId;
  const gone = key === null ? undefined : await goneUnder(ledger, caller, idempotencyKey);
  if (gone !== undefined) return runFor(ledger, caller, asked, keyed, gone);
  return (await ledger.submit(newRunId(), command, caller, { idempotencyKey })).run.runId;
};

/**
 * The run that a key led to, when it was taken out or erased: for whoever proposes it is over like any other. Only under a key of the
 * intent, which outlives its run: of a call that had but one of its own nobody could say any more whether it was proposed.
 */
const goneUnder = async ({ store }: Ledger, caller: Caller, key: string): Promise<string | undefined> => {
  const held = await store.findKey(sessionScope(caller.sessionKey), key);
  if (held === undefined) return undefined;
  const row = await store.runRow(held.runId);
  return row === undefined || row.seal === "erased" ? held.runId : undefined;
};

/** Of what is no text the journal's gate sees nothing, and text is kept beside the journal before that is asked. */
const requireNoSecret = ({ redactor }: Ledger, bytes: Uint8Array, text: string | null): void => {
  const letters = text ?? Buffer.from(bytes).toString("latin1");
  if (redactor.whole.text(letters) === letters) return;
  throw new LedgerError("invalid_input", "The payload holds a secret, and would be stored.", {
    hint: "Take it out; whoever executes the intent has secrets of its own. If it is none: secrets.except.",
  });
};

const contentOf = (asked: IntentAsked, bytes: Uint8Array): IntentContent => {
  const { destination, policy, action = null, scope = null, metadata = {}, onBehalfOf = null } = asked;
  const content: IntentContent = {
    ...{ destination, policy, action, scope, metadata, onBehalfOf },
    idempotencyKey: asked.idempotencyKey ?? asked.idempotency_key ?? null,
    payload: { type: asked.payload.type.toLowerCase(), digest: sha256(bytes), bytes: bytes.length },
    tags: [...(asked.tags ?? asked.sensitivityTags ?? [])],
    recordCount: asked.recordCount ?? null,
    valueUsd: asked.valueUsd ?? asked.estimatedValueUsd ?? null,
    idempotent: asked.idempotent ?? false,
    expiresInMs: asked.expiresIn ?? null,
  };
  const said = Buffer.byteLength(JSON.stringify(content));
  if (said <= limit.INTENT_METADATA_BYTES) return content;
  throw new LedgerError("limit_exceeded", `What is said of the intent has ${said} bytes.`, {
    hint: `At most ${limit.INTENT_METADATA_BYTES}: what is longer belongs into the payload.`,
  });
};

/** One that nobody answered in time gives its key back when somebody asks for it. */
const freeExpired = async (
  ledger: Ledger,
  { expire }: GateDuties,
  content: Parameters<typeof sideEffectKey>[0],
): Promise<void> => {
  const key = sideEffectKey(content);
  const row = key === null ? undefined : await ledger.store.findKey(INTENT_SCOPE, key);
  if (row === undefined || (await ledger.store.runRow(row.runId))?.seal === "erased") return;
  await expire(row.runId);
};

/** What the ledger itself does about intents, whoever asks. */
export type GateDuties = {
  /** Writes down which of a run's intents have expired. */
  readonly expire: (runId: string) => Promise<void>;
  /** Approves what a standing approval covers; undefined where none does. */
  readonly approveBeforehand: (runId: string, intent: Intent) => Promise<Run | undefined>;
};

export const gateDuties = (ledger: Ledger, engine: Caller): GateDuties => ({
  expire: async (runId) => {
    if ((await ledger.store.runRow(runId)) === undefined) return;
    const { intents } = await ledger.load(runId);
    if (intents.some((intent) => isOverdue(intent, ledger.now())))
      await ledger.submit(runId, { type: "expire_intents" }, engine);
  },
  approveBeforehand: (runId, intent) => approvedBeforehand(ledger, engine, runId, intent),
});

/** The one that was just made, or the newest that has its key. */
const answerOf = (run: Run, content: IntentContent, seq: number | undefined): Intent => {
  const key = sideEffectKey(content);
  const found =
    seq === undefined
      ? run.intents.findLast((one) => sideEffectKey(one.content) === key && one.status !== "blocked")
      : run.intents.find((one) => one.seq === seq);
  if (found !== undefined) return found;
  throw new LedgerError("intent_not_found", `Run "${run.runId}" has no intent under ${JSON.stringify(key)}.`);
};
