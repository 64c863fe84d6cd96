import type { Run } from "../../index.js";

/** What is to be said of a run that its client records, each thing under its kind; nothing of any other. */
export const trackedWords = ({ tracked }: Run): readonly (readonly [kind: string, words: string])[] => {
  if (tracked === null) return [];
  const { agentId, runtime, recorded, skipped, artifacts, keys, checkpoints, lineage, begun, handoffs } =
    tracked;
  const who = runtime === null ? agentId : `${agentId} (${runtime})`;
  const counts = `events ${recorded}, side effects ${keys}, skipped ${skipped}, artifacts ${artifacts}, checkpoints ${checkpoints}`;
  return [
    ["client", `${who}: ${counts}`],
    ...(lineage === null ? [] : [["goes on", `from ${lineage.runId}, event ${lineage.seq}`] as const]),
    ...begun.map(({ key, seq }) => ["in doubt", `${key}, begun at event ${seq}`] as const),
    ...handoffs.map(({ to, kind, summary }) => ["handoff", `to ${to} (${kind}): ${summary}`] as const),
  ];
};
