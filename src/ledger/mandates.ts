import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { canonicalJson } from "../core/canonical.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { KeptMandates, type Mandate, withoutValuesOf } from "../core/mandates.js";
import type { Store } from "../stores/store.js";

/** Beside the journal: mandates are for runs that are not there yet. */
const WORD = "mandates";
/** No token and no credential is made under this name. */
const PURPOSE = "mandates 1";

/**
 * All of them, the oldest first, under one seal: nobody who has but the file gives himself one. Who puts the whole row back as it was
 * before takes with it what was said since, also a revocation: the seal says that it was written here, and not when.
 */
export const readMandates = async (store: Store): Promise<readonly Mandate[]> =>
  (await readKept(store)).mandates;

type Read = {
  readonly text: string | undefined;
  readonly mandates: readonly Mandate[];
  /** Not as this ledger wrote them. */
  readonly isAltered: boolean;
};

/** What was altered opens nothing. */
const readKept = async (store: Store): Promise<Read> => {
  const text = await store.word(WORD);
  if (text === undefined) return { text, mandates: [], isAltered: false };
  const parsed = KeptMandates.safeParse(jsonOf(text));
  const isOurs = parsed.success && isSame(sealOf(store, parsed.data.mandates), parsed.data.seal);
  return { text, mandates: isOurs ? parsed.data.mandates : [], isAltered: !isOurs };
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Asks for the key that they are sealed with. */
export const areMandatesAltered = async (store: Store): Promise<boolean> => (await readKept(store)).isAltered;

/**
 * Changed by compare and set, so that two who use the last of a limit do not both. `change` answers undefined for none. Throws
 * `journal_tampered`: under a fresh seal nobody could see any more that somebody had altered them.
 */
export const changeMandates = async (
  store: Store,
  change: (mandates: readonly Mandate[]) => readonly Mandate[] | undefined,
): Promise<boolean> => {
  for (;;) {
    const { text, mandates, isAltered } = await readKept(store);
    const after = change(mandates);
    if (after === undefined) return false;
    if (isAltered) throw mandatesAltered();
    const said = canonicalJson({ mandates: after, seal: sealOf(store, after) });
    if (await store.swapWord(WORD, text, said)) return true;
  }
};

/** What they tell of a run that is erased. Without the ledger's key, or once somebody altered them, nobody can write them anew: they stay as they are. */
export const forgetUsesOf = async (store: Store, runId: string, at: string): Promise<void> => {
  try {
    await changeMandates(store, (mandates) => withoutValuesOf(mandates, runId, at));
  } catch (error) {
    if (!isLedgerError(error, "key_unavailable") && !isLedgerError(error, "journal_tampered")) throw error;
  }
};

const mandatesAltered = (): LedgerError =>
  new LedgerError(
    "journal_tampered",
    "The delegations and standing approvals of this ledger are not as it wrote them.",
    {
      hint: `None of them counts. Restore the ledger from a backup; where there is none, delete the row "word:${WORD}" of the table meta, and say them anew.`,
    },
  );

export const newMandateId = (kind: Mandate["kind"]): string =>
  `${kind === "delegation" ? "del" : "sta"}_${randomBytes(8).toString("hex")}`;

const sealOf = ({ ledgerId, seals }: Store, mandates: readonly Mandate[]): string =>
  createHmac("sha256", createHmac("sha256", seals.tokenKey()).update(PURPOSE).digest())
    .update(canonicalJson({ ledger: ledgerId, mandates }))
    .digest("base64url");

const isSame = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
};
