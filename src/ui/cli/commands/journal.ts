import {
  eventTypes,
  LedgerError,
  type Run,
  type RunLedger,
  type StoredEvent,
  type Verdict,
} from "../../../index.js";
import { eventTold, verdictLine } from "../describe.js";
import { blockedWords, unblockedWords } from "../event-words.js";
import { EXIT } from "../exit-codes.js";
import { brief, type Output, printJson } from "../output.js";
import { type Cell, printRow } from "../table.js";
import { eventTimeCell } from "../time-cells.js";

/** Events read at once when a whole journal is printed. */
const JOURNAL_BATCH = 1_000;
/** Changes wake a follower at once; this only bounds one wait. */
const FOLLOW_MS = 60_000;

export const printJournal = async (
  app: RunLedger,
  output: Output,
  runId: string,
  options: JournalOptions,
  interrupted: AbortSignal,
): Promise<number> => {
  requireEventType(options.type);
  const { since, limit = Number.POSITIVE_INFINITY, type, follow } = options;
  let printed = 0;
  for (let after = since; printed < limit; ) {
    const events = await app.ledger.events(runId, after, JOURNAL_BATCH);
    const wanted = events.filter((event) => type === undefined || event.type === type);
    for (const event of wanted.slice(0, limit - printed)) await printEvent(output, event);
    printed += wanted.length;
    const last = events.at(-1);
    if (last !== undefined) after = last.seq;
    else if (!follow || isOver(await app.ledger.load(runId)) || interrupted.aborted) return EXIT.done;
    else await app.ledger.changed(runId, after, FOLLOW_MS, interrupted);
  }
  return EXIT.done;
};

export type JournalOptions = {
  readonly type?: string;
  /** The cursor: only events behind this sequence number. */
  readonly since: number;
  readonly limit?: number;
  /** Go on until the run is over. */
  readonly follow: boolean;
};

const isOver = ({ state }: Run): boolean => state.status === "completed" || state.status === "failed";

const requireEventType = (type: string | undefined): void => {
  if (type === undefined || eventTypes.some((known) => known === type)) return;
  throw new LedgerError("invalid_input", `There are no events of type "${brief(type, 60)}" (--type).`, {
    hint: `Types: ${eventTypes.join(", ")}.`,
  });
};

/** Sequence number, time, type and speaker of nearly every event fit into these. */
const JOURNAL_WIDTHS = [4, 24, 24, 14];

const printEvent = async (output: Output, event: StoredEvent): Promise<void> => {
  if (output.json) {
    printJson(output, event);
    return;
  }
  const seq: Cell = { text: String(event.seq), right: true };
  const time = eventTimeCell(event.at);
  await printRow(output, [seq, time, event.type, event.actor.name, eventWords(event)], JOURNAL_WIDTHS);
};

const eventWords = (event: StoredEvent): string => {
  const { payload } = event;
  const step = "stepId" in payload && payload.stepId !== null ? `${payload.stepId} ` : "";
  const raced =
    "candidate" in payload && payload.candidate !== undefined ? `candidate ${payload.candidate} ` : "";
  const attempt = "attempt" in event ? `#${event.attempt} ${raced}` : "";
  if (isToldByKind(event)) return eventTold(event).text;
  if (event.type === "teammate_approval_blocked") return blockedWords(event.payload);
  if (event.type === "teammate_approval_unblocked") return unblockedWords(event.payload);
  if ("verdict" in payload) return `${step}${attempt}${verdictLine(payload.verdict as Verdict)}`;
  if ("decision" in payload && typeof payload.decision === "object")
    return `${step}${attempt}${payload.decision.action}: ${payload.reason}`;
  const rest = ["goal", "target", "status", "result", "error", "reason", "message", "summary", "key"]
    .map((key) => (payload as Record<string, unknown>)[key])
    .filter((value) => typeof value === "string" && value !== "");
  return `${step}${attempt}${rest.join(" · ")}`;
};

const isToldByKind = ({ type }: StoredEvent): boolean =>
  type.startsWith("effect_") || type === "access_refused" || type === "checkpoints_passed_over";
