import type { IntentView } from "../../../index.js";
import { payloadOf, textIn } from "../../cli/intent-payload.js";
import { told } from "../kit/line.js";
import { type Asked, nothing, reason, withReason } from "./asked.js";
import type { Values } from "./dialog.js";
import { numberOf, termsOf } from "./intent-lines.js";
import type { CommandName } from "./keymap.js";
import type { Desk } from "./page.js";
import { perform } from "./perform.js";
import { quoted } from "./words.js";

/** So much of a payload stands in the question; its own page has more of it. */
const SHOWN_CHARS = 120;

/** Allowed and not fetched yet, it may still be denied: nothing has happened. */
const canAnswer = ({ status }: IntentView, deny: boolean): boolean =>
  status === "pending_approval" || (deny && status === "approved");

/** What a person can say to it now. */
export const answersTo = (intent: IntentView | undefined): readonly CommandName[] => {
  if (intent === undefined) return [];
  return [
    ...(canAnswer(intent, false) ? (["approve"] as const) : []),
    ...(canAnswer(intent, true) ? (["deny"] as const) : []),
  ];
};

// What is approved is what is on the screen: its content hash goes along, and the ledger refuses any other content.
export const answerIntent = async (intent: IntentView, deny: boolean, desk: Desk): Promise<Asked> => {
  const { intentId, contentHash, destination } = intent;
  if (!canAnswer(intent, deny)) return nothing(`Nobody is asked about intent ${numberOf(intent)}.`);
  const twin = ({ reason: why }: Values): string =>
    `runledger intents ${deny ? "deny" : "approve"} ${quoted(intentId)} --hash ${contentHash}${withReason(why)}`;
  return {
    title: `${deny ? "Deny" : "Approve"} intent ${numberOf(intent)}`,
    text: [
      `${intent.proposedBy.name} asks to send this to ${destination}${termsOf(intent) === "" ? "" : ` (${termsOf(intent)})`}:`,
      await payloadWords(intent, desk),
    ].map(told),
    fields: [reason(deny)],
    twin,
    confirm: deny ? "deny it" : "approve it",
    done: (values) =>
      perform(desk, twin(values), async () => {
        const gate = desk.app.gate(desk.caller);
        const said = { intentId, contentHash, reason: values.reason ?? "" };
        const { status, message } = await (deny ? gate.reject(said) : gate.approve(said));
        return [`${intentId} ${status}`, message];
      }),
  };
};

const payloadWords = async (intent: IntentView, { app }: Desk): Promise<string> => {
  const { type, bytes } = intent.payload;
  const text = textIn(await payloadOf(app, intent));
  if (text === null) return `${type}, ${bytes} bytes`;
  return `${type}, ${bytes} bytes: ${text.slice(0, SHOWN_CHARS)}${text.length > SHOWN_CHARS ? "…" : ""}`;
};
