import { randomFrom } from "../../helpers/sweep.js";
import type { Asked, Json } from "./reference.js";

/** Policies and intents as they come: many rules at once, edges of every number, payloads in disguise. */
export const chance = (seed: number) => {
  const next = randomFrom(seed);
  const below = (count: number): number => Math.floor(next() * count);
  const one = <T>(...of: readonly T[]): T => of[below(of.length)] as T;
  const some = <T>(...of: readonly T[]): T[] => of.filter(() => next() < 0.4);
  const maybe = (probability: number): boolean => next() < probability;
  return { below, one, some, maybe };
};
type Chance = ReturnType<typeof chance>;

const TERMS = ["sue", "no risk", "refund guaranteed", "act now", "scam", "legal action"];
const COUNTS = [0, 1, 2, 5, 100, 101, 1_001, 10_001];

const overlayOf = ({ one, some, maybe }: Chance): Json => {
  const keys: Record<string, () => Json> = {
    rate_limits: () => ({
      ...(maybe(0.6) ? { per_agent_per_hour: one(0, 1, 5) } : {}),
      ...(maybe(0.6) ? { per_agent_per_day: one(0, 1, 5) } : {}),
    }),
    field_checks: () => [
      ...(maybe(0.5)
        ? [{ path: "amount", ...(maybe(0.5) ? { required: true } : {}), max: one(0, 5, 500) }]
        : []),
      ...(maybe(0.3) ? [{ path: "amount", min: one(-1, 0, 6) }] : []),
      ...(maybe(0.3) ? [{ path: one("note", "items", "amount"), max_length: one(0, 2, 40) }] : []),
      ...(maybe(0.3)
        ? [
            {
              path: one("note", "to"),
              pattern: one("^[a-z ]*$", "a+b?|^$", "\\bsue\\b", "^\\P{L}*$", "(?:ab){2,}|@"),
            },
          ]
        : []),
      ...(maybe(0.2)
        ? [{ path: one("items.0", "items.length", "deep.x", "constructor", "items.9"), required: true }]
        : []),
    ],
    allowed_recipients: () => some("*@corp.example", "ann@corp.example", "Bo@Else.example"),
    block_if_terms: () => some(...TERMS),
    block_if_pii: () => one<Json>(true, false, some("email", "phone", "card", "iban", "ssn")),
    require_approval: () => one("always", "never", "never"),
    require_approval_for: () => one<Json>("org_wide", ["Org-Wide", "delete"], ["health"], []),
    require_approval_over: () => one(...COUNTS),
    require_approval_over_usd: () => one(...COUNTS, 0.5),
    auto_approve_under: () => one(...COUNTS),
    auto_approve_under_usd: () => one(...COUNTS, 0.5),
    require_approvals: () => one(1, 2, 3),
    expiry_minutes: () => one(1, 30, 240),
    on_no_response: () => one("reject", "defer", "escalate", "auto_approve_if_low_risk"),
  };
  const probability: Record<string, number> = {
    block_if_terms: 0.45,
    require_approval: 0.4,
    expiry_minutes: 0.3,
  };
  return Object.fromEntries(
    Object.entries(keys)
      .filter(([key]) => maybe(probability[key] ?? 0.18))
      .map(([key, make]) => [key, make()]),
  );
};

export const policyOf = (of: Chance): Json => ({
  ...(of.maybe(0.2) ? { destinations: of.some("salesforce.import", "stripe.refund", "mail") } : {}),
  ...(of.maybe(0.2) ? { allowed_types: of.some("csv", ".JSON", "text") } : {}),
  ...(of.maybe(0.1)
    ? { require_profile: of.one("email.send.v1", "crm.import.v1", "payment.refund.v1") }
    : {}),
  ...overlayOf(of),
  ...(of.maybe(0.3)
    ? { environments: { production: overlayOf(of), ...(of.maybe(0.5) ? { staging: overlayOf(of) } : {}) } }
    : {}),
});

const FILLER = [
  "issue",
  "tissue",
  "therapist",
  "fall",
  "camera",
  "we",
  "now",
  "guaranteed",
  "refund",
  "action",
  "risk",
  "ok",
  "7",
  "x2",
];
const PERSONAL = [
  ...["ada@example.com", "+49 151 2345 6789", "(555) 123-4567", "4111 1111 1111 1111", "4111-1111-1111-1112"],
  ...["4111 1111 1111 1111 123", "4111111111111111 12/28"],
  ...["DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00", "078-05-1120", "000-12-3456", "password"],
];
const SWAPS: Record<string, string[]> = {
  ...{
    a: ["4", "@", "а", "á", "A"],
    e: ["3", "е", "é", "E"],
    i: ["1", "!", "і", "I"],
    o: ["0", "о", "ö"],
    u: ["υ", "U"],
  },
  ...{
    s: ["5", "$", "ѕ", "S"],
    c: ["с", "C"],
    t: ["7", "T"],
    l: ["1", "|"],
    n: ["п", "ñ"],
    r: ["г"],
    k: ["к"],
  },
};

