import * as z from "zod";
import type { Caller } from "../src/core/commands.js";
import { misfit } from "../src/core/defects.js";
import { ID_CHARS } from "../src/core/limits.js";
import { naturalInt } from "../src/core/shapes.js";
import { closed } from "../src/core/wire.js";
import type { Ledger } from "../src/ledger/ledger.js";
import { listRuns } from "../src/ledger/look-up.js";
import type { NoteRefusal } from "../src/ledger/refusals.js";
import type { CredentialUse } from "../src/ledger/signed.js";
import { credentialUse } from "./mcp.js";
import { runActive } from "./shared/run_active.js";
import { runRead } from "./shared/run_read.js";
import { type BoundTool, callByName } from "./tool.js";

/** What a server for an MCP client asks on behalf of its caller. */
export const Question = z.discriminatedUnion("kind", [
  closed({ kind: z.literal("who") }),
  /** Runs of the caller's session, the newest first. */
  closed({ kind: z.literal("runs") }),
  /** What happened in a run behind that event, without what was in it. */
  closed({ kind: z.literal("journal"), runId: z.string().max(ID_CHARS), afterSeq: naturalInt }),
  /** With `waitMs` a verdict is waited for no longer than that; then the answer is `verifying`. */
  closed({
    kind: z.literal("tool"),
    name: z.string(),
    input: z.unknown(),
    waitMs: z.number().min(0).optional(),
  }),
]);
export type Question = z.infer<typeof Question>;

export const readQuestion = (said: unknown): Question => {
  const { success, data, error } = Question.safeParse(said);
  if (success) return data;
  throw misfit("the question", error.issues, said);
};

/** For `openCredential`. */
export const credentialUseFor = (question: Question): CredentialUse => {
  switch (question.kind) {
    case "tool":
      return credentialUse(question.name, question.input);
    case "journal":
      return { reads: true, tool: "run_read", runId: question.runId };
    default:
      return { reads: true };
  }
};

/** Tools that answer the same until somebody changes the ledger. What asks for an intent may let it expire first. */
const STEADY: ReadonlySet<string> = new Set([runRead.name, runActive.name]);

/** Whether the answer stays what it is until somebody changes the ledger. */
export const isSteady = (question: Question): boolean =>
  question.kind !== "tool" || STEADY.has(question.name);

type Asking = {
  readonly ledger: Ledger;
  readonly noteRefusal: NoteRefusal;
  toolsFor(caller: Caller, options?: { readonly waitMs?: number }): readonly BoundTool[];
};

type Answer = Readonly<Record<string, unknown>>;

export const answerQuestion = async (app: Asking, caller: Caller, question: Question): Promise<Answer> => {
  switch (question.kind) {
    case "who":
      return caller;
    case "runs":
      return { runs: await runsOf(app.ledger, caller) };
    case "journal":
      return journalOf(app, caller, question);
    case "tool":
      return use(app, caller, question);
  }
};

/** What a client lists to choose from; older ones are read by their id. */
const RUNS_LISTED = 50;

const runsOf = async (ledger: Ledger, { sessionKey, runId }: Caller) => {
  if (runId === undefined)
    return (await listRuns(ledger, { sessionKey, limit: RUNS_LISTED })).map(
      ({ runId: id, goal, status }) => ({
        ...{ run_id: id, goal, status },
      }),
    );
  // However many the session has made since.
  const { goal, state } = await ledger.load(runId);
  return [{ run_id: runId, goal, status: state.status }];
};

const EVENTS_ON_A_PAGE = 100;

/** Whoever may not read the run may not read this: asked first, by the tool that decides it. What events hold is for people: tests that agents must not see are named there. */
const journalOf = async (
  app: Asking,
  caller: Caller,
  { runId, afterSeq }: Extract<Question, { kind: "journal" }>,
): Promise<Answer> => {
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
  app: Asking,
  caller: Caller,
  { name, input, waitMs }: Extract<Question, { kind: "tool" }>,
): Promise<Answer> =>
  callByName(
    app.toolsFor(caller, waitMs === undefined ? {} : { waitMs }),
    caller,
    { name, input },
    app.noteRefusal,
  );
