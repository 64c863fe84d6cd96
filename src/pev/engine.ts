import { realpath } from "node:fs/promises";
import { availableParallelism } from "node:os";
import type { Caller, Command } from "../core/commands.js";
import { type ErrorCode, isLedgerError, LedgerError } from "../core/errors.js";
import type { Capture } from "../core/events.js";
import { nextActions } from "../core/next.js";
import { named, workedStep, workedSteps } from "../core/race.js";
import { findStep, isTerminal, type Run, type WorkedStep } from "../core/run.js";
import type { Plan, ValidatorSpec } from "../core/spec.js";
import { holdLease } from "../ledger/lease.js";
import type { Ledger } from "../ledger/ledger.js";
import { allEnded } from "./all-ended.js";
import { coneOf } from "./cone.js";
import { once } from "./once.js";
import type { Project } from "./project.js";
import { inTurns } from "./turns.js";
import { underEither } from "./under-either.js";
import type { StepWorkspace } from "./workspaces.js";

/** Propose, evidence, verify (seed 002): the only part of RunLedger that may record a verdict. */
export interface Pev {
  readonly project: Project;
  /** The commit a new run starts from; null without workspace isolation. */
  captureBase(runId: string, options: BaseOptions): Promise<string | null>;
  /** Refuses a plan whose held-out tests are not there, or not out of the sight of agents, and one that nobody could judge here. */
  requireJudgeable(plan: Plan): Promise<void>;
  /** The folder in which the owner agent of a step works; made when it is not there. Aborted, it throws the signal's reason. */
  openWorkspace(run: Run, step: WorkedStep, signal: AbortSignal): Promise<StepWorkspace>;
  /** Its agent is gone, and what it left there is not wanted any more. */
  discardWorkspace(runId: string, step: WorkedStep): Promise<void>;
  /** What the agent made of it, as a commit in the private store. */
  capture(run: Run, step: WorkedStep): Promise<Capture>;
  /** Clears away what dead processes of ours left, once in the life of this one. */
  reclaim(): Promise<unknown>;
  /** Ends what a lost worker of this run left running, and its rooms; the speaker holds the run's lease. */
  stopProcesses(runId: string): Promise<void>;
  /**
   * Somebody drives the run here until the answer is called: until then nothing that has served is deleted. The last one to
   * leave waits for that.
   */
  attend(runId: string): () => Promise<void>;
  /** While agents work: begins a room for the run's next verdict. */
  prepareRoom(run: Run): void;
  /**
   * Judges one proposal, of a raced step that of a candidate, and records the verdict; the speaker holds the run's lease.
   * Aborted, it records nothing.
   */
  verify(runId: string, proposed: Proposed, holding: Holding): Promise<Run>;
  verifyCriterion(runId: string, index: number, holding: Holding): Promise<Run>;
  /** Judges whatever is due, or waits for whoever holds the lease to do it, at most `timeoutMs` and until it is interrupted. */
  settle(runId: string, timeoutMs: number): Promise<Run>;
  /** Until nothing is laid out ahead and nothing waits to be deleted any more. */
  close(): Promise<void>;
}

export type Proposed = { readonly stepId: string; readonly candidate?: number };

/** Whoever records a verdict holds the run's lease; the signal stops the judge. */
export type Holding = {
  readonly epoch: number;
  readonly signal: AbortSignal;
  /** Who still has an agent in its workspace will discard that itself, when the agent is gone; nobody when not given. */
  readonly isAtWork?: (candidate: number) => boolean;
};

export type BaseOptions = {
  /** Paths whose changes do not count as a dirty checkout. */
  readonly allowDirty: readonly string[];
  readonly includeUncommitted: boolean;
};

// What reads and judges folders is loaded with the first work on one: most commands only read the journal.
const checkout = () => import("./checkout.js");
const judging = () => import("./judging.js");
const takeover = () => import("./takeover.js");
const workspaces = () => import("./workspaces.js");

