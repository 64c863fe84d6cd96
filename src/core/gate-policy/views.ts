/** Longer text is not read: a decision is taken in one go, while others wait. */
const CONTENT_CHARS = 1_048_576;

/** Of all readings together: a text that wants more is made to be read long. Plain text with escapes and tags has four. */
const VIEWS_CHARS = 4 * CONTENT_CHARS;

/**
 * All texts that a receiver may read in this one: itself, and itself with HTML entities, percent-encoding, string escapes,
 * quoted-printable, tags, base64 and hexadecimal undone, over and over. null: it cannot be read whole, or is wrapped so deeply
 * or in so many ways that nobody means well by it.
 */
export const viewsOf = (text: string): readonly string[] | null => {
  if (text.length > CONTENT_CHARS || NOT_READABLE.test(text)) return null;
  const seen = new Set<string>();
  let wrapped = [text];
  for (let layer = 0; wrapped.length > 0; layer += 1) {
    if (layer > LAYERS_MAX) return null;
    for (const view of wrapped) seen.add(view);
    wrapped = [...new Set(wrapped.flatMap(unwrappings))].filter((view) => !seen.has(view));
    if (seen.size + wrapped.length > VIEWS_MAX || charsOf([...seen, ...wrapped]) > VIEWS_CHARS) return null;
  }
  for (const view of [...seen]) seen.add(view.replace(TAG, ""));
  return charsOf([...seen]) > VIEWS_CHARS ? null : [...seen];
};

const charsOf = (views: readonly string[]): number => views.reduce((chars, view) => chars + view.length, 0);

/** Halves of characters, and what ends a text for some readers. */
const NOT_READABLE = /\p{Cs}|\0/u;
/** Mail and web forms wrap text twice or three times. */
const LAYERS_MAX = 6;
const VIEWS_MAX = 64;

const TAG = /<!--[^<>]{0,500}-->|<[/!]?[a-z][^<>]{0,500}>/gi;

const unwrappings = (text: string): string[] => {
  const inner = [unescaped(text), packed(text, BASE64, "base64"), packed(text, HEX, "hex")];
  return inner.filter((view) => view !== "" && view !== text);
};

/** Each escape is undone once, so that what comes out of two of them is undone in the next layer. */
const unescaped = (text: string): string =>
  text.replace(ESCAPE, (found: string) => {
    const code = CODE_POINT.exec(found);
    if (code !== null) return charOf(found, code);
    if (found.startsWith("%")) return textOfBytes(Buffer.from(found.replaceAll("%", ""), "hex"));
    if (found.startsWith("=")) return quotedPrintable(found);
    if (found.startsWith("&")) return namedEntity(found);
    return ESCAPED_CHARS.get(found.charAt(1)) ?? found.charAt(1);
  });

const ESCAPE =
  /&(?:#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]{2,10});?|(?:%[0-9a-f]{2})+|\\(?:u\{[0-9a-f]{1,6}\}|u[0-9a-f]{4}|x[0-9a-f]{2}|[bfnrtv0"'\\/])|(?:=[0-9a-f]{2})+|=\r?\n/gi;
const CODE_POINT = /^(?:&#x([0-9a-f]+)|&#(\d+)|\\u\{?([0-9a-f]+)|\\x([0-9a-f]+))/i;

const charOf = (found: string, [, hex, decimal, u, x]: RegExpExecArray): string => {
  const code = decimal === undefined ? Number.parseInt(hex ?? u ?? x ?? "", 16) : Number(decimal);
  // Half of a pair is put together with the other half, which stands behind it.
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : found;
};

const quotedPrintable = (found: string): string =>
  found.startsWith("=\r") || found.startsWith("=\n")
    ? ""
    : textOfBytes(Buffer.from(found.replaceAll("=", ""), "hex"));

const textOfBytes = (bytes: Buffer): string => {
  const text = bytes.toString("utf8");
  return text.includes("\ufffd") ? bytes.toString("latin1") : text;
};

const ESCAPED_CHARS: ReadonlyMap<string, string> = new Map([
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ["0", ""],
]);

/** Letters with accents by rule; of the others those that stand between letters, or for one. */
const namedEntity = (found: string): string => {
  const name = found.replace(/[&;]/g, "");
  return ENTITIES.get(name.toLowerCase()) ?? ACCENTED.exec(name)?.[1] ?? found;
};

const ACCENTED = /^([a-z])(?:acute|grave|circ|uml|tilde|ring|cedil|caron|slash|macr|breve|ogon|dot|strok)$/i;
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
  ["nbsp", " "],
  ["ensp", " "],
  ["emsp", " "],
  ["thinsp", " "],
  ["tab", "\t"],
  ["newline", "\n"],
  ["shy", ""],
  ["zwj", ""],
  ["zwnj", ""],
  ["lrm", ""],
  ["rlm", ""],
  ["hyphen", "-"],
  ["dash", "-"],
  ["ndash", "-"],
  ["mdash", "-"],
  ["lowbar", "_"],
  ["period", "."],
  ["commat", "@"],
  ["dollar", "$"],
  ["excl", "!"],
  ["percnt", "%"],
  ["bsol", "\\"],
  ["equals", "="],
  ["num", "#"],
  ["semi", ";"],
  ["szlig", "ß"],
  ["aelig", "æ"],
  ["oelig", "œ"],
  ["inodot", "ı"],
]);

/** At least eight characters, also over several lines, as mail has it. */
const BASE64 = /[\w+/-]{8,}(?:\r?\n[\w+/-]+)*={0,2}/g;
const HEX = /(?:[0-9a-f]{2}[\s:,-]?){8,}/gi;

/** The texts in all runs of such characters that are text when they are unpacked. */
const packed = (text: string, run: RegExp, encoding: "base64" | "hex"): string =>
  [...text.matchAll(run)]
    .flatMap(([found]) => [found.replace(/[\s:,]/g, ""), ...(/\n/.test(found) ? found.split(/\r?\n/) : [])])
    .map((found) => plainText(Buffer.from(encoding === "hex" ? found.replace(/-/g, "") : found, encoding)))
    .filter((one) => one !== "")
    .join("\n\n");

/** Bytes of anything else turn into marks for what is no character, or into control characters. */
const plainText = (bytes: Buffer): string => {
  const text = bytes.toString(bytes[1] === 0 ? "utf16le" : "utf8");
  return NO_TEXT.test(text) ? "" : text;
};

const NO_TEXT = /\ufffd|(?!\s)\p{Cc}|\p{Cs}|\p{Cn}/u;
