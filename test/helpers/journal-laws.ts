import { expect } from "vitest";
import type { JournalEvent, StoredEvent } from "../../src/core/events.js";
import { fold } from "../../src/core/evolve.js";
import type { RunLedger } from "../../src/index.js";

const PAGE = 1_000;

/** Every event of a run, however long it is. */
export const wholeJournal = async (
  { ledger }: Pick<RunLedger, "ledger">,
  runId: string,
): Promise<readonly StoredEvent[]> => {
  const events: StoredEvent[] = [];
  for (;;) {
    const page = await ledger.events(runId, events.length, PAGE);
    events.push(...page);
    if (page.length < PAGE) return events;
  }
};

/** Every event of all runs, in the order in which they were written. */
export const wholeFeed = async ({ ledger }: Pick<RunLedger, "ledger">): Promise<readonly StoredEvent[]> => {
  const events: StoredEvent[] = [];
  for (;;) {
    const page = await ledger.feed(events.at(-1)?.position ?? 0, PAGE);
    events.push(...page);
    if (page.length < PAGE) return events;
  }
};

/** One line for each time an agent was at work, whatever became of it. */
export type Effect = { readonly runId: string; readonly stepId: string; readonly attempt: number };

/**
 * What holds for the journal of a completed run, however many wrote to it: nothing lost, nothing doubled, no step judged
 * twice, each head on the one before, and no agent at work without an attempt that says so.
 */
export const expectLawful = async (
  app: RunLedger,
  runId: string,
  effects: readonly Effect[],
): Promise<readonly StoredEvent[]> => {
  const events = await wholeJournal(app, runId);
  const run = await app.ledger.load(runId);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.slice(1).map(({ prevHash }) => prevHash)).toEqual(
    events.slice(0, -1).map(({ hash }) => hash),
  );
  expect(fold(events)).toEqual(run);
  expect(run.state.status).toBe("completed");
  expect(namesOf(events, "run_completed")).toHaveLength(1);
  expect(events.at(-1)?.type).toBe("run_completed");
  const ids = run.steps.map(({ spec }) => spec.id).sort();
  expect(namesOf(events, "step_validation_passed").sort()).toEqual(ids);
  expectVerdictsInLine(events, run.base, run.head);
  const started = events.flatMap((event) =>
    event.type === "step_started" ? [`${event.payload.stepId} ${event.attempt}`] : [],
  );
  const worked = effects.flatMap((effect) =>
    effect.runId === runId ? [`${effect.stepId} ${effect.attempt}`] : [],
  );
  expect(worked.sort()).toEqual([...started].sort());
  expect(new Set(started).size).toBe(started.length);
  return events;
};

/** The steps that events of a type are about; the type itself when they are about none. */
export const namesOf = (events: readonly JournalEvent[], type: JournalEvent["type"]): string[] =>
  events.flatMap((event) =>
    event.type !== type ? [] : ["stepId" in event.payload ? String(event.payload.stepId) : type],
  );

const expectVerdictsInLine = (
  events: readonly StoredEvent[],
  base: string | null,
  head: string | null,
): void => {
  const proposals = new Set<number>();
  let last = base;
  for (const event of events) {
    if (event.type !== "step_validation_passed" && event.type !== "step_validation_failed") continue;
    const { verdict } = event.payload;
    expect(proposals.has(verdict.proposalSeq ?? 0)).toBe(false);
    proposals.add(verdict.proposalSeq ?? 0);
    expect(verdict.head).toBe(last);
    if (event.type === "step_validation_passed") last = verdict.commit ?? last;
  }
  expect(head).toBe(last);
};
