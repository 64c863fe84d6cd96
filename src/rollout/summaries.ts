import { isStalePause } from "../core/decide/guards.js";
import { isActive, type Run, type RunStatus } from "../core/run.js";
import { whyRun } from "../core/why.js";
import { isId } from "../core/wire.js";
import type { Ledger } from "../ledger/ledger.js";

/** A prompt has room for what is at hand, not for a list; as many as seed 002's host put in. */
const SUMMARIES_MAX = 3;
/** One line of a prompt. */
const SUMMARY_CHARS = 400;
/** Of a goal, a step's goal or a blocker within it. */
const PART_CHARS = 110;
/** Sessions whose summaries are kept; a host serves more over its life, but not at once. */
const SESSIONS_KEPT = 200;
const RUNS_PER_PAGE = 50;
const ACTIVE: readonly RunStatus[] = ["planning", "running", "paused"];

/** For a session's prompt, one line for each of its active runs, newest first; at most SUMMARIES_MAX. */
export type ActiveRunSummaries = (sessionKey: string) => Promise<readonly string[]>;

type Kept = {
  readonly position: number;
  /** When one of the paused runs grows stale, in milliseconds since 1970. */
  readonly untilMs: number;
  readonly lines: readonly string[];
};

// Asked before every call of a model, so an answer is kept for as long as no event of any run has been appended since.
export const createSummaries = (parts: {
  readonly ledger: Ledger;
  /** Whether the ledger is what is read, as it is now. */
  readonly isOn: () => boolean;
  /** ISO 8601, UTC, milliseconds. */
  readonly now: () => string;
}): ActiveRunSummaries => {
  const { ledger, isOn, now } = parts;
  const kept = new Map<string, Kept>();
  return async (sessionKey) => {
    if (!isOn()) return [];
    const nowMs = Date.parse(now());
    // Before the runs are read: what is appended meanwhile makes the answer old, never wrongly new.
    const position = await ledger.store.position();
    const known = kept.get(sessionKey);
    if (known !== undefined && known.position === position && nowMs <= known.untilMs) return known.lines;
    const runs = await activeRuns(ledger, sessionKey, nowMs);
    const untilMs = Math.min(...runs.map((run) => staleAtMs(run, ledger.rules.staleTtlMs)));
    const lines = runs.map(lineOf);
    kept.delete(sessionKey);
    kept.set(sessionKey, { position, untilMs, lines });
    const [oldest] = kept.keys();
    if (kept.size > SESSIONS_KEPT && oldest !== undefined) kept.delete(oldest);
    return lines;
  };
};

/** Filtered first and limited then: three runs that are over or stale must not hide one that is at work. */
const activeRuns = async (ledger: Ledger, sessionKey: string, nowMs: number): Promise<readonly Run[]> => {
  const found: Run[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await ledger.list({
      statuses: ACTIVE,
      sessionKey,
      limit: RUNS_PER_PAGE,
      ...(after === undefined ? {} : { afterRunId: after }),
    });
    for (const { runId, quarantine } of page) {
      if (quarantine !== null) continue;
      // One that cannot be read is told elsewhere; the prompt goes on without it.
      const run = await ledger.load(runId).catch(() => undefined);
      if (run !== undefined && !isIdle(run, nowMs, ledger.rules.staleTtlMs)) found.push(run);
      if (found.length === SUMMARIES_MAX) return found;
    }
    after = page.at(-1)?.runId;
    if (page.length < RUNS_PER_PAGE) return found;
  }
};

/** Nobody makes its plan, or it was paused and forgotten. */
const isIdle = (run: Run, nowMs: number, staleTtlMs: number): boolean =>
  (run.state.status === "planning" && !isActive(run)) || isStalePause(run, nowMs, staleTtlMs);

const staleAtMs = ({ state }: Run, staleTtlMs: number): number =>
  state.status === "paused" && state.reason === "requested"
    ? Date.parse(state.since) + staleTtlMs
    : Number.POSITIVE_INFINITY;

const lineOf = (run: Run): string => {
  const waiting = whyRun(run, true);
  const current = run.steps.find(({ spec }) => spec.id === waiting.stepId) ?? run.steps.find(isUnderWay);
  const parts = [
    `${run.runId} (${run.state.status}): ${quotedPart(run.goal)}`,
    ...(current === undefined ? [] : [`step ${stepName(current.spec.id)}: ${quotedPart(current.spec.goal)}`]),
    ...(waiting.for === "person" ? [`blocked: ${quotedPart(waiting.sentence)}`] : []),
  ];
  return cut(parts.join("; "), SUMMARY_CHARS);
};

const isUnderWay = ({ state }: Run["steps"][number]): boolean =>
  state.status === "in_progress" || state.status === "racing" || state.status === "verify_pending";

/** Steps of hosts may be called anything. */
const stepName = (id: string): string => (isId(id) ? id : quotedPart(id));

/** Text of plans and agents stays one quoted piece of one line, whatever it holds: it is told, it does not speak. */
const quotedPart = (text: string): string =>
  `"${cut(text.replace(UNSEEN, " ").replace(/\s+/gu, " ").trim().replaceAll('"', "'").replace(/[`<>]/g, "'"), PART_CHARS)}"`;

/** Controls, and marks that hide text or turn its direction round. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

const cut = (text: string, chars: number): string => {
  const all = [...text];
  return all.length > chars ? `${all.slice(0, chars - 1).join("")}…` : text;
};
