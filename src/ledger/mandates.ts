import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { canonicalJson } from "../core/canonical.js";
import { isLedgerError } from "../core/errors.js";
import { KeptMandates, type Mandate, withoutValuesOf } from "../core/mandates.js";
import type { Store } from "../stores/store.js";

/** Beside the journal: mandates are for runs that are not there yet. */
const WORD = "mandates";
/** No token and no credential is made under this name. */
const PURPOSE = "mandates 1";

/** All of them, the oldest first, under one seal: nobody who has but the file gives himself one, or takes a revocation back. */
export const readMandates = async (store: Store): Promise<readonly Mandate[]> =>
  (await readKept(store)).mandates;

type Read = { readonly text: string | undefined; readonly mandates: readonly Mandate[] };

/** What was altered opens nothing. */
const readKept = async (store: Store): Promise<Read> => {
  const text = await store.word(WORD);
  if (text === undefined) return { text, mandates: [] };
  const parsed = KeptMandates.safeParse(JSON.parse(text));
  if (!parsed.success) return { text, mandates: [] };
  const { mandates, seal } = parsed.data;
  const isOurs = isSame(sealOf(store, mandates), seal);
  return { text, mandates: isOurs ? mandates : [] };
};

/** Changed by compare and set, so that two who use the last of a limit do not both. `change` answers undefined for none. */
export const changeMandates = async (
  store: Store,
  change: (mandates: readonly Mandate[]) => readonly Mandate[] | undefined,
): Promise<boolean> => {
  for (;;) {
    const { text, mandates } = await readKept(store);
    const after = change(mandates);
    if (after === undefined) return false;
    const said = canonicalJson({ mandates: after, seal: sealOf(store, after) });
    if (await store.swapWord(WORD, text, said)) return true;
  }
};

/** What they tell of a run that is erased. Without the ledger's key nobody can write them anew: then they stay as they are. */
export const forgetUsesOf = async (store: Store, runId: string, at: string): Promise<void> => {
  try {
    await changeMandates(store, (mandates) => withoutValuesOf(mandates, runId, at));
  } catch (error) {
    if (!isLedgerError(error, "key_unavailable")) throw error;
  }
};

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
