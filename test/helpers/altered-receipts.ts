import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { canonicalJson } from "../../src/core/canonical.js";
import {
  type Envelope,
  PAYLOAD_TYPE,
  preAuthenticated,
  publicKeyId,
} from "../../src/core/receipts/verify.js";

export type Altered = { readonly what: string; readonly envelope: string };

const statementOf = ({ payload }: Envelope): unknown =>
  JSON.parse(Buffer.from(payload, "base64").toString("utf8"));

/** The same envelope around another statement, its signature as it was. */
const around = (envelope: Envelope, statement: unknown): Envelope => ({
  ...envelope,
  payload: Buffer.from(canonicalJson(statement)).toString("base64"),
});

type Path = readonly (string | number)[];

/** Where values stand in a statement, however deep; an empty list or object is one too. */
const leavesOf = (value: unknown, path: Path = []): readonly Path[] => {
  if (typeof value !== "object" || value === null) return [path];
  const members: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((member, index) => [index, member] as const)
    : Object.entries(value);
  return members.length === 0
    ? [path]
    : members.flatMap(([name, member]) => leavesOf(member, [...path, name]));
};

/** Names of members, whatever their place in a list. */
const nameOf = (path: Path): string => path.map((part) => (typeof part === "number" ? "[]" : part)).join(".");

const changed = (value: unknown): unknown => {
  if (typeof value === "string") return `${value}x`;
  if (typeof value === "number") return value + 1;
  return value === null ? 0 : null;
};

const withChange = (value: unknown, [name, ...rest]: Path): unknown => {
  if (name === undefined) return changed(value);
  if (Array.isArray(value)) return value.map((one, at) => (at === name ? withChange(one, rest) : one));
  const members = value as Record<string, unknown>;
  return { ...members, [name]: withChange(members[name], rest) };
};

/** Each member that any of the statements has, changed once; the signatures are of what stood there before. */
export const withEachMemberChanged = (envelopes: readonly Envelope[]): readonly Altered[] => {
  const seen = new Set<string>();
  return envelopes.flatMap((envelope) => {
    const statement = statementOf(envelope);
    return leavesOf(statement).flatMap((path) => {
      const name = nameOf(path);
      if (seen.has(name)) return [];
      seen.add(name);
      return [{ what: name, envelope: JSON.stringify(around(envelope, withChange(statement, path))) }];
    });
  });
};

const stranger = generateKeyPairSync("ed25519");

const signed = (envelope: Envelope, key: KeyObject, keyid: string): Envelope => {
  const bytes = preAuthenticated(PAYLOAD_TYPE, Buffer.from(envelope.payload, "base64"));
  return { ...envelope, signatures: [{ keyid, sig: sign(null, bytes, key).toString("base64") }] };
};

const flipped = (text: string, bit: number): string => {
  const bytes = Buffer.from(text, "base64");
  const at = Math.floor(bit / 8) % bytes.byteLength;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8));
  return bytes.toString("base64");
};

const withSignature = (
  envelope: Envelope,
  change: (one: { keyid: string; sig: string }) => object,
): object => ({
  ...envelope,
  signatures: envelope.signatures.map((one) => ({ ...one, ...change(one) })),
});

/** Everything else that can be wrong with one envelope. */
const tricks: readonly (readonly [string, (good: Envelope, other: Envelope, draw: number) => object])[] = [
  [
    "a bit of the signature",
    (good, _, draw) => withSignature(good, ({ sig }) => ({ sig: flipped(sig, draw * 13) })),
  ],
  ["a bit of the statement", (good, _, draw) => ({ ...good, payload: flipped(good.payload, draw * 7) })],
  ["the payload type", (good) => ({ ...good, payloadType: "application/vnd.in-toto.json" })],
  ["no payload type", (good) => ({ ...good, payloadType: "" })],
  [
    "a foreign key under its own name",
    (good) => signed(good, stranger.privateKey, publicKeyId(stranger.publicKey)),
  ],
  [
    "a foreign key under the ledger's name",
    (good) => signed(good, stranger.privateKey, good.signatures[0]?.keyid ?? ""),
  ],
  [
    "the name of the key",
    (good, _, draw) => withSignature(good, ({ keyid }) => ({ keyid: renamed(keyid, draw) })),
  ],
  ["no name of a key", (good) => withSignature(good, () => ({ keyid: "" }))],
  ["the signature of another run", (good, other) => ({ ...good, signatures: other.signatures })],
  ["the statement of another run", (good, other) => ({ ...good, payload: other.payload })],
  ["no signature", (good) => withSignature(good, () => ({ sig: "" }))],
  ["half a signature", (good) => withSignature(good, ({ sig }) => ({ sig: sig.slice(0, 44) }))],
];

const renamed = (keyid: string, draw: number): string => {
  const at = draw % keyid.length;
  return `${keyid.slice(0, at)}${keyid[at] === "0" ? "1" : "0"}${keyid.slice(at + 1)}`;
};

/** `count` of them, in turn over the envelopes. */
export const tricked = (envelopes: readonly Envelope[], count: number): readonly Altered[] =>
  Array.from({ length: count }, (_, draw) => {
    const good = envelopes[draw % envelopes.length];
    const other = envelopes[(draw + 1) % envelopes.length];
    const [what, alter] = tricks[draw % tricks.length] ?? [];
    if (good === undefined || other === undefined || alter === undefined || what === undefined)
      throw new Error("there is nothing to alter");
    return { what, envelope: JSON.stringify(alter(good, other, draw)) };
  });
