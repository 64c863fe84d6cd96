import { cutShort, LedgerError } from "../../../index.js";

/** Where a value stands in a text. Comments and commas behind the last entry are read over, since people write both. */
type Node = { readonly start: number; readonly end: number; readonly members?: readonly Member[] };
type Member = { readonly key: string; readonly value: Node };

/**
 * The text with `value` under `section` and `name`, and everything else in it as it was: entries, comments, order, indentation,
 * and what an entry of that name has beside these keys.
 * Throws `settings_invalid` for a text that is no JSON object.
 */
export const withEntry = (text: string, section: string, name: string, value: object): string => {
  if (text.trim() === "") return `${JSON.stringify({ [section]: { [name]: value } }, null, 2)}\n`;
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
  const root = objectIn(text, rootOf(text), "the file");
  const held = root.members.find(({ key }) => key === section)?.value;
  if (held === undefined) return inserted(text, root, section, { [name]: value }, { indent, depth: 1 });
  const list = objectIn(text, held, section);
  const there = list.members.find(({ key }) => key === name)?.value;
  if (there === undefined) return inserted(text, list, name, value, { indent, depth: 2 });
  if (there.members === undefined) return replaced(text, there, value, { indent, depth: 2 });
  return Object.entries(value).reduce((now, [key, one]) => {
    const entry = objectIn(now, memberAt(now, section, name), name);
    const own = entry.members.find((member) => member.key === key)?.value;
    const layout = { indent, depth: 3 };
    return own === undefined ? inserted(now, entry, key, one, layout) : replaced(now, own, one, layout);
  }, text);
};

const memberAt = (text: string, ...path: readonly string[]): Node =>
  path.reduce((node, key) => {
    const held = node.members?.find((member) => member.key === key)?.value;
    return held ?? node;
  }, rootOf(text));

/** As it was where it says the same. */
const replaced = (text: string, { start, end }: Node, value: unknown, layout: Layout): string => {
  const now = written(value, layout);
  return sameJson(text.slice(start, end), now) ? text : text.slice(0, start) + now + text.slice(end);
};

type Layout = { readonly indent: string; readonly depth: number };

const written = (value: unknown, { indent, depth }: Layout): string =>
  JSON.stringify(value, null, indent).replaceAll("\n", `\n${indent.repeat(depth)}`);

/** Behind the last member, or as the first one. */
const inserted = (
  text: string,
  { start, end, members }: Required<Node>,
  key: string,
  value: unknown,
  layout: Layout,
): string => {
  const line = `\n${layout.indent.repeat(layout.depth)}${JSON.stringify(key)}: ${written(value, layout)}`;
  const last = members.at(-1)?.value.end;
  if (last === undefined) {
    const inside = text.slice(start + 1, end - 1).trimEnd();
    return `${text.slice(0, start + 1)}${inside}${line}\n${layout.indent.repeat(layout.depth - 1)}${text.slice(end - 1)}`;
  }
  const next = skipped(text, last);
  const at = text[next] === "," ? next + 1 : last;
  // What is said behind the last member on its line is said of it.
  const behind = at + (matchAt(REMARK, text, at)?.length ?? 0);
  return `${text.slice(0, at)}${at === last ? "," : ""}${text.slice(at, behind)}${line}${text.slice(behind)}`;
};

const REMARK = /[ \t]*(?:\/\/[^\n]*|\/\*[^\n]*?\*\/)/y;

const sameJson = (text: string, other: string): boolean => {
  try {
    return JSON.stringify(JSON.parse(text)) === JSON.stringify(JSON.parse(other));
  } catch {
    return false;
  }
};

const objectIn = (text: string, node: Node, what: string): Required<Node> => {
  if (node.members !== undefined) return { ...node, members: node.members };
  throw unreadable(`${what} is no object but ${cutShort(text.slice(node.start, node.end), 40)}`);
};

const unreadable = (because: string): LedgerError =>
  new LedgerError("settings_invalid", `The client's file cannot be read: ${because}.`, {
    hint: "Mend it, or use --print and put the entry in by hand.",
  });

const rootOf = (text: string): Node => {
  const root = valueAt(text, skipped(text, 0));
  const behind = skipped(text, root.end);
  if (behind < text.length) throw unreadable(`there is something behind its end (${placeOf(text, behind)})`);
  return root;
};

const placeOf = (text: string, at: number): string => `line ${text.slice(0, at).split("\n").length}`;

/** White space and comments. */
const skipped = (text: string, from: number): number => {
  const gap = /(?:[\s\uFEFF]+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
  gap.lastIndex = from;
  gap.exec(text);
  return gap.lastIndex;
};

const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const SCALAR = /"(?:[^"\\\n]|\\.)*"|-?\d[\d.eE+-]*|true|false|null/y;

const matchAt = (pattern: RegExp, text: string, at: number): string | undefined => {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
};

/** Nobody nests a client's settings deeper; what is deeper is no such file. */
const DEPTH_MAX = 64;

const valueAt = (text: string, start: number, depth = 0): Node => {
  if (depth > DEPTH_MAX) throw unreadable(`it is nested deeper than ${DEPTH_MAX} levels`);
  const opening = text[start];
  if (opening === "{" || opening === "[") return listAt(text, start, depth);
  const scalar = matchAt(SCALAR, text, start);
  if (scalar === undefined) throw unreadable(`no value in ${placeOf(text, start)}`);
  return { start, end: start + scalar.length };
};

const listAt = (text: string, start: number, depth: number): Node => {
  const isObject = text[start] === "{";
  const closing = isObject ? "}" : "]";
  const members: Member[] = [];
  let at = skipped(text, start + 1);
  while (text[at] !== closing) {
    const [key, valueStart] = isObject ? keyAt(text, at) : ["", at];
    const value = valueAt(text, valueStart, depth + 1);
    members.push({ key, value });
    at = skipped(text, value.end);
    if (text[at] === ",") at = skipped(text, at + 1);
    else if (text[at] !== closing) throw unreadable(`no comma in ${placeOf(text, at)}`);
  }
  return { start, end: at + 1, ...(isObject ? { members } : {}) };
};

const keyAt = (text: string, at: number): readonly [key: string, valueStart: number] => {
  const quoted = matchAt(STRING, text, at);
  const colon = skipped(text, at + (quoted?.length ?? 0));
  if (quoted === undefined || text[colon] !== ":") throw unreadable(`no name in ${placeOf(text, at)}`);
  return [JSON.parse(quoted) as string, skipped(text, colon + 1)];
};