/**
 * Cloning and capturing are all disk and processor: hundreds at once would finish none of them sooner, run out of files,
 * and leave nothing for the judge that everybody waits for. So many always, that a slow set-up does not hold up the rest.
 */
const COPYING_MIN = 4;

/** A lease of a caller that only verifies: long enough for a heartbeat to be late. */
const SETTLE_LEASE_MS = 30_000;

type PevOptions = {
  readonly ledger: Ledger;
  /** The engine's own credential; nobody else has one. */
  readonly engine: Caller;
  readonly project: Project;
  /** Aborted, nothing more is settled. */
  readonly interrupted: AbortSignal;
};

export const createPev = (options: PevOptions): Pev => {
  const { ledger, engine, project } = options;
  const upkeep = upkeepOf(project);
  const copying = inTurns(Math.max(COPYING_MIN, availableParallelism()));
  const reclaim = once(async () => (await import("./leftovers.js")).reclaimLeftovers(ledger, project));

  const record = async (seen: Run, command: Command, { epoch, signal }: Holding): Promise<Run> => {
    const { runId } = seen;
    if (signal.aborted) return ledger.load(runId);
    try {
      return (await ledger.submit(runId, command, engine, { epoch })).run;
    } catch (error) {
      if (!isLedgerError(error) || error.kind !== "refused") throw error;
      const now = await ledger.load(runId);
      // Somebody cancelled the run or answered the step while it was judged: the verdict comes too late. On the very run
      // that was judged it would be refused for ever.
      if (now.seq === seen.seq) throw error;
      return now;
    }
  };

  const verify: Pev["verify"] = async (runId, { stepId, candidate }, holding) => {
    const run = await ledger.load(runId);
    const whole = findStep(run, stepId);
    const step = whole && workedStep(whole, candidate);
    if (step?.state.status !== "verify_pending") return run;
    const { judgeProposal } = await judging();
    const verdict = await judgeProposal(project, run, step, holding.signal);
    const round = step.state.errors;
    const recorded = await record(
      run,
      { type: "record_verdict", stepId, ...named(step), verdict, round },
      holding,
    );
    // Of a run that is completed everything goes.
    if (recorded.state.status !== "completed") await discardWorkOf(project, recorded, stepId, holding);
    return tidied(project, recorded);
  };

  const verifyCriterion: Pev["verifyCriterion"] = async (runId, index, holding) => {
    const run = await ledger.load(runId);
    const state = run.criteria[index]?.state;
    if (state?.status !== "unchecked") return run;
    const { judgeCriterion } = await judging();
    const verdict = await judgeCriterion(project, run, index, holding.signal);
    const command = { type: "record_criterion_verdict", index, verdict, round: state.errors } as const;
    return tidied(project, await record(run, command, holding));
  };

  return {
    project,
    ...beginningOf(project),
    openWorkspace: openingWorkspaces(project, reclaim, copying),
    capture: async (run, step) =>
      run.workspaceIsolation ? copying(() => captureStep(project, run, step)) : NOTHING_CAPTURED,
    reclaim,
    stopProcesses: async (runId) => (await takeover()).stopProcessesOf(project, runId),
    ...upkeep,
    verify,
    verifyCriterion,
    settle: settling({ ...options, attend: upkeep.attend, reclaim, verify, verifyCriterion }),
  };
};

type Settling = PevOptions & Pick<Pev, "attend" | "reclaim" | "verify" | "verifyCriterion">;

