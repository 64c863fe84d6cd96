import { setImmediate as nextTurn } from "node:timers/promises";
import * as z from "zod";
import { sha256 } from "../core/canonical.js";
import { runNotFound } from "../core/decide/guards.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { Actor } from "../core/events.js";
import { evolve } from "../core/evolve.js";
import { followRun, type Witness } from "../core/receipts/witness.js";
import type { Run } from "../core/run.js";
import { naturalInt, positiveInt, someText } from "../core/shapes.js";
import type { BareRunKey, EventRow, NewEventRow, RunCipher, Store } from "../stores/store.js";
import { type BroughtReceipt, broughtData, broughtIn } from "./bundled-receipt.js";
import { fromRows, GENESIS_HASH, payloadOf } from "./journal.js";

/** One run as a file that others can read, check and take in: JSON Lines, in the order header, events, blobs, commits, receipt. */
const FORMAT = "runledger-bundle";
const VERSION = 1;

/** Longer than any line this program writes: a pack or a blob at its limit, in base64; V8 holds no text of twice that. */
const LINE_CHARS = 400_000_000;
/** Ten times the longest run that was ever tried. */
const EVENTS_MAX = 1_000_000;
const READ_BATCH = 1_000;

const hex = (chars: number) => z.string().regex(new RegExp(`^[0-9a-f]{${chars}}$`));
const base64 = z.base64();
const seq = positiveInt;

const Header = z.strictObject({
  line: z.literal("header"),
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  runId: someText.max(200),
  /** The ledger it was made in. */
  ledgerId: hex(32),
  exportedAt: z.iso.datetime(),
  events: positiveInt.max(EVENTS_MAX),
  lastHash: hex(64),
  blobs: naturalInt,
  commits: z.boolean(),
  /** Of a run that ended. */
  receipt: z.literal(true).optional(),
  /** Of a sealed run, whose events and output are sealed here too. Without the key, only the ledger that has it can read them. */
  seal: z.strictObject({ ledgerId: hex(32), keyId: hex(16), key: base64.nullable() }).optional(),
});
export type BundleHeader = z.infer<typeof Header>;

const EventLine = z.strictObject({
  line: z.literal("event"),
  seq,
  type: z.string(),
  version: positiveInt,
  at: z.iso.datetime(),
  actor: Actor,
  sessionKey: z.string(),
  attempt: naturalInt.nullable(),
  payload: z.string(),
  prevHash: hex(64),
  hash: hex(64),
});
const BlobLine = z.strictObject({ line: z.literal("blob"), hash: hex(64), data: base64 });
const CommitsLine = z.strictObject({
  line: z.literal("commits"),
  origin: hex(40),
  refs: z.record(z.string().regex(/^(?:base|kept\/[0-9a-f]{40})$/), hex(40)),
  pack: base64,
});

const ReceiptLine = z.strictObject({ line: z.literal("receipt"), data: base64 });

/** What git keeps of a run, as the part that knows git made it. */
export type BundledCommits = {
  readonly origin: string;
  readonly refs: Readonly<Record<string, string>>;
  readonly pack: Uint8Array;
};

/** Rows go out as they are stored, so that whoever reads them can hash them again, even what this program cannot read. */
export async function* writeBundle(
  store: Store,
  runId: string,
  options: {
    readonly commits: BundledCommits | undefined;
    /** With the keys that it is checked with. */
    readonly receipt: BroughtReceipt | undefined;
    readonly at: string;
    /** So that others can read a sealed run. */
    readonly withKey: boolean;
  },
): AsyncGenerator<string> {
  const { commits, receipt, at, withKey } = options;
  const cipher = store.seals.of(runId);
  const rows: EventRow[] = [];
  for await (const page of pagesOf(store, runId)) rows.push(...page);
  const last = rows.at(-1);
  // Another process took it out since it was looked up.
  if (last === undefined) throw runNotFound(runId);
  const blobs = await presentBlobs(store, runId, namesIn(rows, cipher));
  yield lineOf({
    line: "header",
    format: FORMAT,
    version: VERSION,
    runId,
    ledgerId: (await store.originOf(runId))?.ledgerId ?? store.ledgerId,
    exportedAt: at,
    events: rows.length,
    lastHash: last.hash,
    blobs: blobs.length,
    commits: commits !== undefined,
    ...(receipt === undefined ? {} : { receipt: true }),
    ...(cipher === null ? {} : { seal: sealOf(cipher, withKey) }),
  });
  for (const { position: _position, runId: _run, ...row } of rows) yield lineOf({ line: "event", ...row });
  for (const hash of blobs) {
    const bytes = await store.getBlob(hash, runId);
    if (bytes !== undefined) yield lineOf({ line: "blob", ...blobLine(hash, bytes, cipher) });
  }
  if (commits !== undefined) yield commitsLine(commits, cipher);
  if (receipt !== undefined) yield lineOf({ line: "receipt", data: broughtData(receipt, cipher) });
}

