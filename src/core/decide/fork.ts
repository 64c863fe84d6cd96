import { type OpenChild, openChildren } from "../children.js";
import { LedgerError } from "../errors.js";
import type { StoredEvent } from "../events.js";
import { evolve } from "../evolve.js";
import { named } from "../race.js";
import { type BlockedTeammate, isTerminal, type Run } from "../run.js";
import {
  alreadyDone,
  type Decided,
  type Decider,
  requireDrivenHere,
  requirePlanned,
  requireRole,
  requireSession,
  runNotFound,
} from "./guards.js";

// A fork begins anew under its own name and takes over the past of another run, so whatever was verified up to there
// stays verified. Sequence numbers stay as they were: verdicts name the proposals they judged by them.
export const forkRun: Decider<"fork_run"> = ({ from, seq }, run, { caller, history = [] }) => {
  requireRole(caller, "fork a run", "orchestrator", "human");
  if (run !== undefined) return requireSameFork(run, from, seq);
  const [first] = history;
  if (first?.type !== "run_created") throw runNotFound(from);
  const { source, last } = takenOver(history, seq);
  requireSession(source, caller);
  requireDrivenHere(source);
  requirePlanned(source);
  if (!source.workspaceIsolation)
    throw new LedgerError("invalid_input", `Run "${from}" worked in the project folder itself.`, {
      hint: "Only a run with workspace isolation can be forked: its folder cannot be put back to an earlier state.",
    });
  if (isTerminal(source))
    throw new LedgerError(
      "run_terminal",
      `Run "${from}" is over at event ${last.seq}; nothing could go on.`,
      {
        hint: `Fork it at an earlier event; they are listed by: runledger journal ${from}`,
      },
    );
  const forkedFrom = { runId: from, seq: last.seq, hash: last.hash };
  return [
    { type: "run_created", version: 4, payload: { ...first.payload, forkedFrom, parent: null } },
    ...history.slice(1, last.seq).map(asTakenOver),
    ...source.blockedTeammates.map(leftBehind),
    ...openChildren(source).map(childLeftBehind),
  ];
};

/** Who is blocked there works there; nobody waits for anything here. */
const leftBehind = ({ grantRequestId, agent }: BlockedTeammate): Decided => ({
  type: "teammate_approval_unblocked",
  version: 1,
  payload: { grantRequestId, agent, outcome: "withdrawn" },
});

/** It works for the run that started it. Whoever waits for it here is told so, and may start one of their own. */
const childLeftBehind = ({ step, child }: OpenChild): Decided => ({
  type: "child_finished",
  version: 1,
  attempt: step.attempt,
  payload: {
    stepId: step.spec.id,
    ...named(step),
    position: child.position,
    childId: child.childId,
    outcome: { kind: "left_behind" },
  },
});

/** The same fork asked for again changes nothing. */
const requireSameFork = (run: Run, from: string, seq: number | null) => {
  const { forkedFrom } = run;
  if (forkedFrom?.runId === from && (seq === null || forkedFrom.seq === seq)) return alreadyDone;
  throw new LedgerError("run_exists", `Run "${run.runId}" exists already, with another past.`, {
    hint: "Give the fork another id, or none.",
  });
};

/** The past up to `seq`, or as far as something could still go on. */
const takenOver = (
  history: readonly StoredEvent[],
  seq: number | null,
): { readonly source: Run; readonly last: StoredEvent } => {
  let source: Run | undefined;
  let last: StoredEvent | undefined;
  for (const event of history.slice(0, seq ?? history.length)) {
    const next = evolve(source, event);
    if (seq === null && isTerminal(next)) break;
    source = next;
    last = event;
  }
  if (source === undefined || last === undefined || (seq !== null && last.seq !== seq))
    throw new LedgerError("invalid_input", `There is no event ${seq}; the run has ${history.length}.`, {
      hint: "`runledger journal` lists them.",
    });
  return { source, last };
};

const asTakenOver = (event: StoredEvent): Decided => {
  const { runId: _run, seq: _seq, position: _position, prevHash: _prev, hash: _hash, ...taken } = event;
  // Leases are counted for each run, so the number of a lost one means nothing here.
  if (taken.type === "worker_lost") return { ...taken, payload: { ...taken.payload, epoch: 0 } };
  return taken;
};
