import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutShort } from "../../src/core/cut.js";
import { createRedactor, type Redactor } from "../../src/core/redact.js";
import { TOKEN_CHARS_MIN, TOKEN_SHAPES } from "../../src/core/token-shapes.js";

const VALUE = 'q7/Zt+"p wü\\rz';
const redactor = createRedactor([
  { name: "SHOP_TOKEN", value: VALUE },
  { name: "PLAIN", value: "abcdefgh12345678" },
  { name: "LONGER", value: "abcdefgh12345678-and-more" },
]);

/** Random letters, so that scanners of this repository find no token in it. */
const letters = (count: number, of = "aB3dE6gH9jK2mN5pQ8sT"): string =>
  Array.from({ length: count }, (_, n) => of[(n * 7 + 3) % of.length]).join("");

/** The same text in pieces of these lengths, over and over. */
const streamed = (one: Redactor, text: string, lengths: readonly number[]): string => {
  const stream = one.stream();
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  for (let from = 0, n = 0; from < bytes.length; n += 1) {
    const length = lengths[n % lengths.length] ?? 1;
    parts.push(stream.push(bytes.subarray(from, from + length)));
    from += length;
  }
  return Buffer.concat([...parts, stream.end()]).toString();
};

describe("a known value", () => {
  const uri = encodeURIComponent(VALUE);
  const bytes = Buffer.from(VALUE);
  it.each([
    ["raw", VALUE],
    ["in JSON", JSON.stringify(VALUE).slice(1, -1)],
    ["percent-encoded", uri],
    ["percent-encoded in lower case", uri.replace(/%../g, (byte) => byte.toLowerCase())],
    ["in a form", uri.replaceAll("%20", "+")],
    ["percent-encoded as a path", uri.replaceAll("%2F", "/")],
    ["hex", bytes.toString("hex")],
    ["HEX", bytes.toString("hex").toUpperCase()],
    ["base64", bytes.toString("base64")],
    ["base64url", bytes.toString("base64url")],
    ["coloured", `${VALUE.slice(0, 4)}\u001b[31m${VALUE.slice(4, 6)}\u001b[0;1m${VALUE.slice(6)}`],
  ])("is redacted %s", (_, form) => {
    expect(redactor.text(`(${form})`)).toBe("([redacted:SHOP_TOKEN])");
    expect(streamed(redactor, `(${form})`, [64])).toBe("([redacted:SHOP_TOKEN])");
    expect(streamed(redactor, `(${form})`, [1])).toBe("([redacted:SHOP_TOKEN])");
  });

  it.each(["", "u", "us", "user", "user:"])("is redacted in base64 behind %o", (before) => {
    const encoded = Buffer.from(`${before}${VALUE}:more`).toString("base64");
    const told = redactor.text(encoded);
    expect(told).toContain("[redacted:SHOP_TOKEN]");
    for (const inner of [1, 2, 3])
      expect(Buffer.from(told.slice(inner), "base64").toString("latin1")).not.toContain(
        Buffer.from(VALUE).toString("latin1").slice(3, 9),
      );
  });

  it("is redacted under its own name where another one begins alike", () => {
    expect(redactor.text("abcdefgh12345678-and-more abcdefgh12345678-and")).toBe(
      "[redacted:LONGER] [redacted:PLAIN]-and",
    );
  });

  it("is redacted wherever a chunk ends", () => {
    const text = `x${VALUE}y abcdefgh12345678-and-more\u001b[1mabcdefgh\u001b[0m12345678 tail`;
    const whole = redactor.text(text);
    expect(whole).toBe("x[redacted:SHOP_TOKEN]y [redacted:LONGER]\u001b[1m[redacted:PLAIN] tail");
    for (let cut = 1; cut < Buffer.byteLength(text); cut += 1)
      expect(streamed(redactor, text, [cut, 1_000])).toBe(whole);
  });

  it("is found in files of any size, on both sides of a window's end", () => {
    const file = Buffer.alloc(3_000_000, "-");
    expect(redactor.valuesIn(file)).toEqual([]);
    for (const at of [0, 1_048_570, 2_097_151, 3_000_000 - 16]) {
      const copy = Buffer.from(file);
      copy.write("abcdefgh12345678", at);
      expect(redactor.valuesIn(copy)).toEqual(["PLAIN"]);
    }
  });
});

const key = `-----BEGIN RSA PRIVATE KEY-----\n${letters(64)}\n${letters(64)}==\n-----END RSA PRIVATE KEY-----`;
const jwt = `eyJ${letters(20)}.eyJ${letters(40)}.${letters(43)}`;

