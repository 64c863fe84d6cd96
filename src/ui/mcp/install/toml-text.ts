import { LedgerError } from "../../../index.js";

/** What a table holds: texts, lists of texts, whole numbers. */
export type TomlTable = Readonly<Record<string, string | number | readonly string[]>>;

/**
 * The text with the table `[section.name]` as given, and everything else in it as it was, tables below that one too. Throws
 * `settings_invalid` where the section is written in another way than as tables.
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
  const next = outside.find(({ at, line }) => at > header.at && /^\s*\[/.test(line))?.at ?? lines.length;
  const before = lines.slice(header.at, next);
  // Blank lines and comments in front of the next table are its own.
  while (/^\s*(#.*)?$/.test(before.at(-1) ?? "x")) before.pop();
  return lines.toSpliced(header.at, before.length, ...made).join("\n");
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
