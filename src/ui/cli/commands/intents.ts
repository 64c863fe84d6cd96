import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type Caller,
  type IntentView,
  intentStatuses,
  isOpenIntent,
  LedgerError,
  type NewIntent,
  type RunLedger,
} from "../../../index.js";
import { saysYes } from "../asking.js";
import { statusCell } from "../describe.js";
import { EXIT } from "../exit-codes.js";
import { payloadOf, readResult, textIn } from "../intent-payload.js";
import { printIntent, printPayload } from "../intent-told.js";
import { type Output, printJson, printLine, safe, say } from "../output.js";
import type { Bench, Tty } from "../program.js";
import { printTable } from "../table.js";
import { timeCell } from "../time-cells.js";

export const listIntents = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  { run, all }: { readonly run?: string; readonly all?: boolean },
): Promise<number> => {
  const intents = await app.gate(caller).listIntents({
    ...(run === undefined ? {} : { runId: await app.findRun(run) }),
    statuses: intentStatuses.filter((status) => all === true || isOpenIntent({ status })),
  });
  if (output.json) printJson(output, { intents });
  else
    await printTable(output, {
      head: ["INTENT", "STATUS", "DESTINATION", "POLICY", "ASKED BY", "EXPIRES"],
      rows: intents.map((one) => [
        { text: one.intentId, id: true },
        statusCell(one.status),
        one.destination,
        one.policy.id,
        one.proposedBy.name,
        timeCell(one.expiresAt),
      ]),
      empty: all === true ? "There are no intents." : "No intent waits for anybody.",
    });
  return EXIT.done;
};

/** RUN.NUMBER, whose run may be named as runs are everywhere. */
const findIntent = async (app: RunLedger, caller: Caller, named: string): Promise<IntentView> => {
  const [, run, seq] = /^(.+)\.(\d+)$/.exec(named) ?? [];
  if (run === undefined)
    throw new LedgerError("intent_not_found", `There is no intent "${named}".`, {
      hint: "runledger intents list names them: RUN.NUMBER",
    });
  return app.gate(caller).getIntent({ intentId: `${await app.findRun(run)}.${seq}` });
};

export const showIntent = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  named: string,
  { payload }: { readonly payload?: boolean },
): Promise<number> => {
  const intent = await findIntent(app, caller, named);
  const bytes = payload === true ? await payloadOf(app, intent) : undefined;
  const text = textIn(bytes);
  if (output.json) {
    const base64 = bytes === undefined || text !== null ? null : Buffer.from(bytes).toString("base64");
    printJson(output, { intent, ...(payload === true ? { payload: { text, base64 } } : {}) });
  } else {
    await printIntent(output, intent);
    if (payload === true) printPayload(output, bytes);
  }
  return EXIT.done;
};

/** So much of a payload is shown to whoever decides; `show --payload` has all of it. */
const SHOWN_CHARS = 4_000;

/** What is decided about, for the person who does; whether that was all of it. */
const printDecidedAbout = async (app: RunLedger, output: Output, intent: IntentView): Promise<boolean> => {
  await printIntent(output, intent);
  const bytes = await payloadOf(app, intent);
  printPayload(output, bytes, SHOWN_CHARS);
  const text = textIn(bytes);
  if ((text?.length ?? 0) > SHOWN_CHARS)
    printLine(output, `All of it: runledger intents show ${intent.intentId} --payload`);
  return text !== null && text.length <= SHOWN_CHARS;
};

export type Said = { readonly reason: string; readonly for?: string };

/** Of exactly what is printed first; with a hash, only of what that hash is of. */
export const decideIntent = async (
  app: RunLedger,
  bench: Bench,
  caller: Caller,
  named: string,
  { deny, hash, reason, for: onBehalfOf }: Said & { readonly deny: boolean; readonly hash?: string },
): Promise<number> => {
  const { output, terminal } = bench;
  const shown = await findIntent(app, caller, named);
  const isSilent = output.json || output.quiet;
  const asks = !deny && hash === undefined && shown.status === "pending_approval";
  const tty = asks && !isSilent ? terminal.tty?.() : undefined;
  // Where it is asked, and else beside the data: stderr may lead to where nobody looks.
  const beside = { ...output, out: tty?.output ?? output.err };
  const isAllShown = !isSilent && (await printDecidedAbout(app, beside, shown));
  if (asks && !(await isYes(tty, shown, isAllShown, terminal.interrupted))) {
    say(output, "Not approved: it waits on.");
    return EXIT.waiting;
  }
  const gate = app.gate(caller);
  const said = {
    ...{ intentId: shown.intentId, contentHash: hash ?? shown.contentHash, reason },
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
  };
  return told(output, await (deny ? gate.reject(said) : gate.approve(said)));
};

