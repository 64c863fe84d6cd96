import { setImmediate as nextTurn } from "node:timers/promises";
import { isLedgerError } from "../../core/errors.js";
import type { StoredEvent } from "../../core/events.js";
import { type IntentStatus, intentStatuses } from "../../core/intents.js";
import { type RunStatus, runStatuses } from "../../core/run.js";
import type { Usage } from "../../core/usage.js";
import type { RunCipher, Standing, Store } from "../../stores/store.js";
import { fromRow } from "../journal.js";
import type { Ledger } from "../ledger.js";
import {
  add,
  addUsage,
  asksSince,
  countedTypes,
  intentsOf,
  type Judged,
  keyOf,
  type RunTally,
  tallied,
  usedBy,
} from "./tally.js";

/** The ledger in numbers: no goal, no run's name, nothing that anybody wrote but names of agents and models. */
export type Metrics = {
  /** When they were read: ISO 8601, UTC. */
  readonly at: string;
  /** Events that were ever appended here. It never falls; all else is of the runs that are here. */
  readonly events: number;
  readonly runs: Readonly<Record<RunStatus, number>>;
  readonly waiting: {
    /** Runs that ask something of a person. */
    readonly runs: number;
    /** How long the longest of them has asked, in seconds; 0 when none does. */
    readonly oldestSeconds: number;
  };
  /** Runs in which something is due and that nobody holds. */
  readonly unattended: number;
  /** Runs with a part that cannot be read here: of them their status is counted, and what was read. */
  readonly unread: number;
  /** Each candidate of a race counts as one. */
  readonly attempts: readonly { readonly agent: string; readonly attempts: number }[];
  readonly verdicts: readonly {
    readonly of: "step" | "criterion";
    readonly validator: string;
    readonly outcome: string;
    readonly verdicts: number;
    /** From claims to these verdicts, added up; of criteria and errors it is 0. */
    readonly waitedSeconds: number;
  }[];
  /** The model is null for calls of which nobody said which one they asked. */
  readonly usage: readonly ({ readonly agent: string; readonly model: string | null } & Usage)[];
  /** Asked leave for at the gate. */
  readonly intents: Readonly<Record<IntentStatus, number>>;
  readonly refusals: readonly { readonly code: string; readonly refusals: number }[];
  readonly workersLost: number;
};

/** What is read at a time, before others get a word in. */
const BATCH = 1_000;

/**
 * Reads the numbers of a ledger. Whoever asks again pays for the events that were appended since; each run is counted by
 * itself, so what is taken out counts no more, and the answer is the same as that of who asks for the first time.
 */
export const metricsOf = (ledger: Ledger): (() => Promise<Metrics>) => {
  const { store } = ledger;
  const tallies = new Map<string, RunTally>();
  const unread = new Set<string>();
  let position = 0;
  let last: Promise<unknown> = Promise.resolve();

  const count = (event: StoredEvent): void => {
    // Taken out and brought back: what could not be read of it then says nothing of it now.
    if (event.type === "run_created") unread.delete(event.runId);
    const tally = tallied(tallies.get(event.runId), event);
    if (tally !== undefined) tallies.set(event.runId, tally);
  };

  const catchUp = async (): Promise<void> => {
    const end = await store.appended();
    for (;;) {
      const rows = await store.feedOf(countedTypes, position, BATCH);
      const cipherOf = ciphersOf(store);
      for (const row of rows) {
        position = row.position;
        try {
          count(fromRow(row, cipherOf(row.runId)));
        } catch (error) {
          if (!isLedgerError(error)) throw error;
          unread.add(row.runId);
        }
      }
      if (rows.length < BATCH) break;
      await nextTurn();
    }
    position = Math.max(position, end);
  };

  const read = async (): Promise<Metrics> => {
    await catchUp();
    const standings = await store.standings();
    forgetOthers(tallies, unread, standings);
    const now = ledger.now();
    const unattended = await store.count({ due: { by: Date.parse(now), heldBy: "nobody" } });
    return {
      at: now,
      events: await store.appended(),
      ...countStandings(standings, tallies, now),
      unattended,
      unread: standings.filter(({ runId, ...is }) => is.erased || is.quarantined || unread.has(runId)).length,
      ...sumsOf(standings, tallies, (name) => ledger.redactor.text(name)),
    };
  };

  return () => {
    // One after another: two that read on from the same place would count it twice.
    const mine = last.then(read, read);
    last = mine;
    return mine;
  };
};

/** Asked once for each run of a batch; what it throws, it throws for each of its rows. */
const ciphersOf = (store: Store): ((runId: string) => RunCipher | null) => {
  const known = new Map<string, RunCipher | null>();
  return (runId) => {
    const cipher = known.get(runId);
    if (cipher !== undefined) return cipher;
    const asked = store.seals.of(runId);
    known.set(runId, asked);
    return asked;
  };
};