const commitsLine = ({ origin, refs, pack }: BundledCommits, cipher: RunCipher | null): string => {
  const kept = cipher === null ? pack : cipher.sealBytes(pack, COMMITS);
  return lineOf({ line: "commits", origin, refs, pack: Buffer.from(kept).toString("base64") });
};

export type ReadBundle = {
  readonly header: BundleHeader;
  readonly run: Run;
  readonly rows: readonly NewEventRow[];
  /** What its receipt is about; undefined where it does not end. */
  readonly witness: Witness | undefined;
  readonly commits: BundledCommits | undefined;
  /** Signed by the ledger that the header names, as far as the keys that came with it tell. */
  readonly receipt: BroughtReceipt | undefined;
  /** Of a sealed run. */
  readonly cipher: RunCipher | null;
};

/** Who takes in what a bundle brings. */
export type Taking = {
  readonly putBlob: (bytes: Uint8Array, runId: string) => Promise<unknown>;
  /** Throws where its key is not here and it does not bring it. */
  readonly cipherFor: (runId: string, brought: BareRunKey) => RunCipher;
  /** Of this RunLedger, which knows what its own receipts say. */
  readonly version: string;
  /** Called once its events were checked, and before the first blob; null for a run that is plain. Not for one that stays away. */
  readonly keep?: (runId: string, cipher: RunCipher | null) => void;
};

/** Everything is checked before anything is taken in; a blob is handed over as soon as it is known to be the right one. */
export const readBundle = async (
  chunks: AsyncIterable<Uint8Array>,
  { putBlob, cipherFor, version, keep }: Taking,
): Promise<ReadBundle> => {
  const lines = numbered(chunks);
  const header = await next(lines, Header, HEADER);
  const { seal, runId } = header;
  const key = typeof seal?.key === "string" ? Buffer.from(seal.key, "base64") : null;
  const cipher = seal === undefined ? null : cipherFor(runId, { ...seal, key });
  const { rows, run, witness } = await readEvents(lines, header, cipher);
  const named = new Set(namesIn(stored(rows, runId), cipher));
  keep?.(runId, cipher);
  for (let blob = 0; blob < header.blobs; blob += 1) {
    const line = await next(lines, BlobLine, `blob ${blob + 1} of ${header.blobs}`);
    const bytes = blobIn(line, cipher);
    if (!named.has(sha256(bytes))) throw invalid(line.number, `no event names blob ${line.hash}`);
    await putBlob(bytes, runId);
  }
  const commits = header.commits
    ? commitsOf(await next(lines, CommitsLine, "the commits"), run, cipher)
    : undefined;
  const { ledgerId } = header;
  const receipt = header.receipt
    ? receiptOf(await next(lines, ReceiptLine, "the receipt"), cipher, { witness, ledgerId, version })
    : undefined;
  const rest = await lines.next();
  if (rest.done !== true) throw invalid(rest.value.number, "nothing is expected here");
  return { header, rows, run, witness, commits, receipt, cipher };
};

const receiptOf = (
  { data, number }: z.output<typeof ReceiptLine> & { readonly number: number },
  ...[cipher, by]: [RunCipher | null, Parameters<typeof broughtIn>[2]]
): BroughtReceipt => {
  const brought = broughtIn(data, cipher, by);
  if (typeof brought === "string") throw invalid(number, brought);
  return brought;
};

