import { counted, type Flaw, type Verification, verifyAt } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, printLine, say } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";

export const verify = async (
  { directory, terminal, output }: Bench,
  run: string | undefined,
): Promise<number> => {
  const { env, interrupted: signal } = terminal;
  try {
    const found = await verifyAt({
      projectDir: directory,
      env,
      signal,
      ...(run === undefined ? {} : { run }),
    });
    if (output.json) printJson(output, found);
    else await report(output, found);
    return found.flawsInAll === 0 ? EXIT.done : EXIT.failed;
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    throw error;
  }
};

const report = async (output: Output, found: Verification): Promise<void> => {
  const { runs, events, snapshots, keys, blobs, checkpoints, receipts, flaws, flawsInAll } = found;
  if (flaws.length > 0)
    await printTable(output, {
      head: ["", "RUN", "EVENT", "WHAT", "IS WRONG"],
      rows: flaws.map(({ kind, runId, seq, message }) => [
        { text: "✘", style: "red" },
        { text: runId ?? "", id: true },
        { text: seq === null ? "" : String(seq), right: true },
        WORDS[kind],
        message,
      ]),
      empty: "",
      wrap: true,
    });
  if (flawsInAll > flaws.length) say(output, `And ${flawsInAll - flaws.length} more.`);
  const read = [
    counted(runs, "run"),
    counted(events, "event"),
    counted(blobs, "blob"),
    counted(snapshots, "snapshot"),
    counted(keys, "key"),
    ...(checkpoints === 0 ? [] : [counted(checkpoints, "checkpoint")]),
    ...(receipts === 0 ? [] : [counted(receipts, "receipt")]),
  ].join(", ");
  const good = goodOf(found);
  printLine(output, `${read}: ${flawsInAll === 0 ? good : `${flawsInAll} not as written.`}`);
  say(output, ANCHORS[found.anchor.state](found.anchor));
  sayPassedOver(output, found);
  for (const because of ["locked", "erased", "gone"] as const) sayUnread(output, found, because);
};

const goodOf = ({ unread }: Verification): string => {
  const isAny = (what: keyof typeof UNREAD) => unread.some(({ because }) => because === what);
  if (isAny("locked")) return "as it was written, as far as it can be opened.";
  return isAny("gone") ? "as it was written, as far as it is here." : "all as it was written.";
};

const WORDS: { readonly [K in Flaw["kind"]]: string } = {
  file: "database",
  anchor: "anchor",
  chain: "journal",
  event: "journal",
  list: "list",
  snapshot: "snapshot",
  key: "key",
  blob: "blob",
  checkpoint: "checkpoint",
  lineage: "lineage",
  seal: "key",
  receipt: "receipt",
};

const UNREAD: Readonly<Record<Verification["unread"][number]["because"], string>> = {
  locked: "key is not here, so only the chain was checked",
  erased: "key was destroyed, so only the chain was checked",
  gone: "archive is gone, so only the signed receipt was checked",
};

const sayUnread = (output: Output, { unread }: Verification, because: keyof typeof UNREAD): void => {
  const runs = unread.filter((one) => one.because === because);
  const [first] = runs;
  if (first === undefined) return;
  const more = runs.length > 1 ? ` and ${runs.length - 1} more` : "";
  say(output, `Of ${first.runId}${more}: ${runs.length === 1 ? "its" : "their"} ${UNREAD[because]}.`);
};

/** No flaw of what is there now, and nothing that may be forgotten. */
const sayPassedOver = (output: Output, { passedOver }: Verification): void => {
  const [first] = passedOver;
  if (first === undefined) return;
  const { runId, seq, checkpoint, why } = first;
  const more = passedOver.length > 1 ? ` And ${passedOver.length - 1} more.` : "";
  say(output, `Event ${seq} of ${runId}: checkpoint ${checkpoint} ${why}, and was passed over.${more}`);
};

type Anchor = Verification["anchor"];

const ANCHORS: { readonly [S in Anchor["state"]]: (anchor: Anchor) => string } = {
  none: () =>
    "There is no anchor: a database that was put back would not be noticed. The next command makes one.",
  behind: () => "The database is behind its anchor.",
  holds: ({ position, later }) =>
    later === 0
      ? `The anchor holds, at position ${position}.`
      : `The anchor holds, at position ${position}; ${later} came after it.`,
};
