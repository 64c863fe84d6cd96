import { setTimeout as delay } from "node:timers/promises";
import { openChildren } from "../core/children.js";
import { type ErrorCode, isLedgerError } from "../core/errors.js";
import { isActive, isTerminal, type Run } from "../core/run.js";
import { FINISHED } from "../ledger/housekeeping.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Observer } from "../ledger/observers.js";
import type { Driven } from "./executor.js";
import { LOOK_MS, lookMs, msToWake } from "./waking.js";

type Drive = (runId: string) => Promise<Driven>;

/** Each run of the family that was come across is in one of them, but for children that have ended and told who started them. */
type Family = {
  readonly rootId: string;
  /** How to stop hearing of each that came to work here. */
  readonly heard: Map<string, () => void>;
  readonly going: Map<string, Promise<void>>;
  /** As it was when nothing was due for it. */
  readonly rested: Map<string, Driven>;
  /** Other workers have them, or they are not here: whoever waits for them goes on when they end there. */
  readonly elsewhere: Set<string>;
  /** At rest or at work, and since the last look something has happened to it, or it has started somebody. */
  readonly moved: Set<string>;
  readonly failures: unknown[];
};

/**
 * Carries a run on, and those that it has started, each for itself as a worker does: a parent's timer fires while its children
 * are at work. Resolves when nobody is at work and nothing is due.
 */
export const driveFamily = async (ledger: Ledger, drive: Drive, rootId: string): Promise<Driven> => {
  const family: Family = {
    rootId,
    heard: new Map(),
    going: new Map(),
    rested: new Map(),
    elsewhere: new Set(),
    moved: new Set(),
    failures: [],
  };
  let watch = new AbortController();
  // However often somebody wakes it in between.
  let tick = AbortSignal.timeout(LOOK_MS);
  const wake = (): void => watch.abort();
  const observer = whenMoved(family, wake);
  const { heard } = family;
  try {
    for (let due: readonly string[] = [rootId]; ; ) {
      for (const runId of due) {
        if (!heard.has(runId)) heard.set(runId, ledger.observe(observer, runId));
        launch(family, drive, runId, wake);
      }
      // Who has ended during the look may have been seen at work.
      if (family.going.size === 0 && !watch.signal.aborted) break;
      const isTime = (await passed(untilLookMs(ledger, family), watch.signal)) || tick.aborted;
      // Made before the look, so that what happens during it is not slept through.
      watch = new AbortController();
      if (isOver(family)) break;
      if (isTime) await askAgain(ledger, family);
      if (isTime) tick = AbortSignal.timeout(LOOK_MS);
      due = await dueIn(ledger, family, isTime || family.going.size === 0 ? everybody(family) : family.moved);
    }
  } finally {
    for (const forget of heard.values()) forget();
    // Who hears of a failure closes the ledger: by then nobody is at work any more.
    await Promise.all(family.going.values());
  }
  return endOf(family);
};

/** False when it was cut short. */
const passed = (ms: number, signal: AbortSignal): Promise<boolean> =>
  delay(ms, true, { signal }).catch(() => false);

const launch = (family: Family, drive: Drive, runId: string, wake: () => void): void => {
  const { going, rested, elsewhere } = family;
  const before = rested.get(runId);
  rested.delete(runId);
  // Something has happened since they were asked for.
  if (before !== undefined) elsewhere.clear();
  const done = drive(runId)
    .then(
      (driven) => rest(family, driven),
      (error: unknown) => fail(family, runId, before?.run, error),
    )
    .finally(() => {
      going.delete(runId);
      wake();
    });
  going.set(runId, done);
};

const rest = (family: Family, driven: Driven): void => {
  const { rootId, rested, elsewhere, moved } = family;
  const { runId } = driven.run;
  // A parent may start thousands while it is at work: of one that has ended nothing is kept.
  const hasEnded = driven.end === "idle" && isTerminal(driven.run);
  if (hasEnded && runId !== rootId) letGo(family, runId);
  else {
    moved.add(runId);
    if (driven.end === "lease_lost" && runId !== rootId) elsewhere.add(runId);
    else rested.set(runId, driven);
  }
};

const letGo = ({ heard, moved }: Family, runId: string): void => {
  heard.get(runId)?.();
  heard.delete(runId);
  moved.delete(runId);
};

