import { awaitsApproval, type RunView, type Step } from "../../../index.js";
import type { Key } from "../kit/keys.js";
import {
  cut,
  EMPTY,
  type Line,
  lineWidth,
  onGround,
  pad,
  padStart,
  type Size,
  span,
  told,
} from "../kit/line.js";
import { moved, type Place, seen, TOP } from "../kit/list.js";
import { journalPage } from "./journal-page.js";
import type { CommandName } from "./keymap.js";
import { actionsFor } from "./offers.js";
import type { Desk, Page } from "./page.js";
import { runPage } from "./run-page.js";
import { stepPage } from "./step-page.js";
import { age, counted, many, marked, shortId, shownAs } from "./words.js";

/** One thing that a person is asked: by a proposal, a refused step, or a run that stopped. */
type Question = {
  readonly kind: "approval" | "decision" | "paused" | "plan" | "agent";
  readonly view: RunView;
  readonly step: Step | null;
  readonly since: string;
  readonly sentence: string;
};

/** Everything that the page of questions is drawn from. */
type QuestionsView = {
  readonly questions: readonly Question[];
  readonly place: Place;
  /** Runs that wait beyond those that were looked at. */
  readonly more: number;
};

/** Runs looked at; who has more of them waiting filters the list of runs. */
const RUNS_MAX = 200;
const WAITING = { statuses: ["planning", "running", "paused"], waiting: true } as const;
const ABOVE = 2;
const ROWS_FOR_HEAD = 10;
const listRows = ({ rows }: Size): number => Math.max(1, rows - (rows >= ROWS_FOR_HEAD ? ABOVE : 0));

export const questionsPage = (desk: Desk): Page => {
  let view: QuestionsView = { questions: [], place: TOP, more: 0 };
  let chosenId: string | null = null;
  /** A run is read again only when it has changed. */
  const known = new Map<string, { readonly seq: number; readonly questions: readonly Question[] }>();

  const questionsOf = async (runId: string, seq: number): Promise<readonly Question[]> => {
    const before = known.get(runId);
    if (before?.seq === seq) return before.questions;
    const questions = askedIn(await desk.app.view(runId));
    known.set(runId, { seq, questions });
    return questions;
  };
  const load = async (size: Size): Promise<void> => {
    const rows = await desk.app.list({ ...WAITING, limit: RUNS_MAX });
    const questions: Question[] = [];
    for (const { runId, lastSeq, quarantine } of rows)
      if (quarantine === null) questions.push(...(await questionsOf(runId, lastSeq)));
    const ids = new Set(rows.map(({ runId }) => runId));
    for (const runId of known.keys()) if (!ids.has(runId)) known.delete(runId);
    const all = rows.length < RUNS_MAX ? rows.length : await desk.app.ledger.store.count(WAITING);
    const at = questions.findIndex((question) => idOf(question) === chosenId);
    const place = seen(
      { ...view.place, at: at === -1 ? view.place.at : at },
      questions.length,
      listRows(size),
    );
    view = { questions, place, more: all - rows.length };
    chosenId = idOf(questions[place.at]);
  };
  const chosen = (): Question | undefined => view.questions[view.place.at];
  const command = (name: CommandName, key: Key, size: Size): boolean => {
    const step = name === "nextHit" ? "j" : name === "previousHit" ? "k" : key;
    const place = moved(view.place, step, view.questions.length, listRows(size));
    if (place !== undefined) {
      view = { ...view, place };
      chosenId = idOf(chosen());
      return true;
    }
    const question = chosen();
    if (name === "questions") return true;
    if (question === undefined) return false;
    const { runId } = question.view.run;
    if (name === "open")
      desk.open(question.step === null ? runPage(desk, runId) : stepPage(desk, runId, question.step.spec.id));
    else if (name === "journal") desk.open(journalPage(desk, runId));
    else return false;
    return true;
  };
  return {
    name: "questions",
    load,
    title: () => [span("waiting for you")],
    draw: (size) => drawQuestions(view, size, desk.now()),
    hints: () => {
      const question = chosen();
      return [
        ...(question === undefined ? [] : (["open"] as const)),
        ...actionsFor(question?.view, question?.step ?? undefined),
        "journal",
        "help",
        "back",
      ];
    },
    command,
    target: () => {
      const question = chosen();
      if (question === undefined) return undefined;
      const { view: seenView, step } = question;
      return { runId: seenView.run.runId, view: seenView, ...(step === null ? {} : { step }) };
    },
  };
};

