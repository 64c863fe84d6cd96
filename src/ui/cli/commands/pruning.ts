import {
  type Collecting,
  counted,
  formatSize,
  LedgerError,
  type Pruned,
  type Pruning,
  parseDuration,
  parseSize,
  type RunLedger,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { brief, type Output, printJson, say } from "../output.js";
import { type Cell, printTable } from "../table.js";

/** As they were typed: help is shown without what reads amounts. */
export type PruneFlags = {
  readonly keep?: number;
  readonly olderThan?: string;
  readonly maxBytes?: string;
  readonly dryRun: boolean;
};

export const prune = async (
  app: RunLedger,
  output: Output,
  flags: PruneFlags,
  interrupted: AbortSignal,
): Promise<number> => {
  const { dryRun } = flags;
  const stays: { runId: string; code: string; message: string }[] = [];
  const pruned = await app.prune({
    ...limitsOf(flags),
    dryRun,
    signal: interrupted,
    onStays: (runId, { code, message }) => void stays.push({ runId, code, message }),
  });
  if (output.json) printJson(output, { dryRun, ...pruned, stays });
  else {
    await printRuns(output, pruned, dryRun);
    if (pruned.runs.length + pruned.blobs > 0) say(output, freed(pruned, dryRun));
    if (pruned.journalBytes > 0 && !(await app.ledger.store.space()).shrinks)
      say(output, "The database's file keeps its size; make it smaller with: runledger gc --vacuum");
    for (const { runId, message } of stays) say(output, `${runId} stays: ${brief(message, 200)}`);
  }
  return interrupted.aborted ? EXIT.interrupted : EXIT.done;
};

const limitsOf = ({ keep, olderThan, maxBytes }: PruneFlags): Pruning => ({
  ...(keep !== undefined && { keep }),
  ...(olderThan !== undefined && {
    olderThanMs: parseDuration(olderThan) ?? refuse(`"${olderThan}" is no duration`, "30d", "12h"),
  }),
  ...(maxBytes !== undefined && {
    maxBytes: parseSize(maxBytes) ?? refuse(`"${maxBytes}" is no size`, "1GiB", "500MB"),
  }),
});

const refuse = (what: string, ...examples: readonly string[]): never => {
  throw new LedgerError("invalid_input", `${what}.`, { hint: `Such as ${examples.join(" or ")}.` });
};

const printRuns = (output: Output, { runs }: Pruned, dryRun: boolean): Promise<void> =>
  printTable(output, {
    head: ["RUN", dryRun ? "WOULD GO" : "ARCHIVE", "BEYOND", "SIZE", "GOAL"],
    rows: runs.map(({ runId, archive, beyond, bytes, goal }): Cell[] => [
      { text: runId, id: true },
      archive ?? "yes",
      beyond,
      { text: formatSize(bytes), right: true },
      goal,
    ]),
    empty: "There is nothing to remove; what may hold finished runs back: runledger help prune",
  });

const freed = (pruned: Pruned, dryRun: boolean): string => {
  const { journalBytes, checkpointBytes, blobs, blobBytes, fileBytes } = pruned;
  const parts = [
    `${formatSize(journalBytes)} of events`,
    ...(checkpointBytes === 0 ? [] : [`${formatSize(checkpointBytes)} of checkpoints`]),
    `${formatSize(blobBytes)} of output (${blobs} ${blobs === 1 ? "piece" : "pieces"})`,
  ].join(" and ");
  if (dryRun) return `It would free about ${parts}.`;
  return `Freed about ${parts}; the database's file is ${formatSize(fileBytes ?? 0)} smaller.`;
};

export const collectGarbage = async (
  app: RunLedger,
  output: Output,
  options: Required<Collecting>,
): Promise<number> => {
  const collected = await app.collectGarbage(options);
  if (output.json) {
    printJson(output, { dryRun: options.dryRun, ...collected });
    return EXIT.done;
  }
  const { blobs, blobBytes, workspaces, logs, setups, setupBytes, storeBytes, fileBytes } = collected;
  const { checkpoints, checkpointBytes, unread, drafts } = collected;
  const known = (bytes: number | null) =>
    bytes === null ? "known when they are removed" : formatSize(Math.max(0, bytes));
  await printTable(output, {
    rows: [
      ["pieces of output", `${blobs} (${formatSize(blobBytes)})`],
      ["workspaces", `of ${counted(workspaces.length, "finished run")}`],
      ["logs", `of ${counted(logs.length, "removed run")}`],
      ["kept set-ups", `${setups} (${formatSize(setupBytes)})`],
      ["thinned checkpoints", `${checkpoints} (${formatSize(checkpointBytes)})`],
      ...(drafts === 0 ? [] : [["unfinished bundles", String(drafts)]]),
      ...(unread.length === 0
        ? []
        : [["left as they are", `checkpoints of ${unread.join(", ")}: unreadable`]]),
      ["git objects", known(storeBytes)],
      ["free pages", known(fileBytes)],
    ],
    empty: "",
  });
  return EXIT.done;
};
