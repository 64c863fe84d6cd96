/**
 * What docs/policies.md says, written down once more by somebody who has not seen the code: plain text in, plain text out, regular
 * expressions instead of letters and gaps, JavaScript's own patterns, a JSON reader by hand. It imports nothing of the project.
 */

/** Policies are looked at as the JSON that they are. */
export type Json = ReturnType<typeof JSON.parse>;

export type Asked = {
  readonly destination: string;
  readonly environment: string | null;
  readonly type: string;
  readonly text: string | null;
  readonly records: number | null;
  readonly usd: number | null;
  readonly action: string | null;
  readonly scope: string | null;
  readonly tags: readonly string[];
  readonly metadata: Json;
  readonly hour: number;
  readonly day: number;
};

/** `outcome reason approvals minutes silence risk`. */
export const expectedOf = (file: Json, asked: Asked): string => {
  const rules = rulesHere(file, asked.environment);
  const [outcome, reason] = firstRule(file, rules, asked);
  const risk = riskWord(asked);
  const minutes = reason === "intent_invalid" ? 60 : (rules.expiry_minutes ?? 60);
  let silence = reason === "intent_invalid" ? "reject" : (rules.on_no_response ?? "reject");
  const mayBeSilent = reason === "approval_always_required" || reason === "manual_review_required";
  if (silence === "auto_approve_if_low_risk" && (risk !== "low" || !mayBeSilent)) silence = "reject";
  const approvals = outcome === "pending" ? (rules.require_approvals ?? 1) : 0;
  return `${outcome} ${reason} ${approvals} ${minutes} ${silence} ${risk}`;
};

const rulesHere = (file: Json, environment: string | null): Json => {
  const own = Object.entries(file.environments ?? {}).find(([name]) => name === environment);
  return own === undefined ? file : Object.assign({}, file, own[1]);
};

const firstRule = (file: Json, rules: Json, asked: Asked): [string, string] => {
  const { records, usd } = asked;
  if (
    records !== null &&
    (!(records >= 0) || Math.floor(records) !== records || records > 9_007_199_254_740_991)
  )
    return ["blocked", "intent_invalid"];
  if (usd !== null && !(usd >= 0 && usd < Number.POSITIVE_INFINITY)) return ["blocked", "intent_invalid"];
  if (file.destinations && file.destinations.indexOf(asked.destination) === -1)
    return ["blocked", "destination_not_allowed"];
  if (file.allowed_types) {
    const bare = (type: string) => (type[0] === "." ? type.slice(1) : type).toLowerCase();
    if (!file.allowed_types.some((type: string) => bare(type) === bare(asked.type)))
      return ["blocked", "type_not_allowed"];
  }
  if (file.require_profile && !profileWhole(file.require_profile, asked.metadata))
    return ["blocked", "profile_required"];
  const limits = rules.rate_limits ?? {};
  if ("per_agent_per_hour" in limits && asked.hour >= limits.per_agent_per_hour)
    return ["blocked", "rate_limit_exceeded"];
  if ("per_agent_per_day" in limits && asked.day >= limits.per_agent_per_day)
    return ["blocked", "rate_limit_exceeded"];
  return contentRule(rules, asked) ?? approvalRule(rules, asked);
};

const PROFILES: Record<string, string> = {
  "email.send.v1": "to subject",
  "crm.import.v1": "object_type record_count",
  "payment.refund.v1": "amount_usd reason",
  "finance.journal.v1": "account amount_usd memo",
  "support.reply.v1": "ticket_id body",
  "social.publish.v1": "platform body",
};
const profileWhole = (profile: string, metadata: Json): boolean =>
  metadata.profile === profile &&
  (PROFILES[profile] ?? "").split(" ").every((name) => {
    const said = metadata[name];
    return (typeof said === "string" && /\S/.test(said)) || (typeof said === "number" && said - said === 0);
  });