describe("a value that was cut off before anybody looked for it", () => {
  const LONG = `"${letters(91)}\\`;
  const one = createRedactor([{ name: "LONG", value: LONG }]);
  const forms = [LONG, Buffer.from(LONG).toString("base64"), Buffer.from(LONG).toString("hex")];

  it("is redacted wherever it begins and ends, as text, as bytes, and in JSON in JSON", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...forms),
        fc.nat(60),
        fc.integer({ min: 1, max: 130 }),
        (form, at, room) => {
          const cut = cutShort(`${"-".repeat(at)}${form} and so on`, room + 1);
          const kept = Math.max(0, Math.min(form.length, room - at));
          for (const text of [cut, JSON.stringify(cut), JSON.stringify(JSON.stringify(cut))]) {
            const told = [one.text(text), streamed(one, text, [64]), streamed(one, text, [1])];
            if (kept === 0) expect(told).toEqual([text, text, text]);
            if (kept >= 8)
              for (const each of told) expect(each).not.toContain(form.slice(1, kept).slice(0, 4));
          }
          if (kept >= 8)
            expect(one.json({ cut })).toContain(`[redacted:LONG]${kept < form.length ? "…" : ""}`);
        },
      ),
    );
  });

  it("is redacted behind a mark too, where the end of a text is shown", () => {
    for (let from = 1; from <= LONG.length - 8; from += 1)
      expect(one.text(`it was …${LONG.slice(from)}: no`)).toBe("it was …[redacted:LONG]: no");
  });

  it("is redacted behind a mark wherever a chunk ends, also with colours and line ends between the two", () => {
    for (const form of forms)
      for (const text of [`it was …${form.slice(-11)}: no`, `it was …\u001b[2m${form.slice(-30)}\u001b[0m`]) {
        const told = one.text(text);
        expect(told).toContain("[redacted:LONG]");
        for (let cut = 1; cut < Buffer.byteLength(text); cut += 1)
          expect(streamed(one, text, [cut, 1_000])).toBe(told);
        expect(streamed(one, text, [1])).toBe(told);
      }
    const lines = createRedactor([{ name: "LINES", value: "aB3dE6gH\n9jK2mN5p" }]);
    expect(streamed(lines, "so …\n9jK2mN5p", [7, 1_000])).toBe("so …\n[redacted:LINES]");
  });

  it("does not wait behind a mark for what is no end of one", () => {
    const stream = one.stream();
    for (const line of ["compiling…", " (3/4)", "\u001b[2mcompiling…\u001b[0m", "\n", "linking…\n", "ok"])
      expect(stream.push(Buffer.from(line)).toString()).toBe(line);
  });

  it("is an address by eight letters of its end too: there it has no scheme", () => {
    const addresses = createRedactor([
      { name: "DATABASE_URL", value: "postgresql://user:pa55wd@db/app" },
      { name: "REDIS_URL", value: "redis://:s3cr3t7@db:6379" },
    ]);
    expect(addresses.text("…r:pa55wd@db/app …s3cr3t7@db:6379 …d@db/app and …@db/app")).toBe(
      "…[redacted:DATABASE_URL] …[redacted:REDIS_URL] …[redacted:DATABASE_URL] and …@db/app",
    );
    expect(addresses.text("postgresql://user:pa5… postgresql://us…")).toBe(
      "[redacted:DATABASE_URL]… postgresql://us…",
    );
  });

  it("is known for a well-known token by what is left of it", () => {
    const token = `ghp_${letters(36)}`;
    expect(redactor.text(`"${token.slice(0, 20)}…"`)).toBe('"[redacted:github_token]…"');
    for (const [name, part] of [
      ["api_key", `sk-proj-${letters(60)}`.slice(0, 30)],
      ["npm_token", `npm_${letters(36)}`.slice(0, 20)],
      ["aws_access_key", `AKIA${letters(16, "ABCDEFGH234567")}`.slice(0, 19)],
      ["aws_access_key", `ASIA${letters(16, "ABCDEFGH234567")}`.slice(0, 12)],
      ["bearer_token", `Bearer ${letters(40)}`.slice(0, 30)],
      ["json_web_token", jwt.slice(0, 40)],
      ["private_key", key.slice(0, 60)],
    ])
      expect(redactor.text(`(${part}…)`)).toBe(`([redacted:${name}]…)`);
  });

  const everyday = createRedactor([
    { name: "HOOK_URL", value: "https://hooks.example/services/T000/B000/abcdefghijkl" },
    { name: "DB_PASSWORD", value: "production-2024!" },
    { name: "API_TOKEN", value: "test-token-for-local" },
    { name: "CARD_KEY", value: "abcdefghijkl4242" },
    { name: "MODEL_KEY", value: `sk-proj-${letters(60)}` },
    { name: "OTHER_MODEL_KEY", value: `sk-ant-api03-${letters(60)}` },
    { name: "HUB_TOKEN", value: `github_pat_${letters(60)}` },
  ]);

  it.each([
    "see https://… for details, or https%3A%2F%2F… or HTTPS://hooks…",
    "running test… and deploying to prod…, card ends …4242, copyright …2024!",
    "ghp_… and Bearer tokens… and the end… and bearer of bad news…",
    "npm_config_registry… npm_package_version_of_the_whole… AKIA_is_a_name_of_something… ghs_something…",
    "a key such as sk-proj-… or sk-ant-api03-… or github_pat_…",
    "aHR0cHM6Ly… and 68747470733a2f2f… begin every address in base64 and hex",
    "AKIAlowercaseword… ASIA… AKIA234567A… MALAKIABCDEFGHI…",
    "sk-learn-something-with-many-words… glpat-tokens-are… -----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG…",
    "-----BEGIN PRIVATE KEY----- is how such a thing begins…",
  ])("is no word of every day beside a mark: %s", (text) => {
    expect(everyday.text(text)).toBe(text);
    expect(streamed(everyday, text, [3])).toBe(text);
  });

  it("is told by eight letters, behind what every address begins with", () => {
    expect(everyday.text("https://hooks.exa… production… …-local …ion-2024!")).toBe(
      "[redacted:HOOK_URL]… [redacted:DB_PASSWORD]… …-local …[redacted:DB_PASSWORD]",
    );
    for (const [name, value] of [
      ["HOOK_URL", "https://hooks.example"],
      ["MODEL_KEY", `sk-proj-${letters(60)}`],
      ["OTHER_MODEL_KEY", `sk-ant-api03-${letters(60)}`],
    ] as const)
      for (const written of [
        value,
        Buffer.from(value).toString("base64"),
        Buffer.from(value).toString("hex"),
      ]) {
        const known = /^(?:https:..|sk-proj-|sk-ant-api03-)/.exec(value)?.[0].length ?? 0;
        const cut = written.slice(0, Math.ceil((known * written.length) / value.length) + 8);
        expect(everyday.text(`at ${cut}…`)).toMatch(new RegExp(`^at \\[redacted:(?:${name}|api_key)\\]…$`));
      }
    expect(createRedactor([{ name: "MASTER", value: "sk-shop-prod-2024x7" }]).text("sk-shop-prod-20…")).toBe(
      "[redacted:MASTER]…",
    );
    expect(createRedactor([{ name: "PIN", value: "aB3dE6gH" }]).text("aB3dE… aB3…")).toBe(
      "[redacted:PIN]… aB3…",
    );
  });

  it("is not looked for where whole ones alone are asked for", () => {
    const { whole } = everyday;
    const text = `production… …ion-2024! ghp_${letters(30)}… production-2024! ghp_${letters(36)}…`;
    const told = `production… …ion-2024! ghp_${letters(30)}… [redacted:DB_PASSWORD] [redacted:github_token]…`;
    expect([whole.text(text), whole.deep([text]), whole.json({ text })]).toEqual([
      told,
      [told],
      JSON.stringify({ text: told }),
    ]);
  });
});

