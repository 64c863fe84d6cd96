import type { Driven, Run, RunLedger } from "../../../index.js";
import type { Answer } from "./page.js";
import { refusal } from "./perform.js";
import { quoted } from "./words.js";

/** Runs that are carried on from this process, in the background of what is shown. */
export interface Driving {
  readonly count: number;
  start(run: Run): void;
  /** Gracefully: their agents end, their leases are released, they stay resumable. */
  stop(): Promise<void>;
}

export const openDriving = (app: RunLedger, say: (answer: Answer) => void): Driving => {
  const driven = new Map<string, Promise<void>>();
  const leaving = new AbortController();
  const carryOn = async ({ runId }: Run): Promise<void> => {
    const twin = `runledger resume ${quoted(runId)}`;
    try {
      const ended = await app.drive(runId, leaving.signal);
      say({
        tone: ended.run.state.status === "failed" ? "bad" : "good",
        lines: [twin, ...(await wordsOf(app, ended))],
      });
    } catch (error) {
      say({ tone: "bad", lines: [twin, ...refusal(error)] });
    }
  };
  return {
    get count() {
      return driven.size;
    },
    start: (run) => {
      if (driven.has(run.runId)) return;
      const ended = carryOn(run).finally(() => driven.delete(run.runId));
      driven.set(run.runId, ended);
    },
    stop: async () => {
      leaving.abort();
      await Promise.all(driven.values());
    },
  };
};

const wordsOf = async (app: RunLedger, { run, end }: Driven): Promise<readonly string[]> => {
  if (end === "lease_lost") return ["Another worker took it over."];
  if (end === "stopped") return ["Interrupted; nothing is lost."];
  const { waiting } = await app.view(run.runId);
  return [waiting.sentence, ...(waiting.hint === null ? [] : [waiting.hint])];
};
