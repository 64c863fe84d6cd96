import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { jsonIn } from "./json-text.js";
import {
  count,
  flag,
  list,
  named,
  type Of,
  oneOf,
  optional,
  orNull,
  record,
  type Shape,
  text,
  whole,
} from "./shapes.js";

// Needs nothing but Node and what lies beside it. Built it is one file, which whoever has a receipt and a public key may copy and check with.

/** What DSSE calls the bytes of an in-toto statement. */
export const PAYLOAD_TYPE = "application/vnd.in-toto+json";
export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
/** Raised when a member changes its meaning; new members may come without. A name, and no address. */
export const RECEIPT_TYPE = "urn:runledger:run-receipt:v1";
export const TEST_RESULT_TYPE = "https://in-toto.io/attestation/test-result/v0.1";

/** DSSE: base64 of the statement, and one Ed25519 signature (base64, 64 bytes) over its pre-authentication encoding. */
export type Envelope = {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
};

/**
 * Whom a verifier trusts: an Ed25519 public key (PEM, SPKI), and when it was retired: after which event of its ledger, and at what
 * time (ISO 8601, UTC). Clocks are put back, and runs end while somebody rotates, so the time counts only where no event is named.
 */
export type TrustedKey = {
  readonly publicKey: string;
  readonly until?: string | null;
  readonly untilPosition?: number | null | undefined;
};

export type ReceiptRefusal =
  | "not_an_envelope"
  | "wrong_payload_type"
  | "unknown_key"
  | "bad_signature"
  | "not_a_statement"
  | "key_retired";

export type Statement = ReceiptStatement | TestResultStatement;

export type ReceiptCheck =
  | { readonly verified: true; readonly keyId: string; readonly statement: Statement }
  | { readonly verified: false; readonly reason: ReceiptRefusal; readonly message: string };

/**
 * Whether this text is an envelope that one of these keys signed, with a statement of ours in it. Offline; what it names (commits,
 * the journal) is for the caller to look up. Bad input is an answer and no error.
 */
export const verifyReceipt = (text: string, keys: readonly TrustedKey[]): ReceiptCheck => {
  const envelope = envelopeIn(text);
  if (envelope === undefined)
    return refused(
      "not_an_envelope",
      "It is no DSSE envelope with one signature in plain base64, and each member once.",
    );
  const { payloadType, payload, signatures } = envelope;
  if (payloadType !== PAYLOAD_TYPE)
    return refused("wrong_payload_type", `Its payload type is "${payloadType}", not "${PAYLOAD_TYPE}".`);
  const [{ keyid, sig } = { keyid: "", sig: "" }] = signatures;
  const found = keys.map(opened).find(({ id }) => id === keyid);
  if (found === undefined)
    return refused(
      "unknown_key",
      `It names key ${keyid}, which is none of the ${keys.length} that are trusted.`,
    );
  const bytes = Buffer.from(payload, "base64");
  if (!verify(null, preAuthenticated(payloadType, bytes), found.key, Buffer.from(sig, "base64")))
    return refused("bad_signature", `Its signature is not one of key ${keyid} over this statement.`);
  const statement = jsonIn(bytes.toString("utf8"));
  if (!isReceipt(statement) && !isTestResult(statement))
    return refused("not_a_statement", "What was signed is no statement of a run or of a validator.");
  if (isRetiredBefore(statement, found))
    return refused("key_retired", `Key ${keyid} was retired ${endTold(found)}, before the run ended.`);
  return { verified: true, keyId: keyid, statement };
};

const refused = (reason: ReceiptRefusal, message: string): ReceiptCheck => ({
  verified: false,
  reason,
  message,
});

/** What is signed: type and payload, each with its length before it, so that neither can pass for a part of the other. */
export const preAuthenticated = (payloadType: string, payload: Uint8Array): Buffer => {
  const type = Buffer.from(payloadType, "utf8");
  const head = `DSSEv1 ${type.byteLength} ${payloadType} ${payload.byteLength} `;
  return Buffer.concat([Buffer.from(head, "utf8"), payload]);
};

/** Hex SHA-256 over the key's SPKI bytes (DER). */
export const publicKeyId = (publicKey: string | KeyObject): string => {
  const key = typeof publicKey === "string" ? createPublicKey(publicKey) : publicKey;
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");
};

/** Keys as `runledger receipt keys` prints them: JSON, which says when each was retired, or PEM, which does not. Empty for neither. */
export const trustedKeysIn = (text: string): readonly TrustedKey[] => {
  const listed = jsonIn(text);
  if (isKeyList(listed)) return listed.keys.filter(({ publicKey }) => isEd25519(publicKey));
  const blocks = text.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  return blocks.filter(isEd25519).map((publicKey) => ({ publicKey }));
};

