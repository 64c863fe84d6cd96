import { basename, isAbsolute, relative } from "node:path";
import type { Readable, Writable } from "node:stream";
import {
  answerQuestion,
  type Caller,
  type Question as ClientQuestion,
  credentialUseFor,
  isLedgerError,
  LedgerError,
  openRunLedger,
  type RunLedger,
} from "../../index.js";
import { answerGate, answerWho } from "../http/gate-desk.js";
import {
  type Asked,
  type Bearer,
  type Dropped,
  type Opened,
  readLines,
  type Stop,
  type Told,
  type ToldError,
} from "./line.js";

export type Side = {
  readonly input: Readable;
  readonly output: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly projectDir: string;
  /** Agents that work through these tools alone. */
  readonly toolAgents: readonly string[];
};

/** Answers what a front asks until it hangs up, and then what was asked before. Several such processes may be at work on one ledger. */
export const serveLedger = async (side: Side): Promise<void> => {
  const stop = new AbortController();
  const ledger = opening(side, stop.signal);
  const underWay = new Set<Promise<void>>();
  const unheard = new Map<number, AbortController>();
  const hungUp = new Promise<void>((resolve) => {
    side.input.once("end", resolve);
    stop.signal.addEventListener("abort", () => resolve());
  });
  readLines(side.input, (line) => {
    const said = JSON.parse(line) as Asked | Dropped | Stop;
    if ("stop" in said) return stop.abort();
    if ("dropped" in said) return unheard.get(said.dropped)?.abort();
    const gone = new AbortController();
    unheard.set(said.id, gone);
    const answering = answer(ledger.open, said, side, gone.signal);
    underWay.add(answering);
    void answering.finally(() => {
      underWay.delete(answering);
      unheard.delete(said.id);
    });
  });
  await hungUp;
  await Promise.all(underWay);
  await ledger.close();
};

/** A ledger that does not open says why to whoever asks, and is tried again for who asks next. */
const opening = ({ projectDir, env, toolAgents }: Side, interrupted: AbortSignal) => {
  let opened: Promise<RunLedger> | undefined;
  const open = async (): Promise<RunLedger> => {
    opened ??= openRunLedger({ projectDir, env, toolAgents, interrupted });
    try {
      return await opened;
    } catch (error) {
      opened = undefined;
      throw error;
    }
  };
  return { open, close: async () => (await opened)?.close() };
};

const answer = async (
  open: () => Promise<RunLedger>,
  asked: Asked,
  { output, projectDir }: Side,
  gone: AbortSignal,
): Promise<void> => {
  let line = (told: unknown): string => JSON.stringify(told);
  const say = (told: Told | Opened): void => void output.write(`${line(told)}\n`);
  const { id } = asked;
  let opened: { readonly opened?: true } = {};
  let soon: NodeJS.Immediate | undefined;
  try {
    const app = await open();
    // The value and not its text: a secret that looks like a piece of JSON must not take the line apart.
    line = app.ledger.redactor.json;
    const onOpened = (): void => {
      if (asked.tellOpened !== true) return;
      opened = { opened: true };
      // Most answers are there before that, and one line says both.
      soon = setImmediate(() => say({ id, opened: true }));
    };
    const value = await answerTo(app, asked, { onOpened, gone });
    if (isOrder(asked)) line = app.ledger.redactor.whole.json;
    say({ id, ...opened, value });
  } catch (error) {
    say({ id, ...opened, error: told(error, projectDir) });
  } finally {
    clearImmediate(soon);
  }
};

/** Told to the letter, or it is another one: what is cut off in it was approved like that. */
const isOrder = ({ question }: Asked): boolean => question.kind === "gate" && question.method === "execute";

const answerTo = async (
  app: RunLedger,
  { as: bearer, question }: Asked,
  { onOpened, gone }: { readonly onOpened: () => void; readonly gone: AbortSignal },
): Promise<Readonly<Record<string, unknown>>> => {
  // An SDK key opens the gate and nothing else, and no credential opens the gate.
  if ("sdkKey" in bearer) {
    if (question.kind === "gate") return answerGate(app, bearer.sdkKey, question, gone);
    if (question.kind === "who") return answerWho(app, bearer.sdkKey);
  } else if (question.kind === "metrics") {
    if (!("credential" in bearer)) return app.metrics();
  } else if (question.kind !== "gate") {
    const caller = await callerOf(app, bearer, question);
    onOpened();
    return answerQuestion(app, caller, question);
  }
  throw new LedgerError("access_denied", "That takes a credential of another kind.", {
    hint: "SDK keys are for the gate (/v1), credentials for the tools (/mcp), and neither for the ledger's numbers.",
  });
};

type OfTools = Exclude<Bearer, { readonly sdkKey: string }>;

/** Asked anew for each call: what a credential stands for may have ended since. */
const callerOf = (app: RunLedger, bearer: OfTools, question: ClientQuestion): Promise<Caller> | Caller =>
  "credential" in bearer
    ? app.openCredential(bearer.credential, credentialUseFor(question))
    : app.issue(bearer);

const told = (error: unknown, projectDir: string): ToldError =>
  isLedgerError(error)
    ? withoutPlace(error.toJSON(), projectDir)
    : { code: "unexpected", message: error instanceof Error ? error.message : String(error) };

/** Where on this machine an archive lies is nothing for whoever asks from elsewhere: below the project, or its name alone. */
const withoutPlace = (error: ToldError, projectDir: string): ToldError => {
  const { hint, details } = error;
  const archive = details?.archive;
  if (typeof archive !== "string") return error;
  const below = relative(projectDir, archive);
  const name = below.startsWith("..") || isAbsolute(below) ? basename(archive) : below;
  return {
    ...error,
    ...(hint === undefined ? {} : { hint: hint.replaceAll(archive, name) }),
    details: { ...details, archive: name },
  };
};
