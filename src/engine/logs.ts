import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../core/canonical.js";
import { noSuchStep } from "../core/decide/guards.js";
import { LedgerError } from "../core/errors.js";
import { PLANNING_STEP } from "../core/planning.js";
import { shownCandidate, workedStep } from "../core/race.js";
import { findStep } from "../core/run.js";
import type { Verdict } from "../core/verdict.js";
import { isId } from "../core/wire.js";
import type { Ledger } from "../ledger/ledger.js";

/** One try at a step, of a raced one by one of its candidates. */
export type AttemptOfStep = {
  readonly runId: string;
  readonly stepId: string;
  readonly attempt: number;
  /** Null where there is no race. */
  readonly candidate: number | null;
};

export type StepLogs = {
  readonly attempt: number;
  /** Of a raced step the candidate whose words these are; null where there is no race. */
  readonly candidate: number | null;
  /** Path of what the agent said; null when it said nothing here. */
  readonly agentLog: string | null;
  /** The last verdict on that attempt; its `log` names the judge's whole output. */
  readonly verdict: Verdict | null;
};

const READ_BATCH = 1_000;

/** A host may call its steps anything, also a path to what is none of theirs. */
export const agentLogFile = (
  logFolder: string,
  { runId, stepId, attempt, candidate }: AttemptOfStep,
): string => {
  const raced = candidate === null ? "" : `.${candidate}`;
  return join(logFolder, runId, `${isId(stepId) ? stepId : sha256(stepId)}.${attempt}${raced}.log`);
};

/** Runs that agents left something here for. */
export const loggedRuns = (logFolder: string): Promise<readonly string[]> =>
  readdir(logFolder).catch(() => []);

export const removeLogs = (logFolder: string, runId: string): Promise<void> =>
  rm(join(logFolder, runId), { recursive: true, force: true });

// Who said what in one attempt of a step: the agent (a file, written as it spoke) and the judge (a blob).
export const logsOf = async (
  ledger: Ledger,
  logFolder: string,
  { runId, stepId, attempt: given, candidate: which }: LogsAsked,
): Promise<StepLogs> => {
  const run = await ledger.load(runId);
  const step = findStep(run, stepId);
  if (step === undefined && stepId === PLANNING_STEP)
    return { ...(await logsOfPlanning(ledger, logFolder, { runId, attempt: given })), verdict: null };
  if (step === undefined) throw noSuchStep(run, stepId);
  if (given !== undefined && given > step.attempt)
    throw new LedgerError("attempt_not_found", `Step "${stepId}" has no attempt ${given}.`, {
      hint: `It was started ${step.attempt} ${step.attempt === 1 ? "time" : "times"}.`,
    });
  const attempt = given ?? step.attempt;
  const candidate = workedStep(step, which ?? shownCandidate(step)).candidate ?? null;
  const wanted = { runId, stepId, attempt, candidate };
  const file = agentLogFile(logFolder, wanted);
  const verdict = await verdictOf(ledger, wanted);
  return { attempt, candidate, agentLog: existsSync(file) ? file : null, verdict };
};

/** When the steps of the plan have taken the place of the one that made it. */
const logsOfPlanning = async (
  ledger: Ledger,
  logFolder: string,
  { runId, attempt: given }: { readonly runId: string; readonly attempt: number | undefined },
): Promise<Omit<StepLogs, "verdict">> => {
  let attempt = given ?? 1;
  for (let after = 0, isOver = given !== undefined; !isOver; ) {
    const events = await ledger.events(runId, after, READ_BATCH);
    for (const event of events) {
      if (event.type === "step_started" && event.payload.stepId === PLANNING_STEP) attempt = event.attempt;
      isOver ||= event.type === "plan_attached";
    }
    after += events.length;
    isOver ||= events.length < READ_BATCH;
  }
  const file = agentLogFile(logFolder, { runId, stepId: PLANNING_STEP, attempt, candidate: null });
  return { attempt, candidate: null, agentLog: existsSync(file) ? file : null };
};

export type LogsAsked = {
  readonly runId: string;
  readonly stepId: string;
  /** The last one when not given. */
  readonly attempt?: number;
  /** Of a raced step; the one that counts most when not given. */
  readonly candidate?: number;
};

/** From the journal: the run itself only keeps the newest. */
const verdictOf = async (
  ledger: Ledger,
  { runId, stepId, attempt, candidate }: AttemptOfStep,
): Promise<Verdict | null> => {
  let found: Verdict | null = null;
  for (let after = 0; ; ) {
    const events = await ledger.events(runId, after, READ_BATCH);
    for (const event of events)
      if ("attempt" in event && event.attempt === attempt && "verdict" in event.payload)
        if (event.payload.stepId === stepId && (event.payload.candidate ?? null) === candidate)
          found = event.payload.verdict;
    const last = events.at(-1);
    if (last === undefined) return found;
    after = last.seq;
  }
};
