import { type Caller, LedgerError, type Relative, type RunLedger, type SealFacts } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, printLine, say } from "../output.js";
import { printTable } from "../table.js";

export const showKeys = async (app: RunLedger, output: Output): Promise<number> => {
  const facts = await app.keys();
  const signing = (await app.signingKeys()).at(-1);
  if (output.json) {
    printJson(output, { ...facts, signingKeyId: signing?.keyId ?? null });
    return EXIT.done;
  }
  const { isOn, algorithm, root, ledgerKeyId, runs } = facts;
  await printTable(output, {
    rows: [
      ["new runs", isOn ? `sealed (${algorithm})` : "plain (durable.encryption is off)"],
      ["root key", rootWords(root)],
      ["ledger's key", ledgerKeyId ?? "none yet"],
      ["receipts", signing === undefined ? "none yet" : `signed with ${signing.keyId}`],
      ["runs", `${runs.sealed} sealed, ${runs.plain} plain, ${runs.erased} erased`],
    ],
    empty: "",
  });
  return EXIT.done;
};

const PLACES: Readonly<Record<SealFacts["root"]["from"], string>> = {
  file: "in ledger.key",
  environment: "in RUNLEDGER_KEY",
  command: "from durable.keyCommand",
  none: "nowhere",
};

const rootWords = ({ from, id, state }: SealFacts["root"]): string =>
  state === "none"
    ? `none yet; looked for ${PLACES[from]}`
    : `${id}, ${state === "here" ? PLACES[from] : `missing: not ${PLACES[from]}`}`;

export const rotateKeys = async (app: RunLedger, output: Output, caller: Caller): Promise<number> => {
  const rotated = await app.rotateKeys(caller);
  if (output.json) printJson(output, rotated);
  else {
    printLine(output, rotated.rootId);
    say(
      output,
      `It took the place of ${rotated.formerRootId}; the keys of ${rotated.runs} runs are under it now.`,
    );
    say(output, "Backups of before open with the former root key only: keep that with them.");
  }
  return EXIT.done;
};

export const eraseRun = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  { id, yes, dryRun }: { readonly id: string; readonly yes: boolean; readonly dryRun: boolean },
): Promise<number> => {
  // An archived run is not listed any more, and can be erased all the same.
  const isRemoved = (await app.ledger.store.removalOf(id)) !== undefined;
  const runId = isRemoved ? id : await app.findRun(id);
  // Its own first event says whose child or fork it is, and cannot be read afterwards.
  const relatives = (await app.relatives(runId)).filter(({ seal }) => seal !== "erased");
  if (!yes && !dryRun)
    throw new LedgerError("invalid_input", `${wouldGo(runId)}${sentencesAbout(relatives)}`, {
      hint: `If that is meant: runledger erase ${runId} --yes`,
      details: { relatives },
    });
  const erased = await app.erase(caller, runId, { dryRun });
  if (output.json) printJson(output, { dryRun, ...erased, relatives });
  else {
    printLine(output, runId);
    const done =
      "Its key is destroyed; its chain stays. Backups and bundles that were made of it are elsewhere.";
    say(output, `${dryRun ? wouldGo(runId) : done}${sentencesAbout(relatives)}`);
  }
  return EXIT.done;
};

const wouldGo = (runId: string): string =>
  `Nobody could read run "${runId}" again, and nothing brings it back.`;

/** With a space before it; nothing where there are none. */
const sentencesAbout = (relatives: readonly Relative[]): string => {
  if (relatives.length === 0) return "";
  const named = relatives
    .slice(0, RELATIVES_NAMED)
    .map(({ runId, relation, of }) => `${runId} (${relation} of ${of})`);
  const more = relatives.length - named.length;
  return ` These stay, and may hold what it told: ${named.join(", ")}${more > 0 ? `, and ${more} more` : ""}.`;
};

/** In a sentence; with --json all of them. */
const RELATIVES_NAMED = 10;
