import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import {
  type Caller,
  type CredentialUse,
  credentialUse,
  isLedgerError,
  LedgerError,
  openRunLedger,
  type RunLedger,
} from "../../index.js";
import { type Asked, type Question, readLines, type Told, type ToldError } from "./line.js";

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
  const ledger = opening(side);
  const underWay = new Set<Promise<void>>();
  readLines(side.input, (line) => {
    const answering = answer(ledger.open, JSON.parse(line) as Asked, side.output);
    underWay.add(answering);
    void answering.finally(() => underWay.delete(answering));
  });
  await once(side.input, "end");
  await Promise.all(underWay);
  await ledger.close();
};

/** A ledger that does not open says why to whoever asks, and is tried again for who asks next. */
const opening = ({ projectDir, env, toolAgents }: Side) => {
  let opened: Promise<RunLedger> | undefined;
  const open = async (): Promise<RunLedger> => {
    opened ??= openRunLedger({ projectDir, env, toolAgents });
    try {
      return await opened;
    } catch (error) {
      opened = undefined;
      throw error;
    }
  };
  return { open, close: async () => (await opened)?.close() };
};

const answer = async (open: () => Promise<RunLedger>, asked: Asked, output: Writable): Promise<void> => {
  let redact = (told: Told): Told => told;
  // The value and not its text: a secret that looks like a piece of JSON must not take the line apart.
  const say = (told: Told): void => void output.write(`${JSON.stringify(redact(told))}\n`);
  try {
    const app = await open();
    redact = (told) => app.ledger.redactor.deep(told);
    const caller = await callerOf(app, asked);
    say({ id: asked.id, value: await answerTo(app, caller, asked.question) });
  } catch (error) {
    say({ id: asked.id, error: told(error) });
  }
};

/** Asked anew for each call: what a credential stands for may have ended since. */
const callerOf = (app: RunLedger, { as: bearer, question }: Asked): Promise<Caller> | Caller => {
  if (!("credential" in bearer)) return app.issue(bearer);
  return app.openCredential(bearer.credential, purposeOf(question));
};

const purposeOf = (question: Question): CredentialUse => {
  switch (question.kind) {
    case "tool":
      return credentialUse(question.name, question.input);
    case "journal":
      return { reads: true, tool: "run_read", runId: question.runId };
    default:
      return { reads: true };
  }
};

const answerTo = async (
  app: RunLedger,
  caller: Caller,
  question: Question,
): Promise<Readonly<Record<string, unknown>>> => {
  switch (question.kind) {
    case "who":
      return caller;
    case "runs":
      return { runs: await runsOf(app, caller) };
    case "journal":
      return journalOf(app, caller, question);
    case "tool":
      return use(app, caller, question);
  }
};

/** What a client lists to choose from; older ones are read by their id. */
const RUNS_LISTED = 50;

const runsOf = async (app: RunLedger, { sessionKey, runId }: Caller) => {
  if (runId === undefined)
    return (await app.list({ sessionKey, limit: RUNS_LISTED })).map(({ runId: id, goal, status }) => ({
      ...{ run_id: id, goal, status },
    }));
  // However many the session has made since.
  const { goal, state } = await app.ledger.load(runId);
  return [{ run_id: runId, goal, status: state.status }];
};

const EVENTS_ON_A_PAGE = 100;

/** Whoever may not read the run may not read this: asked first, by the tool that decides it. What events hold is for people: tests that agents must not see are named there. */
const journalOf = async (
  app: RunLedger,
  caller: Caller,
  { runId, afterSeq }: Extract<Question, { kind: "journal" }>,
) => {
  await use(app, caller, { kind: "tool", name: "run_read", input: { run_id: runId } });
  const events = await app.ledger.events(runId, afterSeq, EVENTS_ON_A_PAGE);
  return {
    run_id: runId,
    events: events.map((event) => ({
      ...{ seq: event.seq, at: event.at, type: event.type, by: event.actor.name },
      step_id: "stepId" in event.payload ? event.payload.stepId : null,
      attempt: "attempt" in event ? event.attempt : null,
    })),
    next_after: events.length < EVENTS_ON_A_PAGE ? null : (events.at(-1)?.seq ?? null),
  };
};

const use = async (
  app: RunLedger,
  caller: Caller,
  { name, input, waitMs }: Extract<Question, { kind: "tool" }>,
): Promise<Readonly<Record<string, unknown>>> => {
  const tool = app.toolsFor(caller, waitMs === undefined ? {} : { waitMs }).find((one) => one.name === name);
  if (tool !== undefined) return tool.call(input);
  const error = new LedgerError("access_denied", `"${caller.name}" (${caller.role}) has no tool ${name}.`, {
    hint: `Its tools: ${app
      .toolsFor(caller)
      .map((one) => one.name)
      .join(", ")}.`,
  });
  await app.noteRefusal({
    error,
    tool: name,
    by: caller,
    runId: credentialUse(name, input).runId ?? caller.runId,
  });
  throw error;
};

const told = (error: unknown): ToldError =>
  isLedgerError(error)
    ? error.toJSON()
    : { code: "unexpected", message: error instanceof Error ? error.message : String(error) };
