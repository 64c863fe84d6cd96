import { sha256 } from "../../core/canonical.js";
import { isLedgerError } from "../../core/errors.js";
import { isPublishedKeys, wrongKeyIn } from "../../core/receipts/key-chain.js";
import {
  STATEMENT_NUMBER,
  type Statements,
  statementBytes,
  statementsOf,
} from "../../core/receipts/statement.js";
import {
  type Envelope,
  RECEIPT_TYPE,
  type RunReceipt,
  TEST_RESULT_TYPE,
  verifyReceipt,
} from "../../core/receipts/verify.js";
import type { Witness } from "../../core/receipts/witness.js";
import type { PublishedKey, ReceiptStore, Removal, SigningKeys, Store } from "../../stores/store.js";
import { type KeptReceipt, readReceipt, type SignedReceipt } from "../receipts.js";
import type { Add } from "./flaws.js";

export type ReceiptSources = {
  readonly kept: ReceiptStore;
  readonly keys: Pick<SigningKeys, "published">;
  /** Of this RunLedger: what another one would say of the same journal, it alone knows. */
  readonly version: string;
};

/** The ledger's published keys, asked for once; empty, and said so, where they do not hold. */
export const publishedKeys = async ({ keys }: ReceiptSources, add: Add): Promise<readonly PublishedKey[]> => {
  try {
    return await keys.published();
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    add("receipt", error.message);
    return [];
  }
};

/** That it is signed with a key of this ledger, and says what the journal says. False where a run has none. */
export const checkReceipt = async (
  store: Pick<Store, "ledgerId" | "originOf">,
  runId: string,
  witness: Witness | undefined,
  {
    kept,
    trusted,
    version,
    add,
  }: Pick<ReceiptSources, "kept" | "version"> & {
    readonly trusted: readonly PublishedKey[];
    readonly add: Add;
  },
): Promise<boolean> => {
  const found = await readable(kept, runId, add);
  if (found === undefined) return false;
  const origin = await store.originOf(runId);
  const wrong =
    origin === undefined || origin.ledgerId === store.ledgerId
      ? wrongInOwn(found, witness, { ledgerId: store.ledgerId, trusted, version })
      : wrongInBrought(found, witness, { ledgerId: origin.ledgerId, version });
  if (wrong !== undefined) add("receipt", wrong, { runId, ...(witness && { seq: witness.end.seq }) });
  return true;
};

/**
 * What is told by a receipt that this ledger signed, of a run that ended at its last event or before: what was appended behind the
 * end is no part of it. One that was brought came with the keys it is checked with.
 */
export const receiptFor = async (
  { ledgerId }: Pick<Store, "ledgerId">,
  { runId, lastSeq, lastHash }: Pick<Removal, "lastSeq" | "lastHash"> & { readonly runId: string },
  { kept, trusted }: Pick<ReceiptSources, "kept"> & Pick<By, "trusted">,
): Promise<RunReceipt | undefined> => {
  const found = await readable(kept, runId, () => {});
  if (found === undefined || found.signer !== undefined) return undefined;
  const checked = verifyReceipt(JSON.stringify(found.envelope) ?? "", trusted);
  if (!checked.verified || checked.statement.predicateType !== RECEIPT_TYPE) return undefined;
  const { predicate } = checked.statement;
  const { run, journal } = predicate;
  const endsInIt = journal.last < lastSeq || (journal.last === lastSeq && journal.root === lastHash);
  return run.id === runId && journal.origin === ledgerId && endsInIt ? predicate : undefined;
};

const readable = async (kept: ReceiptStore, runId: string, add: Add): Promise<KeptReceipt | undefined> => {
  try {
    const found = await readReceipt(kept, runId);
    if (found === undefined || Array.isArray(found?.testResults)) return found;
    add("receipt", "Its receipt cannot be read.", { runId });
    return undefined;
  } catch (error) {
    if (isLedgerError(error, "run_erased") || isLedgerError(error, "key_unavailable")) return undefined;
    add("receipt", "Its receipt cannot be read.", { runId });
    return undefined;
  }
};