const contentRule = (rules: Json, { text }: Asked): [string, string] | undefined => {
  const unreadable: [string, string] = ["blocked", "payload_unreadable"];
  const wantsJson = (rules.field_checks ?? []).length > 0 || rules.allowed_recipients;
  const json = text === null || !wantsJson ? undefined : strictly(text);
  if ((rules.field_checks ?? []).length > 0) {
    if (json === undefined) return unreadable;
    for (const check of rules.field_checks)
      if (!fieldHolds(check, json.value)) return ["blocked", "field_check_failed"];
  }
  if (rules.allowed_recipients) {
    if (json === undefined) return unreadable;
    if (!recipientsHold(rules.allowed_recipients, json.value)) return ["blocked", "recipient_not_allowed"];
  }
  if ((rules.block_if_terms ?? []).length > 0) {
    if (text === null || /\0/.test(text)) return unreadable;
    const texts = readings(text);
    if (rules.block_if_terms.some((term: string) => texts.some((one) => termIn(term, one))))
      return ["blocked", "blocked_term_detected"];
  }
  const kinds = rules.block_if_pii === true ? Object.keys(PERSONAL) : rules.block_if_pii || [];
  if (kinds.length > 0) {
    if (text === null || /\0/.test(text)) return unreadable;
    if (kinds.some((kind: string) => readings(text).some((one) => PERSONAL[kind]?.(one))))
      return ["blocked", "sensitive_data_detected"];
  }
  return undefined;
};

const approvalRule = (rules: Json, { records, usd, scope, action, tags }: Asked): [string, string] => {
  if (rules.require_approval === "always") return ["pending", "approval_always_required"];
  const same = (word: string) =>
    word
      .trim()
      .toLowerCase()
      .split(/[\s-]+/)
      .join("_");
  const listed: string[] = [rules.require_approval_for ?? []].flat();
  const said = [scope, action, ...tags].filter((word): word is string => word !== null);
  if (listed.some((one) => said.some((word) => same(word) === same(one))))
    return ["pending", "scope_requires_approval"];
  const above = (value: number | null, line: number | undefined) =>
    line !== undefined && (value === null || value > line);
  if (above(records, rules.require_approval_over)) return ["pending", "record_threshold_exceeded"];
  if (above(usd, rules.require_approval_over_usd)) return ["pending", "value_threshold_exceeded"];
  const lines = [rules.auto_approve_under, rules.auto_approve_under_usd];
  if (lines.some((line) => line !== undefined)) {
    const tooMuch = above(records, lines[0]) || above(usd, lines[1]);
    return tooMuch ? ["pending", "manual_review_required"] : ["approved", "approved_by_policy"];
  }
  return rules.require_approval === "never"
    ? ["approved", "approved_by_policy"]
    : ["pending", "manual_review_required"];
};

const fieldHolds = (check: Json, payload: Json): boolean => {
  let at = payload;
  for (const part of check.path.split(".")) {
    const has =
      at !== null &&
      typeof at === "object" &&
      (Array.isArray(at)
        ? /^[0-9]+$/.test(part) && Number(part) < at.length
        : Object.keys(at).includes(part));
    if (!has) return check.required !== true;
    at = at[part];
  }
  if (check.required && (at === null || at === "")) return false;
  if ("min" in check || "max" in check) {
    if (typeof at !== "number") return false;
    if (at < (check.min ?? at) || at > (check.max ?? at) || Math.abs(at) === Number.POSITIVE_INFINITY)
      return false;
  }
  if ("max_length" in check) {
    const length = typeof at === "string" ? Array.from(at).length : Array.isArray(at) ? at.length : undefined;
    if (length === undefined || length > check.max_length) return false;
  }
  return (
    !("pattern" in check) ||
    (typeof at === "string" && at.length <= 10_000 && new RegExp(check.pattern, "u").test(at))
  );
};

