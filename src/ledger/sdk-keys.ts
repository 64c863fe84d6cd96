import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { canonicalJson, sha256 } from "../core/canonical.js";
import type { Caller } from "../core/commands.js";
import { requireRole } from "../core/decide/guards.js";
import { misfit, quoted } from "../core/defects.js";
import { LedgerError } from "../core/errors.js";
import { SDK_KEYS_MAX } from "../core/limits.js";
import {
  nameProblem,
  SdkKey,
  type SdkKeyKind,
  type SdkKeyState,
  sdkKeyIn,
  sdkKeyText,
  stateOfSdkKey,
} from "../core/sdk-key.js";
import type { Store } from "../stores/store.js";
import type { Ledger } from "./ledger.js";
import type { NoteRefusal } from "./refusals.js";

export type NewSdkKey = {
  readonly kind: SdkKeyKind;
  readonly name: string;
  readonly sessionKey: string;
  /** Names, or beginnings of names with `*` behind them; left out, all. */
  readonly destinations?: readonly string[] | undefined;
  readonly policies?: readonly string[] | undefined;
  /** Milliseconds until it expires; left out, never. */
  readonly lifetimeMs?: number | undefined;
};

/** A key as lists show it. */
export type ListedSdkKey = SdkKey & {
  /** `altered`: not as the ledger wrote it, and therefore refused. */
  readonly state: SdkKeyState | "altered";
};

/** Who asks with a key, and how much of the gate it opens. */
export type OpenedSdkKey = { readonly key: SdkKey; readonly caller: Caller };

/** What it is opened for: told in the run's journal when it is refused. */
export type SdkKeyUse = { readonly tool?: string; readonly runId?: string | undefined };

export interface SdkKeys {
  /** People alone make them. The text is told this once; what is kept opens nothing. */
  createSdkKey(by: Caller, asked: NewSdkKey): Promise<{ readonly text: string; readonly key: SdkKey }>;
  /** The oldest first. */
  sdkKeys(): Promise<readonly ListedSdkKey[]>;
  /** By its id, or the name of whoever has but one that is active. From the next call on it opens nothing. Done again, it stays as it was. */
  revokeSdkKey(by: Caller, which: string): Promise<SdkKey>;
  /** Throws `credential_invalid` and `credential_expired`. */
  openSdkKey(text: string, use?: SdkKeyUse): Promise<OpenedSdkKey>;
}

/** No signed credential and no promise's token is made under this name. */
const PURPOSE = "sdk key 1";

/** What is kept of one: the hash of its secret, and a seal that nobody makes who has but the file. */
type Kept = { readonly key: SdkKey; readonly secretHash: string; readonly seal: string };
/** `text` is what the store has, to be changed only where it still is so. */
type Row = { readonly kept: Kept; readonly text: string; readonly state: ListedSdkKey["state"] };

export const sdkKeys = (ledger: Ledger, tokenKey: () => Uint8Array, note: NoteRefusal): SdkKeys => {
  const { store } = ledger;
  const sealOf = (kept: Omit<Kept, "seal">): string => sealUnder(tokenKey(), store.ledgerId, kept);
  const textOf = (key: SdkKey, secretHash: string): string =>
    canonicalJson({ key, secretHash, seal: sealOf({ key, secretHash }) } satisfies Kept);
  const holds = (kept: Kept): boolean => isSame(sealOf(kept), kept.seal);

  const listed = async (): Promise<readonly Row[]> => {
    const texts = await Promise.all((await store.sdkKeyIds()).map((id) => store.sdkKey(id)));
    return texts
      .flatMap((text) => {
        const kept = keptIn(text);
        if (text === undefined || kept === undefined) return [];
        return [
          { kept, text, state: holds(kept) ? stateOfSdkKey(kept.key, ledger.now()) : "altered" },
        ] as const;
      })
      .toSorted((a, b) => (a.kept.key.createdAt < b.kept.key.createdAt ? -1 : 1));
  };

  return {
    createSdkKey: async (by, asked) => {
      requireRole(ledger.check(by), "make SDK keys", "human");
      const secret = randomBytes(32).toString("base64url");
      const key = newKey(asked, by, ledger.now());
      requireRoom(
        key,
        (await listed()).map((row) => row.kept.key),
      );
      // Refuses what no caller may be called.
      ledger.issue(callerOf(key));
      if (!(await store.swapSdkKey(key.id, undefined, textOf(key, sha256(secret)))))
        throw new Error("Two random ids are the same.");
      return { text: sdkKeyText(key.id, secret), key };
    },
    sdkKeys: async () => (await listed()).map(({ kept, state }) => ({ ...kept.key, state })),
    revokeSdkKey: async (by, which) => {
      requireRole(ledger.check(by), "revoke SDK keys", "human");
      const { kept, text } = chosen(await listed(), which);
      if (kept.key.revokedAt !== null) return kept.key;
      const key = { ...kept.key, revokedAt: ledger.now(), revokedBy: by.name };
      if (await store.swapSdkKey(key.id, text, textOf(key, kept.secretHash))) return key;
      // Nothing else changes a key, so somebody has revoked it meanwhile.
      return chosen(await listed(), key.id).kept.key;
    },
    openSdkKey: async (given, use = {}) => {
      let by: Caller | undefined;
      try {
        const parts = sdkKeyIn(given);
        const kept = keptIn(parts && (await store.sdkKey(parts.id)));
        // Compared in any case, so that no answer comes sooner where there is no such key.
        const isTheirs = isSame(sha256(parts?.secret ?? ""), kept?.secretHash ?? sha256(" "));
        if (kept === undefined || !isTheirs || !holds(kept)) throw unknown();
        by = ledger.issue(callerOf(kept.key));
        requireActive(kept.key, ledger.now());
        return { key: kept.key, caller: by };
      } catch (error) {
        await note({ error, tool: use.tool, by, runId: use.runId });
        throw error;
      }
    },
  };
};

