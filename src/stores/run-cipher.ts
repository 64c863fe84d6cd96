import { SEALED } from "../core/sealed.js";
import { derived, keyIdOf, openBytes, sealBytes } from "./cipher.js";
import type { KeptRunKey, RunCipher } from "./seals.js";

/** Everything is bound to the run, the ledger it was made in and the key itself, beside its own place. */
export const runCipher = (key: Uint8Array, kept: KeptRunKey): RunCipher => {
  const { runId, keyId, ledgerId } = kept;
  const frame = `runledger/1\n${ledgerId}\n${runId}\n${keyId}\n`;
  const prefix = `${SEALED}${keyId}.`;
  let names: Uint8Array | undefined;
  let tags: Uint8Array | undefined;
  return {
    runId,
    keyId,
    kept,
    seal: (text, place) => prefix + sealBytes(key, frame + place, Buffer.from(text)).toString("base64url"),
    open: (sealed, place) =>
      sealed.startsWith(prefix)
        ? openBytes(key, frame + place, Buffer.from(sealed.slice(prefix.length), "base64url"))?.toString()
        : undefined,
    sealBytes: (bytes, place) => sealBytes(key, frame + place, bytes),
    openBytes: (sealed, place) => openBytes(key, frame + place, sealed),
    nameOf: (hash) => {
      names ??= derived(key, "names of blobs");
      return derived(names, hash).toString("hex");
    },
    tagOf: (digest) => {
      tags ??= derived(key, "digests of commands");
      return derived(tags, digest).toString("hex");
    },
    bare: () => ({ ledgerId, keyId, key }),
  };
};

/** What a key of a run is wrapped by: the run and its ledger are bound to it, so that no row serves another. */
export const wrapRunKey = (
  key: Uint8Array,
  { runId, ledgerId }: Pick<KeptRunKey, "runId" | "ledgerId">,
  by: { readonly id: string; readonly key: Uint8Array },
): KeptRunKey => {
  const keyId = keyIdOf(key);
  const wrapped = wrap(key, `run\n${ledgerId}\n${runId}\n${keyId}`, by.key);
  return { runId, ledgerId, keyId, wrappedBy: by.id, wrapped, erasedAt: null };
};

/** Undefined when it is not as it was kept, or another key is under that id. */
export const unwrapRunKey = (
  { runId, ledgerId, keyId, wrapped }: KeptRunKey,
  by: Uint8Array,
): Uint8Array | undefined => {
  const key = wrapped === null ? undefined : unwrap(wrapped, `run\n${ledgerId}\n${runId}\n${keyId}`, by);
  return key !== undefined && keyIdOf(key) === keyId ? key : undefined;
};

export const wrap = (key: Uint8Array, name: string, by: Uint8Array): string =>
  sealBytes(derived(by, "wrapping"), `runledger/key/1\n${name}`, key).toString("base64url");

export const unwrap = (wrapped: string, name: string, by: Uint8Array): Uint8Array | undefined =>
  openBytes(derived(by, "wrapping"), `runledger/key/1\n${name}`, Buffer.from(wrapped, "base64url"));