const recipientsHold = (allowed: string[], payload: Json): boolean => {
  const found: Json[] = [];
  const walk = (value: Json): void => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (value && typeof value === "object")
      for (const key of Object.keys(value))
        if (/^\s*(to|cc|bcc|recipients?)\s*$/i.test(key)) found.push(value[key]);
        else walk(value[key]);
  };
  walk(payload);
  const each = found.flat().filter((one) => one !== null && one !== "");
  const lower = (text: string) => text.replace(/[A-Z]+/g, (some) => some.toLowerCase());
  const fits = (address: string) =>
    allowed.some((one) =>
      one.startsWith("*@")
        ? address.split("@").length === 2 && lower(address).endsWith(lower(one).slice(1))
        : lower(one) === lower(address),
    );
  return (
    each.length > 0 &&
    each.every((one) => typeof one === "string" && !/[\s<>,;:"'()\\]/.test(one) && fits(one))
  );
};

// Personal data, by form.
const PERSONAL: Record<string, (text: string) => boolean> = {
  email: (text) => /[a-z0-9_.%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}/i.test(text),
  phone: (text) => /\+[0-9][0-9 ().-]{7,}[0-9]/.test(text) || /\([0-9]{3}\) ?[0-9]{3}-[0-9]{4}/.test(text),
  card: (text) => {
    const runs = text.split(/[^0-9 -]| (?=[ -])|-(?=[ -])/).map((run) => run.split(/[ -]/));
    return runs.some((groups) =>
      groups.some((_, from) =>
        groups.some((_, to) => {
          const digits = groups.slice(from, to + 1).join("");
          if (to < from || !/^[2-6][0-9]{3}/.test(groups[from] ?? "") || !/^[0-9]{13,19}$/.test(digits))
            return false;
          let sum = 0;
          for (let i = 0; i < digits.length; i += 1) {
            let n = Number(digits[digits.length - 1 - i]);
            if (i % 2) n = n * 2 > 9 ? n * 2 - 9 : n * 2;
            sum += n;
          }
          return sum % 10 === 0;
        }),
      ),
    );
  },
  iban: (text) =>
    (text.match(/\b[A-Z]{2}[0-9]{2}( ?[0-9]{4}){4} ?[0-9]{2}\b/g) ?? []).some((found) => {
      const moved = found.replace(/ /g, "").replace(/^(....)(.*)$/, "$2$1");
      return BigInt(moved.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55))) % 97n === 1n;
    }),
  ssn: (text) => /(?<![0-9])(?!000|666)[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}(?![0-9])/.test(text),
};

const riskWord = ({ destination, records, usd, tags, text }: Asked): string => {
  let points = /(^|\W|_)(stripe|payout|bank|refund)s?(\W|_|$)/i.test(destination) ? 35 : 15;
  const counted = records === null ? 101 : records;
  points += counted > 10_000 ? 30 : counted > 1_000 ? 20 : counted > 100 ? 10 : 0;
  const worth = usd === null ? 1 : usd;
  points += worth > 10_000 ? 25 : worth > 1_000 ? 15 : worth > 0 ? 5 : 0;
  const tagged = (...names: string[]) => tags.some((tag) => names.includes(tag.trim().toLowerCase()));
  points += tagged("financial", "legal") ? 20 : tagged("pii", "health") ? 15 : 0;
  const delicate =
    text === null ||
    /\0/.test(text) ||
    readings(text).some(
      (one) => /\b(password|passport)\b/i.test(one) || Object.values(PERSONAL).some((is) => is(one)),
    );
  points += delicate ? 15 : 0;
  return points >= 75 ? "critical" : points >= 50 ? "high" : points >= 25 ? "medium" : "low";
};