const sealUnder = (tokenKey: Uint8Array, ledger: string, { key, secretHash }: Omit<Kept, "seal">): string =>
  createHmac("sha256", createHmac("sha256", tokenKey).update(PURPOSE).digest())
    .update(canonicalJson({ ledger, key, secretHash }))
    .digest("base64url");

/** Ids of those that are not as this ledger wrote them, and open nothing. Asks for the key that they are sealed with. */
export const alteredSdkKeys = async (store: Store): Promise<readonly string[]> => {
  const altered: string[] = [];
  for (const id of await store.sdkKeyIds()) {
    const kept = keptIn(await store.sdkKey(id));
    const isOurs =
      kept?.key.id === id && isSame(sealUnder(store.seals.tokenKey(), store.ledgerId, kept), kept.seal);
    if (!isOurs) altered.push(id);
  }
  return altered;
};

const callerOf = ({ kind, name, sessionKey }: SdkKey): Caller => ({
  name,
  role: kind === "agent" ? "executor" : "human",
  sessionKey,
});

const isSame = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

/** Undefined for what no ledger of ours has written. */
const keptIn = (text: string | undefined): Kept | undefined => {
  try {
    const { key, secretHash, seal } = JSON.parse(text ?? "") as Kept;
    const { success, data } = SdkKey.safeParse(key);
    const isWhole = success && typeof secretHash === "string" && typeof seal === "string";
    return isWhole ? { key: data, secretHash, seal } : undefined;
  } catch {
    return undefined;
  }
};

const newKey = ({ lifetimeMs, ...asked }: NewSdkKey, by: Caller, now: string): SdkKey => {
  const expiresAt = lifetimeMs === undefined ? null : expiryOf(lifetimeMs, now);
  const made = {
    ...asked,
    id: randomBytes(8).toString("hex"),
    destinations: asked.destinations ?? null,
    policies: asked.policies ?? null,
    ...{ createdAt: now, createdBy: by.name, expiresAt, revokedAt: null, revokedBy: null },
  };
  const { success, data, error } = SdkKey.safeParse(made);
  if (success) return data;
  throw misfit("the SDK key", error.issues, made);
};

const expiryOf = (lifetimeMs: number, now: string): string => {
  const at = new Date(Date.parse(now) + lifetimeMs);
  if (lifetimeMs > 0 && !Number.isNaN(at.getTime()) && at.getUTCFullYear() < 10_000) return at.toISOString();
  throw new LedgerError("invalid_input", "A key lasts for some time, or until it is revoked.", {
    hint: "Such as --expires 90d; without it the key lasts until it is revoked.",
  });
};

const requireRoom = (key: SdkKey, others: readonly SdkKey[]): void => {
  const problem = nameProblem(key, others);
  if (problem !== undefined)
    throw new LedgerError("invalid_input", problem, { hint: "Give the key another name." });
  if (others.length < SDK_KEYS_MAX) return;
  throw new LedgerError("limit_exceeded", `A ledger has at most ${SDK_KEYS_MAX} SDK keys, ended ones too.`, {
    hint: "One key may serve many runs.",
  });
};

const unknown = (): LedgerError =>
  new LedgerError("credential_invalid", "This is no SDK key of this ledger.", {
    hint: "Give it whole, as `runledger sdk-key create` printed it, to the ledger that made it.",
  });

const requireActive = (key: SdkKey, now: string): void => {
  const state = stateOfSdkKey(key, now);
  if (state === "active") return;
  const hint = "Whoever started you can make a new one: runledger sdk-key create.";
  if (state === "expired")
    throw new LedgerError("credential_expired", `This SDK key expired at ${key.expiresAt}.`, { hint });
  throw new LedgerError("credential_invalid", `This SDK key was revoked at ${key.revokedAt}.`, { hint });
};

const chosen = (all: readonly Row[], which: string): Row => {
  const byId = all.filter(({ kept }) => kept.key.id === which);
  const named = all.filter(({ kept, state }) => kept.key.name === which && state === "active");
  const [one, ...more] = byId.length > 0 ? byId : named;
  if (one !== undefined && more.length === 0) return one;
  if (one !== undefined)
    throw new LedgerError("invalid_input", `${quoted(which)} has ${named.length} active SDK keys.`, {
      hint: `Say which one is meant: ${named.map(({ kept }) => kept.key.id).join(", ")}.`,
    });
  throw new LedgerError("sdk_key_not_found", `There is no active SDK key ${quoted(which)}.`, {
    hint: "`runledger sdk-key list` shows them.",
  });
};
