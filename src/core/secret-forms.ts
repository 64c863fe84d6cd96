import type { Secret } from "./secrets.js";

/** A value in one of the ways in which it is written, and whose it is. */
export type Form = { readonly text: string; readonly name: string };

/** A value as programs print it. Bytes are read one character each, so text beyond ASCII has two forms. */
export const formsOf = (secrets: readonly Secret[]): readonly Form[] => {
  const forms = new Map<string, Form>();
  for (const { name, value } of secrets) {
    const bytes = Buffer.from(value, "utf8");
    const whole = bytes.toString("utf8");
    const inJson = JSON.stringify(whole).slice(1, -1);
    // What a refusal quotes is JSON, and so is the line that the refusal is told in.
    const written = [whole, inJson, JSON.stringify(inJson).slice(1, -1)];
    const texts = [
      ...written,
      ...written.map((text) => Buffer.from(text, "utf8").toString("latin1")),
      ...uriForms(whole),
      ...base64Forms(bytes),
      bytes.toString("hex"),
      bytes.toString("hex").toUpperCase(),
    ];
    for (const text of texts) if (!forms.has(text)) forms.set(text, { text, name });
  }
  return [...forms.values()];
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
