import { setImmediate as nextTurn } from "node:timers/promises";
import { type ErrorCode, isLedgerError } from "../../core/errors.js";
import { mayBeNotice, type Notice, type NoticeType, noticeOf } from "../../core/notices.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { EventRow } from "../../stores/store.js";

/** What became of one try. Who refuses it for good is not asked again. */
export type Outcome =
  | { readonly kind: "told" }
  | { readonly kind: "failed" | "refused"; readonly error: string };

/** Somebody who is told. */
export type Target = {
  readonly name: string;
  readonly events: readonly NoticeType[];
  /** When the settings that say so were read: of processes that differ, the newest has its way. */
  readonly settingsMs: number;
  /** How long a try may take. */
  readonly timeoutMs: number;
  /** Never throws; once aborted, it ends soon. */
  readonly tell: (notice: Notice, signal: AbortSignal) => Promise<Outcome>;
};

/** Positions by event. */
type HeardFrom = { readonly [T in NoticeType]?: number };

/**
 * How far a target has been told, beside the journal: what is due follows from the journal itself, so nothing that happened
 * can be lost on the way here. Times are milliseconds since 1970 by the ledger's clock.
 */
export type Standing = {
  /** All events up to here are settled: told, given up, or of no concern. */
  readonly position: number;
  /** What it hears of each of its events lies behind these; left out by versions before, and then behind `position`. */
  readonly heardFrom?: HeardFrom;
  /** When the settings were read that name these events. */
  readonly settingsMs?: number;
  /** Tries that failed of the next one. */
  readonly tries: number;
  /** It is not tried again before. */
  readonly nextMs: number;
  /** Whoever is at it now has so long; then it is anybody's again. 0 for nobody. */
  readonly busyUntilMs: number;
  readonly toldMs: number | null;
  /** Of the last try that failed; null once one has not. */
  readonly error: string | null;
  /** How many were given up. */
  readonly givenUp: number;
};

/** Between one try and the next; after the last one it is given up. A receiver that is restarted or mended in a day hears of it. */
const PAUSES_MS = [5_000, 30_000, 120_000, 600_000, 3_600_000, 6 * 3_600_000, 18 * 3_600_000] as const;
const PAUSE_MAX_MS = Math.max(...PAUSES_MS);
/** What a try may take beyond its own limit, for its word to be written. */
const GRACE_MS = 5_000;
const BATCH = 500;
/** Whoever lost a claim to somebody else looks again after this long. */
const LOST_MS = 1_000;
/** A key that is not here now may come: a program prints it, or a folder is mounted. */
const LOCKED_MS = 60_000;
/** A position is written down for its own sake after so many events of no concern: nobody reads them twice. */
const STRIDE = 5_000;

export type Deliveries = {
  /**
   * Tells each target what is due, the oldest first. `since` is where one that is new begins; what happened before it is
   * not told. Answers when the next try is due, null for none. Throws when the ledger could not say what is due for one of
   * them; the others were told.
   */
  readonly pass: (targets: readonly Target[], since: number, signal: AbortSignal) => Promise<number | null>;
  readonly standingOf: (name: string) => Promise<Standing | undefined>;
};

export const createDeliveries = (ledger: Ledger): Deliveries => {
  const seen: Parts["seen"] = new Map();
  return {
    standingOf: async (name) => (await readWord(ledger, name))?.standing,
    pass: async (targets, since, signal) => {
      const rounds = targets.map((one) => tellAll({ ledger, seen, signal }, one, since));
      const ended = await Promise.allSettled(rounds);
      const broken = ended.find((one) => one.status === "rejected");
      if (broken !== undefined) throw broken.reason;
      const next = ended.map((one) => (one.status === "fulfilled" ? one.value : null));
      const due = next.filter((one) => one !== null);
      return due.length === 0 ? null : Math.min(...due);
    },
  };
};

type Parts = {
  readonly ledger: Ledger;
  /** Up to where a target's events were looked at here; what lies before is of no concern, as long as the same are heard. */
  readonly seen: Map<string, { readonly upTo: number; readonly heardFrom: string }>;
  readonly signal: AbortSignal;
};
type Word = { readonly text: string | undefined; readonly standing: Standing };

