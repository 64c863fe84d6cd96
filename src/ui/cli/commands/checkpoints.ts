import {
  type Caller,
  formatSize,
  isLedgerError,
  type ListedCheckpoint,
  type ResumePoint,
  type RunLedger,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, paint, printJson, printLine, say } from "../output.js";
import { type Cell, printTable } from "../table.js";
import { agoCell } from "../time-cells.js";

export const listCheckpoints = async (app: RunLedger, output: Output, runId: string): Promise<number> => {
  const checkpoints = await app.checkpoints(runId);
  if (output.json) printJson(output, { runId, checkpoints });
  else
    await printTable(output, {
      head: ["", "CHECKPOINT", "TAKEN", "WHY", "STEP", "TURN", "EVENT", "SIZE", "SIGNATURE"],
      rows: checkpoints.map((one) => [
        MARKS[checkpointState(one)],
        { text: one.id, id: true },
        agoCell(one.at),
        one.reason,
        stepOf(one),
        { text: one.turn === 0 ? "" : String(one.turn), right: true },
        { text: String(one.eventLogPosition), right: true },
        { text: one.bytes === null ? "" : formatSize(one.bytes), right: true },
        stateWords(one),
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

/** That one was passed over is told also of one whose bytes are gone by now, or were put back. */
const stateWords = ({ why, passedOver }: ListedCheckpoint): string => {
  const now = why ?? "holds";
  if (passedOver === null) return now;
  const then = passedOver.why === why ? "" : `: it ${passedOver.why}`;
  return `${now}; passed over at event ${passedOver.seq}${then}`;
};

const stepOf = ({ of }: ListedCheckpoint): string =>
  of === null ? "" : `${of.stepId}/${of.attempt}${of.candidate === undefined ? "" : `.${of.candidate}`}`;

export const takeCheckpoint = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
): Promise<number> => {
  const signed = await app.checkpoint(caller, runId);
  if (output.json) {
    const checkpoints = signed.map(({ id, of, turn, eventLogPosition, contentHash }) => ({
      ...{ id, of, turn, eventLogPosition, contentHash },
    }));
    printJson(output, { runId, checkpoints });
    return EXIT.done;
  }
  for (const { id, of, turn, eventLogPosition } of signed) {
    printLine(output, id);
    const memory = of === null ? "no agent is at work" : `turn ${turn} of "${of.stepId}"`;
    say(output, `  The run as of event ${eventLogPosition}; ${memory}.`);
  }
  return EXIT.done;
};

/**
 * Those that did not hold when an attempt went on, as the journal has it, and newer ones than what an attempt under way would go
 * on from now.
 */
export const brokenCheckpoints = async (app: RunLedger, runId: string): Promise<readonly Broken[]> => {
  const { passedOver } = await app.ledger.load(runId);
  const told = passedOver.flatMap(({ broken, stepId, attempt, candidate = null, from, seq }) =>
    broken.map(({ id, why }) => ({ stepId, attempt, candidate, checkpoint: id, why, from, seq })),
  );
  const known = new Set(told.map(({ checkpoint }) => checkpoint));
  return [...told, ...(await brokenNow(app, runId)).filter(({ checkpoint }) => !known.has(checkpoint))];
};

type Broken = Pick<ResumePoint, "stepId" | "attempt" | "candidate"> & {
  readonly checkpoint: string;
  readonly why: string;
  /** The one that the attempt went on from, or would. */
  readonly from: string | null;
  /** The event that says so; null when nobody has come past it yet. */
  readonly seq: number | null;
};

const brokenNow = async (app: RunLedger, runId: string): Promise<readonly Broken[]> => {
  try {
    return (await app.resumePoints(runId)).flatMap(({ stepId, attempt, candidate, from, broken }) =>
      broken.map(({ id: checkpoint, why }) => {
        return { stepId, attempt, candidate, checkpoint, why, from: from?.checkpoint ?? null, seq: null };
      }),
    );
  } catch (error) {
    // Of a plain run all but its checkpoints can be told without the root key.
    if (isLedgerError(error, "key_unavailable")) return [];
    throw error;
  }
};

/** A line for all that one attempt came past at once: where a store is gone they are many. */
export const passedOverLines = (broken: readonly Broken[]): readonly string[] => {
  const groups = new Map<string, Broken[]>();
  for (const one of broken) {
    const { stepId, attempt, candidate, from, seq } = one;
    const group = JSON.stringify([stepId, attempt, candidate, from, seq]);
    groups.set(group, [...(groups.get(group) ?? []), one]);
  }
  return [...groups.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [passedOverWords(first, others.length)],
  );
};

const passedOverWords = ({ stepId, checkpoint, why, from, seq }: Broken, more: number): string => {
  const others = more === 0 ? "" : `, and ${more} more`;
  const goes = seq === null ? "it goes on" : `event ${seq}: it went on`;
  return `${stepId}: checkpoint ${checkpoint} ${why}${others}; ${goes} from ${from ?? "the journal alone"}`;
};

/** What an attempt goes on from, in a line; and each checkpoint that could not be used. */
export const resumeLines = (output: Output, { stepId, from, broken }: ResumePoint): readonly string[] => [
  ...broken.map(({ id, why }) => `${paint(output, "red", "✘")} ${stepId}: checkpoint ${id} ${why}`),
  from === null
    ? `${paint(output, "blue", "▶")} ${stepId}: no checkpoint holds; from its first line, what was recorded is read back`
    : `${paint(output, "blue", "▶")} ${stepId}: from turn ${from.turn}, checkpoint ${from.checkpoint}`,
];
