import { sha256 } from "../core/canonical.js";
import type { Caller } from "../core/commands.js";
import { requireRole } from "../core/decide/guards.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { evolve } from "../core/evolve.js";
import {
  STATEMENT_NUMBER,
  type Statements,
  statementBytes,
  statementsOf,
} from "../core/receipts/statement.js";
import { type Envelope, PAYLOAD_TYPE, preAuthenticated, type RunReceipt } from "../core/receipts/verify.js";
import { followRun, type Witness } from "../core/receipts/witness.js";
import type { Run } from "../core/run.js";
import type { PublishedKey, ReceiptStore, RotatedSigningKey, SigningKeys } from "../stores/store.js";
import type { BroughtReceipt } from "./bundled-receipt.js";
import { FINISHED } from "./housekeeping.js";
import { READ_BATCH } from "./known.js";
import type { Ledger } from "./ledger.js";
import { absent } from "./removal.js";

/** The signed end of a run. */
export type SignedReceipt = {
  readonly runId: string;
  readonly keyId: string;
  /** Hex SHA-256 over the statement. */
  readonly digest: string;
  readonly envelope: Envelope;
  /** One for each step and criterion that a validator decided on, in that order. */
  readonly testResults: readonly Envelope[];
};

/** As it lies here; that of a run that was imported with the ledger that signed it, and the public keys that came with it. */
export type KeptReceipt = SignedReceipt & {
  readonly signer?: { readonly ledgerId: string; readonly keys: readonly PublishedKey[] };
};

export interface Receipts {
  /**
   * That of a finished run; made now where whoever ended the run did not come to it. Of a run that was imported the one that came
   * with it. Throws `run_not_finished`, `receipt_elsewhere`.
   */
  receipt(runId: string): Promise<KeptReceipt>;
  /** All public keys that receipts of this ledger were ever signed with, the oldest first. */
  signingKeys(): Promise<readonly PublishedKey[]>;
  /** A new key for receipts to come; those of before stay good. With `lost` in place of one whose private half is gone. For people. */
  rotateSigningKey(caller: Caller, rotating?: { readonly lost: boolean }): Promise<RotatedSigningKey>;
}

/** Which receipt a run has, for those who look at the run. */
export type ReceiptName = Pick<SignedReceipt, "keyId" | "digest">;

/** Whose receipt a run has, and with which key it is signed. */
export type Taken = { readonly ledgerId: string; readonly keyId: string };

/** What housekeeping does with receipts, and looks at runs. */
export type KeptReceipts = {
  /** Null for a run that has none, or none yet. Makes nothing. */
  nameOf(runId: string): Promise<ReceiptName | null>;
  /** The ledger that signed what lies here for a run, gone or not; undefined where nothing does, or nobody can read it any more. */
  signerOf(runId: string): Promise<string | undefined>;
  /** Before a run goes that ended here: then it has one. */
  ensure(runId: string): Promise<void>;
  forget(runId: string): Promise<void>;
  /** As it travels with a finished run; undefined where there is none, or none that holds: a warning says why. */
  toBring(runId: string): Promise<BroughtReceipt | undefined>;
  /** What came with a run from this ledger (its own, from an archive), or from another one. What is here already stays; told is what lies there now. */
  takeIn(brought: BroughtReceipt, from: string): Promise<Taken | null>;
  /** Of this RunLedger. */
  readonly version: string;
  /** What a crash left unsigned, of the newest runs; it is only begun. */
  signLeft(): Promise<void>;
};

export type ReceiptParts = {
  readonly ledger: Ledger;
  readonly kept: ReceiptStore;
  readonly keys: SigningKeys;
  readonly versions: (used: {
    readonly git: boolean;
    readonly sandbox: boolean;
  }) => Promise<RunReceipt["versions"]>;
};

/**
 * A receipt is made of the journal up to its end, so nothing of it is in the journal: whoever ends a run signs it right after, and
 * where that was cut off, whoever asks.
 */