const wordOf = (name: string): string => `notify:${name}`;

const readWord = async ({ store }: Ledger, name: string): Promise<Word | undefined> => {
  const text = await store.word(wordOf(name));
  return text === undefined ? undefined : { text, standing: JSON.parse(text) as Standing };
};

/** The word as it stands now; undefined when somebody else has changed it meanwhile. */
const swapped = async (
  { store }: Ledger,
  name: string,
  before: string | undefined,
  standing: Standing,
): Promise<Word | undefined> => {
  const text = JSON.stringify(standing);
  return (await store.swapWord(wordOf(name), before, text)) ? { text, standing } : undefined;
};

const freshFrom = (position: number): Standing => ({
  ...{ position, tries: 0, nextMs: 0, busyUntilMs: 0 },
  ...{ toldMs: null, error: null, givenUp: 0 },
});

/**
 * The word of a target that hears of these events: what is new to it has no past, and what is taken from it is forgotten.
 * Where somebody has read newer settings, theirs stand.
 */
const wordFor = async (
  ledger: Ledger,
  { name, events, settingsMs }: Target,
  since: number,
): Promise<Word | undefined> => {
  const word = await readWord(ledger, name);
  const { heardFrom, settingsMs: newestMs = 0 } = word?.standing ?? {};
  const isSame =
    heardFrom !== undefined &&
    Object.keys(heardFrom).length === events.length &&
    events.every((one) => one in heardFrom);
  // By a clock that was put back, what was read in the future is no newer.
  const isOlder = heardFrom !== undefined && settingsMs < newestMs && newestMs <= Date.parse(ledger.now());
  if (word !== undefined && (isSame || isOlder)) return word;
  const from = (one: NoticeType): number => heardFrom?.[one] ?? (word === undefined || heardFrom ? since : 0);
  const standing = {
    ...(word?.standing ?? freshFrom(since)),
    settingsMs,
    heardFrom: Object.fromEntries(events.map((one) => [one, from(one)])),
  };
  return swapped(ledger, name, word?.text, standing);
};

/** When to look again; null when all is told. */
const tellAll = async (parts: Parts, target: Target, since: number): Promise<number | null> => {
  const { ledger, seen, signal } = parts;
  const { name } = target;
  let word = await wordFor(ledger, target, since);
  while (word !== undefined && !signal.aborted) {
    const { standing } = word;
    const waitsUntil = restOf(standing, target, Date.parse(ledger.now()));
    if (waitsUntil !== null) return waitsUntil;
    const heardFrom = JSON.stringify(standing.heardFrom);
    const before = seen.get(name);
    const from = Math.max(standing.position, before?.heardFrom === heardFrom ? before.upTo : 0);
    const { due, upTo, isLocked = false } = await nextDue(ledger, standing.heardFrom ?? {}, from);
    seen.set(name, { upTo, heardFrom });
    if (due === undefined) {
      if (upTo - standing.position > STRIDE)
        await swapped(ledger, name, word.text, { ...standing, position: upTo });
      return isLocked ? Date.parse(ledger.now()) + LOCKED_MS : null;
    }
    word = await tellOne(parts, target, word, due);
  }
  // Somebody else is at it, and may be killed before it is done.
  return signal.aborted ? null : Date.parse(ledger.now()) + LOST_MS;
};

/** Until when nobody here may try; null for now. By a clock that was put back, no pause is longer than a pause is. */
const restOf = ({ nextMs, busyUntilMs }: Standing, { timeoutMs }: Target, nowMs: number): number | null => {
  const isBusy = nowMs < busyUntilMs && busyUntilMs - nowMs <= timeoutMs + GRACE_MS;
  if (isBusy) return busyUntilMs;
  return nowMs < nextMs && nextMs - nowMs <= PAUSE_MAX_MS ? nextMs : null;
};

type Due = { readonly notice: Notice; readonly position: number };