describe("a well-known token", () => {
  it.each([
    ["github_token", `ghp_${letters(36)}`],
    ["github_token", `github_pat_${letters(22)}_${letters(59)}`],
    ["gitlab_token", `glpat-${letters(20)}`],
    ["npm_token", `npm_${letters(36)}`],
    ["aws_access_key", `AKIA${letters(16, "ABCDEFGH234567")}`],
    ["google_api_key", `AIza${letters(35)}`],
    ["slack_token", `xoxb-1234567890-${letters(24)}`],
    ["api_key", `sk-proj-${letters(60)}`],
    ["api_key", `sk-ant-api03-${letters(80)}`],
    ["stripe_key", `sk_live_${letters(24)}`],
    ["json_web_token", jwt],
    ["private_key", key],
    ["private_key", JSON.stringify(key).slice(1, -1)],
  ])("%s is redacted: %s", (name, token) => {
    for (const [before, behind] of [
      ["", ""],
      ["'", "'\n"],
      ["TOKEN=", " next"],
      ["https://me:", "@host/"],
    ]) {
      const text = `${before}${token}${behind}`;
      expect(redactor.text(text)).toBe(`${before}[redacted:${name}]${behind}`);
      expect(streamed(redactor, text, [3])).toBe(redactor.text(text));
    }
  });

  it("is redacted where a chunk ends behind the colour in front of it", () => {
    const text = `see \u001b[32mghp_${letters(36)}\u001b[0m`;
    for (let cut = 1; cut < text.length; cut += 1)
      expect(streamed(redactor, text, [cut, 1_000])).toBe("see \u001b[32m[redacted:github_token]\u001b[0m");
  });

  it("is redacted in a header", () => {
    expect(redactor.text(`authorization: Bearer ${letters(40)}\r\n`)).toBe(
      "authorization: [redacted:bearer_token]\r\n",
    );
  });

  it.each([
    "3f786850e387550fdab836ed7e6dc881de23001b",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
    "task-force-of-many-words-with-dashes-between-them-1",
    "sk-loading-indicator-container-inner-part-two",
    "ghp_short eyJhbGciOiJIUzI1NiJ9 npm_config_registry AKIAlowercase bearer of news",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PRIVATE KEY----- is how it begins",
    "run_0198f3a2b4c5d6e7f8091a2b3c4d5e6f at 2026-11-21T20:44:34.123Z",
  ])("is not seen in %s", (text) => {
    expect(createRedactor([]).text(text)).toBe(text);
    expect(streamed(createRedactor([]), text, [5])).toBe(text);
  });
});