const settling = (by: Settling): Pev["settle"] => {
  const { ledger, engine, project, interrupted } = by;
  return async (runId, timeoutMs) => {
    await by.reclaim();
    const until = performance.now() + timeoutMs;
    for (;;) {
      const run = await ledger.load(runId);
      const action = nextActions(run).find((one) => one.kind === "verify" || one.kind === "verify_criterion");
      const leftMs = Math.ceil(until - performance.now());
      if (action === undefined || isTerminal(run) || leftMs <= 0 || interrupted.aborted) return run;
      const lease = await holdLease(ledger.store, runId, SETTLE_LEASE_MS);
      if (lease === undefined) {
        await ledger.changed(runId, run.seq, leftMs, interrupted);
        continue;
      }
      const leave = by.attend(runId);
      const { epoch, lost } = lease;
      try {
        if (lease.takenFrom !== null) {
          await (await takeover()).stopProcessesOf(project, runId);
          await ledger.submit(runId, { type: "worker_lost", ...lease.takenFrom }, engine, { epoch });
        }
        await underEither([lost, interrupted], (signal) =>
          action.kind === "verify"
            ? by.verify(runId, action, { epoch, signal })
            : by.verifyCriterion(runId, action.index, { epoch, signal }),
        );
      } catch (error) {
        if (!isLedgerError(error, "lease_lost")) throw error;
      } finally {
        // Whoever asked for a verdict has it; nobody waits for what it leaves.
        void leave();
        await lease.release();
      }
    }
  };
};

/** What a completed step was worked on in, by all who raced for it. */
const discardWorkOf = async (
  project: Project,
  run: Run,
  stepId: string,
  { isAtWork = () => false }: Holding,
): Promise<void> => {
  const step = findStep(run, stepId);
  if (step?.state.status !== "completed") return;
  const { disposeWorkspaces } = await workspaces();
  for (const worked of workedSteps(step))
    if (worked.candidate === undefined || !isAtWork(worked.candidate))
      await disposeWorkspaces(project, run.runId, worked);
};

/** Folders of skipped and decomposed steps stay until then: somebody may want to look into them. */
const tidied = async (project: Project, run: Run): Promise<Run> => {
  if (run.state.status === "completed") await (await workspaces()).disposeWorkspaces(project, run.runId);
  return run;
};

/** Folders of rooms and workspaces before and after their use. */
const upkeepOf = (project: Project): Pick<Pev, "attend" | "prepareRoom" | "discardWorkspace" | "close"> => {
  const { roomsAhead, disposal } = project;
  return {
    attend: (runId) => {
      const release = disposal.hold();
      return async () => {
        await roomsAhead?.drop(runId);
        await release();
      };
    },
    prepareRoom: ({ runId, head }) => {
      if (head !== null) void roomsAhead?.prepare(runId, head);
    },
    discardWorkspace: async (runId, step) => (await workspaces()).disposeWorkspaces(project, runId, step),
    close: async () => {
      await roomsAhead?.close();
      await disposal.settle();
    },
  };
};

/** Cloning takes a while; whoever asks again meanwhile must get the same folder. */
const openingWorkspaces = (
  project: Project,
  reclaim: Pev["reclaim"],
  copying: ReturnType<typeof inTurns>,
): Pev["openWorkspace"] => {
  const openings = new Map<string, Promise<StepWorkspace>>();
  const open: Pev["openWorkspace"] = async (run, step, signal) => {
    signal.throwIfAborted();
    await reclaim();
    return (await workspaces()).openStepWorkspace(project, run, step, signal);
  };
  return (run, step, signal) => {
    const key = [run.runId, step.spec.id, step.candidate].join(" ");
    const begin = () => open(run, step, signal);
    const opening = openings.get(key) ?? (run.workspaceIsolation ? copying(begin) : begin());
    openings.set(key, opening);
    return opening.finally(() => openings.delete(key));
  };
};

/** What a run needs before its first event. */
const beginningOf = (project: Project): Pick<Pev, "captureBase" | "requireJudgeable"> => ({
  captureBase: (runId, options) => baseOf(project, runId, options),
  requireJudgeable: async ({ steps, acceptanceCriteria }) => {
    const validators = [...steps, ...acceptanceCriteria].map(({ validator }) => validator);
    await requireHeldOut(project, validators);
    await requireChangesSeen(project, validators);
  },
});

