import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import {
  type Caller,
  LedgerError,
  type LookedUp,
  lookUpJournal,
  lookUpObjects,
  RECEIPT_TYPE,
  type ReceiptStatement,
  type RunLedger,
  type Statement,
  signingKeysAt,
  type TestResultStatement,
  type TrustedKey,
  trustedKeysIn,
  verifyReceipt,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, printLine, SCHEMA_VERSION, safe, say } from "../output.js";
import { PIPED, pipedIn, textFrom } from "../piped.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";

export const showReceipt = async (
  app: RunLedger,
  output: Output,
  id: string,
  { statement }: { readonly statement?: string },
): Promise<number> => {
  const { signer = null, ...signed } = await receiptOf(app, id);
  if (output.json) {
    printWhole(output, { schemaVersion: SCHEMA_VERSION, ...signed, signer });
    return EXIT.done;
  }
  const { envelope, testResults, runId } = signed;
  if (signer !== null) {
    say(
      output,
      `Ledger ${signer.ledgerId} signed it; its keys came with the run, and nobody here vouches for them.`,
    );
    say(output, `Compare them with what that ledger tells you: runledger receipt keys --of ${runId}`);
  }
  for (const one of statement === undefined ? [envelope] : chosen(statement, testResults))
    printWhole(output, one);
  return EXIT.done;
};

/** A run that was archived keeps its receipt, and is not listed any more. */
const receiptOf = async (app: RunLedger, id: string) => {
  const isRemoved = (await app.ledger.store.removalOf(id)) !== undefined;
  return app.receipt(isRemoved ? id : await app.findRun(id));
};

/** As it was signed: a word that is redacted now would make every signature wrong. */
const printWhole = ({ out }: Output, value: object): void => void out.write(`${JSON.stringify(value)}\n`);

const chosen = <T>(which: string, all: readonly T[]): readonly T[] => {
  if (which === "all") return all;
  const one = /^\d+$/.test(which) ? all[Number(which) - 1] : undefined;
  if (one !== undefined) return [one];
  throw new LedgerError("invalid_input", `There is no statement "${which}"; validators made ${all.length}.`, {
    hint: "Give a number from 1, or all.",
  });
};

export const listKeys = async (
  app: RunLedger,
  output: Output,
  {
    pem,
    keyId: only,
    of,
  }: { readonly pem: boolean; readonly keyId: string | undefined; readonly of?: string },
): Promise<number> => {
  const { ledgerId, keys: all } = await keysOf(app, of);
  const keys = all.filter(({ keyId }) => only === undefined || keyId === only);
  if (only !== undefined && keys.length === 0)
    throw new LedgerError(
      "key_unavailable",
      `No receipt of ledger ${ledgerId} was ever signed with key "${only}".`,
      {
        hint: "All there are: runledger receipt keys.",
      },
    );
  if (output.json) printJson(output, { ledgerId, keys });
  else if (pem) for (const { publicKey } of keys) output.out.write(publicKey);
  else
    await printTable(output, {
      head: ["KEY", "FROM", "UNTIL"],
      rows: keys.map(({ keyId, from, until, lost }) => [
        { text: keyId, id: true },
        from,
        lost ? `${until}, lost` : (until ?? "signs now"),
      ]),
      empty: "No receipt was signed yet; the first one makes the key.",
    });
  return EXIT.done;
};

/** Of a run that was imported those that came with it. */
const keysOf = async (app: RunLedger, of: string | undefined) => {
  const signer = of === undefined ? undefined : (await receiptOf(app, of)).signer;
  return signer ?? { ledgerId: app.ledger.store.ledgerId, keys: await app.signingKeys() };
};

export const rotateSigningKey = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  rotating: { readonly lost: boolean },
): Promise<number> => {
  const rotated = await app.rotateSigningKey(caller, rotating);
  // `lost` is what version 1 of the answer called it first, and no field of a version goes.
  if (output.json) printJson(output, { ...rotated, lost: rotated.formerLost });
  else {
    printLine(output, rotated.keyId);
    say(output, `It took the place of ${rotated.formerKeyId}; receipts signed with that one stay good.`);
    if (rotated.formerLost)
      say(output, "That one is lost and could not vouch for it: nothing but your word does.");
    say(output, "Tell those who check them: runledger receipt keys");
  }
  return EXIT.done;
};

/** Longer than a receipt of ten thousand effects; what is read whole must not fill the memory. */
const RECEIPT_BYTES_MAX = 64_000_000;