describe("texts with no room for a secret", () => {
  it("are those that are shorter than the shortest token, an AWS key", () => {
    const shortest = `AKIA${letters(16, "ABCDEFGH234567")}`;
    expect(shortest).toHaveLength(TOKEN_CHARS_MIN);
    const tokens = TOKEN_SHAPES.flatMap(({ starts }) => starts.map((start) => `${start}${letters(60)}`));
    // A stream searches whatever comes.
    for (const token of [shortest, ...tokens, jwt, key])
      for (let length = 1; length <= token.length; length += 1) {
        const cut = token.slice(0, length);
        expect(redactor.text(cut)).toBe(streamed(redactor, cut, [1_000]));
      }
  });

  it("is looked for in the shortest value that counts", () => {
    const short = createRedactor([{ name: "PIN", value: "aB3dE6gH" }]);
    expect(short.text("aB3dE6gH")).toBe("[redacted:PIN]");
    expect(short.deep({ pin: "aB3dE6gH" })).toEqual({ pin: "[redacted:PIN]" });
  });
});

describe("what is not secret", () => {
  it("stays as it is, bytes and all, however it is cut", () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const words = fc.constantFrom(
      "abcdefgh",
      "…",
      "fgh12345678",
      "-more",
      "ghp_",
      "eyJ",
      "bearer ",
      "-----BEGIN ",
      "\u001b[",
      "\u001b[3m",
      "\n",
    );
    const parts = fc.array(
      fc.oneof(
        bytes,
        words.map((word) => Buffer.from(word)),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(parts, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (given, lengths) => {
        const text = Buffer.concat(given).toString("latin1");
        const stream = redactor.stream();
        const told: Buffer[] = [];
        for (let from = 0, n = 0; from < text.length; n += 1) {
          const length = lengths[n % lengths.length] ?? 1;
          told.push(stream.push(Buffer.from(text.slice(from, from + length), "latin1")));
          from += length;
        }
        told.push(stream.end());
        expect(Buffer.concat(told).toString("latin1")).toBe(redactor.text(text));
      }),
    );
  });

  it("is handed on at the end of its line, not when the next one comes", () => {
    const stream = redactor.stream();
    for (const line of ["one\n", "......", "compiling (3/4)", "\u001b[32mok\u001b[0m\n"])
      expect(stream.push(Buffer.from(line)).toString()).toBe(line);
  });

  it("is the same value when nothing in it is secret", () => {
    const value = { list: [1, "two", null], inner: { "a key": true } };
    expect(redactor.deep(value)).toBe(value);
    expect(redactor.deep({ list: ["abcdefgh12345678"], abcdefgh12345678: 1 })).toEqual({
      list: ["[redacted:PLAIN]"],
      "[redacted:PLAIN]": 1,
    });
  });
});

describe("a value as JSON", () => {
  const secrets = [VALUE, "abcdefgh12345678", `ghp_${letters(36)}`, `\u001b[31mabcdefgh\u001b[0m12345678`];
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.tuple(fc.string(), fc.constantFrom(...secrets), fc.string()).map((parts) => parts.join("")),
    fc.constantFrom("\nghp_", "n", '"', "sk-", "abcdefgh", "12345678"),
  );
  it("is without secrets as the value itself is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(text), fc.dictionary(text, text), (value, list, named) => {
        const whole = { value, list, named };
        expect(redactor.json(whole)).toBe(JSON.stringify(redactor.deep(whole)));
      }),
    );
  });
});
