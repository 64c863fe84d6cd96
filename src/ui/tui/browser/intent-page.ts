import { type IntentView, type RunView, runOfIntent } from "../../../index.js";
import { payloadOf, textIn } from "../../cli/intent-payload.js";
import { textEntry } from "../kit/entry.js";
import { EMPTY, type Line, span } from "../kit/line.js";
import { ordersTo } from "./intent-actions.js";
import { intentLines, numberOf, payloadLines } from "./intent-lines.js";
import { journalPage } from "./journal-page.js";
import { mandatesPage } from "./mandates-page.js";
import type { Desk, Page } from "./page.js";
import { PANE, type Pane, paneLines, searched, steered } from "./pane.js";

/** More of a payload than anybody reads here; `runledger intents show --payload` has all of it. */
const TEXT_CHARS = 64 * 1_024;

/** What somebody asks to send out, exactly: the terms, the policy's word, who answered, and the payload itself. */
export const intentPage = (desk: Desk, intentId: string): Page => {
  const runId = runOfIntent(intentId) ?? "";
  let shown: Shown | undefined;
  let pane: Pane = PANE;
  const search = textEntry({
    confirm: "search",
    changed: (text) => {
      if (shown !== undefined) pane = searched(pane, text, linesOf(shown, desk.now()));
    },
  });
  return {
    name: "intent",
    load: async (size) => {
      shown = await readIntent(desk, { runId, intentId }, shown, size.columns - 2);
    },
    title: () => [span(shown === undefined ? "intent" : `intent ${numberOf(shown.intent)}`)],
    draw: ({ rows }) =>
      shown === undefined
        ? []
        : paneLines(pane, linesOf(shown, desk.now()), { columns: shown.width, rows }).map((line) => [
            span(" "),
            ...line,
          ]),
    hints: () => [...ordersTo(shown?.intent, desk.now()), "search", "journal", "help", "back"],
    type: search.type,
    typing: search.shown,
    command: (name, key, size) => {
      if (shown === undefined) return false;
      const next = steered(pane, name, key, linesOf(shown, desk.now()), size.rows);
      if (next !== undefined) pane = next;
      else if (name === "search") search.open(pane.search);
      else if (name === "journal") desk.open(journalPage(desk, runId));
      else if (name === "mandates") desk.open(mandatesPage(desk));
      else return false;
      return true;
    },
    target: () => (shown === undefined ? { runId } : { runId, view: shown.view, intent: shown.intent }),
  };
};

type Shown = {
  readonly view: RunView;
  readonly intent: IntentView;
  /** Undefined where its bytes are not kept any more. */
  readonly payload: Uint8Array | undefined;
  readonly width: number;
  /** Of the payload, which never changes: they are made once for a width. */
  readonly payloadLines: readonly Line[];
};

const readIntent = async (
  { app, caller }: Desk,
  { runId, intentId }: { readonly runId: string; readonly intentId: string },
  before: Shown | undefined,
  width: number,
): Promise<Shown> => {
  const intent = await app.gate(caller).getIntent({ intentId });
  const view = await app.view(runId);
  const payload = before?.payload ?? (await payloadOf(app, intent));
  const isKnown = before !== undefined && before.payload === payload && before.width === width;
  const lines = isKnown ? before.payloadLines : payloadTold(intent, payload, width);
  return { view, intent, payload, width, payloadLines: lines };
};

const linesOf = ({ intent, width, payloadLines: payload }: Shown, now: number): readonly Line[] => [
  ...intentLines(intent, width, now),
  EMPTY,
  [span("What would be sent", "strong")],
  ...payload,
];

const payloadTold = (intent: IntentView, payload: Uint8Array | undefined, width: number): readonly Line[] => {
  if (payload === undefined) return [[span("Its bytes are not kept any more.", "dim")]];
  const text = textIn(payload);
  if (text === null) return [[span("It is no text.", "dim")]];
  const more = text.length - TEXT_CHARS;
  return [
    ...payloadLines(text.slice(0, TEXT_CHARS), width),
    ...(more > 0
      ? [
          [span(`… and ${more} characters more:`, "warn")],
          [span(`runledger intents show ${intent.intentId} --payload`, "dim")],
        ]
      : []),
  ];
};
