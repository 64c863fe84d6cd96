import type { RunLedger, Verdict } from "../../index.js";

/** What one command of a judge printed: its name for people, and its blob. */
export type JudgeLog = { readonly name: string; readonly hash: string };

/** What was printed besides the log of the command that decided: by other runs of the tests, by held-out tests. For people only. */
export const otherLogs = ({ log, tests }: Verdict): readonly JudgeLog[] => {
  const { runs = [], heldOut = null } = tests ?? {};
  const ofRuns = runs.map(({ log: hash }, at) => ({ name: `run ${at + 1} of ${runs.length}`, hash }));
  const others = ofRuns.filter(({ hash }) => hash !== log);
  return [...others, { name: "held-out tests", hash: heldOut?.log ?? null }].flatMap(({ name, hash }) =>
    hash === null ? [] : [{ name, hash }],
  );
};

/** Null where nothing was printed, or where it is not kept here. */
export const logText = async (
  app: RunLedger,
  runId: string,
  hash: string | null | undefined,
): Promise<string | null> => {
  const bytes = hash == null ? undefined : await app.ledger.store.getBlob(hash, runId);
  return bytes == null ? null : Buffer.from(bytes).toString("utf8");
};
