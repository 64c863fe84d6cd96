import type { IntentView } from "../../../index.js";
import { intentFacts } from "../../cli/intent-told.js";
import { safe } from "../../cli/output.js";
import { cut, EMPTY, type Line, pad, padStart, type Span, span, told, wrap } from "../kit/line.js";
import { age, marked, shownAs } from "./words.js";

/** Its number within its run, as commands take it behind the run's id. */
export const numberOf = ({ intentId }: IntentView): string =>
  told(intentId.slice(intentId.lastIndexOf(".") + 1));

/** How much of it there is, as its proposer counts. */
export const termsOf = ({ recordCount, valueUsd }: IntentView): string =>
  [recordCount === null ? [] : [String(recordCount)], valueUsd === null ? [] : [`$${valueUsd}`]]
    .flat()
    .join(" ");

const votesOf = ({ votes, approvalsNeeded }: IntentView): string => {
  if (approvalsNeeded === 0) return "";
  return `${votes.filter(({ decision }) => decision === "approve").length}/${approvalsNeeded}`;
};

/** How long somebody may still answer, or when it is too late. */
const expiryOf = ({ status, expiresAt }: IntentView, now: number): string => {
  if (expiresAt === null || (status !== "pending_approval" && status !== "approved")) return "";
  const left = Date.parse(expiresAt);
  return left <= now ? "over" : age(new Date(now).toISOString(), left);
};

/** Without the destination, which stands beside it. */
const keyOf = ({ sideEffectKey, destination }: IntentView): string =>
  sideEffectKey === null ? "no key" : sideEffectKey.slice(destination.length + 1);

/** Columns from which each part of a row is there. */
const ROOM = { terms: 48, votes: 60, by: 76, wide: 100 } as const;

type Parts = {
  readonly mark: Span;
  readonly number: string;
  readonly word: Span;
  readonly destination: Span;
  readonly terms: string;
  readonly votes: string;
  readonly left: string;
  readonly by: string;
  readonly key: string;
};

/** Number, state, destination; then records and value, approvals, time left, who asked, and its key. */
const cells = (columns: number, parts: Parts): Line => {
  const room = columns >= ROOM.wide ? 20 : 14;
  const inColumns = (text: string, width: number): string => ` ${pad(cut(text, width), width)}`;
  const cell = (from: number, text: string, width: number): Line =>
    columns >= from ? [span(inColumns(text, width))] : [];
  return [
    span(" "),
    parts.mark,
    span(` ${padStart(parts.number, 4)}`, "dim"),
    span(inColumns(parts.word.text, 9), parts.word.tone),
    span(inColumns(parts.destination.text, room), parts.destination.tone),
    ...cell(ROOM.terms, parts.terms, 12),
    ...cell(ROOM.votes, parts.votes, 3),
    ...cell(ROOM.votes, parts.left, 4),
    ...cell(ROOM.by, parts.by, 10),
    span(` ${parts.key}`, "dim"),
  ];
};

export const intentRow = (intent: IntentView, columns: number, now: number): Line => {
  const shown = shownAs(intent.status);
  return cells(columns, {
    mark: marked(shown),
    number: numberOf(intent),
    word: span(shown.word, shown.tone),
    destination: span(told(intent.destination), "strong"),
    terms: told(termsOf(intent)),
    votes: votesOf(intent),
    left: expiryOf(intent, now),
    by: told(intent.proposedBy.name),
    key: told(keyOf(intent)),
  });
};

/** What stands above the rows. */
export const intentHeads = (columns: number): Line =>
  cells(columns, {
    mark: span(" "),
    number: "no.",
    word: span("status"),
    destination: span("destination"),
    terms: "records, $",
    votes: "yes",
    left: "left",
    by: "asked by",
    key: "key",
  }).map((piece) => ({ ...piece, tone: "faint" }));

/** Columns from which names stand before what belongs to them. */
const NAMED = 40;
const NAME_WIDTH = 14;

/** Everything that is known of it, whole: nothing of what is decided about is cut off. */
export const intentLines = (intent: IntentView, columns: number, now: number): readonly Line[] => {
  const shown = shownAs(intent.status);
  const facts = intentFacts(intent, (iso) => `${age(iso, now)} ago`).filter(
    ([name]) => name !== "status" && name !== "means",
  );
  return [
    [marked(shown), span(` Intent ${numberOf(intent)}`, "strong"), span(`  ${shown.word}`, shown.tone)],
    ...wrap(told(intent.message), columns).map((text) => [span(text, shown.tone)]),
    ...(intent.status === "unknown"
      ? wrap(reportTwin(intent), columns).map((text) => [span(text, "dim")])
      : []),
    EMPTY,
    ...facts.flatMap(([name, value]) =>
      factLines(name, typeof value === "string" ? value : value.text, columns),
    ),
  ];
};

/** What became of one in doubt may be said in a shell too. */
const reportTwin = ({ intentId }: IntentView): string =>
  `Once you know: runledger intents report ${told(intentId)} succeeded (or failed)`;

const factLines = (name: string, value: string, columns: number): readonly Line[] => {
  const indent = columns >= NAMED ? NAME_WIDTH : 2;
  const lines = wrap(told(value), columns - indent);
  if (indent < NAME_WIDTH) return [[span(name, "dim")], ...lines.map((text) => [span(`  ${text}`)])];
  return lines.map((text, at) => [span(pad(at === 0 ? name : "", indent), "dim"), span(text)]);
};

/** Its lines stand behind a bar, so that none of them is taken for one of ours. */
export const payloadLines = (text: string, columns: number): readonly Line[] =>
  safe(text)
    .replaceAll("\t", "    ")
    .split("\n")
    .flatMap((line) => wrap(line, columns - 2))
    .map((line) => [span("│ ", "faint"), span(line)]);
