import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";

/** Path below a folder → what is there: kind, mode and a hash of the bytes. */
export type Snapshot = ReadonlyMap<string, string>;

/** Everything below a folder, whatever it is; `skip` is asked with the path below it. */
export const snapshotOf = async (
  folder: string,
  skip: (path: string) => boolean = () => false,
): Promise<Snapshot> => {
  const seen = new Map<string, string>();
  const walk = async (path: string): Promise<void> => {
    if (path !== "" && skip(path)) return;
    const at = join(folder, path);
    const facts = await lstat(at);
    if (facts.isDirectory()) {
      seen.set(path, `folder ${facts.mode.toString(8)}`);
      for (const name of await readdir(at)) await walk(path === "" ? name : `${path}/${name}`);
    } else seen.set(path, await markOf(at, facts));
  };
  if (existsSync(folder)) await walk("");
  return seen;
};

const markOf = async (path: string, facts: Awaited<ReturnType<typeof lstat>>): Promise<string> => {
  if (facts.isSymbolicLink()) return `link ${await readlink(path)}`;
  if (!facts.isFile()) return `special ${facts.mode.toString(8)}`;
  const digest = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  return `file ${facts.mode.toString(8)} ${digest}`;
};

/** In words, what differs; `mayAppear` is asked of paths that were not there. */
export const differences = (
  before: Snapshot,
  after: Snapshot,
  mayAppear: (path: string) => boolean = () => false,
): string[] => {
  const gone = [...before.keys()].filter((path) => !after.has(path)).map((path) => `${path} is gone`);
  const changed = [...after].flatMap(([path, mark]) => {
    const was = before.get(path);
    if (was === mark) return [];
    if (was !== undefined) return [`${path} was changed`];
    return mayAppear(path) ? [] : [`${path} appeared`];
  });
  return [...gone, ...changed];
};

/** Rows of the journal in their order, each as one text. */
export const journalOf = (dataDir: string): readonly string[] => {
  const file = join(dataDir, "ledger.db");
  if (!existsSync(file)) return [];
  const database = new Database(file, { readonly: true });
  try {
    return database
      .prepare("SELECT * FROM events ORDER BY position")
      .all()
      .map((row) => JSON.stringify(row));
  } finally {
    database.close();
  }
};
