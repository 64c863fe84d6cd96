import {
  askedEffectsOf,
  attemptEnd,
  awaitsApproval,
  effectDoubt,
  hasPolicyRequest,
  type IntentView,
  isActive,
  isOpenIntent,
  isPlanning,
  openWaits,
  type RunView,
  refusalWords,
  type Step,
} from "../../../index.js";
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
import { answersTo } from "./intent-actions.js";
import { termsOf } from "./intent-lines.js";
import { intentPage } from "./intent-page.js";
import { intentsPage } from "./intents-page.js";
import { journalPage } from "./journal-page.js";
import { keyFor } from "./keymap.js";
import { hasHead, listRows } from "./layout.js";
import { mandatesPage } from "./mandates-page.js";
import { actionsFor } from "./offers.js";
import type { Desk, Page } from "./page.js";
import { runPage } from "./run-page.js";
import { stepPage } from "./step-page.js";
import { age, counted, many, marked, shortId, shownAs } from "./words.js";

/** One thing that a person is asked: by a proposal, an intent, an effect in doubt, a refused step, or a run that stopped. */
type Question = {
  readonly kind: "approval" | "effect" | "decision" | "promise" | "paused" | "plan" | "agent";
  readonly view: RunView;
  readonly step: Step | null;
  readonly intent?: IntentView;
  readonly since: string;
  readonly sentence: string;
};

/** Everything that the page of questions is drawn from. */
type QuestionsView = {
  readonly questions: readonly Question[];
  readonly place: Place;
  /** Runs that wait beyond those that were looked at, and those of which nobody here can read what they ask. */
  readonly more: number;
};

/** Runs looked at; who has more of them waiting filters the list of runs. */
const RUNS_MAX = 200;
const WAITING = { statuses: ["planning", "running", "paused"], waiting: true } as const;
const ABOVE = 2;

type State = QuestionsView & {
  readonly chosenId: string | null;
  /** What each run asked when it was last read: it is read again only when it has changed. */
  readonly known: ReadonlyMap<string, { readonly seq: number; readonly questions: readonly Question[] }>;
  readonly isRead: boolean;
};

const START: State = {
  questions: [],
  place: TOP,
  more: 0,
  chosenId: null,
  known: new Map(),
  isRead: false,
};

export const questionsPage = (desk: Desk): Page => {
  let state = START;
  const chosen = (): Question | undefined => state.questions[state.place.at];
  return {
    name: "questions",
    load: async (size) => {
      const before = state;
      const read = await readQuestions(desk, before, listRows(size, ABOVE));
      if (state === before) state = read;
      else desk.refresh();
    },
    title: () => [span("waiting for you")],
    draw: (size) => (state.isRead ? drawQuestions(state, size, desk.now()) : []),
    hints: () => [
      ...(chosen() === undefined ? [] : (["open"] as const)),
      ...answersTo(chosen()?.intent, desk.now()),
      ...actionsFor(chosen()?.view, chosen()?.step ?? undefined),
      "journal",
      "help",
      "back",
    ],
    command: (name, key, size) => {
      const place = moved(state.place, keyFor(name, key), state.questions.length, listRows(size, ABOVE));
      const question = chosen();
      if (place !== undefined) state = { ...state, place, chosenId: idOf(state.questions[place.at]) };
      else if (name === "open" && question !== undefined) desk.open(pageOf(desk, question));
      else if (name === "journal" && question !== undefined)
        desk.open(journalPage(desk, question.view.run.runId));
      else if (name === "intents" && question !== undefined)
        desk.open(intentsPage(desk, question.view.run.runId));
      else if (name === "mandates") desk.open(mandatesPage(desk));
      else return name === "questions";
      return true;
    },
    target: () => {
      const question = chosen();
      if (question === undefined) return undefined;
      const { view, step, intent } = question;
      return {
        runId: view.run.runId,
        view,
        ...(step === null ? {} : { step }),
        ...(intent === undefined ? {} : { intent }),
      };
    },
  };
};

const pageOf = (desk: Desk, { view, step, intent }: Question): Page => {
  if (intent !== undefined) return intentPage(desk, intent.intentId);
  return step === null ? runPage(desk, view.run.runId) : stepPage(desk, view.run.runId, step.spec.id);
};

const readQuestions = async (desk: Desk, state: State, rows: number): Promise<State> => {
  const waiting = await desk.app.list({ ...WAITING, limit: RUNS_MAX });
  const known = new Map<string, { readonly seq: number; readonly questions: readonly Question[] }>();
  const readable = waiting.filter(({ quarantine, seal }) => quarantine === null && seal !== "locked");
  for (const { runId, lastSeq } of readable) {
    const before = state.known.get(runId);
    if (before?.seq === lastSeq) known.set(runId, before);
    else known.set(runId, { seq: lastSeq, questions: await askedIn(desk, runId) });
  }
  const questions = [...known.values()].flatMap((each) => each.questions);
  const all = waiting.length < RUNS_MAX ? waiting.length : await desk.app.ledger.store.count(WAITING);
  const at = questions.findIndex((question) => idOf(question) === state.chosenId);
  const place = seen({ ...state.place, at: at === -1 ? state.place.at : at }, questions.length, rows);
  const chosenId = idOf(questions[place.at]);
  return { questions, place, more: all - readable.length, chosenId, known, isRead: true };
};

const idOf = (question: Question | undefined): string | null =>
  question === undefined
    ? null
    : `${question.view.run.runId} ${question.kind} ${question.intent?.intentId ?? question.step?.spec.id ?? ""}`;

