import type { Caller } from "../../core/commands.js";
import {
  type CompletedHandoff,
  type CompleteHandoffInput,
  type CreateCheckpointInput,
  type CreatedCheckpoint,
  type EndedRun,
  type EndRunInput,
  type HandoffInput,
  type OpenedHandoff,
  type RecordArtifactInput,
  type RecordEventInput,
  type RecordedArtifact,
  type RecordedEvent,
  type ResumeRunInput,
  RunEventsInput,
  RunInput,
  type StartedRun,
  type StartRunInput,
} from "../../core/tracked-wire.js";
import type { Verification } from "../../ledger/verify/verify.js";
import { loadTracked, readInput, requireOwnRow } from "./asked.js";
import type { ContextParts, ResumeContext } from "./context.js";
import { type OpensKeys, recording } from "./recording.js";
import { resuming } from "./resuming.js";
import { type ListedRunEvents, type RunTold, runEvents, tellRun } from "./told.js";
import { type VerifiedRun, verifiedRun } from "./verified.js";

/** What the client of a run without a plan does, in process and over HTTP alike (seed 000). */
export interface TrackedRuns {
  /** Throws `run_not_found` for a parent that is not there. */
  startRun(input: StartRunInput): Promise<StartedRun>;
  /** Throws `invalid_input` for event types that only the ledger itself may record. */
  recordEvent(input: RecordEventInput): Promise<RecordedEvent>;
  recordArtifact(input: RecordArtifactInput): Promise<RecordedArtifact>;
  createCheckpoint(input: CreateCheckpointInput): Promise<CreatedCheckpoint>;
  /** Throws `run_terminal` for a run that is over, `checkpoint_not_found` for a checkpoint of another run. */
  resumeRun(input: ResumeRunInput): Promise<ResumeContext>;
  getRun(input: RunInput): Promise<RunTold>;
  /** All of them without a limit; otherwise a page, and where the next one begins. */
  getRunEvents(input: RunEventsInput): Promise<ListedRunEvents>;
  /** Checks all that is kept of it against its journal, and the runs that it goes on from. Changes nothing. */
  verifyRun(input: RunInput): Promise<VerifiedRun & Required<RunInput>>;
  handoff(input: HandoffInput): Promise<OpenedHandoff>;
  completeHandoff(input: CompleteHandoffInput): Promise<CompletedHandoff>;
  completeRun(input: EndRunInput): Promise<EndedRun>;
  failRun(input: EndRunInput): Promise<EndedRun>;
}

export type TrackedParts = ContextParts & {
  /** Takes a checkpoint when the run has come to a boundary, as the settings say. */
  readonly signIfDue: (runId: string) => Promise<void>;
  readonly verify: (runId: string) => Promise<Verification>;
};

export const trackedRuns = (parts: TrackedParts, caller: Caller, opens: OpensKeys = {}): TrackedRuns => ({
  ...recording(parts, caller, opens),
  ...resuming(parts, caller),
  getRun: async (input) => {
    const { runId } = readInput(RunInput, input, "getRun");
    return tellRun(parts, await loadTracked(parts.ledger, caller, runId));
  },
  verifyRun: async (input) => {
    const { runId } = readInput(RunInput, input, "verifyRun");
    // A journal that cannot be read is what is asked about: whose run it is, its row in the list says.
    await requireOwnRow(parts.ledger, caller, runId);
    return { runId, ...verifiedRun(await parts.verify(runId)) };
  },
  getRunEvents: async (input) => {
    const asked = readInput(RunEventsInput, input, "getRunEvents");
    return runEvents(parts.ledger, await loadTracked(parts.ledger, caller, asked.runId), asked);
  },
});
