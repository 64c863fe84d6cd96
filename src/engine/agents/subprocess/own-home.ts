import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { LedgerError } from "../../../core/errors.js";
import { removeFolder } from "../../../pev/private-folder.js";
import type { AgentTask } from "../agent.js";
import { sandboxHomeOf } from "../agent-sandbox.js";

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

type Attempt = {
  readonly isSandboxed: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Names of what the program is passed of it. */
  readonly passEnv: readonly string[];
};

/**
 * Lays the home of an attempt, and answers the variable that names it. In a sandbox the program's home is its own already, and
 * kept between its attempts; outside it is a new folder, `fresh`, over what its user has.
 */
export const homeFor = async (
  { isSandboxed, environment, passEnv }: Attempt,
  task: Pick<AgentTask, "place">,
  settings: HomeSettings,
  fresh: string,
): Promise<Readonly<Record<string, string>>> => {
  const { variable } = settings;
  if (isSandboxed) {
    const own = sandboxHomeOf(task);
    await layHome(settings, { users: null, own });
    return { [variable]: own };
  }
  const named = passEnv.includes(variable) ? environment[variable] : undefined;
  await layHome(settings, { users: named ?? environment.HOME ?? homedir(), own: fresh });
  return { [variable]: fresh };
};

/**
 * A home for one attempt: its user's settings with ours over them, and beside them everything else that the program keeps
 * there (who is signed in, rules, extensions), as links. Throws `workspace_unfit` where a folder does not let us.
 */
const layHome = async (settings: HomeSettings, homes: Homes): Promise<void> => {
  try {
    await lay(settings, homes);
  } catch (error) {
    throw unlaid(join(homes.own, settings.file), error);
  }
};

const lay = async ({ file, over }: HomeSettings, { users, own }: Homes): Promise<void> => {
  const path = join(own, file);
  await openFolder(own);
  await openFolder(dirname(path));
  await removeFolder(path);
  const held = users === null ? null : join(resolve(users), file);
  const text = withSettings(held === null ? "" : await textOr(held), over);
  await writeFile(path, text, { mode: 0o600, flag: "wx" });
  if (held === null) return;
  for (const name of await namesIn(dirname(held)))
    if (join(dirname(held), name) !== held)
      await symlink(join(dirname(held), name), join(dirname(path), name));
};

/**
 * What the program keeps in it stays. One in a sandbox may have left a folder that nobody may write, or a link in its
 * place, to write through it where it cannot reach.
 */
const openFolder = async (path: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const found = await lstat(path).catch((error: unknown) => absent(error, undefined));
  if (found?.isDirectory()) return chmod(path, 0o700);
  await removeFolder(path);
  await mkdir(path, { mode: 0o700 });
};

/** Where a folder or file is not as we need it; a disk that is full or broken is no attempt's fault. */
const UNFIT: readonly unknown[] = ["EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "EEXIST", "ELOOP"];

/** The attempt is interrupted with it; a raw error would end whoever drives the run, each time anew. */
const unlaid = (path: string, error: unknown): unknown => {
  if (!(error instanceof Error && "code" in error && UNFIT.includes(error.code))) return error;
  return new LedgerError(
    "workspace_unfit",
    `The agent's settings ${path} could not be laid: ${error.message}.`,
    {
      hint: "Mend what the message names: its owner must be able to read it, and it must be a folder or a file as the program wants it.",
      cause: error,
    },
  );
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
