import { childOutcome, openChildren } from "../core/children.js";
import type { Caller } from "../core/commands.js";
import { isLedgerError } from "../core/errors.js";
import type { StoredEvent } from "../core/events.js";
import type { ChildOutcome, ParentLink } from "../core/family.js";
import { named } from "../core/race.js";
import { isTerminal, type Run, type RunStatus, type WorkedStep } from "../core/run.js";
import type { Plan } from "../core/spec.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Pev } from "../pev/engine.js";
import { beginFrom } from "../pev/transfer.js";

/** A run that an attempt starts; its id stands in the attempt's journal by then. */
export type NewChild = {
  readonly childId: string;
  readonly plan: Plan;
  readonly originalRequest: string;
};

type Parts = { readonly ledger: Ledger; readonly pev: Pev; readonly engine: Caller };

/** Under the id that was recorded for it, so that it is made once however often this is asked. */
export const startChild = async (
  { ledger, pev, engine }: Parts,
  { runId }: Pick<Run, "runId">,
  step: WorkedStep,
  { childId, plan, originalRequest }: NewChild,
): Promise<void> => {
  if ((await ledger.store.runRow(childId)) !== undefined) return;
  const run = await ledger.load(runId);
  const parent = parentLink(run, childId);
  if (parent === undefined) return;
  await pev.requireJudgeable(plan);
  const base = step.base ?? run.base;
  if (pev.project.store !== null && base !== null)
    await beginFrom(pev.project.store, { from: runId, to: childId, base });
  const { workspaceIsolation, sessionKey } = run;
  const command = { type: "create_run", goal: plan.goal, originalRequest, workspaceIsolation, base } as const;
  await ledger.submit(childId, { ...command, child: { parent, sessionKey }, plan }, engine);
  // The attempt may have ended meanwhile, elsewhere.
  await endOrphan({ ledger }, childId);
};

/** Undefined when nobody waits for it any more. */
const parentLink = (run: Run, childId: string): ParentLink | undefined => {
  const open = openChildren(run).find(({ child }) => child.childId === childId);
  if (open === undefined) return undefined;
  const { step, child } = open;
  const { seq, position } = child;
  const about = { stepId: step.spec.id, attempt: step.attempt, ...named(step) };
  return { runId: run.runId, seq, ...about, position, depth: (run.parent?.depth ?? 0) + 1 };
};

type Told = Pick<Parts, "ledger" | "engine">;

/** Cancels what a run has started and does not wait for. Whoever drives it notices, as when a person cancels it. */
export const endChild = async (parts: Told, parentId: string, childId: string): Promise<void> => {
  const { ledger, engine } = parts;
  const child = await ifThere(() => ledger.load(childId));
  const over = child === undefined || isTerminal(child) ? child : await cancelled(ledger, child, parentId);
  if (over === undefined) return void (await finish(parts, parentId, childId, { kind: "absent" }));
  const outcome = childOutcome(over);
  if (outcome === undefined) return;
  await finish(parts, parentId, childId, outcome);
  await ifThere(() => ledger.submit(childId, { type: "tell_parent" }, engine));
};

/** A run that is over is not forgotten before the one that started it knows. */
export const tellParent = async (parts: Told, runId: string): Promise<void> => {
  const { ledger, engine } = parts;
  const run = await ledger.load(runId);
  const outcome = childOutcome(run);
  const { parent } = run;
  if (parent === null || outcome === undefined) return;
  // One that is not here, as after an import, waits for nothing.
  await ifThere(() => finish(parts, parent.runId, runId, outcome));
  await ledger.submit(runId, { type: "tell_parent" }, engine);
};

/**
 * Its parent may have ended between the moment at which it was recorded there and the one at which it was made: then nobody
 * works for it.
 */
export const endOrphan = async ({ ledger }: Pick<Parts, "ledger">, runId: string): Promise<void> => {
  const run = await ledger.load(runId);
  const { parent: link } = run;
  if (link === null || isTerminal(run)) return;
  const parent = await ifThere(() => ledger.load(link.runId));
  if (parent === undefined || openChildren(parent).some(({ child }) => child.childId === runId)) return;
  await cancelled(ledger, run, parent.runId);
};

/** A person may end it at the same moment, which is as well; and erase it, then there is nothing left of it. */
const cancelled = (ledger: Ledger, run: Run, parentId: string): Promise<Run | undefined> => {
  const { runId, sessionKey } = run;
  const system = ledger.issue({ name: "system", role: "orchestrator", sessionKey });
  const reason = `Nobody waits for it any more in run "${parentId}", which started it.`;
  return ifThere(async () => {
    try {
      return (await ledger.submit(runId, { type: "cancel_run", reason }, system)).run;
    } catch (error) {
      if (isLedgerError(error, "run_terminal")) return ledger.load(runId);
      throw error;
    }
  });
};

const finish = (
  { ledger, engine }: Told,
  parentId: string,
  childId: string,
  outcome: ChildOutcome,
): Promise<unknown> => ledger.submit(parentId, { type: "finish_child", childId, outcome }, engine);

/** Of one that was erased there is nothing left to read or to say, nor of one that is not here. */
const ifThere = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await work();
  } catch (error) {
    if (isLedgerError(error, "run_erased") || isLedgerError(error, "run_not_found")) return undefined;
    throw error;
  }
};

/** A run that another one has started. */
export type ListedChild = {
  readonly runId: string;
  readonly name: string;
  readonly stepId: string;
  readonly attempt: number;
  /** Null where there is no race. */
  readonly candidate: number | null;
  readonly startedAt: string;
  /** As that run stands now; null when it is not here. */
  readonly status: RunStatus | null;
  /** Its parent knows what became of it. */
  readonly finished: boolean;
};

/** So many events at a time. */
const PAGE = 250;

/** All that the attempts of a run have started, in that order. */
export const listChildren = async (ledger: Ledger, runId: string): Promise<readonly ListedChild[]> => {
  await ledger.load(runId);
  const found = new Map<string, ListedChild>();
  for (let after = 0; ; ) {
    const events = await ledger.events(runId, after, PAGE);
    for (const event of events) {
      if (event.type === "child_started") found.set(event.payload.childId, await listed(ledger, event));
      const known = event.type === "child_finished" ? found.get(event.payload.childId) : undefined;
      if (known !== undefined) found.set(known.runId, { ...known, finished: true });
    }
    if (events.length < PAGE) return [...found.values()];
    after += events.length;
  }
};

const listed = async (
  { store }: Ledger,
  { attempt, at, payload }: Extract<StoredEvent, { type: "child_started" }>,
): Promise<ListedChild> => ({
  runId: payload.childId,
  name: payload.name,
  stepId: payload.stepId,
  attempt,
  candidate: payload.candidate ?? null,
  startedAt: at,
  status: (await store.runRow(payload.childId))?.status ?? null,
  finished: false,
});
