import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

type Json = Readonly<Record<string, unknown>>;

/** Settings that a program reads nowhere but in the home of its user. */
export type HomeSettings = {
  /** Below the home: in a folder of the program's, a name in it. */
  readonly file: string;
  /** Section → entries, laid over what its user has there. */
  readonly over: Readonly<Record<string, Json>>;
  /** Which variable says where that home is. */
  readonly variable: string;
};

type Homes = {
  /** Of whoever runs us; null where the program is not to see it. */
  readonly users: string | null;
  /** Where the program will look. */
  readonly own: string;
};

/**
 * A home for one attempt: its user's settings with ours over them, and beside them everything else that the program keeps
 * there (who is signed in, rules, extensions), as links.
 */
export const layHome = async ({ file, over }: HomeSettings, { users, own }: Homes): Promise<void> => {
  const path = join(own, file);
  // A program in a sandbox may have left a link there, to write through it where it cannot reach.
  await rm(dirname(path), { recursive: true, force: true });
  await mkdir(own, { recursive: true, mode: 0o700 });
  await mkdir(dirname(path), { mode: 0o700 });
  const held = users === null ? null : join(resolve(users), file);
  await writeFile(path, withSettings(held === null ? "" : await textOr(held), over), { mode: 0o600 });
  if (held === null) return;
  for (const name of await namesIn(dirname(held)))
    if (join(dirname(held), name) !== held)
      await symlink(join(dirname(held), name), join(dirname(path), name));
};

/** What cannot be read is passed on as it is: the program says so itself. */
const withSettings = (text: string, over: HomeSettings["over"]): string => {
  try {
    const held: unknown = text.trim() === "" ? {} : JSON.parse(uncommented(text));
    return isRecord(held) ? JSON.stringify(merged(held, over)) : text;
  } catch {
    return text;
  }
};

/** Section by section: an entry of ours takes the place of one, a list of ours goes behind one. */
const merged = (held: Json, over: HomeSettings["over"]): Json => ({
  ...held,
  ...Object.fromEntries(
    Object.entries(over).map(([section, entries]) => [section, sectionOf(held[section], entries)]),
  ),
});

const sectionOf = (held: unknown, over: Json): Json => {
  const there = isRecord(held) ? held : {};
  const laid = Object.entries(over).map(([name, ours]) => {
    const own = there[name];
    return [name, Array.isArray(own) && Array.isArray(ours) ? [...own, ...ours] : ours];
  });
  return { ...there, ...Object.fromEntries(laid) };
};

const uncommented = (text: string): string =>
  text.replaceAll(/"(?:[^"\\]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (part) => (part[0] === '"' ? part : " "));

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Nobody has to have any. */
const textOr = async (path: string): Promise<string> => {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    return absent(error, "");
  }
};

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    return absent(error, []);
  }
};

const absent = <T>(error: unknown, instead: T): T => {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return instead;
  throw error;
};
