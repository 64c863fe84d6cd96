import { randomBytes } from "node:crypto";
import { mkdir, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type Document, isMap, isScalar } from "yaml";
import { quoted } from "../core/defects.js";
import { LedgerError } from "../core/errors.js";
import { shellWord } from "../core/shell-word.js";
import { checkSize, fileLayer, type Layer, parseValue, parseYaml } from "./layers.js";
import { written } from "./verbatim.js";

export type SettingEdit = {
  /** Dotted. */
  readonly key: string;
  /** In YAML; undefined leaves the key out, so that it is what lies below or the default. */
  readonly value: string | undefined;
};

/** The file's text with these changes, every comment where it was, and what it says. */
export const changed = (
  before: string,
  { file, origin, changes }: { file: string; origin: string; changes: readonly SettingEdit[] },
): { readonly text: string; readonly layer: Layer } => {
  // Refuses what is no mapping before anything is put into it.
  const old = fileLayer(before, file, origin);
  if (changes.length === 0) return { text: before, layer: old };
  const { doc } = parseYaml(before, file);
  for (const change of changes) apply(doc, change);
  const touched = new Set(changes.map(({ key }) => key.split(".")[0] ?? ""));
  const text = doc.contents === null ? "" : written(doc, before, touched);
  checkSize(file, Buffer.byteLength(text));
  const layer = fileLayer(text, file, origin);
  // A line of the text that is not written yet would mislead: the new value is named by its key.
  const where: Layer["where"] = (at) => {
    const change = changes.findLast(({ key }) => key.split(".").every((part, index) => at[index] === part));
    return change === undefined ? layer.where(at) : changeInWords(change);
  };
  return { text, layer: { ...layer, where } };
};

/** No setting has a longer one. */
const KEY_SHOWN_CHARS = 200;

const shownKey = (key: string): string =>
  key.length > KEY_SHOWN_CHARS ? `${key.slice(0, KEY_SHOWN_CHARS)}…` : key;

const changeInWords = ({ key, value }: SettingEdit): string =>
  value === undefined ? `${shownKey(key)} left out` : `${shownKey(key)} = ${quoted(value)}`;

const apply = (doc: Document, { key, value }: SettingEdit): void => {
  const keys = key.split(".");
  if (value === undefined) leaveOut(doc, keys);
  else put(doc, keys, parseValue(value, shownKey(key)));
};

const put = (doc: Document, keys: readonly string[], value: unknown): void => {
  const parents = keys.slice(0, -1).map((_, index) => keys.slice(0, index + 1));
  for (const parent of parents) makeRoom(doc, parent);
  doc.setIn(keys, typeof value === "object" ? doc.createNode(value) : value);
};

/** Values only go into mappings; a key whose children are all commented out is one without entries. */
const makeRoom = (doc: Document, keys: readonly string[]): void => {
  const node = doc.getIn(keys, true);
  // `{}` is how an empty one is written; with entries it reads better as those around it do.
  if (isMap(node) && node.items.length === 0) node.flow = false;
  if (node === undefined || isMap(node)) return;
  if (isScalar(node) && node.value === null) doc.deleteIn(keys);
  else throw new LedgerError("unknown_key", `${quoted(keys.join("."))} holds no settings of its own.`);
};

/** A mapping that has become empty goes with its last entry: `runLedger:` alone is no mapping. */
export const leaveOut = (doc: Document, keys: readonly string[]): void => {
  if (!doc.hasIn(keys)) return;
  const heading = headingOf(doc, keys);
  doc.deleteIn(keys);
  if (heading !== undefined) putHeading(doc, heading);
  const parent = keys.slice(0, -1);
  const around = parent.length === 0 ? undefined : doc.getIn(parent, true);
  if (isMap(around) && around.items.length === 0) leaveOut(doc, parent);
};

/** What stands above the first key of a file may be about all of it, so it stays. */
const headingOf = (doc: Document, keys: readonly string[]): string | undefined => {
  const [first] = isMap(doc.contents) ? doc.contents.items : [];
  if (keys.length !== 1 || !isScalar(first?.key) || String(first.key.value) !== keys[0]) return undefined;
  return first.key.commentBefore ?? undefined;
};

const putHeading = (doc: Document, heading: string): void => {
  const [first] = isMap(doc.contents) ? doc.contents.items : [];
  const below = isScalar(first?.key) ? first.key : doc;
  below.commentBefore = [heading, below.commentBefore].filter((text) => text != null).join("\n");
};

/** A link is followed: the file it leads to is what people edit, also when it is not there yet. */
const ledTo = (file: string): Promise<string> =>
  readlink(file).then(
    (link) => resolve(dirname(file), link),
    () => file,
  );

const ANY_MAY_WRITE = 0o222;

/** Whoever reads at the same time sees the old file or the new one. */
export const replaceFile = async (file: string, text: string): Promise<void> => {
  const target = await realpath(file).catch(() => ledTo(file));
  const mode = await stat(target).then(
    (facts) => facts.mode & 0o777,
    () => 0o644,
  );
  if ((mode & ANY_MAY_WRITE) === 0)
    throw new LedgerError("settings_invalid", `${file} is read-only, so it is left as it is.`, {
      hint: `Make it writable: chmod u+w ${shellWord(file)}`,
    });
  const draft = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(dirname(target), { recursive: true });
    await writeFile(draft, text, { flag: "wx", mode });
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw new LedgerError("settings_invalid", `${file} cannot be written.`, { cause: error });
  }
};
