import type { Secret } from "./secrets.js";
import { TOKEN_SHAPES } from "./token-shapes.js";

/** A value in one of the ways in which it is written, and whose it is; `begins` letters of it are those of everybody's. */
export type Form = { readonly text: string; readonly name: string; readonly begins: number };

export const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** What tells nothing of a value, for it is how all of its kind begin: the scheme of an address, and how a well-known token is named. */
const BEGINS = new RegExp(
  `^(?:[A-Za-z][A-Za-z0-9+.-]*(?::|%3[aA])(?:/|%2[fF]){2}|sk-(?:(?:proj|svcacct|admin|ant-(?:api|admin|sid|oat)[0-9]{2}|or-v1)-)?|${TOKEN_SHAPES.flatMap(({ starts }) => starts.map(escaped)).join("|")})`,
);

/** A value as programs print it. Bytes are read one character each, so text beyond ASCII has two forms. */
export const formsOf = (secrets: readonly Secret[]): readonly Form[] => {
  const forms = new Map<string, Form>();
  for (const { name, value } of secrets) {
    const begun = writtenAs(BEGINS.exec(value)?.[0] ?? "");
    for (const [n, text] of writtenAs(value).entries())
      if (!forms.has(text)) forms.set(text, { text, name, begins: sameChars(text, begun[n] ?? "") });
  }
  return [...forms.values()];
};

const sameChars = (text: string, begun: string): number => {
  const differs = [...begun].findIndex((char, at) => char !== text[at]);
  return differs === -1 ? begun.length : differs;
};

/** In the same order for every value. */
const writtenAs = (value: string): readonly string[] => {
  const bytes = Buffer.from(value, "utf8");
  const whole = bytes.toString("utf8");
  const inJson = JSON.stringify(whole).slice(1, -1);
  // What a refusal quotes is JSON, and so is the line that the refusal is told in.
  const written = [whole, inJson, JSON.stringify(inJson).slice(1, -1)];
  return [
    ...written,
    ...written.map((text) => Buffer.from(text, "utf8").toString("latin1")),
    ...uriForms(whole),
    ...base64Forms(bytes),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
  ];
};

/** Encoders differ in what they leave as it is: the slash, a few signs, the blank. */
const uriForms = (value: string): readonly string[] => {
  const usual = encodeURIComponent(value);
  const strict = usual.replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const kept = [usual, strict, usual.replaceAll("%2F", "/"), encodeURI(value)];
  const forms = kept.flatMap((text) => [text, text.replaceAll("%20", "+")]);
  return forms.flatMap((text) => [text, text.replace(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase())]);
};

/** Inside of something longer (`user:password`) it is written in one of three ways; those letters that depend on it alone. */
const base64Forms = (bytes: Buffer): readonly string[] =>
  [0, 1, 2].flatMap((offset) => {
    const all = Buffer.concat([Buffer.alloc(offset), bytes]);
    const letters = [Math.ceil((offset * 8) / 6), Math.floor((all.length * 8) / 6)] as const;
    return [all.toString("base64").slice(...letters), all.toString("base64url").slice(...letters)];
  });
