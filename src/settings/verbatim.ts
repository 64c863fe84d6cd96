import { isDeepStrictEqual } from "node:util";
import { type Document, isCollection, isMap, isScalar, isSeq, parseDocument, visit } from "yaml";

/**
 * The document as text, where every section that was not touched is as its author wrote it: the library that writes YAML
 * keeps comments, but not how they are aligned, nor blanks and line breaks.
 */
export const written = (doc: Document, before: string, touched: ReadonlySet<string>): string => {
  keepPadding(doc, before);
  const after = doc.toString({ lineWidth: 0 });
  const [old, now] = [sectionsOf(before), sectionsOf(after)];
  if (old === undefined || now === undefined) return after;
  const was = new Map(
    old.sections.map((section, at) => [section.name, { ...section, next: old.sections[at + 1]?.name }]),
  );
  const there = new Set(now.sections.map(({ name }) => name));
  const [last, end] = [old.sections.at(-1), now.sections.at(-1)?.name];
  // What ends the file stays behind the section it stood behind; the library writes it below those that come after.
  const grown = last !== undefined && end !== last.name && there.has(last.name);
  const sections = now.sections.map((section, at) => {
    const { name, body } = section;
    const isEnd = name === end;
    const moved = grown && name === last.name ? now.sections.at(-1)?.tail : undefined;
    const tail = moved ?? (grown && isEnd ? "" : section.tail);
    const behind = grown && now.sections[at - 1]?.name === last.name && last.tail.includes("#");
    const its = was.get(name);
    if (its === undefined || touched.has(name)) return (behind ? "\n" : "") + body + tail;
    if (its.next === undefined || there.has(its.next)) return its.body + its.tail;
    return its.body + withoutHeading(its.tail, tail, isEnd);
  });
  const text = [there.has(old.sections[0]?.name ?? "") ? old.preamble : now.preamble, ...sections].join("");
  return isDeepStrictEqual(meaningOf(text), meaningOf(after)) ? text : after;
};

/** A comment right above a key goes with it; one above a blank line is about something else. */
const withoutHeading = (tail: string, rest: string, isLast: boolean): string => {
  const kept = upTo(tail, (line) => !line.startsWith("#")).trimEnd();
  if (rest.includes(kept)) return rest;
  const below = rest.replace(/^\n+/, "");
  return `${kept}\n${isLast && below === "" ? "" : "\n"}${below}`;
};

/** The text up to and with the last line that is so; line by line, so that no length of it makes it slow. */
const upTo = (text: string, so: (line: string) => boolean): string => {
  const lines = text.split(/(?<=\n)/);
  return lines.slice(0, lines.findLastIndex(so) + 1).join("");
};

type Section = {
  readonly name: string;
  readonly body: string;
  /** Blank lines and comments that are not indented, up to the next key. */
  readonly tail: string;
};

type Sections = {
  /** What stands above the first key. */
  readonly preamble: string;
  readonly sections: readonly Section[];
};

/** From the line of each key to that of the next; undefined when the keys do not stand on lines of their own. */
const sectionsOf = (text: string): Sections | undefined => {
  const { contents } = parseDocument(text);
  if (!isMap(contents) || contents.flow === true) return undefined;
  const starts = contents.items.map(({ key }) => (isScalar(key) ? (key.range?.[0] ?? -1) : -1));
  if (starts.some((start) => start < 0 || (start > 0 && text[start - 1] !== "\n"))) return undefined;
  const sections = contents.items.map(({ key }, at) => {
    const all = ended(text.slice(starts[at], starts[at + 1]));
    const body = upTo(all, (line) => !/^(?:#|\s*$)/.test(line));
    return { name: isScalar(key) ? String(key.value) : "", body, tail: all.slice(body.length) };
  });
  return { preamble: text.slice(0, starts[0]), sections };
};

const ended = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`);

const meaningOf = (text: string): unknown => parseDocument(text).toJS();

/** Blanks inside brackets are as they were; in new ones as most people write them, `{ a: 1 }` and `[a]`. */
const keepPadding = (doc: Document, before: string): void => {
  visit(doc, {
    Collection: (_, node) => {
      if (!isCollection(node)) return;
      const inside = node.range == null ? undefined : before[node.range[0] + 1];
      const padded = inside === undefined ? !isSeq(node) : /\s/.test(inside);
      const flowCollectionPadding = padded ? " " : "";
      const write = node.toString.bind(node);
      node.toString = (context, ...rest) =>
        write(context === undefined ? context : { ...context, flowCollectionPadding }, ...rest);
    },
  });
};
