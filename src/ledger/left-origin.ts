import { createHmac, timingSafeEqual } from "node:crypto";
import { canonicalJson } from "../core/canonical.js";
import type { LeftOrigin, Store } from "../stores/store.js";

type Of = { readonly runId: string; readonly lastHash: string };

/** No token and no credential is made under this name. */
const PURPOSE = "left origin 1";

/** What a run that is taken out leaves of where it came from; undefined for one that was made here. */
export const leavingOrigin = async (store: Store, of: Of): Promise<LeftOrigin | undefined> => {
  const origin = await store.originOf(of.runId);
  if (origin === undefined) return undefined;
  const { ledgerId } = origin;
  // An archive that names another ledger is missed no keys for it here.
  const seal = ledgerId === store.ledgerId ? sealOf(store, store.seals.tokenKey(), of) : "";
  return { ledgerId, seal };
};

/**
 * Whether a run that was taken out had come here under this ledger's own id, so that its keys were never taken here. Also where the
 * key of the seal is not here, for nobody can tell then.
 */
export const hadComeAsOurs = async (store: Store, of: Of): Promise<boolean> => {
  const left = await store.leftOrigin(of.runId);
  if (left?.ledgerId !== store.ledgerId) return false;
  const key = store.seals.tokenKeyIfAny();
  return key === null || isSame(left.seal, sealOf(store, key, of));
};

const sealOf = ({ ledgerId }: Store, key: Uint8Array, { runId, lastHash }: Of): string =>
  createHmac("sha256", createHmac("sha256", key).update(PURPOSE).digest())
    .update(canonicalJson({ ledger: ledgerId, run: runId, hash: lastHash }))
    .digest("base64url");

const isSame = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
};
