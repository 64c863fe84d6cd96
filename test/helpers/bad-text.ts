import { ODD_TEXTS, type Pick } from "./bad-input.js";

type HurtText = (text: string, pick: Pick) => string;

const cutAt = (text: string, at: number, length: number, put = ""): string =>
  text.slice(0, at) + put + text.slice(at + length);

/** What storage, editors and wires do to text. Nothing in here knows what the text means. */
export const brokenText = {
  truncated: (text, pick) => text.slice(0, pick.below(text.length)),
  gap: (text, pick) => cutAt(text, pick.below(text.length), 1 + pick.below(20)),
  insertion: (text, pick) => cutAt(text, pick.below(text.length), 0, pick.of(ODD_TEXTS)),
  bracket: (text, pick) => cutAt(text, pick.below(text.length), 1, pick.of([..."{}[]\"':,#&*!|>%@`"])),
  flippedBits: (text, pick) => {
    const bytes = Buffer.from(text);
    for (let count = 0; count < 3 && bytes.length > 0; count += 1) {
      const at = pick.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << pick.below(8));
    }
    return bytes.toString("utf8");
  },
  hugeNumber: (text, pick) => {
    const numbers = [...text.matchAll(/\b\d+\b/g)];
    const huge = pick.of(["1e999", "-1e999", "9".repeat(400), "0x", "-0", "1_000", "٣"]);
    if (numbers.length === 0) return `${huge}${text}`;
    const { index, 0: digits } = pick.of(numbers);
    return cutAt(text, index, digits.length, huge);
  },
} satisfies Readonly<Record<string, HurtText>>;

/** What happens to files that are made of lines. */
export const brokenLines = {
  twice: (text) => `${text}\n${text}`,
  lineDropped: (text, pick) => lined(text, pick, (lines, at) => lines.toSpliced(at, 1)),
  lineRepeated: (text, pick) => lined(text, pick, (lines, at) => lines.toSpliced(at, 0, lines[at] ?? "")),
  linesSwapped: (text, pick) =>
    lined(text, pick, (lines, at) => lines.toSpliced(at, 2, ...lines.slice(at, at + 2).reverse())),
} satisfies Readonly<Record<string, HurtText>>;

const lined = (text: string, pick: Pick, change: (lines: string[], at: number) => string[]): string => {
  const lines = text.split("\n");
  return change(lines, pick.below(lines.length)).join("\n");
};
