import type { Caller } from "../../core/commands.js";
import { requireSession } from "../../core/decide/guards.js";
import { INTENTS_LISTED_MAX, type IntentsAsked, type IntentView } from "../../core/gate-calls.js";
import { type Intent, type IntentContent, isExpired, isOwnIntent } from "../../core/intents.js";
import { isTerminal, type Run } from "../../core/run.js";
import type { Ledger } from "../../ledger/ledger.js";
import { shownOf } from "../../ledger/shown-intent.js";

/** So many runs at a time. */
const PAGE = 100;

/** Whether whoever asks may see an intent. */
export type Opens = (intent: Pick<IntentContent, "destination" | "policy">) => boolean;

/** Of one run, or of all that are not over, the newest run first; then what is in doubt in those that are. */
export const listIntents = async (
  ledger: Ledger,
  caller: Caller,
  {
    runId,
    statuses,
    limit = INTENTS_LISTED_MAX,
    opens = () => true,
  }: IntentsAsked & { readonly opens: Opens | undefined },
): Promise<readonly IntentView[]> => {
  const views: IntentView[] = [];
  const take = async (intents: readonly Intent[]): Promise<void> => {
    for (const intent of intents.toReversed()) {
      if (views.length >= limit) return;
      if (!opens(intent.content)) continue;
      const status = isExpired(intent, ledger.now()) ? "expired" : intent.status;
      if (statuses === undefined || statuses.includes(status)) views.push(await shownOf(ledger, intent));
    }
  };
  if (runId !== undefined) {
    const run = await ledger.load(runId);
    requireSession(run, caller);
    await take(run.intents);
    return views;
  }
  for await (const { intents } of openRuns(ledger, caller)) {
    if (views.length >= limit) return views;
    await take(intents);
  }
  if (statuses === undefined || statuses.some(isInDoubt))
    for await (const run of endedRuns(ledger, caller)) {
      if (views.length >= limit) return views;
      await take(run.intents.filter((intent) => isInDoubt(intent.status) && isOwnIntent(run, intent)));
    }
  return views;
};

/** Of a run that is over nobody executes anything more: a person is to say whether it happened. */
const isInDoubt = (status: Intent["status"]): boolean => status === "ordered" || status === "unknown";

async function* openRuns(ledger: Ledger, caller: Caller): AsyncGenerator<Run> {
  const own = caller.role === "human" ? {} : { sessionKey: caller.sessionKey };
  for (let after: string | undefined; ; ) {
    const rows = await ledger.list({
      ...own,
      statuses: ["planning", "running", "paused"],
      limit: PAGE,
      ...(after === undefined ? {} : { afterRunId: after }),
    });
    for (const { runId, quarantine } of rows) if (quarantine === null) yield await ledger.load(runId);
    after = rows.at(-1)?.runId;
    if (rows.length < PAGE) return;
  }
}

/** Those in which something was ordered: of all others nothing can be in doubt, and they may be very many. */
async function* endedRuns(ledger: Ledger, caller: Caller): AsyncGenerator<Run> {
  const { store } = ledger;
  const { unsettled } = await orderedIn(store);
  for (const runId of [...unsettled].reverse()) {
    const row = await store.runRow(runId);
    if (row === undefined || row.seal === "erased") unsettled.delete(runId);
    if (row === undefined || row.quarantine !== null || !ENDED.has(row.status)) continue;
    if (row.seal === "erased" || row.seal === "locked") continue;
    if (caller.role !== "human" && row.sessionKey !== caller.sessionKey) continue;
    const run = await ledger.load(runId);
    if (!isTerminal(run)) continue;
    if (run.intents.some((intent) => isInDoubt(intent.status) && isOwnIntent(run, intent))) yield run;
    else unsettled.delete(runId);
  }
}

const ENDED: ReadonlySet<string> = new Set(["completed", "failed"]);

/** What is known of the orders of a ledger. */
type Ordered = {
  /** Up to where its events were looked through. */
  position: number;
  /** Runs of which something may be in doubt, or come to be, in the order in which each first had an order. */
  readonly unsettled: Set<string>;
};

/** Nothing is ordered in a run that is over, so one that is settled stays so, and is not read again for every list. */
const known = new WeakMap<Ledger["store"], Ordered>();

const orderedIn = async (store: Ledger["store"]): Promise<Ordered> => {
  const ordered = known.get(store) ?? { position: 0, unsettled: new Set<string>() };
  known.set(store, ordered);
  for (;;) {
    const rows = await store.feedOf(["execution_ordered"], ordered.position, PAGE);
    for (const { runId } of rows) ordered.unsettled.add(runId);
    // Somebody else may have come further meanwhile.
    ordered.position = Math.max(ordered.position, rows.at(-1)?.position ?? 0);
    if (rows.length < PAGE) return ordered;
  }
};
