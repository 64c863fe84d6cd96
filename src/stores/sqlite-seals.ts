import type Database from "better-sqlite3";
import { LedgerError } from "../core/errors.js";
import { CIPHER_NAME, KEY_BYTES, keyIdOf, newKey } from "./cipher.js";
import type { RootKeys } from "./root-key.js";
import { runCipher, unwrap, unwrapRunKey, wrap, wrapRunKey } from "./run-cipher.js";
import type { KeptRunKey, RunCipher, SealFacts, Seals } from "./seals.js";
import type { SqliteConnection } from "./sqlite-connection.js";
import { rotation } from "./sqlite-rotation.js";
import { type KeysInFile, keysInFile } from "./sqlite-seal-rows.js";

export type SealOptions = {
  /** Runs to come are sealed. */
  readonly isOn: boolean;
  /** Null where nobody says where the root key is: what is sealed stays closed. */
  readonly roots: RootKeys | null;
};

/** The ledger's key, opened. */
export type Tree = { readonly rootId: string; readonly id: string; readonly key: Uint8Array };

export type Vault = Seals & {
  /** For a list: undefined where it cannot be opened, and no complaint. */
  peek(kept: KeptRunKey): RunCipher | undefined;
  /** The same for a function that SQLite calls while it answers, when the file can be asked nothing: see `warm`. */
  peekHeld(kept: KeptRunKey): RunCipher | undefined;
  /** Holds the ledger's key, where it can be opened. */
  warm(): void;
  /** Within the append that brings its first events; null for a plain run. */
  keep(runId: string, cipher: RunCipher | null): void;
  /** Within the transaction that forgets the rest. */
  erase(runId: string, at: string): KeptRunKey | undefined;
};

/** Opened keys that are remembered; each is checked against its row whenever it is used. */
const OPENED = 1_024;
/** A run that is kept plain stays so, and its name is never another run's. */
const PLAIN_REMEMBERED = 4_096;

export const openVault = (
  connection: SqliteConnection,
  ledgerId: string,
  { isOn, roots }: SealOptions,
): Vault => {
  const { sqlite } = connection;
  const rows = keysInFile(connection);
  const opened = new Map<string, RunCipher>();
  const plain = new Set<string>();
  const tree = treeOf(sqlite, rows, roots);

  const cipherOf = (kept: KeptRunKey, under: (id: string) => Tree = tree.under): RunCipher => {
    const known = opened.get(kept.runId);
    if (known !== undefined && known.kept.wrapped === kept.wrapped) return known;
    opened.delete(kept.runId);
    if (kept.wrapped === null) throw erased(kept);
    const key = unwrapRunKey(kept, under(kept.wrappedBy).key);
    if (key === undefined) throw notAsKept(kept.runId);
    return remember(opened, runCipher(key, kept));
  };
  const fresh = (runId: string): RunCipher => {
    const key = newKey();
    return runCipher(key, wrapRunKey(key, { runId, ledgerId }, tree.planted()));
  };
  const { rotate, settleLeft } = rotation({ sqlite, rows, roots, tree });
  // What cannot be finished now, such as without the key or in a folder that is read-only, is tried at the next open.
  if (!sqlite.readonly) orNothing(settleLeft);
  const { toKeep, keep, keepArrival } = keeper(sqlite, rows, opened);
  return {
    of: (runId) => {
      if (plain.has(runId)) return null;
      const kept = rows.key(runId);
      if (kept !== undefined) return cipherOf(kept);
      if (plain.size >= PLAIN_REMEMBERED) plain.clear();
      if (!rows.isHere(runId)) return null;
      // Another process may have brought it, and its key, since the first question.
      const late = rows.key(runId);
      if (late !== undefined) return cipherOf(late);
      plain.add(runId);
      return null;
    },
    forNew: (runId, from) => {
      const kept = rows.key(runId);
      // Whoever sent a bundle that was refused knows the key that it left: no run begins with that.
      if (kept !== undefined && (from !== undefined || rows.isNamed(runId))) return cipherOf(kept);
      return isOn || (from !== undefined && rows.key(from) !== undefined) ? toKeep(fresh(runId)) : null;
    },
    keepAhead: (runId, from) => {
      if (!isOn && rows.key(from) === undefined) return null;
      const cipher = fresh(runId);
      sqlite.transaction(() => keep(runId, cipher)).immediate();
      return cipher;
    },
    forArrival: (runId, { ledgerId: madeIn, keyId, key }) => {
      const kept = rows.key(runId);
      if (kept?.keyId === keyId) return cipherOf(kept);
      if (rows.isNamed(runId)) throw anotherRun(runId);
      if (key === null || keyIdOf(key) !== keyId) throw keyElsewhere(runId);
      return runCipher(key, wrapRunKey(key, { runId, ledgerId: madeIn }, tree.planted()));
    },
    keepArrival,
    tokenKey: () => tree.tokenKey(),
    tokenKeyIfAny: () => tree.tokenKeyIfAny(),
    rotate,
    facts: () => factsOf(rows, { isOn, roots }),
    peek: (kept) => orNothing(() => cipherOf(kept)),
    peekHeld: (kept) => orNothing(() => cipherOf(kept, tree.held)),
    warm: () => void orNothing(tree.now),
    keep,
    erase: (runId, at) => {
      opened.delete(runId);
      const kept = rows.key(runId);
      if (kept !== undefined && kept.wrapped !== null) rows.destroyKey(runId, at);
      return rows.key(runId);
    },
  };
};