/** The first that the target wants to hear of, and up to where there is nothing else. */
const nextDue = async (
  ledger: Ledger,
  heardFrom: HeardFrom,
  from: number,
): Promise<{ readonly due?: Due; readonly upTo: number; readonly isLocked?: boolean }> => {
  for (let upTo = from; ; ) {
    const rows = await ledger.store.feed(upTo, BATCH);
    for (const row of rows) {
      const notice = mayBeNotice(row) ? await noticeIn(ledger, row) : undefined;
      if (notice === "locked") return { upTo: row.position - 1, isLocked: true };
      // Looked at again with the next try, for it may have been answered by then.
      if (notice !== undefined && row.position > (heardFrom[notice.type] ?? row.position))
        return { due: { notice, position: row.position }, upTo: row.position - 1 };
      upTo = row.position;
    }
    if (rows.length < BATCH) return { upTo };
    // A worker that comes after a long time reads all of it, beside runs whose leases must beat on.
    await nextTurn();
  }
};

/** Runs that are gone, or are not as they were written, are told of elsewhere. */
const GONE: readonly ErrorCode[] = ["run_not_found", "run_erased", "journal_tampered", "event_unreadable"];

/** Locked where the key of a sealed run is not here: a process that has it tells. What fails for the moment is thrown, and tried again. */
const noticeIn = async (ledger: Ledger, row: EventRow): Promise<Notice | "locked" | undefined> => {
  try {
    const origin = await ledger.store.originOf(row.runId);
    // What happened where it was imported from was told there.
    if (origin !== undefined && row.at < origin.importedAt) return undefined;
    const notice = noticeOf(await ledger.load(row.runId), row);
    if (notice === undefined || !isSealed(ledger, row.runId)) return notice;
    return { ...notice, stepId: null, sentence: SEALED };
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    if (GONE.includes(error.code)) return undefined;
    if (error.code === "key_unavailable") return "locked";
    throw error;
  }
};

const isSealed = ({ store }: Ledger, runId: string): boolean => store.seals.of(runId) !== null;
/** Names of its steps are sealed as well. */
const SEALED = "It needs a person.";

/** Claimed by compare and set, so that of two workers one tells it; the same one again is known by its id. */
const tellOne = async (
  { ledger, signal }: Parts,
  target: Target,
  { text, standing }: Word,
  { notice, position }: Due,
): Promise<Word | undefined> => {
  const { name, timeoutMs } = target;
  const startedMs = Date.parse(ledger.now());
  const busy = { ...standing, busyUntilMs: startedMs + timeoutMs + GRACE_MS };
  const claimed = await swapped(ledger, name, text, busy);
  if (claimed === undefined) return undefined;
  const outcome = await target.tell(notice, signal);
  const free = { ...standing, busyUntilMs: 0 };
  // Whoever comes next tells it again: it may have arrived, and is known by its id then.
  if (signal.aborted && outcome.kind !== "told") return settled(ledger, name, claimed, free);
  const after = afterTry(free, outcome, position, Date.parse(ledger.now()));
  return settled(ledger, name, claimed, after);
};

/** The end of a claim: newer settings may have changed what is heard meanwhile, which is no reason to tell the same again. */
const settled = async (
  ledger: Ledger,
  name: string,
  claimed: Word,
  after: Standing,
): Promise<Word | undefined> => {
  const done = await swapped(ledger, name, claimed.text, after);
  const now = done === undefined ? await readWord(ledger, name) : undefined;
  if (now === undefined || !isSameClaim(now.standing, claimed.standing)) return done;
  const { heardFrom = {}, settingsMs = 0 } = now.standing;
  return swapped(ledger, name, now.text, { ...after, heardFrom, settingsMs });
};

const isSameClaim = (one: Standing, other: Standing): boolean =>
  one.busyUntilMs === other.busyUntilMs && one.position === other.position && one.tries === other.tries;

const afterTry = (before: Standing, outcome: Outcome, position: number, nowMs: number): Standing => {
  if (outcome.kind === "told")
    return { ...before, position, tries: 0, nextMs: 0, toldMs: nowMs, error: null };
  const pauseMs = outcome.kind === "refused" ? undefined : PAUSES_MS[before.tries];
  const { error } = outcome;
  if (pauseMs === undefined)
    return { ...before, position, tries: 0, nextMs: 0, error, givenUp: before.givenUp + 1 };
  return { ...before, tries: before.tries + 1, nextMs: nowMs + pauseMs, error };
};