const disguised = (of: Chance, phrase: string): string => {
  const { one, maybe } = of;
  const how = one("plain", "swap", "swap", "marks", "spaced", "hidden", "joined", "capital");
  const words = phrase.split(" ").map((word) => {
    const letters = [...word].map((letter) =>
      how === "swap" && maybe(0.5) ? one(...(SWAPS[letter] ?? [letter])) : letter,
    );
    if (how === "marks") return letters.join(one("-", ".", "*", "_"));
    if (how === "spaced") return letters.join(one(" ", "  ", " - "));
    if (how === "hidden") return letters.join(one("\u200b", "\u00ad", "\u2060"));
    return how === "capital" ? letters.join("").toUpperCase() : letters.join("");
  });
  return words.join(how === "joined" ? "" : one(" ", "  ", "\n", " - ", "_"));
};

const proseOf = (of: Chance): string => {
  const { one, below, maybe } = of;
  const words = Array.from({ length: 1 + below(6) }, () =>
    maybe(0.25) ? disguised(of, one(...TERMS)) : maybe(0.12) ? one(...PERSONAL) : one(...FILLER),
  );
  return words.join(one(" ", ", ", ". ", "\n"));
};

const ENCODINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text,
  (text) => encodeURIComponent(text),
  (text) => encodeURIComponent(encodeURIComponent(text)),
  (text) => [...text].map((char) => `&#${char.codePointAt(0)};`).join(""),
  (text) => `see ${Buffer.from(`so it is: ${text}`).toString("base64")} end`,
  (text) => JSON.stringify(text).slice(1, -1),
  (text) =>
    [...text]
      .map((char) => (char.length === 1 ? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}` : char))
      .join(""),
];

const payloadOf = (of: Chance): string | null => {
  const { one, maybe, some } = of;
  if (maybe(0.05)) return one(null, "", "\0", "a\0sue");
  if (maybe(0.5)) return one(...ENCODINGS)(proseOf(of));
  const value = {
    ...(maybe(0.6) ? { amount: one<Json>(0, 5, 5.01, 501, -1, "5", null, [1]) } : {}),
    ...(maybe(0.6) ? { note: one<Json>("", "ab", "abab", "we sue", proseOf(of), 3) } : {}),
    ...(maybe(0.6)
      ? {
          to: one<Json>(
            "ann@corp.example",
            "BO@corp.example",
            "eve@evil.example",
            "Ann <ann@corp.example>",
            [],
            null,
          ),
        }
      : {}),
    ...(maybe(0.2)
      ? { message: { cc: some<Json>("bo@else.example", "x@evil.example", "a@b@corp.example") } }
      : {}),
    ...(maybe(0.3) ? { items: some(1, 2, 3) } : {}),
    ...(maybe(0.2) ? { deep: { x: one<Json>(1, null, "") } } : {}),
  };
  const text = maybe(0.5) ? JSON.stringify(value) : JSON.stringify(value, null, 2);
  if (maybe(0.06)) return text.replace(/\}$/, `${text === "{}" ? "" : ","}"amount":1,"amount":900}`);
  return maybe(0.04) ? text.slice(0, -1) : text;
};

export const intentOf = (of: Chance): Asked => {
  const { one, maybe, some } = of;
  return {
    destination: one("salesforce.import", "stripe.refund", "mail", "Mail", "constructor"),
    environment: one(null, "production", "staging", "constructor", "elsewhere"),
    type: one("csv", "json", ".CSV", "text"),
    text: payloadOf(of),
    records: one<number | null>(
      null,
      ...COUNTS,
      3,
      maybe(0.3) ? one(-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY) : 1,
    ),
    usd: one<number | null>(
      null,
      ...COUNTS,
      0.5,
      maybe(0.3) ? one(-0.01, Number.NaN, Number.POSITIVE_INFINITY) : 1,
    ),
    action: one(null, "import", "Delete"),
    scope: one(null, "team", "org_wide", "ORG WIDE"),
    tags: some("health", "legal", "PII", "x"),
    metadata: one<Json>(
      {},
      { profile: "email.send.v1", to: "a", subject: one<Json>("s", " ", 0) },
      { profile: "crm.import.v1", object_type: "lead", record_count: one<Json>(0, 3, null, Number.NaN) },
      { environment: "staging", scope: "team", profile: "payment.refund.v1" },
    ),
    hour: one(0, 1, 4, 5),
    day: one(0, 1, 4, 5),
  };
};