// Terms: the payload in every reading, and an expression that knows the disguises.
const readings = (text: string): string[] => {
  const all = [text];
  for (const one of all) {
    const undone = [
      one.replace(/&#x([0-9a-f]+);|&#([0-9]+);/gi, (_, hex, ten) =>
        String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(ten)),
      ),
      one.replace(/(%[0-9a-f]{2})+/gi, (found) => {
        try {
          return decodeURIComponent(found);
        } catch {
          return found;
        }
      }),
      one.replace(/\\u([0-9a-f]{4})|\\([nrt"\\/])/gi, (_, hex, short) =>
        hex
          ? String.fromCharCode(Number.parseInt(hex, 16))
          : ({ n: "\n", r: "\r", t: "\t" }[short as string] ?? short),
      ),
      one.replace(/[A-Za-z0-9+/]{12,}={0,2}/g, (found) => {
        const bytes = Buffer.from(found, "base64");
        const plain = bytes.toString();
        return !/\ufffd|[^\P{C}\s\u200b\u00ad\u2060]/u.test(plain) ? `\n${plain}\n` : found;
      }),
      one.replace(/<[a-z/][^<>]*>/gi, ""),
    ];
    for (const other of undone) if (!all.includes(other) && all.length < 60) all.push(other);
  }
  return all.map((one) => one.normalize("NFKC"));
};

const LOOKS: Record<string, string> = {
  ...{ a: "4@аα", b: "8", c: "с", e: "3еε", g: "69", i: "1!|ії", k: "кκ", l: "1!|", m: "м" },
  ...{ n: "пη", o: "0оο", p: "рρ", r: "гя", s: "5$ѕ", t: "7тτ", u: "υиц", x: "х", y: "у" },
};

const termIn = (term: string, text: string): boolean => {
  const seen = text
    .toLowerCase()
    .normalize("NFD")
    .replace(/[\u0300-\u036f\u200b-\u200f\u00ad\u2060\ufeff]/g, "");
  const letter = (one: string) => `[${one}${LOOKS[one] ?? ""}]`;
  const mark = "[^\\p{L}\\p{N}\\s]";
  const words = term
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter(Boolean);
  const whole = words
    .map((word) => {
      const letters = [...word].map(letter);
      return `(?:${letters.join(`(?:${mark}{0,4}|-\\s*\\n\\s*)`)}|${letters.join("[^\\p{L}\\p{N}]+")})`;
    })
    .join("[^\\p{L}\\p{N}]*");
  return new RegExp(`(?<!\\p{L}|[0-9](?=[0-9]))${whole}(?!\\p{L}|(?<=[0-9])[0-9])`, "u").test(seen);
};

/** JSON by hand: undefined where it is none, or where an object has a key twice. */
const strictly = (text: string): { value: Json } | undefined => {
  let at = 0;
  const blank = () => {
    while (" \t\n\r".includes(text[at] ?? "x")) at += 1;
  };
  const eat = (char: string) => {
    blank();
    if (text[at] !== char) throw new SyntaxError(`${char} at ${at}`);
    at += 1;
  };
  const next = () => {
    blank();
    return text[at];
  };
  const scalar = (): Json => {
    const found = /^(?:"(?:[^"\\\n]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null)/.exec(text.slice(at))?.[0];
    if (found === undefined) throw new SyntaxError(`at ${at}`);
    at += found.length;
    return JSON.parse(found);
  };
  const members = (close: string, member: () => void) => {
    at += 1;
    for (let first = true; next() !== close; first = false) {
      if (!first) eat(",");
      member();
    }
    at += 1;
  };
  const value = (): Json => {
    if (next() === "{") {
      const made = new Map<string, Json>();
      members("}", () => {
        if (next() !== '"') throw new SyntaxError("a key");
        const key = scalar();
        if (made.has(key)) throw new SyntaxError("twice");
        eat(":");
        made.set(key, value());
      });
      return Object.fromEntries(made);
    }
    if (next() === "[") {
      const made: Json[] = [];
      members("]", () => made.push(value()));
      return made;
    }
    return scalar();
  };
  try {
    const read = value();
    blank();
    return at === text.length ? { value: read } : undefined;
  } catch {
    return undefined;
  }
};
