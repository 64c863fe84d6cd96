import type { Dialog } from "./dialog.js";
import type { Desk, Target } from "./page.js";
import { quoted } from "./words.js";

/** A question to a person before anything is done, or why there is nothing to ask. */
export type Asked = Dialog | { readonly nothing: string };
export type Ask = (target: Target, desk: Desk) => Promise<Asked> | Asked;

export const nothing = (sentence: string): Asked => ({ nothing: sentence });

export const reason = (required: boolean, start = "") =>
  ({ name: "reason", label: "Reason", required, start }) as const;

export const withReason = (text: string | undefined): string =>
  text === undefined || text === "" ? "" : ` --reason ${quoted(text)}`;
