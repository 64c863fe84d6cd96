import { readFile, stat } from "node:fs/promises";
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
  visit,
} from "yaml";
import {
  defectsSentence,
  type Flaw,
  flawsOf,
  isRecord,
  type Place,
  quoted,
  toDefects,
} from "../core/defects.js";
import { LedgerError } from "../core/errors.js";
import { contradictedStages } from "./run-ledger-keys.js";
import { SETTINGS_VERSION, type Settings, SettingsFile } from "./schema.js";

/** Keys to values; without a prototype, so that no key of a file can mean one. */
type Tree = { [key: string]: unknown };

/** One place that settings come from. Later layers lie above earlier ones. */
export type Layer = {
  /** How it is named as the origin of a value. */
  readonly origin: string;
  readonly tree: Tree;
  /** Where in the layer a person finds the value, or the nearest thing above it. */
  readonly where: (at: Place) => string;
};

/** Settings are a page of text; what is larger was not written by a person. */
const SETTINGS_BYTES = 131_072;

/** All that is wrong with all layers comes back at once, each defect with its file and line. */
export const checkLayers = (layers: readonly Layer[]): Settings => {
  const { settings, flaws, contradictions } = judgeLayers(layers);
  if (settings !== undefined) return settings;
  throw refusal([...flaws, ...contradictions], layers);
};

export type Judged = {
  /** undefined: something is wrong. */
  readonly settings: Settings | undefined;
  readonly flaws: readonly Flaw[];
  /** What is right alone and wrong together. */
  readonly contradictions: readonly Flaw[];
};

export const judgeLayers = (layers: readonly Layer[]): Judged => {
  const merged = mergeLayers(layers);
  const result = SettingsFile.safeParse(merged);
  const flaws = result.success ? [] : flawsOf(result.error.issues, merged);
  const contradictions = contradictedStages(merged);
  return { settings: contradictions.length === 0 ? result.data : undefined, flaws, contradictions };
};

/** What all layers say together, right or not. */
export const mergeLayers = (layers: readonly Layer[]): Readonly<Record<string, unknown>> => {
  const merged = emptyTree();
  for (const { tree } of layers) mergeInto(merged, tree, MERGE_DEPTH);
  return merged;
};

/** The text of a settings file; undefined when there is none. */
export const readSettingsText = async (file: string): Promise<string | undefined> => {
  try {
    const facts = await stat(file);
    if (!facts.isFile()) throw new LedgerError("settings_invalid", `${file} is not a regular file.`);
    checkSize(file, facts.size);
    const bytes = await readFile(file);
    checkSize(file, bytes.length);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    if (isMissing(error)) return undefined;
    throw new LedgerError("settings_invalid", `${file} cannot be read: ${messageOf(error)}.`, {
      cause: error,
    });
  }
};

export const checkSize = (file: string, bytes: number): void => {
  if (bytes <= SETTINGS_BYTES) return;
  throw new LedgerError(
    "settings_invalid",
    `${file} has ${bytes} bytes; at most ${SETTINGS_BYTES} are read.`,
  );
};