/** Nobody approves what they have not seen: unless a person was shown all of it, a hash says what was looked at. */
const isYes = (
  tty: Tty | undefined,
  { intentId, contentHash, payload }: IntentView,
  isAllShown: boolean,
  interrupted: AbortSignal,
): Promise<boolean> => {
  if (tty !== undefined && isAllShown) return saysYes(tty, "Approve exactly this?", interrupted);
  const why =
    tty === undefined
      ? "Nobody is here to look at what is approved."
      : `Not all of the payload (${payload.type}, ${payload.bytes} bytes) is on the screen.`;
  throw new LedgerError("invalid_input", why, {
    hint: `Look at it (runledger intents show ${intentId} --payload), then name what was seen: --hash ${contentHash}`,
    details: { intentId, contentHash },
  });
};

export const cancelIntent = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  named: string,
  { reason }: Said,
): Promise<number> => {
  const { intentId } = await findIntent(app, caller, named);
  return told(output, await app.gate(caller).cancel({ intentId, reason }));
};

const told = (output: Output, intent: IntentView, code: number = EXIT.done): number => {
  if (output.json) printJson(output, { intent });
  else {
    printLine(output, `${intent.intentId} ${intent.status}`);
    say(output, safe(intent.message));
  }
  return code;
};

export type ProposeOptions = {
  readonly policy: string;
  readonly file?: string;
  readonly text?: string;
  readonly records?: number;
  readonly usd?: number;
  readonly key?: string;
  readonly run?: string;
  readonly action?: string;
  readonly scope?: string;
  readonly tag?: readonly string[];
  readonly for?: string;
  readonly expires?: string;
  readonly idempotent?: boolean;
};

export const proposeIntent = async (
  app: RunLedger,
  { output, directory }: Bench,
  caller: Caller,
  destination: string,
  options: ProposeOptions,
): Promise<number> => {
  const { policy, records, usd, key, run, action, scope, tag, for: onBehalfOf, expires } = options;
  const intent: NewIntent = {
    ...{ destination, policy, payload: payloadIn(options, directory), action, scope, onBehalfOf },
    ...{ recordCount: records, valueUsd: usd, idempotencyKey: key, idempotent: options.idempotent },
    ...(tag === undefined ? {} : { tags: [...tag] }),
    ...(run === undefined ? {} : { runId: await app.findRun(run) }),
    ...(expires === undefined ? {} : { expiresIn: expires }),
  };
  const proposed = await app.gate(caller).propose(intent);
  const code = told(output, proposed, exitOfProposal(proposed));
  if (!output.json && proposed.policy.digest === null)
    say(output, "`runledger policy list` shows the policies that there are.");
  return code;
};

const payloadIn = ({ file, text }: ProposeOptions, directory: string): NewIntent["payload"] => {
  if (file !== undefined && text === undefined) return pathToFileURL(resolve(directory, file));
  if (text !== undefined && file === undefined) return { text };
  throw new LedgerError("invalid_input", "What is to leave the building is one file, or one text.", {
    hint: "Give either --file or --text.",
  });
};

const exitOfProposal = ({ status }: IntentView): number => {
  if (status === "blocked") return EXIT.conflict;
  return status === "pending_approval" ? EXIT.waiting : EXIT.done;
};

/** JSON always: what it prints is for whatever does it. */
export const executeIntent = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  named: string,
): Promise<number> => {
  const { intentId } = await findIntent(app, caller, named);
  const execution = await app.gate(caller).execute({ intentId });
  printJson(output, execution);
  if (execution.executionToken === null) say(output, safe(execution.message));
  return EXIT.done;
};

/** In an argument every user of the machine could read it. */
const TOKEN_VARIABLE = "RUNLEDGER_EXECUTION_TOKEN";

export type ReportOptions = {
  readonly outcome: "succeeded" | "failed" | "unknown";
  readonly token?: string;
  readonly result?: string;
  readonly error?: string;
};

export const reportIntent = async (
  app: RunLedger,
  { output, terminal }: Bench,
  caller: Caller,
  named: string,
  { outcome, token, result, error }: ReportOptions,
): Promise<number> => {
  const { intentId } = await findIntent(app, caller, named);
  const executionToken = token ?? terminal.env[TOKEN_VARIABLE];
  const reported = await app.gate(caller).report({
    ...{ intentId, status: outcome },
    ...(executionToken === undefined || executionToken === "" ? {} : { executionToken }),
    ...(result === undefined ? {} : { result: readResult(result) }),
    ...(error === undefined ? {} : { error }),
  });
  return told(output, reported);
};