const ELSEWHERE: readonly ErrorCode[] = ["lease_held", "run_not_found", "run_erased"];

const fail = (
  { rootId, rested, elsewhere, failures }: Family,
  runId: string,
  before: Run | undefined,
  error: unknown,
): void => {
  if (runId !== rootId && isLedgerError(error) && ELSEWHERE.includes(error.code)) elsewhere.add(runId);
  // While it was at rest here, another worker has taken it.
  else if (before !== undefined && isLedgerError(error, "lease_held"))
    rested.set(runId, { run: before, end: "lease_lost" });
  else failures.push(error);
};

/** Then nobody is begun any more, and who is at work comes to an end. */
const isOver = ({ rested, failures }: Family): boolean =>
  failures.length > 0 || [...rested.values()].some(({ end }) => end === "stopped" || end === "lease_lost");

const endOf = ({ rootId, rested, failures }: Family): Driven => {
  const root = rested.get(rootId);
  if (failures.length > 0 || root === undefined) throw failures[0];
  const isStopped = [...rested.values()].some(({ end }) => end === "stopped");
  return isStopped && root.end !== "lease_lost" ? { run: root.run, end: "stopped" } : root;
};

/** For changes by this process, which are noticed at once: a run at rest has more to do, or has been started. */
const whenMoved =
  ({ going, rested, moved }: Family, wake: () => void): Observer =>
  ([first], { runId, seq, parent }) => {
    const isBorn = first?.type === "run_created" && parent !== null;
    const who = isBorn ? parent.runId : runId;
    if (isBorn ? !going.has(who) && !rested.has(who) : seq <= seqOf(rested.get(who))) return;
    moved.add(who);
    wake();
  };

const seqOf = (driven: Driven | undefined): number => driven?.run.seq ?? Number.POSITIVE_INFINITY;

const untilLookMs = (ledger: Ledger, { rested }: Family): number =>
  Math.min(LOOK_MS, ...[...rested.values()].map(({ run }) => lookMs(ledger, run)));

const everybody = ({ going, rested }: Family): Iterable<string> => [...rested.keys(), ...going.keys()];

/** Of those, and of whom they have started. To ask for everybody whenever one of many ends would take the square of them. */
const dueIn = async (ledger: Ledger, family: Family, those: Iterable<string>): Promise<readonly string[]> => {
  const { going, rested, elsewhere, moved } = family;
  const asked = new Set(those);
  moved.clear();
  const due = new Set<string>();
  const children: string[] = [];
  for (const runId of asked) {
    const driven = rested.get(runId);
    const isDue = driven !== undefined && (await hasMoved(ledger, driven));
    if (isDue) due.add(runId);
    // One that has moved may know by now that a child has ended, of whom nothing is kept here.
    children.push(...startedBy(driven === undefined || isDue ? await asItStands(ledger, runId) : driven.run));
  }
  for (const childId of children) {
    const isKnown = going.has(childId) || rested.has(childId) || elsewhere.has(childId);
    // Written down a moment before it is made.
    const row = isKnown ? undefined : await ledger.store.runRow(childId);
    if (row !== undefined && (row.runnable || !FINISHED.includes(row.status))) due.add(childId);
  }
  return [...due];
};

/** Their workers may have died, which is no event of theirs. */
const askAgain = async ({ store }: Ledger, { elsewhere }: Family): Promise<void> => {
  for (const runId of elsewhere) if ((await store.leaseOf(runId))?.live !== true) elsewhere.delete(runId);
};

const hasMoved = async (ledger: Ledger, { run }: Driven): Promise<boolean> => {
  if (isTerminal(run)) return false;
  const row = await ledger.store.runRow(run.runId);
  return row !== undefined && (row.lastSeq !== run.seq || msToWake(ledger, run) <= 0);
};

/** Nobody begins to work for a run that stands still. */
const startedBy = (run: Run | undefined): readonly string[] =>
  run !== undefined && isActive(run) ? openChildren(run).map(({ child }) => child.childId) : [];

/** Undefined for one that cannot be read, which whoever is driving it hears of. */
const asItStands = async (ledger: Ledger, runId: string): Promise<Run | undefined> => {
  try {
    return await ledger.load(runId);
  } catch (error) {
    if (isLedgerError(error)) return undefined;
    throw error;
  }
};
