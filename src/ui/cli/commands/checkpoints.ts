import {
  type Caller,
  formatSize,
  isLedgerError,
  type ListedCheckpoint,
  type ResumePoint,
  type RunLedger,
} from "../../../index.js";
import { agoOf } from "../describe.js";
import { EXIT } from "../exit-codes.js";
import { type Output, paint, printJson, printLine, say } from "../output.js";
import { type Cell, printTable } from "../table.js";

export const listCheckpoints = async (app: RunLedger, output: Output, runId: string): Promise<number> => {
  const checkpoints = await app.checkpoints(runId);
  if (output.json) printJson(output, { runId, checkpoints });
  else
    await printTable(output, {
      head: ["", "CHECKPOINT", "TAKEN", "WHY", "STEP", "TURN", "EVENT", "SIZE", "SEAL"],
      rows: checkpoints.map((one) => [
        MARKS[checkpointState(one)],
        { text: one.id, id: true },
        agoOf(one.at),
        one.reason,
        stepOf(one),
        { text: one.turn === 0 ? "" : String(one.turn), right: true },
        { text: String(one.eventLogPosition), right: true },
        { text: one.bytes === null ? "" : formatSize(one.bytes), right: true },
        one.why ?? "holds",
      ]),
      empty: `Run "${runId}" has no checkpoint.`,
    });
  return EXIT.done;
};

const MARKS: Readonly<Record<CheckpointState, Cell>> = {
  good: { text: "✔", style: "green" },
  broken: { text: "✘", style: "red" },
  thinned: { text: "–", style: "grey" },
};

type CheckpointState = "good" | "broken" | "thinned";

const checkpointState = ({ holds, thinned }: ListedCheckpoint): CheckpointState =>
  holds ? "good" : thinned ? "thinned" : "broken";

const stepOf = ({ of }: ListedCheckpoint): string =>
  of === null ? "" : `${of.stepId}/${of.attempt}${of.candidate === undefined ? "" : `.${of.candidate}`}`;

export const takeCheckpoint = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
): Promise<number> => {
  const sealed = await app.checkpoint(caller, runId);
  if (output.json) {
    const checkpoints = sealed.map(({ id, of, turn, eventLogPosition, contentHash }) => ({
      ...{ id, of, turn, eventLogPosition, contentHash },
    }));
    printJson(output, { runId, checkpoints });
    return EXIT.done;
  }
  for (const { id, of, turn, eventLogPosition } of sealed) {
    printLine(output, id);
    const memory = of === null ? "no agent is at work" : `turn ${turn} of "${of.stepId}"`;
    say(output, `  The run as of event ${eventLogPosition}; ${memory}.`);
  }
  return EXIT.done;
};

/** Of attempts that were cut off, or work: newer checkpoints than the one that each goes on from, which do not hold. */
export const brokenCheckpoints = async (app: RunLedger, runId: string) => {
  try {
    return (await app.resumePoints(runId)).flatMap(({ stepId, attempt, candidate, from, broken }) =>
      broken.map(({ id, why }) => ({
        stepId,
        attempt,
        candidate,
        checkpoint: id,
        why,
        from: from?.checkpoint ?? null,
      })),
    );
  } catch (error) {
    // Of a plain run all but its checkpoints can be told without the root key.
    if (isLedgerError(error, "key_unavailable")) return [];
    throw error;
  }
};

type PassedOver = Awaited<ReturnType<typeof brokenCheckpoints>>[number];

export const passedOverWords = ({ stepId, checkpoint, why, from }: PassedOver): string =>
  `${stepId}: checkpoint ${checkpoint} ${why}; it goes on from ${from ?? "the journal alone"}`;

/** What an attempt goes on from, in a line; and each checkpoint that could not be used. */
export const resumeLines = (output: Output, { stepId, from, broken }: ResumePoint): readonly string[] => [
  ...broken.map(({ id, why }) => `${paint(output, "red", "✘")} ${stepId}: checkpoint ${id} ${why}`),
  from === null
    ? `${paint(output, "blue", "▶")} ${stepId}: no checkpoint holds; from its first line, what was recorded is read back`
    : `${paint(output, "blue", "▶")} ${stepId}: from turn ${from.turn}, checkpoint ${from.checkpoint}`,
];