export const createReceipts = ({ ledger, kept, keys, versions }: ReceiptParts): Receipts => {
  const made = async (runId: string): Promise<KeptReceipt> => {
    const there = await readReceipt(kept, runId);
    if (there !== undefined) return there;
    await requireEndedHere(ledger, runId);
    const witness = await witnessIn(ledger, runId);
    if (witness === undefined) throw new Error(`run ${runId} is listed as finished, and no event ends it`);
    const { ledgerId } = ledger.store;
    const { position } = witness.end;
    const told = { ...(await versions(usedBy(witness))), statement: STATEMENT_NUMBER };
    const statements = statementsOf(witness, { ledgerId, position, versions: told });
    const signed = { runId, ...(await signedBy(keys, statements, ledger.now())) };
    await putFirst(kept, signed);
    return (await readReceipt(kept, runId)) ?? signed;
  };
  return {
    receipt: made,
    signingKeys: () => keys.published(),
    rotateSigningKey: async (caller, rotating) => {
      requireRole(ledger.check(caller), "change the signing key", "human");
      return keys.rotate(ledger.now(), rotating);
    },
  };
};

/** Somebody else may have signed it at this moment: the first one counts. */
export const putFirst = async (kept: ReceiptStore, receipt: KeptReceipt): Promise<void> => {
  try {
    await kept.put(receipt.runId, JSON.stringify(receipt));
  } catch (error) {
    if (!isLedgerError(error, "seq_conflict")) throw error;
  }
};

export const readReceipt = async (kept: ReceiptStore, runId: string): Promise<KeptReceipt | undefined> => {
  const text = await kept.get(runId);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as KeptReceipt;
  } catch (cause) {
    throw new LedgerError("receipt_refused", `The receipt of run "${runId}" cannot be read: it is no JSON.`, {
      hint: `What else does not hold: runledger verify ${runId}. Once its file is away, it is signed anew.`,
      cause,
    });
  }
};

/** Undefined for a run without a receipt, and for one that was erased. */
export const signerIn = async (
  kept: ReceiptStore,
  runId: string,
  ledgerId: string,
): Promise<string | undefined> => {
  try {
    const found = await readReceipt(kept, runId);
    return found && (found.signer?.ledgerId ?? ledgerId);
  } catch (error) {
    if (isLedgerError(error, "run_erased")) return undefined;
    throw error;
  }
};

const requireEndedHere = async ({ store }: Ledger, runId: string): Promise<void> => {
  const row = await store.runRow(runId);
  if (row === undefined) throw await absent(store, runId);
  if (!FINISHED.includes(row.status))
    throw new LedgerError(
      "run_not_finished",
      `Run "${runId}" is ${row.status}; its receipt is made at its end.`,
      {
        hint: `What it waits for: runledger why ${runId}`,
      },
    );
  const origin = await store.originOf(runId);
  if (origin === undefined) return;
  throw new LedgerError(
    "receipt_elsewhere",
    `Run "${runId}" was imported from ledger ${origin.ledgerId} without a receipt, and only that one can sign for it.`,
    {
      hint: "Ask there: runledger receipt show; its file is checked here with --key. Or export it there again, and import that.",
      details: { ...origin },
    },
  );
};

/** Undefined where its journal does not end. */
export const witnessIn = async (
  { events }: Pick<Ledger, "events">,
  runId: string,
): Promise<Witness | undefined> => {
  const follower = followRun();
  let run: Run | undefined;
  for (let after = 0; follower.told() === undefined; ) {
    const page = await events(runId, after, READ_BATCH);
    for (const event of page) {
      run = evolve(run, event);
      follower.take(event, run);
    }
    if (page.length === 0) break;
    after += page.length;
  }
  return follower.told();
};

const usedBy = ({ run }: Witness) => ({
  git: run.base !== null,
  sandbox: run.steps.some(({ state }) => "verdict" in state && state.verdict?.isolationLevel === 3),
});

const signedBy = async (
  keys: SigningKeys,
  { run, testResults }: Statements,
  at: string,
): Promise<Omit<SignedReceipt, "runId">> => {
  const payloads = [run, ...testResults].map(statementBytes);
  const { keyId, signatures } = await keys.sign(
    payloads.map((payload) => preAuthenticated(PAYLOAD_TYPE, payload)),
    at,
  );
  const [envelope, ...others] = payloads.map((payload, index) => ({
    payloadType: PAYLOAD_TYPE,
    payload: payload.toString("base64"),
    signatures: [{ keyid: keyId, sig: signatures[index]?.toString("base64") ?? "" }],
  }));
  if (envelope === undefined) throw new Error("a run has a statement of its own");
  return { keyId, digest: sha256(statementBytes(run)), envelope, testResults: others };
};
