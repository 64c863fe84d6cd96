import { hash } from "node:crypto";

/**
 * JSON with sorted keys and no undefined members (RFC 8785 for the values the ledger stores: strings, booleans, null,
 * finite numbers, arrays, plain objects). Equal values give equal text on every machine, so it can be hashed.
 */
export const canonicalJson = (value: unknown): string => JSON.stringify(sorted(value));

/** Hex SHA-256 over the canonical text. */
export const digestOf = (value: unknown): string => sha256(canonicalJson(value));

/** Hex SHA-256 over text (as UTF-8) or bytes. */
export const sha256 = (data: string | Uint8Array): string => hash("sha256", data, "hex");

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map((item) => sorted(item ?? null));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
};