/** Which keys are written, and when: none takes the place of one that a run has. */
const keeper = (sqlite: Database.Database, rows: KeysInFile, opened: Map<string, RunCipher>) => {
  // What one key sealed before there were events is lost under another: only one that sealed nothing yet may take the place
  // of a stray.
  const unused = new WeakSet<RunCipher>();
  const toKeep = (cipher: RunCipher): RunCipher => {
    unused.add(cipher);
    return cipher;
  };
  const keep: Vault["keep"] = (runId, cipher) => {
    if (cipher === null || unused.has(cipher)) rows.dropStray(runId);
    if (cipher === null) return;
    const { kept } = cipher;
    const before = rows.key(runId);
    if (before?.wrapped === null) throw erased(before);
    if (before?.keyId === kept.keyId) return;
    if (before !== undefined) throw rotatedMeanwhile(runId);
    // Somebody changed the ledger's key since: under the former one nobody could open it again.
    if (rows.tree("ledger")?.keyId !== kept.wrappedBy) throw rotatedMeanwhile(runId);
    rows.insertKey(kept);
    remember(opened, cipher);
  };
  const keepArrival = sqlite.transaction((runId: string, cipher: RunCipher | null): void => {
    const before = rows.key(runId);
    if (before?.keyId === cipher?.keyId) {
      if (before?.wrapped === null) throw erased(before);
      return;
    }
    // Every hash of a sealed run covers the name of its key: under another one it is another run.
    if (rows.isNamed(runId)) throw anotherRun(runId);
    rows.dropStray(runId);
    keep(runId, cipher);
  });
  return { toKeep, keep, keepArrival: keepArrival.immediate };
};

const orNothing = <T>(open: () => T): T | undefined => {
  try {
    return open();
  } catch {
    return undefined;
  }
};

const remember = (opened: Map<string, RunCipher>, cipher: RunCipher): RunCipher => {
  opened.set(cipher.runId, cipher);
  const [oldest] = opened.keys();
  if (opened.size > OPENED && oldest !== undefined) opened.delete(oldest);
  return cipher;
};

export type OpenTree = ReturnType<typeof treeOf>;

