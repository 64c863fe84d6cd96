import { createHmac, timingSafeEqual } from "node:crypto";
import { canonicalJson } from "../core/canonical.js";
import type { Caller } from "../core/commands.js";
import { Claims, endOfAttempt, presentAttempt, signedRoles } from "../core/credential.js";
import { requireOwner, requireSession, requireStep } from "../core/decide/guards.js";
import { formatDuration } from "../core/duration.js";
import { LedgerError } from "../core/errors.js";
import { CREDENTIAL_CHARS, CREDENTIAL_MAX_MS } from "../core/limits.js";
import { workedStep } from "../core/race.js";
import type { Run } from "../core/run.js";
import type { Ledger } from "./ledger.js";
import type { NoteRefusal } from "./refusals.js";

/** For whom, and for how much of the ledger; what is left out binds it to nothing there. */
export type NewCredential = {
  readonly name: string;
  readonly role: (typeof signedRoles)[number];
  /** That of the run when one is named. */
  readonly sessionKey?: string;
  readonly runId?: string;
  /** With a step it is bound to one attempt of it: the present one, or the first when none has begun. */
  readonly stepId?: string;
  readonly candidate?: number;
  /** Milliseconds until it expires; at most CREDENTIAL_MAX_MS. */
  readonly lifetimeMs: number;
};

/** A credential as text, which crosses processes, and what it says. */
export type SignedCredential = {
  readonly credential: string;
  readonly caller: Caller;
  /** ISO 8601, UTC. */
  readonly expiresAt: string;
};

export interface SignedCredentials {
  /** Throws where the ledger would refuse the caller anyway: a reserved name, another session, a step that is not theirs or not at work. */
  signCredential(asked: NewCredential): Promise<SignedCredential>;
  /**
   * The caller that it stands for, as of now. Throws `credential_invalid`, `credential_expired`, and `credential_ended` once
   * its attempt is over: nothing is kept of what was handed out, the state of the run decides. With `use` that end does not
   * count where nothing more can come of it.
   */
  openCredential(credential: string, use?: CredentialUse): Promise<Caller>;
}

/** What a caller is opened for. */
export type CredentialUse = {
  /** To read, and nothing else. */
  readonly reads?: true;
  /** To hear again what was answered under that idempotency key in its run. */
  readonly answeredKey?: string;
  /** What it calls, and of which run: that is told when it is refused. */
  readonly tool?: string;
  readonly runId?: string;
};

/** A person's credential is no text at all, and a promise's token is made under another name: neither becomes one of these. */
const PURPOSE = "signed credential 1";
const PREFIX = "rlc1_";

export const signedCredentials = (
  ledger: Ledger,
  key: () => Uint8Array,
  note: NoteRefusal = async () => undefined,
): SignedCredentials => {
  const keysFor = remembering();
  return {
    signCredential: async (asked) => {
      const own = keysFor(key());
      const expiresAt = expiryOf(asked.lifetimeMs, ledger.now());
      const caller = ledger.issue(await boundCaller(ledger, asked));
      const body = encoded(canonicalJson({ ledger: own.ledger, ...caller, expiresAt }));
      const credential = `${PREFIX}${body}.${own.mac(body)}`;
      if (credential.length <= CREDENTIAL_CHARS) return { credential, caller, expiresAt };
      throw new LedgerError("invalid_input", `A name of ${asked.name.length} characters is too long.`, {
        hint: `A credential has at most ${CREDENTIAL_CHARS} characters.`,
      });
    },
    openCredential: async (credential, use = {}) => {
      let claims: Claims | undefined;
      try {
        claims = claimsIn(credential, keysFor(key()));
        return await opened(ledger, claims, use);
      } catch (error) {
        const by = claims && definite(claims);
        await note({ error, tool: use.tool, by, runId: use.runId ?? claims?.runId });
        throw error;
      }
    },
  };
};

const opened = async (
  ledger: Ledger,
  { ledger: _ledger, expiresAt, ...said }: Claims,
  use: CredentialUse,
): Promise<Caller> => {
  if (isOver(expiresAt, ledger.now()))
    throw new LedgerError("credential_expired", `This credential expired at ${expiresAt}.`, { hint: ANEW });
  const caller = ledger.issue(definite(said));
  await requireUnderWay(ledger, caller, use);
  return caller;
};

/** More time than one is ever given is left only where the clock was put back since. */
const isOver = (expiresAt: string, now: string): boolean => {
  const leftMs = Date.parse(expiresAt) - Date.parse(now);
  return leftMs <= 0 || leftMs > CREDENTIAL_MAX_MS;
};

const ANEW = "Ask whoever started you for a new one: runledger credential.";

type Keys = { readonly ledger: string; readonly mac: (body: string) => string };

/** Of the last key that was asked for: each call is opened with the same one, until it is changed. */
const remembering = (): ((tokenKey: Uint8Array) => Keys) => {
  let last: { readonly of: Uint8Array; readonly keys: Keys } | undefined;
  return (tokenKey) => {
    if (last === undefined || Buffer.compare(last.of, tokenKey) !== 0)
      last = { of: Uint8Array.from(tokenKey), keys: keysOf(tokenKey) };
    return last.keys;
  };
};