type By = {
  readonly ledgerId: string;
  readonly trusted: readonly PublishedKey[];
  readonly version: string;
};

const wrongInOwn = (found: KeptReceipt, witness: Witness | undefined, by: By): string | undefined =>
  found.signer === undefined
    ? wrongInReceipt(found, witness, by)
    : `Its receipt names ledger ${found.signer.ledgerId}, and the run was made in this one.`;

/** Of a run that was imported: it is checked with the keys that came with it, for nobody here has others. */
const wrongInBrought = (
  found: KeptReceipt,
  witness: Witness | undefined,
  { ledgerId, version }: Omit<By, "trusted">,
): string | undefined => {
  const { signer } = found;
  if (signer?.ledgerId !== ledgerId || !isPublishedKeys(signer.keys))
    return `Its receipt does not name ledger ${ledgerId}, which the run was imported from.`;
  const { keys: trusted } = signer;
  return wrongKeyIn(ledgerId, trusted) ?? wrongInReceipt(found, witness, { ledgerId, trusted, version });
};

/** What is wrong with the receipt of a run, in a sentence; undefined where it says what the journal says, and is signed with one of these keys. */
export const wrongInReceipt = (
  found: SignedReceipt,
  witness: Witness | undefined,
  by: By,
): string | undefined => {
  const { envelope } = found;
  const checked = verifyReceipt(JSON.stringify(envelope), by.trusted);
  if (!checked.verified) return `Its receipt does not hold: ${checked.message}`;
  const { statement } = checked;
  if (statement.predicateType !== RECEIPT_TYPE || witness === undefined)
    return "It has a receipt, and its journal does not end.";
  const { versions, journal } = statement.predicate;
  if (journal.root !== witness.end.hash) return "Its receipt is about another journal.";
  if (journal.origin !== by.ledgerId) return `Its receipt is one of ledger ${journal.origin}.`;
  if (
    found.runId !== witness.run.runId ||
    found.keyId !== checked.keyId ||
    found.digest !== digestIn(envelope)
  )
    return "Its receipt names another run, key or digest than those it is of.";
  const { version, ledgerId } = by;
  const { position } = journal;
  const isMadeAlike = versions.runledger === version && versions.statement === STATEMENT_NUMBER;
  const said = isMadeAlike ? statementsOf(witness, { ledgerId, versions, position }) : undefined;
  if (said !== undefined && !says(envelope, said.run))
    return "Its receipt says something else than its journal.";
  return wrongInResults(found.testResults, said?.testResults, witness, by);
};

const digestIn = ({ payload }: Envelope): string => sha256(Buffer.from(payload, "base64"));

const says = ({ payload }: Envelope, statement: Parameters<typeof statementBytes>[0]): boolean =>
  statementBytes(statement).toString("base64") === payload;

/** Where statements were made in another way only that they are signed, and about this journal: how many it would make, it alone knows. */
const wrongInResults = (
  results: readonly Envelope[],
  said: Statements["testResults"] | undefined,
  { end }: Witness,
  { trusted }: By,
): string | undefined => {
  if (said !== undefined && said.length !== results.length)
    return `Its receipt has ${results.length} test results, and its journal ${said.length}.`;
  for (const [at, envelope] of results.entries()) {
    const what = `Test result ${at + 1} of its receipt`;
    const checked = verifyReceipt(JSON.stringify(envelope), trusted);
    if (!checked.verified) return `${what} does not hold: ${checked.message}`;
    const { predicateType, subject } = checked.statement;
    if (predicateType !== TEST_RESULT_TYPE || subject[0]?.digest.sha256 !== end.hash)
      return `${what} is about another journal.`;
    const expected = said?.[at];
    if (expected !== undefined && !says(envelope, expected))
      return `${what} says something else than its journal.`;
  }
  return undefined;
};