/** False for what is no key and no signature, too. */
export const isSignedBy = (publicKey: string, words: Uint8Array, signature: string): boolean => {
  try {
    return verify(null, words, publicKey, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
};

const isEd25519 = (publicKey: string): boolean => {
  try {
    return createPublicKey(publicKey).asymmetricKeyType === "ed25519";
  } catch {
    return false;
  }
};

const opened = ({ publicKey, until = null, untilPosition = null }: TrustedKey) => {
  const key = createPublicKey(publicKey);
  return { id: publicKeyId(key), key, until, untilPosition };
};

/** By what decides where a receipt says its position; clocks are put back. */
const endTold = ({
  until,
  untilPosition,
}: Pick<ReturnType<typeof opened>, "until" | "untilPosition">): string =>
  untilPosition === null ? `at ${until}` : `after event ${untilPosition} of its ledger`;

const isRetiredBefore = (
  statement: Statement,
  { until, untilPosition }: Pick<ReturnType<typeof opened>, "until" | "untilPosition">,
): boolean => {
  const end = endOf(statement);
  if (end.position !== undefined && untilPosition !== null) return end.position > untilPosition;
  return until !== null && end.at > until;
};

const envelopeIn = (text: string): Envelope | undefined => {
  const value = jsonIn(text);
  if (!isEnvelope(value) || value.signatures.length !== 1) return undefined;
  const encoded = [value.payload, ...value.signatures.map(({ sig }) => sig)];
  return encoded.every(isPlainBase64) ? value : undefined;
};

/** Node passes over what is not base64, and one signature would be good for many texts. */
const isPlainBase64 = (text: string): boolean => Buffer.from(text, "base64").toString("base64") === text;

type End = { readonly at: string; readonly position?: number | undefined };

const endOf = (statement: Statement): End => {
  if (statement.predicateType === RECEIPT_TYPE) {
    const { run, journal } = statement.predicate;
    return { at: run.endedAt, position: journal.position };
  }
  const { runEndedAt = "", runEndPosition } = statement.predicate.configuration[0]?.annotations ?? {};
  return { at: runEndedAt, position: runEndPosition };
};

const isEnvelope: Shape<Envelope> = record({
  payloadType: text,
  payload: text,
  signatures: list(record({ keyid: text, sig: text })),
});

const isKeyList = record({
  keys: list(record({ publicKey: text, until: orNull(text), untilPosition: optional(orNull(count)) })),
});

const statement = <T extends string, P>(type: T, predicate: Shape<P>) =>
  record({
    _type: oneOf(STATEMENT_TYPE),
    subject: list(record({ name: text, digest: named })),
    predicateType: oneOf(type),
    predicate,
  });

const who = record({ name: text, role: text });
const tests = orNull(record({ passed: count, failed: count, skipped: count }));
/** Ended by itself, by a signal, or no command ran at all. */
const exit = record({ kind: oneOf("code", "signal", "none"), code: orNull(whole), signal: orNull(text) });

const verdict = record({
  seq: count,
  outcome: oneOf("passed", "failed", "errored"),
  reason: text,
  proposalSeq: orNull(count),
  /** Git object ids of what was judged; null where the project's own folder was. */
  commit: orNull(text),
  tree: orNull(text),
  validator: record({ type: text, digest: text }),
  isolationLevel: count,
  exit,
  tests,
  /** Of tests that the agent never saw. */
  heldOut: orNull(record({ digest: text, files: count, tests })),
  /** Protected paths that the proposal changed without leave. */
  tamperedPaths: list(text),
  durationMs: count,
});

const step = record({
  id: text,
  agent: text,
  status: text,
  how: orNull(oneOf("verified", "approved", "skipped", "decomposed", "reported")),
  attempts: count,
  retries: count,
  /** Who won a race, from 1. */
  candidate: orNull(count),
  proposal: orNull(record({ seq: count, base: orNull(text), commit: orNull(text), tree: orNull(text) })),
  validator: record({ type: text, digest: text }),
  verdict: orNull(verdict),
  waivers: list(text),
});

const effect = record({
  seq: count,
  stepId: orNull(text),
  attempt: count,
  name: text,
  class: text,
  /** Null for what a client recorded. */
  risk: orNull(text),
  key: orNull(text),
  /** open: begun, and nobody knows. known: it had happened before under its key, where `first` says. */
  outcome: oneOf("done", "failed", "skipped", "known", "open"),
  first: orNull(record({ runId: text, seq: count })),
  /** A person, where the outcome is that one's word. */
  saidBy: optional(who),
});

const usage = record({
  calls: count,
  tokensIn: count,
  cacheRead: count,
  cacheWrite: count,
  tokensOut: count,
  reasoning: count,
  uncounted: count,
  uncountedTokens: count,
  uncountedNanoUsd: count,
  nanoUsd: count,
  unpriced: count,
});

/** What a receipt says. Times are ISO 8601, UTC; digests and hashes hex SHA-256; commits and trees git object ids. */
const receipt = record({
  run: record({
    id: text,
    status: oneOf("completed", "failed"),
    reason: orNull(text),
    createdAt: text,
    endedAt: text,
    createdBy: who,
    forkedFrom: orNull(record({ runId: text, seq: count, hash: text })),
    parent: orNull(record({ runId: text, seq: count, stepId: text, attempt: count })),
    host: orNull(record({ kind: text, projection: text, hostId: text })),
    /** Of a run that its client recorded, and nobody here drove. */
    client: orNull(
      record({
        agentId: text,
        runtime: orNull(text),
        /** The run that it goes on from. */
        lineage: orNull(record({ runId: text, seq: count, hash: text })),
        recorded: count,
        skipped: count,
        openHandoffs: count,
      }),
    ),
  }),
  planDigest: orNull(text),
  base: orNull(text),
  head: orNull(text),
  steps: list(step),
  criteria: list(
    record({ index: count, status: oneOf("met", "unmet", "unchecked"), verdict: orNull(verdict) }),
  ),
  /** `bound` is the hash of the proposal's event: what was looked at, and nothing else. */
  approvals: list(
    record({
      seq: count,
      stepId: text,
      decision: oneOf("approve", "deny"),
      by: who,
      bound: record({ seq: count, hash: text }),
    }),
  ),
  decisions: list(record({ seq: count, stepId: text, action: text, by: who })),
  /**
   * What needed leave, and who gave it: a vote is for exactly what `contentHash` is over (run, content, policy, environment).
   * That it succeeded is the word of whoever executed it.
   */
  intents: record({
    listed: list(
      record({
        id: text,
        seq: count,
        by: who,
        destination: text,
        /** With the destination it happens once in the whole ledger. */
        key: orNull(text),
        contentHash: text,
        policy: orNull(record({ id: text, digest: orNull(text), reason: text })),
        approvalsNeeded: count,
        votes: list(
          record({
            by: who,
            onBehalfOf: orNull(text),
            decision: oneOf("approve", "deny"),
            at: text,
            bound: text,
          }),
        ),
        status: text,
        reportedBy: orNull(who),
      }),
    ),
    more: count,
  }),
  /** Those that must not happen twice, or have a business key; `more` were not listed. */
  effects: record({ listed: list(effect), more: count }),
  /** What a client said that it made or used; digests are its word, but where it handed in the bytes. */
  artifacts: record({
    listed: list(record({ seq: count, type: text, uri: text, sha256: text, kept: flag })),
    more: count,
  }),
  usage,
  /**
   * Origin is the ledger's id; root is the hash of event `last`, which every event before it goes into; position is where that
   * one stands among all events of its ledger.
   */
  journal: record({ origin: text, first: count, last: count, root: text, position: optional(count) }),
  /** Of whoever signed; `statement` is the number of what it makes of a journal, which the first ones did not say. */
  versions: record({
    ...{ runledger: text, node: text, git: orNull(text), sandbox: orNull(text) },
    statement: optional(count),
  }),
  claims: record({
    notChecked: list(record({ code: text, stepId: orNull(text), sentence: text })),
  }),
});
export type RunReceipt = Of<typeof receipt>;

const isReceipt = statement(RECEIPT_TYPE, receipt);
export type ReceiptStatement = Of<typeof isReceipt>;

/** in-toto's own predicate for one run of tests; who reads only that need not know what a run of ours is. */
const testResult = record({
  result: oneOf("PASSED", "FAILED"),
  configuration: list(
    record({
      name: text,
      digest: named,
      annotations: record({
        runId: text,
        runEndedAt: text,
        /** As `journal.position` of the run's own receipt. */
        runEndPosition: optional(count),
        stepId: orNull(text),
        criterion: orNull(count),
        verdictSeq: count,
        reason: text,
        isolationLevel: count,
        exit,
        tests,
        durationMs: count,
      }),
    }),
  ),
});
export type TestResult = Of<typeof testResult>;

const isTestResult = statement(TEST_RESULT_TYPE, testResult);
export type TestResultStatement = Of<typeof isTestResult>;