const baseOf = async (project: Project, runId: string, options: BaseOptions): Promise<string | null> => {
  const { store, folder, ownFiles, cone, isolation, redactor } = project;
  await isolation.level(store !== null);
  if (store === null) return null;
  await requireTopLevel(folder);
  const allowDirty = [...ownFiles, ...options.allowDirty];
  const { captureBase, requireFolders } = await checkout();
  const captured = await captureBase({ store, projectDir: folder, runId, ...options, allowDirty, redactor });
  await requireFolders(store, captured.commit, cone.folders);
  return captured.commit;
};

const requireHeldOut = async (project: Project, validators: readonly ValidatorSpec[]): Promise<void> => {
  const folders = validators.flatMap((one) => (one.type === "test_pass" ? (one.params.heldOut ?? []) : []));
  if (folders.length === 0) return;
  const { readHeldOut } = await import("./held-out.js");
  for (const folder of new Set(folders)) await readHeldOut(project, folder);
};

/** Without workspace isolation the project folder has changed in what git would show the user: where it can show nothing, nobody could say. */
const requireChangesSeen = async (
  { store, folder }: Project,
  validators: readonly ValidatorSpec[],
): Promise<void> => {
  if (store !== null || !validators.some(({ type }) => type === "file_changed")) return;
  const { userGit } = await import("./user-git.js");
  try {
    await userGit(folder);
  } catch (cause) {
    if (!isLedgerError(cause) || !NO_REPOSITORY.includes(cause.code)) throw cause;
    throw new LedgerError(cause.code, `${cause.message} So nobody could judge file_changed there.`, {
      hint: "Judge by command_pass or artifact_exists, or make an ordinary repository: `git init` and a first commit.",
      details: { path: folder },
      cause,
    });
  }
};

/** What `userGit` refuses a folder with. */
const NO_REPOSITORY: readonly ErrorCode[] = ["not_a_repository", "unsupported_repository"];

// Plans, globs and shared paths are all seen from the top of the repository, in clones and rooms too.
const requireTopLevel = async (folder: string): Promise<void> => {
  const { userGit } = await import("./user-git.js");
  const { topLevel } = await userGit(folder);
  if (topLevel === (await realpath(folder))) return;
  throw new LedgerError(
    "unsupported_repository",
    `${folder} is not the top of its repository (${topLevel}).`,
    {
      hint: "Put runledger.yaml into the top folder of the repository.",
    },
  );
};

/** Without workspace isolation agents work in the project's own folder. */
const NOTHING_CAPTURED: Capture = { base: null, tree: null, commit: null, patch: null, filesChanged: null };

const captureStep = async (project: Project, run: Run, step: WorkedStep): Promise<Capture> => {
  const { store } = project;
  if (store === null) return NOTHING_CAPTURED;
  const { captureTree } = await import("./capture.js");
  const { commitTree, keep, patchBetween } = await import("./objects.js");
  const { requireStepWorkspace } = await workspaces();
  const { folder, base, laid } = await requireStepWorkspace(project, run, step);
  const { validator } = step.spec;
  const alsoPaths = validator.type === "artifact_exists" ? [validator.target] : [];
  const { tree, changed } = await captureTree({
    store,
    folder,
    baseCommit: base,
    alsoPaths,
    leftOut: laid.included,
    cone: coneOf(laid.sparse),
    redactor: project.redactor,
  });
  const commit = await commitTree({
    store,
    tree,
    parent: base,
    message: `Proposal for ${step.spec.id}\n`,
    at: run.updatedAt,
  });
  const patchOf = async () => (changed.length === 0 ? Buffer.alloc(0) : patchBetween(store, base, commit));
  const [, { patch, patchBytes }] = await allEnded([
    keep(store, run.runId, commit),
    patchOf().then(async (bytes) => ({
      patch: await project.putBlob(bytes, run.runId),
      patchBytes: bytes.length,
    })),
  ]);
  return { base, tree, commit, patch, filesChanged: changed.length, patchBytes };
};
