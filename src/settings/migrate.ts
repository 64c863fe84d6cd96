import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Document, isMap, isScalar, isSeq, type YAMLMap } from "yaml";
import { listed, nearestOf, quoted } from "../core/defects.js";
import { exactDuration } from "../core/duration.js";
import { LedgerError } from "../core/errors.js";
import { globProblem } from "../core/globs.js";
import { leaveOut } from "./edit.js";
import { parseYaml } from "./layers.js";
import { SettingsFile } from "./schema.js";
import { written } from "./verbatim.js";

/** One thing that was changed: where, and how. */
export type Moved = { readonly move: string; readonly key: string; readonly how: string };

export type Migrated = {
  readonly text: string;
  readonly moved: readonly Moved[];
  /** Top-level keys of some other program; still there unless they were to be left out. */
  readonly others: readonly string[];
};

/** Small and named, each on its own; done again, each does nothing. */
const MOVES: Readonly<Record<string, (doc: Document) => readonly Omit<Moved, "move">[]>> = {
  /** Programs written in Go read keys in any letter case; here a key is spelt one way. */
  "letter-case": (doc) => [
    ...respelt(doc.contents, TOP_KEYS, ""),
    ...respelt(doc.get("runLedger", true), LEDGER_KEYS, "runLedger."),
  ],
  /** Durations as the JSON of Go programs has them. */
  nanoseconds: (doc) => ["staleTtl", "validatorTimeout"].flatMap((name) => inWords(doc, ["runLedger", name])),
  /** Globs that were taken once, and are refused since matching them could take for ever. */
  globs: (doc) => {
    const protect = doc.get("protect", true);
    if (!isSeq(protect)) return [];
    return protect.items.flatMap((item, index) => {
      if (!isScalar(item) || typeof item.value !== "string") return [];
      const before = item.value;
      const after = plainGlob(before);
      if (after === before || globProblem(after) !== undefined) return [];
      item.value = after;
      return [{ key: `protect.${index}`, how: `${quoted(before)} is ${quoted(after)}` }];
    });
  },
};

const TOP_KEYS = Object.keys(SettingsFile.in.shape);
const LEDGER_KEYS = Object.keys(SettingsFile.in.shape.runLedger.unwrap().shape);

/** The text of a file of before as one of today; pure, and comments stay with what they are about. */
export const migrated = (text: string, file: string, { leaveOutOthers = false } = {}): Migrated => {
  const { doc } = parseYaml(text, file);
  if (!isMap(doc.contents)) return { text, moved: [], others: [] };
  const moved = Object.entries(MOVES).flatMap(([move, run]) => run(doc).map((one) => ({ move, ...one })));
  const others = othersIn(doc.contents);
  const left = leaveOutOthers ? others : [];
  for (const key of left) leaveOut(doc, [key]);
  const all = [
    ...moved,
    ...left.map((key) => ({ move: "other-programs", key, how: "left out: not RunLedger's" })),
  ];
  const touched = new Set(all.map(({ key }) => key.split(".")[0] ?? ""));
  return { text: all.length === 0 ? text : written(doc, text, touched), moved: all, others };
};

/** Whether a file looks like one that `config migrate` is for; a single odd key is rather a slip. */
export const isOfBefore = (text: string, file: string): boolean => {
  const { doc } = parseYaml(text, file);
  if (!isMap(doc.contents)) return false;
  if (Object.values(MOVES).some((run) => run(doc).length > 0)) return true;
  return othersIn(doc.contents).some((key) => isMap(doc.get(key, true)));
};

/** Two files cannot be told apart by hand once one is gone, so the old text stays under a name of its own. */
export const keepOldText = async (folder: string, file: string, text: string): Promise<string> => {
  const kept = join(folder, "settings-before");
  try {
    await mkdir(kept, { recursive: true, mode: 0o700 });
    await writeFile(join(kept, ".gitignore"), "*\n");
    for (let count = 1; ; count += 1) {
      const copy = join(kept, `${basename(file)}.${count}`);
      const taken = await writeFile(copy, text, { flag: "wx" }).then(
        () => false,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "EEXIST") return true;
          throw error;
        },
      );
      if (!taken) return copy;
    }
  } catch (error) {
    throw new LedgerError("settings_invalid", `The old text of ${file} cannot be kept in ${kept}.`, {
      cause: error,
      hint: `Nothing was changed. Make ${dirname(kept)} writable.`,
    });
  }
};

export const refuseOthers = (file: string, others: readonly string[]): LedgerError =>
  new LedgerError("settings_invalid", `${file} has sections that are not RunLedger's: ${listed(others)}.`, {
    hint: "Say --leave-out-others to leave them out; the old text is kept.",
    details: { others },
  });

const respelt = (node: unknown, known: readonly string[], prefix: string): Omit<Moved, "move">[] => {
  if (!isMap(node)) return [];
  const there = new Set(node.items.map(({ key }) => nameOf(key)));
  return node.items.flatMap(({ key }) => {
    const name = nameOf(key);
    const meant = known.find((one) => one !== name && one.toLowerCase() === name.toLowerCase());
    if (meant === undefined || there.has(meant) || !isScalar(key)) return [];
    key.value = meant;
    return [{ key: `${prefix}${name}`, how: `is spelt ${meant}` }];
  });
};

const inWords = (doc: Document, keys: readonly string[]): Omit<Moved, "move">[] => {
  const node = doc.getIn(keys, true);
  if (!isScalar(node) || typeof node.value !== "number") return [];
  const ms = node.value / NANOSECONDS_PER_MS;
  // What is less was no duration in nanoseconds, and guessing its unit is not ours.
  if (!Number.isInteger(ms) || ms < 1) return [];
  const was = String(node.value);
  node.value = exactDuration(ms);
  delete node.source;
  delete node.format;
  return [{ key: keys.join("."), how: `${was} nanoseconds are ${node.value}` }];
};

const NANOSECONDS_PER_MS = 1_000_000;

/** `{1..3}` is `{1,2,3}`, and `@(a|b)` is `{a,b}`; of the rest nobody knows what was meant. */
const plainGlob = (glob: string): string =>
  glob
    .replace(/\{(\d{1,4})\.\.(\d{1,4})\}/g, (range, from: string, to: string) => {
      const count = Number(to) - Number(from) + 1;
      if (count < 2 || count > RANGE_MAX) return range;
      return `{${Array.from({ length: count }, (_, index) => Number(from) + index).join(",")}}`;
    })
    .replace(/@\(([^()|{},]+(?:\|[^()|{},]+)+)\)/g, (_, names: string) => `{${names.replaceAll("|", ",")}}`);

/** A glob has at most 500 characters. */
const RANGE_MAX = 100;

/** A key close to one of ours is a misspelling, and is told as one. */
const othersIn = ({ items }: YAMLMap): readonly string[] =>
  items
    .map(({ key }) => nameOf(key))
    .filter((name) => !TOP_KEYS.includes(name) && nearestOf(name, TOP_KEYS) === undefined);

const nameOf = (key: unknown): string => (isScalar(key) ? String(key.value) : "");
