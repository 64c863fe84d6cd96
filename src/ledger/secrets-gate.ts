import type { Caller, Command } from "../core/commands.js";
import { isRecord } from "../core/defects.js";
import { LedgerError } from "../core/errors.js";
import type { Redactor } from "../core/redact.js";

type Said = { readonly caller: Caller; readonly idempotencyKey?: string };

// The one gate into the journal: what passes it is hashed, stored, cached, exported and shown. Words lose their secrets here;
// where a name or an order holds one, the command is refused, because another text in its place would be another order.
export const withoutSecrets = (
  redactor: Redactor,
  command: Command,
  { caller, idempotencyKey }: Said,
): Command => {
  requireNone(redactor, "The caller's name", caller.name);
  requireNone(redactor, "The session key", caller.sessionKey);
  requireNone(redactor, "The idempotency key", idempotencyKey ?? "");
  if (isClean(redactor, command)) return command;
  // Nothing the engine says is an order, and a verdict that was refused would be given again for ever.
  return redacted(redactor, command, "", caller.role === "engine") as Command;
};

const requireNone = (redactor: Redactor, what: string, text: string): void => {
  const told = redactor.whole.text(text);
  if (told !== text) throw holdsSecret(what, told);
};

/** Nearly every command is, and where it would stand is worked out only for one that is not. */
const isClean = ({ text }: Redactor, value: unknown): boolean => {
  const holdsNone = (one: unknown): boolean => {
    if (typeof one === "string") return text(one) === one;
    if (typeof one !== "object" || one === null) return true;
    if (Array.isArray(one)) return one.every(holdsNone);
    for (const key in one)
      if (text(key) !== key || !holdsNone((one as Record<string, unknown>)[key])) return false;
    return true;
  };
  return holdsNone(value);
};

/** Keys whose values are words for people and models, and nothing else. */
const WORDS: ReadonlySet<string> = new Set([
  "goal",
  "originalRequest",
  "description",
  "descriptor",
  "result",
  "evidence",
  "reason",
  "message",
  "tail",
  "error",
  "key",
  "value",
  "name",
  "request",
]);

/** Whoever knows it may; no event tells it. It is a secret of whoever gives it by a variable. */
const PROOF = "token";

const redacted = (redactor: Redactor, value: unknown, at: string, isWords: boolean): unknown => {
  if (typeof value === "string") {
    if (isWords) return redactor.text(value);
    const text = redactor.whole.text(value);
    if (text === value) return text;
    throw holdsSecret(at, text);
  }
  if (isWords) return redactor.deep(value);
  if (Array.isArray(value)) return mapped(value, (one, n) => redacted(redactor, one, `${at}[${n}]`, false));
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => {
    const place = at === "" ? key : `${at}.${key}`;
    if (place === PROOF) return [key, inner] as const;
    return [key, redacted(redactor, inner, place, WORDS.has(key))] as const;
  });
  return entries.every(([key, inner]) => inner === value[key]) ? value : Object.fromEntries(entries);
};

const mapped = (list: readonly unknown[], work: (one: unknown, n: number) => unknown): readonly unknown[] => {
  const all = list.map(work);
  return all.every((one, n) => one === list[n]) ? list : all;
};

const holdsSecret = (what: string, redactedText: string): LedgerError => {
  const [, name = "a token"] = /\[redacted:([^\]]+)\]/.exec(redactedText) ?? [];
  return new LedgerError("invalid_input", `${what} holds a secret (${name}), and would be stored.`, {
    hint: "Name a variable instead and pass it on (agents.NAME.env, workspace.passEnv). If it is none: secrets.except.",
    details: { at: what, name },
  });
};
