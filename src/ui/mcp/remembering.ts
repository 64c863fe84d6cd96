import { hash } from "node:crypto";
import { expiryIn, type FileVersion, isSteady } from "../../index.js";
import type { LedgerProcess } from "./ledger-process.js";
import type { Bearer, Question } from "./line.js";

type Answer = Awaited<ReturnType<LedgerProcess["ask"]>>;

/** An answer, and of what: told again while the ledger is that version, and the clock is between these. */
type Remembered = {
  readonly answer: Answer;
  readonly version: string;
  readonly fromMs: number;
  readonly untilMs: number;
};

export type RememberingOptions = {
  /** Undefined, or rejected, nothing is remembered. */
  readonly open: () => Promise<FileVersion | undefined>;
  /** The machine's clock, which credentials expire by. */
  readonly nowMs?: () => number;
};

/** What only time changes, such as the lease of a worker that died, is told so much later at most. */
const REMEMBERED_MS = 1_000;
/** More are never asked in a second by those who wait for something; one with fifty steps and their verdicts may take 200 KB. */
const ANSWERS_MAX = 32;

/**
 * Whoever reads what nobody has changed since is told the same again, without a way to the ledger's process. Each change of the ledger,
 * of its keys too, ends all that is remembered; what was refused never is.
 */
export const remembering = (
  ledger: LedgerProcess,
  { open, nowMs = Date.now }: RememberingOptions,
): LedgerProcess => {
  const answers = new Map<string, Remembered>();
  let file: FileVersion | undefined;
  let isOpened = false;
  let over = false;
  const close = (): void => {
    over = true;
    file?.close();
    file = undefined;
  };
  // Behind the first answer: before it there may be no ledger.
  const openOnce = (): void => {
    if (isOpened) return;
    isOpened = true;
    open().then(
      (opened) => {
        if (over) opened?.close();
        else file = opened;
      },
      () => undefined,
    );
  };
  const keep = (key: string, one: Remembered): void => {
    if (answers.size >= ANSWERS_MAX) answers.clear();
    answers.set(key, one);
  };
  const steadily: LedgerProcess["ask"] = async (as, question, asking) => {
    const [version, fromMs, key] = [file?.now(), nowMs(), keyOf(as, question)];
    const known = answers.get(key);
    if (known !== undefined && known.version === version && isWithin(known, fromMs)) return known.answer;
    answers.delete(key);
    const answer = await ledger.ask(as, question, asking);
    openOnce();
    // Of the version from before it was asked for: changed since, that one never comes again.
    if (version !== undefined)
      keep(key, { answer, version, fromMs, untilMs: Math.min(fromMs + REMEMBERED_MS, endOf(as)) });
    return answer;
  };
  return {
    ask: (as, question, asking) =>
      "sdkKey" in as || question.kind === "gate" || question.kind === "metrics" || !isSteady(question)
        ? ledger.ask(as, question, asking)
        : steadily(as, question, asking),
    close: () => {
      close();
      ledger.close();
    },
    end: () => {
      close();
      return ledger.end();
    },
  };
};

/** Nothing that was asked is kept, and no credential. */
const keyOf = (as: Bearer, question: Question): string =>
  hash("sha256", JSON.stringify([as, question]), "base64");

const isWithin = ({ fromMs, untilMs }: Remembered, atMs: number): boolean => fromMs <= atMs && atMs < untilMs;

const endOf = (as: Bearer): number =>
  "credential" in as ? (expiryIn(as.credential) ?? 0) : Number.POSITIVE_INFINITY;
