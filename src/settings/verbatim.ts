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
  const there = new Set(now.sections.map(({ name }) => name));
  // A comment above a key stands at the end of the section before it, and goes with the key.
  const gone = old.sections.map(({ name }) => !there.has(name));
  const kept = new Map(
    old.sections
      .filter(({ name }, at) => !touched.has(name) && gone[at + 1] !== true)
      .map(({ name, text }) => [name, text]),
  );
  const text = [
    gone[0] === true ? now.preamble : old.preamble,
    ...now.sections.map(({ name, text: written }) => kept.get(name) ?? written),
  ].join("");
  return isDeepStrictEqual(meaningOf(text), meaningOf(after)) ? text : after;
};

type Sections = {
  /** What stands above the first key. */
  readonly preamble: string;
  readonly sections: readonly { readonly name: string; readonly text: string }[];
};

/** From the line of each key to that of the next; undefined when the keys do not stand on lines of their own. */
const sectionsOf = (text: string): Sections | undefined => {
  const { contents } = parseDocument(text);
  if (!isMap(contents) || contents.flow === true) return undefined;
  const starts = contents.items.map(({ key }) => (isScalar(key) ? (key.range?.[0] ?? -1) : -1));
  if (starts.some((start) => start < 0 || (start > 0 && text[start - 1] !== "\n"))) return undefined;
  const sections = contents.items.map(({ key }, at) => ({
    name: isScalar(key) ? String(key.value) : "",
    text: ended(text.slice(starts[at], starts[at + 1])),
  }));
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
