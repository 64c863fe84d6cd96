import { isOwnIntent, type Run } from "../../index.js";

/** What is to be said of a run that its client records, each thing under its kind; nothing of any other. */
export const trackedWords = (run: Run): readonly (readonly [kind: string, words: string])[] => {
  const { tracked } = run;
  if (tracked === null) return [];
  const { agentId, runtime, recorded, skipped, artifacts, keys, checkpoints, lineage, begun, handoffs } =
    tracked;
  const who = runtime === null ? agentId : `${agentId} (${runtime})`;
  const counts = `events ${recorded}, side effects ${keys}, skipped ${skipped}, artifacts ${artifacts}, checkpoints ${checkpoints}`;
  const intents = intentCounts(run);
  return [
    ["client", `${who}: ${counts}`],
    ...(intents === "" ? [] : [["intents", intents] as const]),
    ...(lineage === null ? [] : [["goes on", `from ${lineage.runId}, event ${lineage.seq}`] as const]),
    ...begun.map(({ key, seq }) => ["in doubt", `${key}, begun at event ${seq}`] as const),
    ...handoffs.map(({ to, kind, summary }) => ["handoff", `to ${to} (${kind}): ${summary}`] as const),
  ];
};

/** What became of each intent of its own, also of those that are over: often they are all that is in it. */
const intentCounts = (run: Run): string => {
  const counts = new Map<string, number>();
  for (const intent of run.intents)
    if (isOwnIntent(run, intent)) counts.set(intent.status, (counts.get(intent.status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} ${status}`).join(", ");
};
