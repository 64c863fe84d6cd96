import type { Caller } from "../core/commands.js";
import { isStalePause, requireRole } from "../core/decide/guards.js";
import * as limit from "../core/limits.js";
import { type ResumeIntent, resumeIntent } from "../core/resume-intent.js";
import type { Run } from "../core/run.js";
import type { Ledger } from "../ledger/ledger.js";

export type ResumeCandidate = {
  readonly runId: string;
  readonly goal: string;
  readonly pausedAt: string;
  /** What it says of its pause. */
  readonly reason: string;
  /** It was paused on request for longer than `runLedger.staleTtl`: only a person may resume it, by name. */
  readonly stale: boolean;
};

export type ResumeReply = {
  readonly intent: ResumeIntent;
  /** The run that is meant; null when there is none, or several. */
  readonly run: ResumeCandidate | null;
  /**
   * Why there is none: the message asks for nothing; nothing of the session is paused, or not the run that it names; or for
   * too long; or the host must ask which.
   */
  readonly why: "no_intent" | "nothing_paused" | "stale" | "several" | null;
  /** All paused runs of the session, newest first. */
  readonly candidates: readonly ResumeCandidate[];
};

/** What a host asks when somebody writes to it while runs of theirs are paused. */
export interface Resumer {
  /** Which run of the caller's session the message means. Changes nothing. */
  read(caller: Caller, message: string): Promise<ResumeReply>;
  /** The same, and resumes that run; whoever drives it is the host's to say. Throws what `resume_run` refuses. */
  resume(caller: Caller, message: string): Promise<ResumeReply & { readonly resumed: Run | null }>;
}

export const createResumer = ({ ledger }: { readonly ledger: Ledger }): Resumer => {
  const read: Resumer["read"] = async (unchecked, message) => {
    const caller = ledger.check(unchecked);
    requireRole(caller, "resume a run", "orchestrator", "human");
    const intent = resumeIntent(message);
    const candidates = await pausedRuns(ledger, caller.sessionKey);
    return { intent, candidates, ...chosen(intent, message, candidates) };
  };
  return {
    read,
    resume: async (caller, message) => {
      const reply = await read(caller, message);
      if (reply.run === null) return { ...reply, resumed: null };
      const command = { type: "resume_run", reason: message, overrideStale: false } as const;
      return { ...reply, resumed: (await ledger.submit(reply.run.runId, command, caller)).run };
    },
  };
};

const RUN_IDS = /\brun_[0-9a-f]+/g;

const chosen = (
  intent: ResumeIntent,
  message: string,
  candidates: readonly ResumeCandidate[],
): Pick<ResumeReply, "run" | "why"> => {
  if (intent !== "resume") return { run: null, why: "no_intent" };
  const names: readonly string[] = message.toLowerCase().match(RUN_IDS) ?? [];
  // Who names a run means that one: another is not resumed in its place.
  const meant = names.length > 0 ? candidates.filter(({ runId }) => names.includes(runId)) : candidates;
  if (meant.length === 0) return { run: null, why: "nothing_paused" };
  const fresh = meant.filter(({ stale }) => !stale);
  const [only] = fresh;
  if (only === undefined) return { run: null, why: "stale" };
  return fresh.length > 1 ? { run: null, why: "several" } : { run: only, why: null };
};

/** Filtered by session before it is limited; runs of hosts are theirs to resume. */
const pausedRuns = async (ledger: Ledger, sessionKey: string): Promise<readonly ResumeCandidate[]> => {
  const query = {
    statuses: ["paused"],
    sessionKey,
    mirrored: false,
    limit: limit.RESUME_CANDIDATES,
  } as const;
  const found: ResumeCandidate[] = [];
  for (const { runId } of await ledger.list(query)) {
    const run = await ledger.load(runId);
    if (run.state.status !== "paused") continue;
    const { since, message } = run.state;
    const stale = isStalePause(run, Date.parse(ledger.now()), ledger.rules.staleTtlMs);
    found.push({ runId, goal: run.goal, pausedAt: since, reason: message, stale });
  }
  return found;
};