const keysOf = (tokenKey: Uint8Array): Keys => {
  const own = createHmac("sha256", tokenKey).update(PURPOSE).digest();
  const sum = (text: string) => createHmac("sha256", own).update(text).digest("base64url");
  // Beginnings that no body has keep the two uses of one key apart.
  return { ledger: sum("ledger:").slice(0, 16), mac: (body) => sum(`body:${body}`) };
};

const encoded = (text: string): string => Buffer.from(text).toString("base64url");

/** What is read before the signature holds is used for nothing but to say which of the two is wrong. */
const claimsIn = (credential: string, own: Keys): Claims => {
  const [body = "", mac = "", ...more] = credential.slice(PREFIX.length).split(".");
  const isShaped = credential.startsWith(PREFIX) && mac !== "" && more.length === 0;
  if (!isShaped || credential.length > CREDENTIAL_CHARS)
    throw invalid(
      "This is no credential of RunLedger.",
      "Give it whole, as `runledger credential` printed it.",
    );
  const claims = Claims.safeParse(jsonIn(body));
  if (claims.success && claims.data.ledger !== own.ledger)
    throw invalid("This credential is of another ledger, or of before the keys were changed.", ANEW);
  const [mine, theirs] = [Buffer.from(own.mac(body)), Buffer.from(mac)];
  const holds = mine.length === theirs.length && timingSafeEqual(mine, theirs);
  if (claims.success && holds) return claims.data;
  throw invalid("This credential is not as the ledger made it.", ANEW);
};

const invalid = (message: string, hint: string): LedgerError =>
  new LedgerError("credential_invalid", message, { hint });

/** What a credential says of its own end, in milliseconds of the clock: nothing that counts before a ledger has opened it. */
export const expiryIn = (credential: string): number | undefined => {
  const [body = ""] = credential.slice(PREFIX.length).split(".");
  const claims = Claims.safeParse(jsonIn(body));
  return claims.success ? Date.parse(claims.data.expiresAt) : undefined;
};

const jsonIn = (body: string): unknown => {
  try {
    return JSON.parse(Buffer.from(body, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
};

const requireUnderWay = async (ledger: Ledger, caller: Caller, use: CredentialUse): Promise<void> => {
  const { runId, stepId, attempt, candidate } = caller;
  if (runId === undefined || stepId === undefined || attempt === undefined) return;
  const end = endOfAttempt(await ledger.load(runId), { stepId, attempt, candidate });
  if (end === undefined || (await changesNothing(ledger, runId, use))) return;
  throw new LedgerError("credential_ended", `Attempt ${attempt} of step "${stepId}" is over: ${end}.`, {
    hint: "Its credential ended with it: stop working on it. run_read still tells its verdict; a later attempt has a credential of its own.",
  });
};

/** A key that was taken is never taken again: whoever gives it hears the first answer, or that it was another question. */
const changesNothing = async ({ store }: Ledger, runId: string, { reads, answeredKey }: CredentialUse) =>
  reads === true || (answeredKey !== undefined && (await store.findKey(runId, answeredKey)) !== undefined);

const expiryOf = (lifetimeMs: number, now: string): string => {
  if (lifetimeMs > 0 && lifetimeMs <= CREDENTIAL_MAX_MS)
    return new Date(Date.parse(now) + lifetimeMs).toISOString();
  throw new LedgerError(
    "invalid_input",
    `A credential cannot last for ${formatDuration(lifetimeMs)}; at most ${formatDuration(CREDENTIAL_MAX_MS)}.`,
    { hint: "Make another one when it has expired." },
  );
};

/** What may be asked for, with what follows from the run that it names. */
const boundCaller = async (ledger: Ledger, asked: NewCredential): Promise<Caller> => {
  const { name, role, sessionKey, runId, stepId, candidate } = asked;
  if (!signedRoles.includes(role))
    throw new LedgerError("access_denied", `A credential of the ${role} is never text.`, {
      hint: "People speak at the terminal.",
    });
  if (role === "orchestrator" && (stepId ?? candidate) !== undefined)
    throw new LedgerError("invalid_input", "An orchestrator's credential is bound to no step.", {
      hint: "Leave out the step, or make an executor's.",
    });
  if (runId === undefined) {
    if ((stepId ?? candidate) !== undefined)
      throw new LedgerError("invalid_input", "A step is one of a run.", { hint: "Name the run too." });
    return definite({ name, role, sessionKey });
  }
  const run = await ledger.load(runId);
  const caller = definite({ name, role, sessionKey: sessionKey ?? run.sessionKey, runId });
  requireSession(run, caller);
  return stepId === undefined ? caller : atWork(run, { ...caller, stepId, candidate });
};

const atWork = (run: Run, caller: Omit<Caller, "candidate"> & { candidate: number | undefined }): Caller => {
  const { stepId = "", candidate } = caller;
  const whole = requireStep(run, definite(caller), stepId);
  const step = workedStep(whole, candidate);
  const bound = definite({ ...caller, attempt: presentAttempt(whole) });
  requireOwner(step, bound, presentAttempt(whole));
  const end = endOfAttempt(run, { stepId, attempt: presentAttempt(whole), candidate });
  if (end === undefined) return bound;
  throw new LedgerError("step_not_pending", `Nobody can work on step "${stepId}" now: ${end}.`, {
    hint: "run_read tells where each step stands.",
  });
};

/** Without keys that have no value: a caller has none of those. */
const definite = (said: { readonly [K in keyof Caller]?: Caller[K] | undefined }): Caller =>
  Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as Caller;
