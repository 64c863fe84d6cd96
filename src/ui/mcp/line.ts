import type { Readable } from "node:stream";
import type { Question as ClientQuestion, NewCredential } from "../../index.js";
import type { GateQuestion } from "../http/gate-desk.js";

/** What a front asks its ledger. The ledger's numbers are for whoever started it: no credential opens them. */
export type Question = ClientQuestion | GateQuestion | { readonly kind: "metrics" };

/** Who asks: by a credential, by an SDK key, or by what the person who started the front said of it. */
export type Bearer =
  | { readonly credential: string }
  | { readonly sdkKey: string }
  | { readonly name: string; readonly role: NewCredential["role"]; readonly sessionKey: string };

/** One JSON object a line, either way. */
export type Asked = {
  readonly id: number;
  readonly as: Bearer;
  readonly question: Question;
  /** It is to be told at once that the credential holds, and not only with the answer. */
  readonly tellOpened?: true;
};

/** Nobody waits for the answer to that question any more. */
export type Dropped = { readonly dropped: number };

/** Nobody waits for verdicts any more: what was asked is answered as it stands, and the process ends. */
export type Stop = { readonly stop: true };

export type Told = { readonly id: number; readonly opened?: true } & (
  | { readonly value: Readonly<Record<string, unknown>> }
  | { readonly error: ToldError }
);

/** In front of an answer that takes longer: the credential of who asked holds. */
export type Opened = { readonly id: number; readonly opened: true };

export type ToldError = {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
};

/** Whole lines as they come; what is behind the last line end is nothing. */
export const readLines = (from: Readable, hear: (line: string) => void): void => {
  let waiting: Buffer[] = [];
  from.on("data", (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf("\n"); end !== -1; end = rest.indexOf("\n")) {
      hear(Buffer.concat([...waiting, rest.subarray(0, end)]).toString("utf8"));
      waiting = [];
      rest = rest.subarray(end + 1);
    }
    waiting.push(rest);
  });
};
