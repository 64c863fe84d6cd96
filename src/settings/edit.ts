import { randomBytes } from "node:crypto";
import { mkdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Document, isMap, isScalar } from "yaml";
import { quoted } from "../core/defects.js";
import { LedgerError } from "../core/errors.js";
import { checkLayers, checkSize, fileLayer, parseYaml, readSettingsText } from "./layers.js";

/** Changes one value and leaves every comment where it is; the file is replaced whole, and only when all of it is valid. */
export const setSetting = async ({ file, key, value }: { file: string; key: string; value: string }) => {
  const before = (await readSettingsText(file)) ?? "";
  // Refuses what is no mapping before anything is put into it.
  fileLayer(before, file, file);
  const keys = key.split(".");
  const named = key.length > KEY_SHOWN_CHARS ? `${key.slice(0, KEY_SHOWN_CHARS)}…` : key;
  const after = edited(parseYaml(before, file).doc, keys, parseYaml(value, named).value);
  checkSize(file, Buffer.byteLength(after));
  const layer = fileLayer(after, file, file);
  // A line of the text that is not written yet would mislead: the new value is named by its key.
  const where = (at: readonly PropertyKey[]): string =>
    keys.every((segment, index) => at[index] === segment) ? `${named} = ${quoted(value)}` : layer.where(at);
  checkLayers([{ ...layer, where }]);
  await replaceFile(file, after);
};

/** No setting has a longer one. */
const KEY_SHOWN_CHARS = 200;

const edited = (doc: Document, keys: readonly string[], value: unknown): string => {
  const parents = keys.slice(0, -1).map((_, index) => keys.slice(0, index + 1));
  for (const parent of parents) makeRoom(doc, parent);
  doc.setIn(keys, typeof value === "object" ? doc.createNode(value) : value);
  return doc.toString({ lineWidth: 0 });
};

/** Values only go into mappings; a key whose children are all commented out is one without entries. */
const makeRoom = (doc: Document, keys: readonly string[]): void => {
  const node = doc.getIn(keys, true);
  if (node === undefined || isMap(node)) return;
  if (isScalar(node) && node.value === null) doc.deleteIn(keys);
  else throw new LedgerError("unknown_key", `${quoted(keys.join("."))} holds no settings of its own.`);
};

/** Whoever reads at the same time sees the old file or the new one. */
const replaceFile = async (file: string, text: string): Promise<void> => {
  // A link is followed: the file it leads to is what people edit.
  const target = await realpath(file).catch(() => file);
  const mode = await stat(target).then(
    (facts) => facts.mode & 0o777,
    () => 0o644,
  );
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
