import { constants, type Dirent } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { sha256 } from "../../../core/canonical.js";
import type { Redactor } from "../../../core/redact.js";
import { DRAFT_NAME } from "../../../pev/walk.js";

/** What a tool refuses or could not do, in words for the model: an answer, not a fault. */
export class ToolRefusal extends Error {
  override readonly name = "ToolRefusal";
}

/** A model reads such files in parts, or not at all. */
const READ_BYTES_MAX = 8 * 1024 * 1024;
/** About 12,000 tokens at once. */
const READ_CHARS = 50_000;
const READ_LINES = 2_000;
const LISTED_MAX = 500;
const FOUND_MAX = 200;
const LINE_CHARS = 300;
/** More files than that are searched by a program. */
const SEARCHED_MAX = 50_000;

/**
 * The one place that a path of a model becomes a path of this machine: inside the workspace, through no link, and not into
 * git's own folder. Nothing else writes there meanwhile: tools work one after the other, and their programs have ended.
 */
const located = async (root: string, given: string): Promise<string> => {
  const path = relative(root, resolve(root, given));
  const parts = path.split(sep);
  if (parts[0] === ".." || isAbsolute(path) || given.includes("\0"))
    throw new ToolRefusal(`"${given}" lies outside of the workspace.`);
  if (parts.some((part) => part.toLowerCase() === ".git"))
    throw new ToolRefusal(`"${given}" belongs to git; files of its own folder are not for tools.`);
  let at = root;
  for (const part of parts.slice(0, -1)) {
    at = join(at, part);
    const facts = await factsOf(at);
    if (facts === undefined) break;
    if (!facts.isDirectory())
      throw new ToolRefusal(`"${relative(root, at)}" is ${kindOf(facts)}, so nothing is reached through it.`);
  }
  return join(root, path);
};

type Kinds = Pick<Dirent, "isFile" | "isDirectory" | "isSymbolicLink">;

const kindOf = (facts: Kinds): string =>
  facts.isSymbolicLink() ? "a link" : facts.isDirectory() ? "a folder" : "no regular file";

const factsOf = (path: string) =>
  lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw new ToolRefusal(`It could not be looked at: ${error.code}.`);
  });

/** The text of a file; refuses what is none, and what is too large to be read at once. */
const textOf = async (root: string, given: string): Promise<string> => {
  const path = await located(root, given);
  const facts = await factsOf(path);
  if (facts === undefined) throw new ToolRefusal(`There is no file "${given}".`);
  if (!facts.isFile()) throw new ToolRefusal(`"${given}" is ${kindOf(facts)}.`);
  // Whatever came there since the look: no link is followed, and no pipe is waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat();
    if (size > READ_BYTES_MAX)
      throw new ToolRefusal(`"${given}" has ${size} bytes; at most ${READ_BYTES_MAX} are read.`);
    const bytes = await file.readFile();
    if (bytes.includes(0)) throw new ToolRefusal(`"${given}" is no text (${size} bytes).`);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new ToolRefusal(`"${given}" is no text in UTF-8.`);
    throw error;
  } finally {
    await file.close();
  }
};

/** What is shown in part is redacted as a whole: half of a secret is not found any more. */
type Secrets = Pick<Redactor, "text">;
type Part = { readonly path: string; readonly from_line?: number; readonly lines?: number };

/** Whole lines, as many as fit; only where one line alone is longer is it cut, and then its length is told. */
export const readLines = async (
  root: string,
  redactor: Secrets,
  { path, from_line: from = 1, lines = READ_LINES }: Part,
): Promise<string> => {
  const all = redactor.text(await textOf(root, path)).split("\n");
  if (from > all.length) return `(the file has ${all.length} lines)`;
  const wanted = all.slice(from - 1, from - 1 + Math.min(lines, READ_LINES));
  const told = fitting(wanted);
  const remarks: string[] = [];
  const [first = ""] = wanted;
  if (told.length === 0) {
    told.push(cut(first, READ_CHARS));
    remarks.push(`(line ${from} has ${first.length} characters; only its first ${READ_CHARS} stand here)`);
  }
  const next = from + told.length;
  if (next <= all.length) remarks.push(`(${all.length - next + 1} more lines; go on with from_line ${next})`);
  return [...told, ...remarks].join("\n");
};

/** The first of these lines that are together not longer than what is read at once. */
const fitting = (lines: readonly string[]): string[] => {
  let left = READ_CHARS;
  const end = lines.findIndex((line) => {
    left -= line.length + 1;
    return left < 0;
  });
  return lines.slice(0, end === -1 ? lines.length : end);
};

/** Not between the two halves of a character: a provider refuses a request with one of them alone. */
const cut = (text: string, chars: number): string => text.slice(0, chars).replace(/[\uD800-\uDBFF]$/, "");

const entriesOf = async (folder: string): Promise<readonly Dirent[]> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new ToolRefusal(`It is no folder that can be read: ${error.code}.`);
  });
  return entries
    .filter(({ name }) => name.toLowerCase() !== ".git")
    .sort((a, b) => (a.name < b.name ? -1 : 1));
};

const folderAt = async (root: string, given: string): Promise<string> => {
  const folder = await located(root, given);
  const facts = await factsOf(folder);
  if (facts === undefined) throw new ToolRefusal(`There is no folder "${given}".`);
  if (!facts.isDirectory() && !facts.isFile()) throw new ToolRefusal(`"${given}" is ${kindOf(facts)}.`);
  return folder;
};