export const verifyFile = async (
  { terminal, directory, output }: Bench,
  file: string,
  { key, repo }: { readonly key?: string; readonly repo?: string },
): Promise<number> => {
  const where = { projectDir: directory, env: terminal.env };
  const text =
    file === PIPED
      ? await textFrom(pipedIn(terminal.input), "receipt", RECEIPT_BYTES_MAX)
      : await textOf(resolve(directory, file), "receipt");
  const keys = key === undefined ? await keysHere(where) : await keysIn(resolve(directory, key));
  const checked = verifyReceipt(text, keys);
  if (!checked.verified)
    throw new LedgerError("receipt_refused", `The receipt is refused. ${checked.message}`, {
      hint: HINTS[checked.reason] ?? "Ask whoever gave it to you for the file as it was printed.",
      details: { reason: checked.reason },
    });
  const { statement, keyId } = checked;
  const lookedUp = [
    ...(repo === undefined ? [] : await lookUpObjects(statement, resolve(directory, repo))),
    // Whoever names the keys needs no ledger, and is not told of one that happens to be near.
    ...(key === undefined ? await lookUpJournal(statement, where) : []),
  ];
  requireFound(lookedUp);
  if (output.json) printJson(output, { verified: true, keyId, lookedUp, statement });
  else {
    printLine(output, `Verified: signed with key ${keyId}.`);
    for (const line of linesOf(statement)) printLine(output, line);
    for (const { what, id, found } of lookedUp)
      say(output, found === null ? `No ledger here has its journal.` : `The ${what} ${id} is there.`);
  }
  return EXIT.done;
};

const HINTS: Readonly<Record<string, string>> = {
  unknown_key:
    "Public keys of the ledger it comes from: runledger receipt keys --pem, given with --key. Those that came with an imported run: receipt keys --of RUN.",
  key_retired: "The key was retired before the run ended: whoever signed with it is not the ledger.",
};

const requireFound = (lookedUp: readonly LookedUp[]): void => {
  const missing = lookedUp.find(({ found }) => found === false);
  if (missing === undefined) return;
  const { what, id } = missing;
  throw new LedgerError(
    "receipt_refused",
    what === "journal"
      ? `The receipt is signed, and the ledger here says something else of that run (journal ${id}).`
      : `The receipt is signed, and the repository has no ${what} ${id}.`,
    {
      hint:
        what === "journal"
          ? "One of the two was changed: runledger verify."
          : "Give --repo the repository that the run's work was brought into, or the ledger's own store.git.",
      details: { reason: `${what}_not_found`, lookedUp },
    },
  );
};

const keysHere = async (where: Parameters<typeof signingKeysAt>[0]): Promise<readonly TrustedKey[]> => {
  const keys = await signingKeysAt(where);
  if (keys !== undefined && keys.length > 0) return keys;
  throw new LedgerError(
    "invalid_input",
    "Nobody says which keys are to be trusted: there is no ledger with receipts here.",
    {
      hint: "Give --key a file with public keys: runledger receipt keys --pem.",
    },
  );
};

const keysIn = async (file: string): Promise<readonly TrustedKey[]> => {
  const keys = trustedKeysIn(await textOf(file, "key"));
  if (keys.length > 0) return keys;
  throw new LedgerError("parse_failed", `"${file}" has no Ed25519 public key in it.`, {
    hint: "It is PEM (SPKI), or what `runledger receipt keys --json` prints.",
  });
};

const textOf = async (file: string, what: string): Promise<string> => {
  try {
    return await textFrom(createReadStream(file), what, RECEIPT_BYTES_MAX);
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new LedgerError(
      "file_not_found",
      `There is no ${what} file "${file}" that can be read (${code}).`,
      {
        hint: "Paths start in the folder you are in, or in that of -C.",
      },
    );
  }
};

const linesOf = (statement: Statement): readonly string[] =>
  statement.predicateType === RECEIPT_TYPE ? runLines(statement) : testLines(statement);

const runLines = ({ predicate, subject }: ReceiptStatement): readonly string[] => {
  const { run, journal, steps, claims } = predicate;
  const verified = steps.filter(({ how }) => how === "verified").length;
  return [
    `Run ${run.id} of ledger ${journal.origin}: ${run.status} at ${run.endedAt}.`,
    `${verified} of ${steps.length} ${steps.length === 1 ? "step was" : "steps were"} verified; the journal ends at event ${journal.last}.`,
    ...subject.map(({ name, digest }) => `  ${safe(name)}: ${Object.values(digest).map(safe).join(" ")}`),
    claims.notChecked.length === 0 ? "All of it was checked." : "Not checked:",
    ...claims.notChecked.map(
      ({ stepId, sentence }) => `  ${stepId === null ? "" : `${safe(stepId)}: `}${safe(sentence)}`,
    ),
  ];
};

const testLines = ({ predicate, subject }: TestResultStatement): readonly string[] => [
  ...predicate.configuration.map(({ name, annotations }) => {
    const { runId, stepId, criterion } = annotations;
    const about = stepId === null ? `criterion ${(criterion ?? 0) + 1}` : `step ${stepId}`;
    return safe(`${predicate.result}: ${name} of ${about}, run ${runId}.`);
  }),
  ...subject.map(({ name, digest }) => `  ${safe(name)}: ${Object.values(digest).map(safe).join(" ")}`),
];
