import { type Budget, type BudgetKind, budgetKinds } from "./budget-shape.js";
import { formatDuration } from "./duration.js";
import { LedgerError } from "./errors.js";
import type { EventBody, JournalEvent } from "./events.js";
import type { Run, Step } from "./run.js";
import { usageOfRun } from "./usage.js";

/** What a run knows of its budget beside the settings. */
export type BudgetState = {
  /** As a person has set it for this run; it counts instead of the settings. */
  readonly set: Budget;
  /** The limits of which it was said that they come near. */
  readonly warned: Budget;
  readonly attempts: number;
  readonly pausedMs: number;
};

export const noBudget: BudgetState = { set: {}, warned: {}, attempts: 0, pausedMs: 0 };

/** From here on it is said that a limit comes near. */
const SOFT_PERCENT = 80;

export type BudgetUse = { readonly kind: BudgetKind; readonly limit: number; readonly used: number };

/** What holds of a run as of that moment; nothing where nobody has set a limit. */
export const budgetUse = (run: Run, settings: Budget | undefined, at: string): readonly BudgetUse[] => {
  const limits: Budget = { ...settings, ...run.budget.set };
  const kinds = budgetKinds.filter((kind) => limits[kind] !== undefined);
  if (kinds.length === 0) return [];
  const usage = usageOfRun(run);
  const used = {
    tokens: usage.tokensIn + usage.tokensOut + usage.uncountedTokens,
    nanoUsd: usage.nanoUsd + usage.uncountedNanoUsd,
    timeMs: workedMs(run, at),
    attempts: run.budget.attempts,
  };
  return kinds.map((kind) => ({ kind, limit: limits[kind] ?? 0, used: used[kind] }));
};

const workedMs = ({ createdAt, budget, state }: Run, at: string): number =>
  Math.max(0, Date.parse(workedUntil(state, at)) - Date.parse(createdAt) - budget.pausedMs);

/** A run that waits for a person spends no time, and one that is over spends no more. */
const workedUntil = (state: Run["state"], at: string): string => {
  switch (state.status) {
    case "paused":
      return state.since;
    case "completed":
    case "failed":
      return state.at;
    default:
      return at;
  }
};

/** What somebody is about to spend. */
export type Asked = { readonly [K in BudgetKind]?: number | null };

/**
 * What is to be said of limits that come near. Throws `budget_exceeded` where less is left than is asked for, and where nobody
 * knows how much that is: what is unknown is not nothing.
 */
export const requireBudget = (
  run: Run,
  settings: Budget | undefined,
  at: string,
  asked: Asked,
): readonly EventBody[] =>
  budgetUse(run, settings, at)
    .filter(({ kind }) => kind === "timeMs" || asked[kind] !== undefined)
    .flatMap((use) => {
      const { kind, limit: most, used } = use;
      const more = kind === "timeMs" ? 0 : asked[kind];
      if (more === null || more === undefined) throw unbounded(run, use);
      if (used + more > most) throw exceeded(run, use, more);
      const isNear = (used + more) * 100 >= most * SOFT_PERCENT;
      if (!isNear || run.budget.warned[kind] === most) return [];
      return [
        { type: "budget_warned", version: 1, payload: { kind, limit: most, used: used + more } } as const,
      ];
    });

const WORDS: { readonly [K in BudgetKind]: (amount: number) => string } = {
  tokens: (amount) => `${amount} tokens`,
  nanoUsd: (amount) => `$${(amount / 1_000_000_000).toFixed(4)}`,
  timeMs: formatDuration,
  attempts: (amount) => `${amount} ${amount === 1 ? "attempt" : "attempts"}`,
};

/** An amount of that kind, in words. */
export const amountWords = (kind: BudgetKind, amount: number): string => WORDS[kind](amount);

const OPTIONS: { readonly [K in BudgetKind]: string } = {
  tokens: "--tokens N",
  nanoUsd: "--usd N",
  timeMs: "--time 2h",
  attempts: "--attempts N",
};

const exceeded = ({ runId }: Run, { kind, limit: most, used }: BudgetUse, more: number): LedgerError =>
  new LedgerError(
    "budget_exceeded",
    `The run's budget of ${amountWords(kind, most)} does not hold what comes next: ${amountWords(kind, used)} are used${more === 0 ? "" : `, and it may take ${amountWords(kind, more)}`}.`,
    {
      hint: `A person may raise it: runledger budget ${runId} ${OPTIONS[kind]}, then: runledger resume ${runId}`,
      details: { kind, limit: most, used, asked: more },
    },
  );

const PROGRAMS = "that of a program cannot say it, and needs a run without this limit";

const unbounded = ({ runId }: Run, { kind, limit: most, used }: BudgetUse): LedgerError =>
  new LedgerError(
    "budget_exceeded",
    `The run has a budget of ${amountWords(kind, most)}, and nobody knows how much the next call may take.`,
    {
      hint:
        kind === "nanoUsd"
          ? `Give its agent inputPrice, outputPrice and outputTokens, or its effect atMost with nanoUsd (${PROGRAMS}), then: runledger resume ${runId}`
          : `Give its agent outputTokens, or its effect atMost (${PROGRAMS}), then: runledger resume ${runId}`,
      details: { kind, limit: most, used, asked: null },
    },
  );

export const budgetSet = (run: Run, set: Budget): Run => ({
  ...run,
  budget: { ...run.budget, set: { ...run.budget.set, ...set } },
});

export const budgetWarned = (run: Run, kind: BudgetKind, most: number): Run => ({
  ...run,
  budget: { ...run.budget, warned: { ...run.budget.warned, [kind]: most } },
});

/** What a fork took over was another run's: its time, its attempts, what was refused in it. */
export const isOwn = ({ forkedFrom }: Run, { seq }: Pick<JournalEvent, "seq">): boolean =>
  forkedFrom === null || seq > forkedFrom.seq;

export const withAttempt = (run: Run, event: JournalEvent, before: Step | undefined, attempt: number): Run =>
  isOwn(run, event) && before?.attempt !== attempt
    ? { ...run, budget: { ...run.budget, attempts: run.budget.attempts + 1 } }
    : run;

export const withPause = (run: Run, event: JournalEvent): Run => {
  if (!isOwn(run, event) || run.state.status !== "paused") return run;
  // A fork takes over that its past was paused, and not how long.
  const sinceMs = Math.max(Date.parse(run.state.since), Date.parse(run.createdAt));
  const pausedMs = run.budget.pausedMs + Math.max(0, Date.parse(event.at) - sinceMs);
  return { ...run, budget: { ...run.budget, pausedMs } };
};
