import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { chmod, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";
import { isPublishedKeys, keyEndWords, keyWords, wrongKeyIn } from "../core/receipts/key-chain.js";
import { publicKeyId } from "../core/receipts/verify.js";
import type { PublishedKey, SigningKeys, Store } from "./store.js";
import { toldInOurWords, unlessMissing, writeWhole } from "./whole-file.js";

/** As it lies in the folder; what follows from the others beside it is not written. */
type KeyRecord = Pick<PublishedKey, "publicKey" | "from" | "signature" | "formerSignature"> & {
  readonly formerLost?: true;
};
/** Up to which event of the ledger a key signed, said by a later one. */
type Retirement = { readonly position: number; readonly signature: string };

/** Of a key that changes each time somebody looks, something else is wrong. */
const TRIES_MAX = 10;

/**
 * The keys of a ledger's receipts, in a folder of their own: `N.json` for each public key there ever was, `N.retired.json` for each that
 * signs no more, and `ID.key` (PEM, PKCS 8, mode 0600) for the one that signs now. A new key counts from the moment its
 * record is there, and no record is ever written over: of two who rotate at once, one is told so.
 *
 * Up to where a key signed is read only once the next one is there, and what is signed was in the ledger before its key was
 * looked up. So all that a key signed for stands before its end, whoever rotates meanwhile and whatever the clock says.
 */
export const fileSigningKeys = (
  folder: string,
  { ledgerId, appended }: Pick<Store, "ledgerId" | "appended">,
): SigningKeys => {
  const wrongIn = checkedOnce(ledgerId);
  const published = () => readPublished(folder, wrongIn);
  const add = async (before: readonly PublishedKey[], from: string, lost = false): Promise<string> => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const former = before.at(-1);
    const record = {
      ...{ publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(), from },
      ...(lost ? { formerLost: true as const } : {}),
    };
    const words = keyWords(ledgerId, record, former && { keyId: former.keyId, lost });
    const formerKey = lost ? undefined : former && (await privateKeyIn(folder, former.keyId));
    const signature = sign(null, words, privateKey).toString("base64");
    const formerSignature = formerKey === undefined ? null : sign(null, words, formerKey).toString("base64");
    const signed: KeyRecord = { ...record, signature, formerSignature };
    const keyId = publicKeyId(publicKey);
    const own = privateFile(folder, keyId);
    await writeWhole(own, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    const file = join(folder, `${before.length + 1}.json`);
    const text = `${JSON.stringify(signed, null, 2)}\n`;
    try {
      await writeWhole(file, text);
    } catch (error) {
      // It may be there though it could not be finished, and counts then.
      if (!(await mayHold(file, text))) await rm(own, { force: true });
      throw error;
    }
    return keyId;
  };
  /** The first is made when somebody signs. */
  const current = async (at: string): Promise<PublishedKey> => {
    const known = await published();
    const last = known.at(-1);
    if (last !== undefined) return last;
    await add(known, at).catch(unlessThere);
    return current(at);
  };
  /** Finishes a rotation, also one that was killed on the way: private halves go first, for nothing else needs them. */
  const retire = async (): Promise<void> => {
    const keys = await published();
    await removeRetired(folder, keys);
    const last = keys.at(-1);
    for (const [at, { keyId, until, untilPosition }] of keys.entries()) {
      if (last === undefined || until === null || untilPosition !== null) continue;
      const position = await appended();
      const key = await privateKeyIn(folder, last.keyId);
      const signature = sign(null, keyEndWords(ledgerId, keyId, position), key).toString("base64");
      const text = `${JSON.stringify({ position, signature } satisfies Retirement, null, 2)}\n`;
      await writeWhole(retirementFile(folder, at + 1), text).catch(unlessThere);
    }
  };
  const signWith = async (texts: readonly Uint8Array[], at: string): ReturnType<SigningKeys["sign"]> => {
    for (let tried = 1; ; tried += 1) {
      const { keyId } = await current(at);
      try {
        const key = await privateKeyIn(folder, keyId);
        await retire();
        return { keyId, signatures: texts.map((text) => sign(null, text, key)) };
      } catch (error) {
        // Unless somebody rotated since it was looked up.
        if (tried === TRIES_MAX || (await published()).at(-1)?.keyId === keyId) throw error;
      }
    }
  };
  return {
    published: () => inOurWords(published),
    sign: (texts, at) => inOurWords(() => signWith(texts, at)),
    rotate: (at, { lost } = { lost: false }) =>
      inOurWords(async () => {
        await current(at);
        const before = await published();
        const formerKeyId = before.at(-1)?.keyId ?? "";
        // Of the one that the new one takes the place of: somebody else may have rotated since.
        if (lost) await requireLost(folder, formerKeyId);
        const keyId = await add(before, at, lost);
        await retire();
        return { keyId, formerKeyId, formerLost: lost };
      }),
    mode: () =>
      inOurWords(async () => {
        const last = (await published()).at(-1);
        if (last === undefined) return undefined;
        const file = privateFile(folder, last.keyId);
        await privateKeyIn(folder, last.keyId);
        return { file, mode: (await stat(file)).mode & 0o777 };
      }),
    protect: () =>
      inOurWords(async () => {
        const last = (await published()).at(-1);
        if (last !== undefined) await chmod(privateFile(folder, last.keyId), 0o600);
      }),
  };
};

const mayHold = async (file: string, text: string): Promise<boolean> => {
  try {
    return (await readFile(file, "utf8")) === text;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
};

const privateFile = (folder: string, keyId: string): string => join(folder, `${keyId}.key`);

const privateKeyIn = async (folder: string, keyId: string): Promise<KeyObject> => {
  try {
    const key = createPrivateKey(await readFile(privateFile(folder, keyId), "utf8"));
    if (publicKeyId(createPublicKey(key)) === keyId) return key;
    throw new Error("it is another key");
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    const why = syscall === undefined ? "it is not as it was made" : code;
    throw new LedgerError("key_unavailable", `Signing key ${keyId} is gone or cannot be read (${why}).`, {
      hint: `Restore receipts/keys/${keyId}.key of the ledger from a backup. Where there is none: runledger receipt rotate --lost.`,
      cause,
    });
  }
};

/** A key that can vouch for the next one must. */
const requireLost = async (folder: string, keyId: string): Promise<void> => {
  try {
    await privateKeyIn(folder, keyId);
  } catch {
    return;
  }
  throw new LedgerError("invalid_input", `Signing key ${keyId} is here, and can vouch for the next one.`, {
    hint: "Without --lost: runledger receipt rotate.",
  });
};

const retirementFile = (folder: string, number: number): string => join(folder, `${number}.retired.json`);

/** What is wrong with these keys, or nothing: records that were found good are not checked again until they say something else. */
const checkedOnce = (ledgerId: string) => {
  let good = "";
  return (keys: readonly PublishedKey[]): string | undefined => {
    const said = JSON.stringify(keys);
    if (said === good) return undefined;
    const wrong = isPublishedKeys(keys) ? wrongKeyIn(ledgerId, keys) : "A record of a signing key is none.";
    if (wrong === undefined) good = said;
    return wrong;
  };
};

const readPublished = async (
  folder: string,
  wrongIn: ReturnType<typeof checkedOnce>,
): Promise<readonly PublishedKey[]> => {
  const records: (KeyRecord & { readonly end: Retirement | undefined })[] = [];
  for (;;) {
    const number = records.length + 1;
    const text = await readFile(join(folder, `${number}.json`), "utf8").catch(unlessMissing);
    if (text === undefined) break;
    // Before the next record: who signed an end was there before it, and is found though somebody rotates meanwhile.
    const end = await readRetirement(folder, number);
    records.push({ ...JSON.parse(text), end });
  }
  const keys: PublishedKey[] = [];
  for (const [at, { publicKey, from, signature, formerSignature, end }] of records.entries()) {
    const next = records[at + 1];
    keys.push({
      ...{ keyId: idOf(publicKey), publicKey, from, until: next?.from ?? null },
      ...{ untilPosition: end?.position ?? null, untilSignature: end?.signature ?? null },
      ...{ signature, formerSignature, lost: next?.formerLost === true },
    });
  }
  const wrong = wrongIn(keys);
  if (wrong === undefined) return keys;
  throw new LedgerError("key_unavailable", wrong, {
    hint: "Restore the folder receipts/keys of the ledger from a backup.",
  });
};

/** Of no key the id of none. */
const idOf = (publicKey: string): string => {
  try {
    return publicKeyId(publicKey);
  } catch {
    return "";
  }
};

const readRetirement = async (folder: string, number: number): Promise<Retirement | undefined> => {
  const text = await readFile(retirementFile(folder, number), "utf8").catch(unlessMissing);
  return text === undefined ? undefined : JSON.parse(text);
};

/** Also what a killed process left of writing them. One without a record may be another rotation's, which goes on. */
const removeRetired = async (folder: string, keys: readonly PublishedKey[]): Promise<void> => {
  const last = keys.at(-1)?.keyId;
  const retired = new Set(keys.map(({ keyId }) => keyId).filter((keyId) => keyId !== last));
  for (const name of await readdir(folder))
    if (retired.has(name.split(".key")[0] ?? ""))
      await rm(join(folder, name), { recursive: true, force: true });
};

/** Another process was faster, and its key counts. */
const unlessThere = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== "EEXIST") throw error;
};

const inOurWords = <T>(work: () => Promise<T>): Promise<T> =>
  toldInOurWords(work, (code, cause) =>
    code === "EEXIST"
      ? new LedgerError("seq_conflict", "Somebody else changed the signing key at this moment.", {
          hint: "Look at it: runledger receipt keys.",
        })
      : new LedgerError("key_unavailable", `The signing key cannot be read or made (${code ?? cause}).`, {
          hint: "Check the disk, and the folder receipts/keys of the ledger.",
          cause,
        }),
  );
