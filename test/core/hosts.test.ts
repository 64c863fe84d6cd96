import { describe, expect, it } from "vitest";
import { readAuthority, readHostRule, ruleFor } from "../../src/core/hosts.js";

const rules = (...texts: readonly string[]) =>
  texts.map((text) => readHostRule(text) ?? expect.unreachable(`${text} is no rule`));
const passes = (rule: string, asked: string, portByDefault?: number): boolean => {
  const authority = readAuthority(asked, portByDefault);
  return authority !== undefined && ruleFor(rules(rule), authority) !== undefined;
};

describe("a rule", () => {
  it.each([
    ["example.com", "example.com:443"],
    ["example.com", "example.com:80"],
    ["example.com", "EXAMPLE.com.:443"],
    ["Example.COM", "example.com:443"],
    ["*.example.com", "a.example.com:443"],
    ["*.example.com", "a.b.example.com:443"],
    ["example.com:8443", "example.com:8443"],
    ["localhost:3000", "localhost:3000"],
    ["127.0.0.1:3000", "127.0.0.1:3000"],
    ["[::1]:3000", "[0:0:0:0:0:0:0:1]:3000"],
  ])("%s lets %s pass", (rule, asked) => {
    expect(passes(rule, asked)).toBe(true);
  });

  it.each([
    ["example.com", "example.com:8443"],
    ["example.com", "a.example.com:443"],
    ["example.com", "example.com.evil.org:443"],
    ["example.com", "notexample.com:443"],
    ["*.example.com", "example.com:443"],
    ["*.example.com", "notexample.com:443"],
    ["example.com:8443", "example.com:443"],
    ["example.com", "example.com@evil.org:443"],
    ["example.com", "user:pass@example.com:443"],
    ["example.com", "example.com:443@evil.org:443"],
    ["example.com", "example.com\\@evil.org:443"],
    ["example.com", "example.com#evil.org:443"],
    ["example.com", "example.com%2eevil.org:443"],
    ["example.com", "example.com:0443"],
    ["example.com", "example.com:99999"],
    ["example.com", "example.com:443 "],
    ["example.com", "example.com"],
    ["example.com", "example.com..:443"],
    ["example.com", "ex\u00e4mple.com:443"],
    ["127.0.0.1:3000", "[::ffff:127.0.0.1]:3000"],
    ["127.0.0.1:3000", "[::1]:3000"],
    ["[::1]:3000", "::1:3000"],
  ])("%s does not let %s pass", (rule, asked) => {
    expect(passes(rule, asked)).toBe(false);
  });

  it.each([
    "",
    "*",
    "*.",
    "http://example.com",
    "example.com/",
    "a..b",
    "-a.com",
    "a.com:0",
    "a.com:65536",
    "*.[::1]",
    "a b",
    "[::g]:1",
  ])("%j is none", (text) => {
    expect(readHostRule(text)).toBeUndefined();
  });

  it("that names host and port outright comes first", () => {
    const asked = readAuthority("db.local:80") ?? expect.unreachable();
    expect(ruleFor(rules("*.local", "db.local", "db.local:80"), asked)).toMatchObject({ port: 80 });
  });
});