/** What one run asks, with its intents before everything else: something of it is about to leave the building. */
const askedIn = async ({ app, caller }: Desk, runId: string): Promise<readonly Question[]> => {
  const view = await app.view(runId);
  if (!view.run.intents.some(isOpenIntent)) return stepsAsk(view);
  const statuses: IntentView["status"][] = ["pending_approval", "unknown"];
  const intents = await app.gate(caller).listIntents({ runId, statuses });
  // In a copy of a run nobody answers for the one that it was copied from.
  const asked = intents.filter((one) => one.runId === runId).map((intent) => ofIntent(view, intent));
  // What its intents ask is asked by themselves, not once more by their run.
  const isTold = ({ kind, sentence }: Question): boolean =>
    kind === "agent" && intents.some(({ intentId }) => sentence.includes(intentId));
  return [...asked, ...stepsAsk(view).filter((question) => !isTold(question))];
};

const ofIntent = (view: RunView, intent: IntentView): Question => {
  const terms = termsOf(intent) === "" ? "" : ` (${termsOf(intent)})`;
  return {
    kind: intent.status === "unknown" ? "effect" : "approval",
    ...{ view, intent, step: null, since: intent.proposedAt },
    sentence: `intent of ${intent.proposedBy.name}: ${intent.payload.bytes} bytes to ${intent.destination}${terms}`,
  };
};

/** What one run asks: its approvals, then effects in doubt and refused steps when it stopped for them, then whatever else it stopped for. */
const stepsAsk = (view: RunView): readonly Question[] => {
  const { run, waiting } = view;
  const approvals = run.steps.flatMap((step): Question[] =>
    run.source === null && awaitsApproval(step) && step.state.status === "verify_pending"
      ? [
          {
            kind: "approval",
            view,
            step,
            since: step.state.proposal.at,
            sentence: isPlanning(step) ? `a plan for: ${run.goal}` : lastLine(step.state.proposal.result),
          },
        ]
      : [],
  );
  if (run.state.status === "planning" && !isActive(run))
    return [{ kind: "plan", view, step: null, since: run.createdAt, sentence: waiting.sentence }];
  if (run.state.status !== "paused") {
    const other: Question = {
      kind: "agent",
      view,
      step: null,
      since: run.updatedAt,
      sentence: waiting.sentence,
    };
    const asked = [...approvals, ...promisesOf(view)];
    return asked.length > 0 || waiting.for !== "person" ? asked : [other];
  }
  const { since, message } = run.state;
  // One for a step: when it is answered, the next one is asked.
  const doubts = run.steps.flatMap((step): Question[] => {
    const [asked] = askedEffectsOf(step);
    return asked === undefined ? [] : [{ kind: "effect", view, step, since, sentence: effectDoubt(asked) }];
  });
  const refused = run.steps.flatMap((step): Question[] => {
    const sentence = refusedBecause(step);
    return sentence === null ? [] : [{ kind: "decision", view, step, since, sentence }];
  });
  const asked = [...approvals, ...doubts, ...refused];
  return doubts.length + refused.length > 0
    ? asked
    : [...asked, { kind: "paused", view, step: null, since, sentence: message }];
};

const promisesOf = (view: RunView): readonly Question[] =>
  openWaits(view.run).flatMap(({ step, wait }): Question[] =>
    wait.kind === "promise"
      ? [
          {
            kind: "promise",
            view,
            step,
            since: wait.since,
            sentence: `${wait.name} (runledger promise resolve)`,
          },
        ]
      : [],
  );

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";

/** Null for a step that asks nothing, as those that a host reports never do. */
const refusedBecause = (step: Step): string | null => {
  if (step.report === null && !hasPolicyRequest(step)) return null;
  return refusalWords(step) || lastErrorOf(step);
};

const lastErrorOf = ({ state }: Step): string | null =>
  state.status === "verify_pending" && state.lastError !== null ? state.lastError.message : null;

const KINDS: Readonly<Record<Question["kind"], string>> = {
  approval: "approve?",
  effect: "in doubt",
  promise: "promise",
  // Of a step it says how its last attempt ended.
  decision: "asks you",
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
  const head = hasHead(size)
    ? [
        [
          span(` ${counted(questions.length)} `, "strong"),
          span(`${questions.length === 1 ? "question" : "questions"}${rest}`, "dim"),
        ],
        EMPTY,
      ]
    : [];
  if (questions.length === 0) return [...head, [span(more > 0 ? UNREAD : " Nothing waits for you.", "dim")]];
  const rows = listRows(size, ABOVE);
  return [
    ...head,
    ...questions.slice(place.top, place.top + rows).map((question, index) => {
      const line = questionLine(question, size.columns, now);
      return place.top + index === place.at ? onGround(line, "selected", size.columns) : line;
    }),
  ];
};

const UNREAD = " What they ask cannot be read here: runledger doctor says why.";

const ROOM = { id: 40, goal: 110 } as const;

const questionLine = (
  { kind, view, step, since, sentence }: Question,
  columns: number,
  now: number,
): Line => {
  const { run } = view;
  const state = shownAs(
    kind === "approval" || kind === "effect" ? "asks you" : kind === "decision" ? "failed" : "paused",
  );
  const left: Line = [
    span(" "),
    marked(state),
    span(` ${pad(kind === "decision" && step !== null ? attemptEnd(step) : KINDS[kind], 11)}`, state.tone),
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
