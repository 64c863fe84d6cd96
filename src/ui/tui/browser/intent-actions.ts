import { type IntentView, isSamePerson } from "../../../index.js";
import { payloadOf, readResult, textIn } from "../../cli/intent-payload.js";
import { told } from "../kit/line.js";
import { type Ask, type Asked, nothing, reason, withReason } from "./asked.js";
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

/** Nobody knows whether it happened, or whoever fetched the order has had its time: a person may find out, and say so. */
const isInDoubt = ({ status, execution }: IntentView, now: number): boolean =>
  status === "unknown" ||
  (status === "ordered" && execution !== null && Date.parse(execution.expiresAt) <= now);

/** What a person can say to it now. */
export const answersTo = (intent: IntentView | undefined, now: number): readonly CommandName[] => {
  if (intent === undefined) return [];
  return [
    ...(canAnswer(intent, false) ? (["approve"] as const) : []),
    ...(canAnswer(intent, true) ? (["deny"] as const) : []),
    ...(isInDoubt(intent, now) ? (["decide"] as const) : []),
  ];
};

/** Beside the answers, where nothing but intents is shown: elsewhere the key is one for runs. */
export const ordersTo = (intent: IntentView | undefined, now: number): readonly CommandName[] => [
  ...answersTo(intent, now),
  ...(intent !== undefined && canAnswer(intent, true) ? (["withdraw"] as const) : []),
];

// What is approved is what is on the screen: its content hash goes along, and the ledger refuses any other content.
export const answerIntent = async (intent: IntentView, deny: boolean, desk: Desk): Promise<Asked> => {
  const { intentId, contentHash, destination } = intent;
  if (!canAnswer(intent, deny)) return nothing(`Nobody is asked about intent ${numberOf(intent)}.`);
  const others = await answersFor(desk);
  const twin = ({ reason: why, whom }: Values): string =>
    `runledger intents ${deny ? "deny" : "approve"} ${quoted(intentId)} --hash ${contentHash}${forWhom(whom)}${withReason(why)}`;
  return {
    title: `${deny ? "Deny" : "Approve"} intent ${numberOf(intent)}`,
    text: [
      `${intent.proposedBy.name} asks to send this to ${destination}${termsOf(intent) === "" ? "" : ` (${termsOf(intent)})`}:`,
      await payloadWords(intent, desk),
    ].map(told),
    fields: [
      ...(others.length === 0
        ? []
        : [{ name: "whom", label: "For whom", required: true, choices: [MYSELF, ...others] } as const]),
      reason(deny),
    ],
    twin,
    confirm: deny ? "deny it" : "approve it",
    done: (values) =>
      perform(desk, twin(values), async () => {
        const gate = desk.app.gate(desk.caller);
        const { whom = MYSELF, reason: why = "" } = values;
        const said = {
          ...{ intentId, contentHash, reason: why },
          ...(whom === MYSELF ? {} : { onBehalfOf: whom }),
        };
        return standing(await (deny ? gate.reject(said) : gate.approve(said)));
      }),
  };
};

const standing = ({ intentId, status, message }: IntentView): readonly string[] => [
  `${intentId} ${status}`,
  message,
];

/** No name of a person has a blank at its end. */
const MYSELF = "myself ";

const forWhom = (whom: string | undefined): string =>
  whom === undefined || whom === MYSELF ? "" : ` --for ${quoted(whom)}`;

/** The people whose deputy it is that looks. */
const answersFor = async ({ app, caller }: Desk): Promise<readonly string[]> => {
  const given = await app.mandates();
  return given.flatMap((one) =>
    one.kind === "delegation" && one.state === "active" && isSamePerson(one.to, caller.name) ? [one.by] : [],
  );
};

/** As long as nobody has begun with it, by whoever is in charge. */
export const withdrawIntent: Ask = ({ intent }, desk) => {
  if (intent === undefined) return nothing("There is no intent here.");
  const { intentId, destination } = intent;
  if (!canAnswer(intent, true)) return nothing(`Intent ${numberOf(intent)} cannot be taken back any more.`);
  const twin = ({ reason: why }: Values): string =>
    `runledger intents cancel ${quoted(intentId)}${withReason(why)}`;
  return {
    title: `Take back intent ${numberOf(intent)}`,
    text: [told(`Nothing is sent to ${destination}; nobody is asked about it any more.`)],
    fields: [reason(false)],
    twin,
    confirm: "take it back",
    done: (values) =>
      perform(desk, twin(values), async () =>
        standing(await desk.app.gate(desk.caller).cancel({ intentId, reason: values.reason ?? "" })),
      ),
  };
};

/** What became of one that nobody knows of: the word of a person who found out. */
export const settleIntent = (intent: IntentView, desk: Desk): Asked => {
  const { intentId, destination } = intent;
  if (!isInDoubt(intent, desk.now()))
    return nothing(`Nobody asks what became of intent ${numberOf(intent)}.`);
  const twin = ({ outcome = "", result = "", error = "" }: Values): string =>
    `runledger intents report ${quoted(intentId)} ${outcome}${result === "" ? "" : ` --result ${quoted(result)}`}${error === "" ? "" : ` --error ${quoted(error)}`}`;
  return {
    title: `What became of intent ${numberOf(intent)}`,
    text: [told(`Ask ${destination} whether it has what was to be sent. What you say is final.`)],
    fields: [
      { name: "outcome", label: "What became of it", required: true, choices: ["succeeded", "failed"] },
      { name: "result", label: "Its answer as JSON", required: false },
      { name: "error", label: "Why it failed", required: false },
    ],
    twin,
    confirm: "say so",
    done: (values) =>
      perform(desk, twin(values), async () => {
        const { outcome, result = "", error = "" } = values;
        const reported = await desk.app.gate(desk.caller).report({
          ...{ intentId, status: outcome === "succeeded" ? "succeeded" : "failed" },
          ...(result === "" ? {} : { result: readResult(result) }),
          ...(error === "" ? {} : { error }),
        });
        return standing(reported);
      }),
  };
};

/** Says how much of it stands here, so that nobody takes a beginning for all of it. */
const payloadWords = async (intent: IntentView, { app }: Desk): Promise<string> => {
  const { type, bytes } = intent.payload;
  const payload = await payloadOf(app, intent);
  const text = textIn(payload);
  if (text === null)
    return `${type}, ${bytes} bytes, ${payload === undefined ? "not kept any more" : "which are no text"}`;
  if (text.length <= SHOWN_CHARS) return `${type}, ${bytes} bytes: ${text}`;
  return `${type}, ${bytes} bytes, of which this is the beginning: ${text.slice(0, SHOWN_CHARS)}…`;
};