const sealOf = (cipher: RunCipher, withKey: boolean) => {
  const { key, ...of } = cipher.bare();
  return { ...of, key: withKey && key !== null ? Buffer.from(key).toString("base64") : null };
};

/** Of a sealed run under the name that its key makes of it: the hash would tell whoever guesses what it is. */
const blobLine = (hash: string, bytes: Uint8Array, cipher: RunCipher | null) => {
  const data = cipher === null ? bytes : cipher.sealBytes(bytes, inBundle(cipher.nameOf(hash)));
  return { hash: cipher?.nameOf(hash) ?? hash, data: Buffer.from(data).toString("base64") };
};

/** Of a sealed run also sealed: a pack is all of its work, in the clear. */
const COMMITS = "commits of a bundle";

const inBundle = (name: string): string => `blob of a bundle ${name}`;

const blobIn = (
  { hash, data, number }: z.output<typeof BlobLine> & { readonly number: number },
  cipher: RunCipher | null,
): Uint8Array => {
  const came = Buffer.from(data, "base64");
  const bytes = cipher === null ? came : cipher.openBytes(came, inBundle(hash));
  const name = bytes && (cipher === null ? sha256(bytes) : cipher.nameOf(sha256(bytes)));
  if (bytes === undefined || name !== hash) throw invalid(number, `the bytes are not those of blob ${hash}`);
  return bytes;
};

const stored = (rows: readonly NewEventRow[], runId: string): readonly EventRow[] =>
  rows.map((row) => ({ ...row, runId, position: row.seq }));

/** What the events of a run may name. */
const namesIn = (rows: readonly EventRow[], cipher: RunCipher | null): readonly string[] =>
  rows.flatMap((row) => hashesIn(payloadOf(row, cipher)));

/** Hashes of 64 hex digits in a text: among them are all blobs it names, whatever the event is. */
export const hashesIn = (payload: string): readonly string[] => payload.match(/\b[0-9a-f]{64}\b/g) ?? [];

async function* pagesOf(store: Store, runId: string): AsyncGenerator<readonly EventRow[]> {
  for (let after = 0; ; ) {
    const page = await store.read(runId, after, READ_BATCH);
    if (page.length > 0) yield page;
    await nextTurn();
    after = page.at(-1)?.seq ?? after;
    if (page.length < READ_BATCH) return;
  }
}

/** Output that was cleaned away is not in the bundle; the events still say which it was. */
const presentBlobs = async (
  store: Store,
  runId: string,
  names: readonly string[],
): Promise<readonly string[]> => {
  const present: string[] = [];
  for (const hash of new Set(names)) if ((await store.getBlob(hash, runId)) !== undefined) present.push(hash);
  return present;
};

const lineOf = (value: object): string => `${JSON.stringify(value)}\n`;

/** What stands first, and tells a bundle from any other file. */
const HEADER = "the header";

type Line = { readonly number: number; readonly text: string };

const next = async <T extends z.ZodType>(
  lines: AsyncGenerator<Line, void>,
  schema: T,
  expected: string,
): Promise<z.output<T> & { readonly number: number }> => {
  const { value: line } = await lines.next();
  if (line === undefined)
    throw new LedgerError("bundle_invalid", `The bundle ends where ${expected} should be.`, {
      hint: "The file is not whole; export the run again.",
    });
  const parsed = schema.safeParse(jsonOf(line));
  if (parsed.success) return Object.assign(parsed.data as z.output<T> & object, { number: line.number });
  const [issue] = parsed.error.issues;
  if (expected === HEADER && issue?.path.join(".") === "line")
    throw new LedgerError(
      "bundle_invalid",
      "The file is no bundle: it does not begin with the header of one.",
      {
        hint: "Name a file that `runledger export` wrote.",
        details: { line: line.number },
      },
    );
  throw invalid(
    line.number,
    `${expected} does not fit: ${issue?.path.join(".") || "line"}: ${issue?.message}`,
  );
};