const idOf = (question: Question | undefined): string | null =>
  question === undefined
    ? null
    : `${question.view.run.runId} ${question.kind} ${question.step?.spec.id ?? ""}`;

/** What one run asks: its approvals, then its refused steps when it stopped for them, then whatever else it stopped for. */
const askedIn = (view: RunView): readonly Question[] => {
  const { run, waiting } = view;
  const approvals = run.steps.flatMap((step): Question[] =>
    run.state.status === "running" && awaitsApproval(step) && step.state.status === "verify_pending"
      ? [
          {
            kind: "approval",
            view,
            step,
            since: step.state.proposal.at,
            sentence: lastLine(step.state.proposal.result),
          },
        ]
      : [],
  );
  if (run.state.status === "planning")
    return [{ kind: "plan", view, step: null, since: run.createdAt, sentence: waiting.sentence }];
  if (run.state.status !== "paused") {
    const other: Question = {
      kind: "agent",
      view,
      step: null,
      since: run.updatedAt,
      sentence: waiting.sentence,
    };
    return approvals.length > 0 || waiting.for !== "person" ? approvals : [other];
  }
  const { since, message } = run.state;
  const refused = run.steps.flatMap((step): Question[] => {
    const sentence = refusedBecause(step);
    return sentence === null ? [] : [{ kind: "decision", view, step, since, sentence }];
  });
  return refused.length > 0 ? refused : [{ kind: "paused", view, step: null, since, sentence: message }];
};

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";

/** Null for a step that asks nothing, as those that a host reports never do. */
const refusedBecause = ({ state }: Step): string | null => {
  if (state.status === "failed") return state.verdict?.message ?? null;
  if (state.status === "interrupted") return state.reason;
  return state.status === "verify_pending" && state.lastError !== null ? state.lastError.message : null;
};

const KINDS: Readonly<Record<Question["kind"], string>> = {
  approval: "approve?",
  decision: "refused",
  paused: "paused",
  plan: "plan?",
  agent: "no agent",
};

/** Everything that waits for a person, newest runs first. */
const drawQuestions = (
  { questions, place, more }: QuestionsView,
  size: Size,
  now: number,
): readonly Line[] => {
  const rest =
    more > 0 ? `, and ${many(more, "more run", "more runs")} that ${more === 1 ? "waits" : "wait"}` : "";
  const head =
    size.rows >= ROWS_FOR_HEAD
      ? [
          [
            span(` ${counted(questions.length)} `, "strong"),
            span(`${questions.length === 1 ? "question" : "questions"}${rest}`, "dim"),
          ],
          EMPTY,
        ]
      : [];
  if (questions.length === 0) return [...head, [span(" Nothing waits for you.", "dim")]];
  const rows = listRows(size);
  return [
    ...head,
    ...questions.slice(place.top, place.top + rows).map((question, index) => {
      const line = questionLine(question, size.columns, now);
      return place.top + index === place.at ? onGround(line, "selected", size.columns) : line;
    }),
  ];
};

const ROOM = { id: 40, goal: 110 } as const;

const questionLine = (
  { kind, view, step, since, sentence }: Question,
  columns: number,
  now: number,
): Line => {
  const { run } = view;
  const state = shownAs(kind === "approval" ? "asks" : kind === "decision" ? "failed" : "paused");
  const left: Line = [
    span(" "),
    marked(state),
    span(` ${pad(KINDS[kind], 9)}`, state.tone),
    span(padStart(age(since, now), 4), "dim"),
    span("  "),
    ...(columns >= ROOM.id ? [span(shortId(run.runId), "dim"), span("  ")] : []),
    ...(columns >= ROOM.goal ? [span(pad(cut(told(run.goal), 30), 30)), span("  ")] : []),
    ...(step === null ? [] : [span(`${told(step.spec.id)}  `, "strong")]),
  ];
  return [
    ...left,
    span(cut(told(sentence), Math.max(0, columns - lineWidth(left))), step === null ? "plain" : "dim"),
  ];
};
