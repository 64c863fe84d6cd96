import type Database from "better-sqlite3";
import type { KeptRunKey, RunCipher, SealState, Seals } from "./seals.js";
import type { Vault } from "./sqlite-seals.js";
import type { AppendBatch, RunRow, SnapshotRow } from "./store.js";

/** A list row as it is kept: the words in it may be sealed. */
export type KeptRunRow = Omit<RunRow, "seal"> & { readonly key: KeptRunKey | null };

/** What lists say where the words of a run cannot be shown. */
const UNSHOWN: Readonly<Record<Exclude<SealState, "plain" | "open">, string>> = {
  locked: "(locked)",
  erased: "(erased)",
};
const DAMAGED = "(damaged)";

const GOAL = "list goal";
const BLOCKER = "list blocker";

/** All that is kept of a batch beside its events, which came sealed: what lists show, the snapshot, and what its key was taken for. */
export const sealedBatch = (batch: AppendBatch): AppendBatch => {
  const { cipher, projection, snapshot, key, businessKey } = batch;
  if (cipher === undefined || cipher === null) return batch;
  const { goal, blocker } = projection;
  return {
    ...batch,
    projection: {
      ...projection,
      goal: goalOf(cipher, goal),
      blocker: blocker === null ? null : cipher.seal(blocker, BLOCKER),
    },
    ...(key && { key: { ...key, digest: cipher.tagOf(key.digest) } }),
    ...(businessKey && { businessKey: { ...businessKey, digest: cipher.tagOf(businessKey.digest) } }),
    ...(snapshot && { snapshot: { ...snapshot, body: cipher.seal(snapshot.body, placeOf(snapshot)) } }),
  };
};

/** A goal is written again with every append and hardly ever another: it is sealed once. */
const goalOf = (cipher: RunCipher, goal: string): string => {
  const known = sealedGoals.get(cipher);
  if (known?.goal === goal) return known.sealed;
  const sealed = cipher.seal(goal, GOAL);
  sealedGoals.set(cipher, { goal, sealed });
  return sealed;
};

const sealedGoals = new WeakMap<RunCipher, { readonly goal: string; readonly sealed: string }>();

export const shownRow = (vault: Vault, { key, ...row }: KeptRunRow): RunRow => {
  if (key === null) return { ...row, seal: "plain" };
  if (key.wrapped === null) return { ...row, goal: UNSHOWN.erased, blocker: null, seal: "erased" };
  const cipher = vault.peek(key);
  if (cipher === undefined) {
    const blocker = row.blocker === null ? null : UNSHOWN.locked;
    return { ...row, goal: UNSHOWN.locked, blocker, seal: "locked" };
  }
  const open = (sealed: string, place: string): string => cipher.open(sealed, place) ?? DAMAGED;
  const blocker = row.blocker === null ? null : open(row.blocker, BLOCKER);
  return { ...row, goal: open(row.goal, GOAL), blocker, seal: "open" };
};

/** Without a word in it, so that nobody takes it for one, when it is not the one that was kept. */
export const shownSnapshot = (
  cipher: RunCipher | null,
  row: SnapshotRow | undefined,
): SnapshotRow | undefined =>
  row === undefined || cipher === null ? row : { ...row, body: cipher.open(row.body, placeOf(row)) ?? "" };

const placeOf = ({ seq, hash, shape }: SnapshotRow): string => `snapshot ${seq} ${shape} ${hash}`;

/** For who is not the store: nothing of it passes a store that has stopped. */
export const sealsBehind = (vault: Vault, call: <T>(work: () => T) => T): Seals => ({
  of: (runId) => call(() => vault.of(runId)),
  forNew: (runId, from) => call(() => vault.forNew(runId, from)),
  keepAhead: (runId, from) => call(() => vault.keepAhead(runId, from)),
  forArrival: (runId, brought) => call(() => vault.forArrival(runId, brought)),
  keepArrival: (runId, cipher) => call(() => vault.keepArrival(runId, cipher)),
  tokenKey: () => call(vault.tokenKey),
  tokenKeyIfAny: () => call(vault.tokenKeyIfAny),
  rotate: () => call(vault.rotate),
  facts: () => call(vault.facts),
});

/** All in one view of the file: between the key and the rows that it opens nobody changes the keys. */
export const searching = <T>(sqlite: Database.Database, vault: Vault, find: () => T): T =>
  sqlite.transaction(() => {
    vault.warm();
    return find();
  })();

/** For searching: the goal of a sealed run, of the row of its key. */
export const GOAL_FUNCTION = "runledger_goal";

export const addGoalFunction = (sqlite: Database.Database, vault: Vault): void => {
  sqlite.function(GOAL_FUNCTION, { varargs: true, directOnly: true }, (...given: unknown[]): string => {
    const [goal, runId, ledgerId, keyId, wrappedBy, wrapped] = given as string[];
    if (!goal || !runId || !ledgerId || !keyId || !wrappedBy || !wrapped) return "";
    const cipher = vault.peekHeld({ runId, ledgerId, keyId, wrappedBy, wrapped, erasedAt: null });
    return cipher?.open(goal, GOAL) ?? "";
  });
};