const jsonOf = ({ text, number }: Line): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(number, "it is no JSON");
  }
};

const readEvents = async (
  lines: AsyncGenerator<Line, void>,
  { runId, events, lastHash }: BundleHeader,
  cipher: RunCipher | null,
): Promise<{
  readonly rows: readonly NewEventRow[];
  readonly run: Run;
  readonly witness: Witness | undefined;
}> => {
  const rows: NewEventRow[] = [];
  const follower = followRun();
  let run: Run | undefined;
  for (let at = 1; at <= events; at += 1) {
    const { line: _line, number, ...row } = await next(lines, EventLine, `event ${at} of ${events}`);
    if (row.seq !== at) throw invalid(number, `event ${row.seq} stands where ${at} should`);
    const came = { ...row, runId, position: at } as EventRow;
    const prevHash = rows.at(-1)?.hash ?? GENESIS_HASH;
    run = withEvent(run, came, { prevHash, cipher, number, follower });
    rows.push(row as NewEventRow);
  }
  if (run === undefined || rows.at(-1)?.hash !== lastHash)
    throw new LedgerError("bundle_invalid", "The last event is not the one that the header names.", {
      hint: "Nothing was imported; export the run again.",
    });
  return { rows, run, witness: follower.told() };
};

const withEvent = (
  run: Run | undefined,
  row: EventRow,
  at: {
    readonly prevHash: string;
    readonly cipher: RunCipher | null;
    readonly number: number;
    readonly follower: ReturnType<typeof followRun>;
  },
): Run | undefined => {
  try {
    return fromRows([row], at.prevHash, at.cipher).reduce<Run | undefined>((before, event) => {
      const after = evolve(before, event);
      at.follower.take(event, after);
      return after;
    }, run);
  } catch (error) {
    const { message, hint } = isLedgerError(error)
      ? error
      : { message: "it follows from nothing", hint: undefined };
    throw invalid(at.number, message, hint, error);
  }
};

/** Refs say nothing of their own: they keep what the events name, and all that the run stands on. */
const commitsOf = (
  { origin, refs, pack, number }: z.output<typeof CommitsLine> & { readonly number: number },
  run: Run,
  cipher: RunCipher | null,
): BundledCommits => {
  for (const [name, commit] of Object.entries(refs))
    if (name === "base" ? commit !== run.base : name !== `kept/${commit}`)
      throw invalid(number, `${name} is another commit than the events say: ${commit}`);
  const kept = new Set(Object.values(refs));
  for (const commit of [run.base, run.head])
    if (commit !== null && !kept.has(commit))
      throw invalid(number, `commit ${commit} of the run is not there`);
  const came = Buffer.from(pack, "base64");
  const opened = cipher === null ? came : cipher.openBytes(came, COMMITS);
  if (opened === undefined) throw invalid(number, "the pack is not one of this run");
  return { origin, refs, pack: opened };
};

const invalid = (number: number, why: string, hint?: string, cause?: unknown): LedgerError =>
  new LedgerError("bundle_invalid", `Line ${number} of the bundle cannot be taken in: ${why}`, {
    hint: hint ?? "Nothing was imported; export the run again.",
    details: { line: number },
    ...(cause === undefined ? {} : { cause }),
  });

/** Lines with their numbers from 1; a text without an end must not fill the memory. */
async function* numbered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let number = 1;
  let parts: string[] = [];
  let chars = 0;
  const decoded = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw invalid(number, "it is not UTF-8", undefined, cause);
    }
  };
  const add = (part: string): void => {
    parts.push(part);
    chars += part.length;
    if (chars > LINE_CHARS) throw invalid(number, `it is longer than ${LINE_CHARS} characters`);
  };
  for await (const chunk of chunks) {
    const [first = "", ...more] = decoded(chunk).split("\n");
    add(first);
    for (const part of more) {
      yield { number, text: parts.join("") };
      [number, parts, chars] = [number + 1, [], 0];
      add(part);
    }
  }
  add(decoded());
  const text = parts.join("");
  if (text !== "") yield { number, text };
}
