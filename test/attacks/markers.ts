import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import Database from "better-sqlite3";

/** Where a text of `markers` is found in a ledger's folder: compressed or not, in files, rows, objects of git. */
export const markersIn = (dataDir: string, markers: readonly string[]): string[] => {
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return [
    ...files.filter((file) => holds(plain(file), markers)),
    ...(holds(rowsOf(join(dataDir, "ledger.db")), markers) ? ["a row of the journal's database"] : []),
    ...(holds(objectsOf(join(dataDir, "store.git")), markers) ? ["an object of the private store"] : []),
  ];
};

const holds = (bytes: Buffer, markers: readonly string[]): boolean =>
  markers.some((marker) => bytes.includes(marker));

/** Blobs are deflated; whatever is not is taken as it lies there. */
const plain = (file: string): Buffer => {
  const bytes = readFileSync(file);
  if (!file.includes("/blobs/")) return bytes;
  try {
    return inflateRawSync(bytes);
  } catch {
    return bytes;
  }
};

const rowsOf = (file: string): Buffer => {
  const database = new Database(file, { readonly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all();
    const rows = tables.flatMap((table) => database.prepare(`SELECT * FROM "${String(table)}"`).all());
    return Buffer.from(JSON.stringify(rows));
  } finally {
    database.close();
  }
};

const objectsOf = (gitDir: string): Buffer =>
  execFileSync("git", ["--git-dir", gitDir, "cat-file", "--batch-all-objects", "--batch", "--unordered"], {
    maxBuffer: 1_073_741_824,
    env: { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null" },
  });
