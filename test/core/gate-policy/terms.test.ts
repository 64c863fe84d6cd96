import { describe, expect, it } from "vitest";
import { termFound, termProblem } from "../../../src/core/gate-policy/terms.js";
import { viewsOf } from "../../../src/core/gate-policy/views.js";

const found = (term: string, text: string): string | undefined => termFound([term], viewsOf(text) ?? []);
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("terms that payloads may not hold", () => {
  it.each([
    ["as it is", "we promise: refund guaranteed"],
    ["capitals", "REFUND Guaranteed!"],
    ["several blanks and a line's end", "refund  \t\n guaranteed"],
    ["leetspeak", "r3fund gu4r4nt33d"],
    ["symbols for letters", "refund gu@r@nteed"],
    ["inner hyphens", "re-fund guaran-teed"],
    ["a hyphen at the line's end", "refund guaran-\n  teed"],
    ["inner dots and stars", "r.e.f.u.n.d g*u*a*r*a*n*t*e*e*d"],
    ["single spaced letters", "r e f u n d  g u a r a n t e e d"],
    ["written together", "get your refundguaranteed today"],
    ["Cyrillic letters", "rеfund guаrаntееd"],
    ["Greek letters", "rεfυnd gυαrαητεεd"],
    ["fullwidth letters", "ｒｅｆｕｎｄ　ｇｕａｒａｎｔｅｅｄ"],
    ["mathematical letters", "𝐫𝐞𝐟𝐮𝐧𝐝 𝓰𝓾𝓪𝓻𝓪𝓷𝓽𝓮𝓮𝓭"],
    ["letters in boxes", "🅁🄴🄵🅄🄽🄳 🅖🅤🅐🅡🅐🅝🅣🅔🅔🅓"],
    ["accents", "réfünd guarañteed"],
    ["stacked accents", "r\u0301\u0302e\u0300fund guaranteed"],
    ["zero-width characters", "re\u200bfu\u200dnd gua\ufeffranteed"],
    ["soft hyphens", "re\u00adfund guaran\u00adteed"],
    ["turned direction", "re\u202efund guaran\u202cteed"],
    ["a control character", "re\u0008fund guaranteed"],
    ["HTML entities, decimal", "&#114;&#101;fund guaranteed"],
    ["HTML entities, hexadecimal, without semicolons", "refund &#x67uaran&#116eed"],
    ["HTML entities by name", "r&eacute;fund&nbsp;guaran&shy;teed"],
    ["HTML tags between letters", "re<b></b>fund <!-- x -->guaran<i>teed</i>"],
    ["percent-encoding", "%72efund%20guaranteed"],
    ["percent-encoding twice", "%2572efund%2520guaranteed"],
    ["a form", "text=refund+guaranteed&to=x"],
    ["JSON escapes", '{"text":"\\u0072efund\\nguaranteed"}'],
    ["JSON within JSON", JSON.stringify({ a: JSON.stringify({ b: "x\nrefund\tguaranteed" }) })],
    ["escapes of JavaScript", "\\x72efund \\u{67}uaranteed"],
    ["quoted-printable", "=72efund guar=\nanteed"],
    ["base64", `see ${base64("your refund guaranteed, promised")}`],
    ["base64 for addresses", `see ${Buffer.from("??>>refund guaranteed??>>").toString("base64url")}`],
    ["base64 over lines", base64(`${"long ago ".repeat(9)}refund guaranteed`).replace(/.{76}/g, "$&\r\n")],
    ["base64 of base64", base64(base64("refund guaranteed"))],
    ["base64 of two bytes a letter", Buffer.from("refund guaranteed", "utf16le").toString("base64")],
    ["hexadecimal", Buffer.from("refund guaranteed").toString("hex")],
    ["percent-encoded base64", encodeURIComponent(base64("refund guaranteed!!"))],
    ["an entity around an escape", "&#92;u0072efund guaranteed"],
    ["as a key of JSON", '{"refund_guaranteed":true}'],
    ["in a cell", 'a,b\n1,"refund guaranteed"\n'],
  ])("are found: %s", (_, text) => {
    expect(found("refund guaranteed", text)).toBe("refund guaranteed");
  });

  it.each([
    ["sue", "an issue of tissue"],
    ["sue", "suede shoes pursue"],
    ["refund guaranteed", "refund is guaranteed"],
    ["refund guaranteed", "guaranteed refund"],
    ["scam", "the U.S. camera"],
    ["50", "so"],
    ["fail", "they fall"],
    ["rate 5", "rate 50"],
    ["act", "a CT scan"],
  ])("are not found where they do not stand: %s in %s", (term, text) => {
    expect(found(term, text)).toBeUndefined();
  });

  it.each([
    ["sue", "We will sue."],
    ["sue", "5ue them, $ue them"],
    ["sue", "sue2"],
    ["kill", "k1ll"],
    ["kill", "k!ll!"],
    ["100% free", "100 free"],
    ["r3fund", "refund"],
    ["退款", "我们保证退款给您"],
    ["возврат", "Полный возврат!"],
    ["straße", "STRASSE"],
    ["no risk", "norisk"],
  ])("are found as words: %s in %s", (term, text) => {
    expect(found(term, text)).toBe(term);
  });

  it("are found behind any number of marks that could be letters", () => {
    expect(found("no risk", `n0 ${"$".repeat(9)} ri$k`)).toBe("no risk");
    expect(found("secret", `$${"!".repeat(3)}ecret`)).toBe("secret");
    expect(found("secret", `$$$ecret`)).toBe("secret");
  });

  // A walk over all marks from each of them would be 10¹⁰ steps and more, which no test's limit allows.
  it.each([
    ["$", 1_048_576],
    ["$ !", 200_001],
  ])("are looked for in one go in a text of %s alone", (marks, length) => {
    const text = marks.repeat(length / marks.length);
    expect(termFound(["secret"], [text])).toBeUndefined();
    expect(termFound(["secret"], [`${text.slice(0, 100_000)} $ecret`])).toBe("secret");
  });

  it("must say something", () => {
    for (const term of ["", " ", "!!!", "\u200b", "—", "&$"]) expect(termProblem(term)).toContain("letters");
    for (const term of ["a", "7", "é", "退"]) expect(termProblem(term)).toBeUndefined();
  });

  it("cannot be looked for in what nobody reads", () => {
    expect(viewsOf("a\0b")).toBeNull();
    expect(viewsOf("\ud800")).toBeNull();
    expect(viewsOf("x".repeat(1_048_577))).toBeNull();
    const often = (chars: number) => `${"x".repeat(chars)} &amp;amp;amp;amp;`;
    expect(viewsOf(often(1_000_000)) === null, "five readings of it are too long").toBe(true);
    expect(viewsOf(often(800_000))?.length).toBe(5);
    let wrapped = "refund guaranteed";
    for (let layer = 0; layer < 8; layer += 1) wrapped = base64(wrapped);
    expect(viewsOf(wrapped)).toBeNull();
  });
});
