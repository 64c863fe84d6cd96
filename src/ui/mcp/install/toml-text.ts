import { LedgerError } from "../../../index.js";

/** What a table holds: texts, lists of texts, whole numbers. */
export type TomlTable = Readonly<Record<string, string | number | readonly string[]>>;

/**
 * The text with these keys in the table `[section.name]`, and everything else in it as it was, other keys of that table and tables
 * below it too. Throws `settings_invalid` where the section is written in another way than as tables.
 */
export const withTable = (text: string, section: string, name: string, table: TomlTable): string => {
  const lines = text.split("\n");
  const outside = headerLines(lines);
  if (outside.some(({ line }) => new RegExp(`^\\s*${section}\\s*[.=]`).test(line)))
    throw new LedgerError("settings_invalid", `The client's file has ${section} in a line of its own.`, {
      hint: "Use --print and put the entry in by hand.",
    });
  const made = [
    `[${section}.${name}]`,
    ...Object.entries(table).map(([key, value]) => `${key} = ${tomlOf(value)}`),
  ];
  const own = new RegExp(`^\\s*\\[\\s*${section}\\s*\\.\\s*"?${name}"?\\s*\\]`);
  const header = outside.find(({ line }) => own.test(line));
  if (header === undefined) return `${text.trimEnd()}${text.trim() === "" ? "" : "\n\n"}${made.join("\n")}\n`;
  return Object.entries(table).reduce(
    (now, [key, value]) => withKey(now, header.at, key, tomlOf(value)),
    text,
  );
};

/** In the table whose header is that line. */
const withKey = (text: string, headerAt: number, key: string, value: string): string => {
  const lines = text.split("\n");
  const behind = headerLines(lines).filter(({ at }) => at > headerAt);
  const next = behind.find(({ line }) => /^\s*\[/.test(line))?.at ?? lines.length;
  const own = behind.find(({ at, line }) => at < next && new RegExp(`^\\s*"?${key}"?\\s*=`).test(line));
  if (own !== undefined) {
    const start =
      lines.slice(0, own.at).join("\n").length + (own.at === 0 ? 0 : 1) + own.line.indexOf("=") + 1;
    const end = valueEnd(text, start);
    return text.slice(start, end).trim() === value
      ? text
      : `${text.slice(0, start)} ${value}${text.slice(end)}`;
  }
  // Blank lines and comments in front of the next table are its own.
  let last = next;
  while (/^\s*(#.*)?$/.test(lines[last - 1] ?? "x")) last -= 1;
  return lines.toSpliced(last, 0, `${key} = ${value}`).join("\n");
};

const PIECE = /"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[\s\S]/g;

/** Behind the last character of a value, which may take several lines; the remark behind it is none of it. */
const valueEnd = (text: string, start: number): number => {
  let depth = 0;
  let end = start;
  for (const { 0: piece, index } of text.slice(start).matchAll(PIECE)) {
    if (depth === 0 && (piece === "\n" || piece.startsWith("#"))) break;
    if (piece === "[" || piece === "{") depth += 1;
    if (piece === "]" || piece === "}") depth -= 1;
    if (piece.trim() !== "") end = start + index + piece.length;
  }
  return end;
};

const tomlOf = (value: TomlTable[string]): string =>
  typeof value === "object"
    ? `[${value.map((one) => JSON.stringify(one)).join(", ")}]`
    : JSON.stringify(value);

/** Lines that do not lie within a text of several lines. */
const headerLines = (lines: readonly string[]): readonly { readonly at: number; readonly line: string }[] => {
  let within: string | undefined;
  return lines.flatMap((line, at) => {
    const isOutside = within === undefined;
    for (const [mark] of line.matchAll(/"""|'''/g)) {
      if (within === undefined) within = mark;
      else if (within === mark) within = undefined;
    }
    return isOutside ? [{ at, line }] : [];
  });
};