/** YAML has no value that begins so: an alias needs an anchor before it, and the other two are reserved. */
const NO_YAML = /^\s*[*@`]/;

/** One value as people type it, in YAML; a cron expression such as `@daily` is the text that it looks like. */
export const parseValue = (text: string, what: string): unknown =>
  NO_YAML.test(text) ? text.trim() : parseYaml(text, what).value;

/** Reads YAML strictly: no repeated keys, no aliases, no foreign tags; `source` names it in refusals. */
export const parseYaml = (
  text: string,
  source: string,
): { doc: Document; value: unknown; lines: LineCounter } => {
  const lines = new LineCounter();
  try {
    requireShallow(text, source);
    const doc = quietly(() =>
      parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false }),
    );
    const problems = [
      ...[...doc.errors, ...doc.warnings].map(({ message, pos: [offset] }) => ({ message, offset })),
      ...unfitNodes(doc),
    ];
    if (problems.length > 0) {
      const told = problems
        .slice(0, PROBLEMS_TOLD)
        .map(({ message, offset }) => `${source}${lineText(lines, offset)}: ${message.replace(/\.$/, "")}`);
      throw new LedgerError("settings_invalid", defectsSentence("the YAML", told, problems.length));
    }
    return { doc, value: doc.toJS(), lines };
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    throw new LedgerError("settings_invalid", `${source}: ${messageOf(error)}.`, { cause: error });
  }
};

/** A sentence tells fewer. */
const PROBLEMS_TOLD = 10;
/** Settings nest four levels deep and plans six. */
const NESTING_MAX = 100;

/**
 * The library puts a document together by calling itself for each level. Near the end of the stack that is no error one
 * can catch: the process may end. So the levels are counted first, by the part of the library that does not.
 */
const requireShallow = (text: string, source: string): void => {
  const lines = new LineCounter();
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme));
    if (parser.stack.length <= NESTING_MAX) continue;
    const where = `${source}${lineText(lines, parser.offset)}`;
    throw new LedgerError("settings_invalid", `${where}: more than ${NESTING_MAX} levels of nesting.`);
  }
};

/** A document of nonsense has half a million errors, and taking the stack of each is most of the time it costs. */
const quietly = <T>(work: () => T): T => {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
};

/** What YAML allows and settings do not need: aliases can unfold without end, and keys are text, each there once. */
const unfitNodes = (doc: Document): { message: string; offset: number }[] => {
  const problems: { message: string; offset: number }[] = [];
  const tell = (node: unknown, message: string) =>
    problems.push({ message, offset: (isNode(node) ? node.range?.[0] : undefined) ?? 0 });
  const checkTag = (node: Node): void => {
    if (node.tag !== undefined && ODD_TAGS.has(node.tag)) tell(node, "no tags here");
  };
  visit(doc, {
    Scalar: (_, node) => checkTag(node),
    Seq: (_, node) => checkTag(node),
    Alias: (_, node) => void tell(node, `no aliases here; text that begins with "*" needs quotes`),
    // The library compares each key with all others, which takes minutes for a megabyte of them.
    Map: (_, node) => {
      checkTag(node);
      const seen = new Set<string>();
      for (const { key } of node.items) {
        if (!isScalar(key)) {
          tell(key, "a key must be text");
          continue;
        }
        const name = keyName(key.value);
        if (seen.has(name)) tell(key, `the key ${quoted(name)} again`);
        seen.add(name);
      }
    },
  });
  return problems;
};

/** As the library names it when it makes an object of a mapping. */
const keyName = (key: unknown): string => (key === null ? "" : String(key));

/** What the library makes of these has no keys, so what it holds would be passed over in silence. */
const ODD_TAGS: ReadonlySet<string> = new Set(
  ["set", "omap", "pairs", "binary", "timestamp"].map((name) => `tag:yaml.org,2002:${name}`),
);

/** A settings file as a layer. */
export const fileLayer = (text: string, file: string, origin: string): Layer => {
  const { doc, value, lines } = parseYaml(text, file);
  if (value !== null && !isRecord(value)) {
    throw new LedgerError("settings_invalid", `${file} must be a mapping of settings.`);
  }
  refuseNewer(value?.version, file);
  return {
    origin,
    tree: treeOf(value ?? {}),
    where: whereIn(file, doc, lines),
  };
};

/** Where in a file a person finds the value, or the nearest thing above it. */
export const whereIn =
  (file: string, doc: Document, lines: LineCounter) =>
  (at: Place): string => {
    const offset = offsetOf(doc, at);
    return offset === undefined ? file : `${file}${lineText(lines, offset)}`;
  };

const refuseNewer = (version: unknown, file: string): void => {
  if (typeof version !== "number" || !Number.isInteger(version) || version <= SETTINGS_VERSION) return;
  throw new LedgerError(
    "settings_invalid",
    `${file} is of version ${version}; this RunLedger knows versions up to ${SETTINGS_VERSION}.`,
    { hint: "Use the newer RunLedger that wrote it, or write the file anew: runledger init." },
  );
};

/** One value as a layer of its own. */
export const valueLayer = (keys: readonly string[], value: unknown, origin: string): Layer => {
  const nested = keys.reduceRight<unknown>(
    (inner, key) => Object.assign(emptyTree(), { [key]: inner }),
    value,
  );
  return { origin, tree: treeOf(nested), where: () => origin };
};

/** Which layer the value at these keys comes from; undefined when all leave it to the default. */
export const originOf = (keys: readonly string[], layers: readonly Layer[]): string | undefined =>
  layers.findLast(({ tree }) => depthIn(tree, keys) === keys.length)?.origin;

/** Settings nest this deep at most (`agents.NAME.run`); what is deeper is a value, whatever it is. */
const MERGE_DEPTH = 3;

const emptyTree = (): Tree => Object.create(null) as Tree;

const treeOf = (value: unknown): Tree => {
  const tree = emptyTree();
  if (isRecord(value)) mergeInto(tree, value, MERGE_DEPTH);
  return tree;
};

const mergeInto = (target: Tree, source: Readonly<Record<string, unknown>>, depth: number): void => {
  for (const [key, value] of Object.entries(source)) {
    if (depth === 0 || !isRecord(value)) {
      target[key] = value;
      continue;
    }
    const below = target[key];
    const inner = isRecord(below) ? (below as Tree) : emptyTree();
    mergeInto(inner, value, depth - 1);
    target[key] = inner;
  }
};

export const refusal = (flaws: readonly Flaw[], layers: readonly Layer[], hint?: string): LedgerError => {
  const defects = toDefects(flaws, "settings").map((defect, index) => {
    const at = flaws[index]?.at ?? [];
    return { where: writerOf(at, layers)?.where(at) ?? "settings", ...defect };
  });
  const lines = defects.map(({ where, path, found, expected }) => {
    return `${where}: ${path}: found ${found}, expected ${expected}`;
  });
  const message = defectsSentence("the settings", lines, flaws.length);
  return new LedgerError("settings_invalid", message, {
    ...(hint === undefined ? {} : { hint }),
    details: { defects, count: flaws.length },
  });
};

/** The layer that reaches farthest towards the flaw wrote it; of two, the upper one. */
export const writerOf = (at: Place, layers: readonly Layer[]): Layer | undefined => {
  let writer: { layer: Layer; depth: number } | undefined;
  for (const layer of layers) {
    const depth = depthIn(layer.tree, at);
    if (depth >= (writer?.depth ?? 0)) writer = { layer, depth };
  }
  return writer?.layer;
};

const depthIn = (tree: Tree, at: Place): number => {
  let value: unknown = tree;
  for (const [depth, key] of at.entries()) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return depth;
    value = Reflect.get(value, key);
  }
  return at.length;
};

/** Where a key, or an entry of a list, begins in the text; else the nearest thing above it. */
const offsetOf = (doc: Document, at: Place): number | undefined => {
  let node: unknown = doc.contents;
  let offset: number | undefined;
  for (const segment of at) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && keyName(key.value) === String(segment));
      if (pair === undefined) return offset;
      offset = isScalar(pair.key) ? pair.key.range?.[0] : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(segment)];
      offset = (isNode(node) ? node.range?.[0] : undefined) ?? offset;
    } else return offset;
  }
  return offset;
};

const lineText = (lines: LineCounter, offset: number): string => {
  const { line, col } = lines.linePos(offset);
  return `:${line}:${col}`;
};

/** There is no such file or folder. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
