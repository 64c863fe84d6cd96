import { EFFECT_SCOPE } from "../../core/effect-scope.js";
import { INTENT_SCOPE } from "../../core/intents.js";
import { leftFromScope, leftKeysScope, leftOriginScope } from "../../core/left-scope.js";
import type { Audit, KeptKey, RunRow, Store } from "../../stores/store.js";
import { OWN_SESSIONS } from "../credentials.js";
import { sessionScope } from "../keys.js";
import { isOfEffect } from "./effect-keys.js";
import { eventAt } from "./event-at.js";
import type { Add } from "./flaws.js";
import { isOfIntent } from "./intent-keys.js";
import { isUnread, runCipherOf } from "./run.js";

const PAGE = 1_000;

/** Where every key leads; answers with how many there are. What a client's command was is not in the journal, only where it led. */
export const checkKeys = async (
  audit: Audit,
  runId: string | undefined,
  { add, signal }: { readonly add: Add; readonly signal: AbortSignal },
): Promise<number> => {
  let count = 0;
  for (let after: KeptKey | undefined; ; ) {
    signal.throwIfAborted();
    const page = await audit.keys({
      ...(runId === undefined ? {} : { runId }),
      ...(after === undefined ? {} : { after }),
      limit: PAGE,
    });
    for (const row of page) await checkKey(audit.store, row, add);
    count += page.length;
    after = page.at(-1);
    if (page.length < PAGE) return count;
  }
};

const checkKey = async (store: Store, row: KeptKey, add: Add): Promise<void> => {
  const { runId, key, firstSeq } = row;
  const run = await store.runRow(runId);
  // Keys of effects, and those that made a run, outlive it.
  if (run === undefined && (await store.removalOf(runId)) !== undefined) return;
  const wrong = run === undefined ? "a run that never was" : await wrongIn(store, row, run);
  if (wrong !== undefined)
    add("key", `Key ${JSON.stringify(key)} leads to ${wrong}.`, { runId, seq: firstSeq });
};

const wrongIn = async (store: Store, row: KeptKey, run: RunRow): Promise<string | undefined> => {
  const { scope, firstSeq, lastSeq, runId } = row;
  const within = firstSeq >= 1 && firstSeq <= lastSeq + 1 && lastSeq <= run.lastSeq;
  if (!within) return "events that there are not";
  if (scope === EFFECT_SCOPE) return wrongEffect(store, row);
  if (scope === INTENT_SCOPE) return wrongIntent(store, row);
  // What a run left that was erased, or taken out before it came back: nobody can compare it with what the run said.
  if ([leftKeysScope, leftFromScope, leftOriginScope].some((left) => scope === left(runId))) return undefined;
  if (scope === runId || (scope === sessionScope(run.sessionKey) && firstSeq === 1)) return undefined;
  return (await isOfMaker(store, row)) ? undefined : "a run that it does not belong to";
};

/** The engine makes children of other runs, and a host tells, more than once, of a run of its own. */
const isOfMaker = async (store: Store, { scope, runId, firstSeq }: KeptKey): Promise<boolean> => {
  const [first] = await store.read(runId, 0, 1);
  if (first?.actor.role === "engine") return scope === sessionScope(OWN_SESSIONS.engine) && firstSeq === 1;
  return first?.actor.role === "host" && scope === sessionScope(OWN_SESSIONS.host);
};

const wrongEffect = async (store: Store, row: KeptKey): Promise<string | undefined> => {
  if (isUnread(runCipherOf(store.seals, row.runId))) return undefined;
  const event = await eventAt(store, row.runId, row.firstSeq);
  return row.firstSeq === row.lastSeq && isOfEffect(store, row, event)
    ? undefined
    : "another effect than it was used for";
};

const wrongIntent = async (store: Store, row: KeptKey): Promise<string | undefined> => {
  if (isUnread(runCipherOf(store.seals, row.runId))) return undefined;
  const event = await eventAt(store, row.runId, row.firstSeq);
  return isOfIntent(store, row, event) ? undefined : "another intent than it was used for";
};
