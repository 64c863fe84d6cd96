import { isLedgerError, type Run } from "../../../index.js";
import type { Answer, Desk } from "./page.js";

// Nothing waits for it: the command stands there until its answer, or its refusal, takes its place.
export const perform = (desk: Desk, twin: string, work: () => Promise<Run | readonly string[]>): void => {
  desk.say({ tone: "busy", lines: [twin] });
  const told = async (): Promise<Answer> => {
    const done = await work();
    return { tone: "good", lines: [twin, ...("runId" in done ? await standing(desk, done) : done)] };
  };
  const answered = told()
    .catch((error: unknown): Answer => ({ tone: "bad", lines: [twin, ...refusal(error)] }))
    .then((answer) => {
      desk.pending.delete(answered);
      desk.say(answer);
      desk.refresh();
    });
  desk.pending.add(answered);
};

/** Where the run stands then, as the command line says it. */
const standing = async ({ app }: Desk, { runId }: Run): Promise<readonly string[]> => {
  const { waiting } = await app.view(runId);
  return [waiting.sentence, ...(waiting.hint === null ? [] : [waiting.hint])];
};

/** Code, sentence and hint of a refusal. */
export const refusal = (error: unknown): readonly string[] => {
  if (isLedgerError(error))
    return [`[${error.code}] ${error.message}`, ...(error.hint === undefined ? [] : [error.hint])];
  return [`[unexpected] ${error instanceof Error ? error.message : String(error)}`];
};