/** The ledger's key is opened once, and again when its row says that it is another. */
const treeOf = (sqlite: Database.Database, rows: KeysInFile, roots: RootKeys | null) => {
  let open: Tree | undefined;
  let tokens: { readonly under: Tree; readonly wrapped: string; readonly key: Uint8Array } | undefined;
  const opened = (row: ReturnType<typeof rows.tree>): Tree | undefined => {
    if (row === undefined) return undefined;
    if (open?.id === row.keyId && open.rootId === row.wrappedBy) return open;
    const root = roots?.find(row.wrappedBy);
    if (root === undefined) throw noRoot(row.wrappedBy, roots);
    const key = unwrap(row.wrapped, `ledger\n${row.keyId}`, root);
    if (key === undefined || keyIdOf(key) !== row.keyId) throw notAsKept(null);
    open = { rootId: row.wrappedBy, id: row.keyId, key };
    return open;
  };
  const now = (): Tree | undefined => opened(rows.tree("ledger"));
  const plant = sqlite.transaction((): Tree => {
    const there = now();
    if (there !== undefined) return there;
    if (roots === null) throw noRoot("", roots);
    // Looked for before the root is: a file that is only made for that gave out no tokens.
    const before = roots.fileKeyIfAny();
    const [root, key] = [roots.current(), newKey()];
    const made = { rootId: keyIdOf(root), id: keyIdOf(key), key };
    rows.setTree({
      name: "ledger",
      keyId: made.id,
      wrappedBy: made.rootId,
      wrapped: wrap(key, `ledger\n${made.id}`, root),
    });
    // Tokens that were given out before stay right, and go on being so whatever becomes of the root.
    const given = before ?? newKey();
    rows.setTree({
      name: "tokens",
      keyId: keyIdOf(given),
      wrappedBy: made.id,
      wrapped: wrap(given, "tokens", key),
    });
    return made;
  });
  const tokensUnder = (tree: Tree, row = rows.tree("tokens")): Uint8Array => {
    if (row !== undefined && tokens?.under === tree && tokens.wrapped === row.wrapped) return tokens.key;
    const key = row && unwrap(row.wrapped, "tokens", tree.key);
    if (row === undefined || key === undefined) throw notAsKept(null);
    tokens = { under: tree, wrapped: row.wrapped, key };
    return key;
  };
  const tokenKey = sqlite.transaction((): Uint8Array => {
    const tree = now();
    if (tree !== undefined) return tokensUnder(tree);
    if (roots === null) throw noRoot("", roots);
    return roots.fileKey();
  });
  return {
    now,
    planted: (): Tree => now() ?? plant.immediate(),
    under: (id: string): Tree => {
      const tree = now();
      if (tree?.id !== id) throw notAsKept(null);
      return tree;
    },
    held: (id: string): Tree => {
      if (open?.id !== id) throw notAsKept(null);
      return open;
    },
    tokensUnder,
    // Each credential is opened with it, so what is there is only looked at. Nobody plants a tree between the look for one and
    // the making of a key beside it; whoever plants one takes over the key that is there.
    tokenKey: (): Uint8Array => {
      const found = rows.trees();
      const tree = opened(found.ledger);
      if (tree !== undefined) return tokensUnder(tree, found.tokens);
      const key = roots?.fileKeyIfAny();
      return key?.byteLength === KEY_BYTES ? key : tokenKey.immediate();
    },
    tokenKeyIfAny: (): Uint8Array | null =>
      orNothing(() => {
        const tree = now();
        return tree === undefined ? roots?.fileKeyIfAny() : tokensUnder(tree);
      }) ?? null,
    set: (tree: Tree): void => {
      open = tree;
    },
  };
};

const factsOf = (rows: KeysInFile, { isOn, roots }: SealOptions): SealFacts => {
  const row = rows.tree("ledger");
  const state = row === undefined ? "none" : isHere(roots, row.wrappedBy) ? "here" : "missing";
  return {
    isOn,
    algorithm: CIPHER_NAME,
    root: { from: roots?.from ?? "none", id: row?.wrappedBy ?? null, state },
    ledgerKeyId: row?.keyId ?? null,
    runs: rows.counts(),
  };
};

const isHere = (roots: RootKeys | null, id: string): boolean => {
  try {
    return roots?.find(id) !== undefined;
  } catch {
    return false;
  }
};

const FROM: Readonly<Record<RootKeys["from"], string>> = {
  file: "ledger.key in the ledger's folder",
  environment: "RUNLEDGER_KEY",
  command: "what durable.keyCommand prints",
  none: "nothing",
};

const noRoot = (id: string, roots: RootKeys | null): LedgerError =>
  new LedgerError("key_unavailable", `The root key ${id} of this ledger is not here.`, {
    hint: `It is looked for in ${FROM[roots?.from ?? "none"]}; give it back from where you keep it. Runs that are not sealed can be read without it.`,
    details: { rootKeyId: id, lookedFor: roots?.from ?? "none" },
  });

const notAsKept = (runId: string | null): LedgerError =>
  new LedgerError(
    "key_unavailable",
    `${runId === null ? "The key of the ledger" : `The key of run "${runId}"`} is not as it was kept.`,
    { hint: "Restore the ledger from a backup.", ...(runId === null ? {} : { details: { runId } }) },
  );

const keyElsewhere = (runId: string): LedgerError =>
  new LedgerError("key_unavailable", `The bundle of run "${runId}" is sealed, and its key is not here.`, {
    hint: "An archive can be read in the ledger that made it; for another one: runledger export.",
    details: { runId },
  });

const anotherRun = (runId: string): LedgerError =>
  new LedgerError(
    "run_exists",
    `There is, or was, a run "${runId}" here already, and it has another key or none.`,
    {
      hint: "It is another run than that of the bundle; nothing was imported.",
      details: { runId },
    },
  );

const rotatedMeanwhile = (runId: string): LedgerError =>
  new LedgerError("seq_conflict", `A key was changed while run "${runId}" was made.`, {
    hint: "Try again.",
  });

const erased = ({ runId, erasedAt }: KeptRunKey): LedgerError =>
  new LedgerError("run_erased", `Run "${runId}" was erased at ${erasedAt}.`, {
    hint: "Its key was destroyed: nobody can read it again. `runledger verify` still checks its chain.",
    details: { runId, erasedAt },
  });