/** What lies in a folder, with a slash behind folders and an arrow behind links. */
export const listFolder = async (
  root: string,
  { path = ".", depth = 1 }: { path?: string; depth?: number },
): Promise<string> => {
  const lines: string[] = [];
  const walk = async (folder: string, left: number): Promise<void> => {
    for (const entry of await entriesOf(folder)) {
      if (lines.length > LISTED_MAX) return;
      const name = relative(root, join(folder, entry.name));
      lines.push(entry.isDirectory() ? `${name}/` : entry.isSymbolicLink() ? `${name} ->` : name);
      if (entry.isDirectory() && left > 1) await walk(join(folder, entry.name), left - 1);
    }
  };
  await walk(await folderAt(root, path), depth);
  if (lines.length > LISTED_MAX) lines.splice(LISTED_MAX, lines.length, "(and more)");
  return lines.length === 0 ? "(nothing)" : lines.join("\n");
};

/** Lines with a text in them, as `path:line: text`. No patterns: one of a model could keep this process for ever. */
export const searchText = async (
  { root, redactor, signal }: { root: string; redactor: Secrets; signal: AbortSignal },
  { text, path = ".", ignore_case: either = false }: { text: string; path?: string; ignore_case?: boolean },
): Promise<string> => {
  const wanted = either ? text.toLowerCase() : text;
  const found: string[] = [];
  let searched = 0;
  const look = async (file: string): Promise<void> => {
    signal.throwIfAborted();
    searched += 1;
    const whole = await textOf(root, file).catch(() => "");
    if (!(either ? whole.toLowerCase() : whole).includes(wanted)) return;
    for (const [at, line] of redactor.text(whole).split("\n").entries())
      if (found.length <= FOUND_MAX && (either ? line.toLowerCase() : line).includes(wanted))
        found.push(`${relative(root, file)}:${at + 1}: ${cut(line, LINE_CHARS)}`);
  };
  const walk = async (folder: string): Promise<void> => {
    signal.throwIfAborted();
    for (const entry of await entriesOf(folder)) {
      if (found.length > FOUND_MAX || searched >= SEARCHED_MAX) return;
      if (entry.isDirectory()) await walk(join(folder, entry.name));
      else if (entry.isFile()) await look(join(folder, entry.name));
    }
  };
  const start = await folderAt(root, path);
  if ((await factsOf(start))?.isFile()) await look(start);
  else await walk(start);
  if (found.length > FOUND_MAX) found.splice(FOUND_MAX, found.length, "(and more)");
  if (searched >= SEARCHED_MAX) found.push(`(only the first ${SEARCHED_MAX} files were searched)`);
  return found.length === 0 ? "(nothing found)" : found.join("\n");
};

/** As a whole or not at all, on the disk when it resolves. */
export const writeText = async (root: string, given: string, content: string): Promise<string> => {
  const path = await located(root, given);
  if (path === root) throw new ToolRefusal("A file needs a name.");
  const facts = await factsOf(path);
  if (facts !== undefined && !facts.isFile()) throw new ToolRefusal(`"${given}" is ${kindOf(facts)}.`);
  await mkdir(dirname(path), { recursive: true });
  const draft = join(dirname(path), DRAFT_NAME);
  try {
    await writeDraft(draft, content, facts === undefined ? null : facts.mode & 0o777);
    await rename(draft, path);
  } catch (error) {
    // A full disk stays full with half a file on it, and the half would be there to be judged.
    await rm(draft, { force: true });
    throw error;
  }
  return `"${given}" is written (${Buffer.byteLength(content)} bytes).`;
};

/** On the disk when it resolves, with the mode of the file whose place it takes. */
const writeDraft = async (draft: string, content: string, mode: number | null): Promise<void> => {
  // Left by a crash; whoever goes on writes it anew.
  await rm(draft, { force: true });
  const file = await open(draft, "wx", mode ?? 0o666);
  try {
    await file.writeFile(content);
    if (mode !== null) await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
};

/** A file before and after an edit, by its digests: whoever does it again after a crash knows how far it had come. */
export type PlannedEdit = { readonly before: string; readonly after: string; readonly count: number };
type Edit = {
  readonly path: string;
  readonly old_text: string;
  readonly new_text: string;
  readonly all?: boolean;
};

export const planEdit = async (root: string, edit: Edit): Promise<PlannedEdit> => {
  const text = await textOf(root, edit.path);
  const count = text.split(edit.old_text).length - 1;
  if (count === 0) throw new ToolRefusal(`"${edit.path}" does not contain that text.`);
  if (count > 1 && edit.all !== true)
    throw new ToolRefusal(
      `"${edit.path}" contains that text ${count} times; give more of it, or "all": true.`,
    );
  return { before: sha256(text), after: sha256(edited(text, edit)), count };
};

export const applyEdit = async (root: string, edit: Edit, planned: PlannedEdit): Promise<string> => {
  const text = await textOf(root, edit.path);
  const digest = sha256(text);
  if (digest !== planned.after) {
    if (digest !== planned.before) throw new ToolRefusal(`"${edit.path}" has changed meanwhile.`);
    await writeText(root, edit.path, edited(text, edit));
  }
  return `"${edit.path}" is changed (${planned.count} ${planned.count === 1 ? "place" : "places"}).`;
};

const edited = (text: string, { old_text: old, new_text: made }: Edit): string => text.split(old).join(made);

/** A link goes itself, not what it leads to; of folders only an empty one. */
export const removePath = async (root: string, given: string): Promise<string> => {
  const path = await located(root, given);
  if (path === root) throw new ToolRefusal("The workspace itself stays.");
  const facts = await factsOf(path);
  const gone = facts === undefined ? Promise.resolve() : facts.isDirectory() ? rmdir(path) : unlink(path);
  await gone.catch((error: NodeJS.ErrnoException) => {
    throw new ToolRefusal(`"${given}" could not be deleted: ${error.code}.`);
  });
  return `"${given}" is gone.`;
};