/** Those that were taken out, and those whose key was destroyed since they were read. */
const forgetOthers = (
  tallies: Map<string, RunTally>,
  unread: Set<string>,
  standings: readonly Standing[],
): void => {
  const here = new Map(standings.map((one) => [one.runId, one]));
  for (const runId of tallies.keys()) if (here.get(runId)?.erased !== false) tallies.delete(runId);
  for (const runId of unread) if (!here.has(runId)) unread.delete(runId);
};

const countStandings = (
  standings: readonly Standing[],
  tallies: ReadonlyMap<string, RunTally>,
  now: string,
): Pick<Metrics, "runs" | "waiting"> => {
  const asking = standings.filter(({ waiting }) => waiting);
  const ages = asking.map(({ runId, status, updatedAt }) => {
    const tally = tallies.get(runId);
    const since = tally === undefined ? null : asksSince(tally, status === "paused");
    return Date.parse(now) - Date.parse(since ?? updatedAt);
  });
  const counts = runStatuses.map((one) => [one, standings.filter(({ status }) => status === one).length]);
  return {
    runs: Object.fromEntries(counts) as Metrics["runs"],
    waiting: {
      runs: asking.length,
      oldestSeconds: ages.reduce((oldest, age) => Math.max(oldest, age), 0) / MS_PER_SECOND,
    },
  };
};

const MS_PER_SECOND = 1_000;

/** In the order of the runs, so that the names that are counted by themselves stay the same while runs come. */
const sumsOf = (
  standings: readonly Standing[],
  tallies: ReadonlyMap<string, RunTally>,
  redacted: (name: string) => string,
): Pick<Metrics, "attempts" | "verdicts" | "usage" | "intents" | "refusals" | "workersLost"> => {
  const [agentOf, modelOf] = [namesIn(redacted), namesIn(redacted)];
  const [attempts, refusals] = [new Map<string, number>(), new Map<string, number>()];
  const verdicts = new Map<string, Judged>();
  const used = new Map<string, Usage>();
  const intents = new Map<IntentStatus, number>(intentStatuses.map((status) => [status, 0]));
  let workersLost = 0;
  for (const { runId } of standings) {
    const tally = tallies.get(runId);
    if (tally === undefined) continue;
    for (const [agent, more] of tally.attempts) add(attempts, agentOf(agent), more);
    for (const [code, more] of tally.refusals) add(refusals, code, more);
    for (const [key, more] of tally.verdicts) addJudged(verdicts, key, more);
    for (const [key, more] of usedBy(tally)) {
      const [agent, model] = JSON.parse(key) as [string, string | null];
      addUsage(used, keyOf(agentOf(agent), model === null ? null : modelOf(model)), more);
    }
    for (const status of intentsOf(tally)) intents.set(status, (intents.get(status) ?? 0) + 1);
    workersLost += tally.workersLost;
  }
  return {
    attempts: sorted(attempts).map(([agent, count]) => ({ agent, attempts: count })),
    verdicts: sorted(verdicts).map(([key, { verdicts: count, waitedMs }]) => {
      const [of, validator, outcome] = JSON.parse(key) as ["step" | "criterion", string, string];
      return { of, validator, outcome, verdicts: count, waitedSeconds: waitedMs / MS_PER_SECOND };
    }),
    usage: sorted(used).map(([key, usage]) => {
      const [agent, model] = JSON.parse(key) as [string, string | null];
      return { agent, model, ...usage };
    }),
    intents: Object.fromEntries(intents) as Metrics["intents"],
    refusals: sorted(refusals).map(([code, count]) => ({ code, refusals: count })),
    workersLost,
  };
};

/** Each makes a series of its own in whatever keeps these numbers; plans may name as many agents as they like. */
const NAMES_MAX = 100;
/** Long enough for any name that people read. */
const NAME_CHARS = 100;
/** No agent is called so. */
const OTHERS = "(others)";

/** The first hundred names as they are, in one line and without secrets; all that come later are one. */
const namesIn = (redacted: (name: string) => string): ((name: string) => string) => {
  const shown = new Map<string, string>();
  const kept = new Set<string>();
  const nameOf = (name: string): string => {
    const plain = [...redacted(name).replace(UNSEEN, "·")].slice(0, NAME_CHARS).join("");
    if (!kept.has(plain) && kept.size >= NAMES_MAX) return OTHERS;
    kept.add(plain);
    return plain;
  };
  return (name) => {
    const known = shown.get(name) ?? nameOf(name);
    shown.set(name, known);
    return known;
  };
};

/** What a terminal obeys, and what turns the direction of text round. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

const addJudged = (sums: Map<string, Judged>, key: string, more: Judged): void => {
  const former = sums.get(key) ?? { verdicts: 0, waitedMs: 0 };
  sums.set(key, {
    verdicts: former.verdicts + more.verdicts,
    waitedMs: former.waitedMs + more.waitedMs,
  });
};

const sorted = <T>(sums: ReadonlyMap<string, T>): readonly (readonly [string, T])[] =>
  [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
