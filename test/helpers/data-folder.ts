import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import Database from "better-sqlite3";

/** One thing in a data folder, unpacked: where it is, and its bytes one character each. */
export type Unpacked = { readonly where: string; readonly text: string };

/**
 * All that a data folder says, as it lies there and unpacked in every way we pack things: compressed blobs and archives,
 * git's objects, every column of every database. File names are said too.
 */
export const unpackedFolder = (folder: string): readonly Unpacked[] => {
  const files = (readdirSync(folder, { recursive: true }) as string[]).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
  const stores = files
    .filter((path) => path.endsWith("store.git/HEAD"))
    .map((path) => join(folder, path, ".."));
  return [
    { where: "file names", text: files.join("\n") },
    ...files.flatMap((path) => unpackedFile(join(folder, path))),
    ...stores.flatMap(objectsOf),
  ];
};

/** Where in there a marker stands, in any of the forms it is likely to be written in. */
export const placesOfMarker = (folder: string, marker: string): readonly string[] =>
  markersIn(unpackedFolder(folder), marker);

export const markersIn = (said: readonly Unpacked[], marker: string): readonly string[] => {
  const bytes = Buffer.from(marker);
  const forms = [
    marker,
    JSON.stringify(marker).slice(1, -1),
    encodeURIComponent(marker),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...base64Forms(bytes),
  ];
  return said.flatMap(({ where, text }) => {
    const shown = text.includes(ESCAPE) ? [text, text.replace(COLOURS, "")] : [text];
    return shown.some((one) => forms.some((form) => one.includes(form))) ? [where] : [];
  });
};

/** Inside of something longer it is written in one of three ways; without the letters that depend on what stands around it. */
const base64Forms = (bytes: Buffer): readonly string[] =>
  [0, 1, 2].flatMap((before) => {
    const written = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const own = written.slice(before === 0 ? 0 : 4, -4);
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
  });

const ESCAPE = String.fromCharCode(27);
const COLOURS = new RegExp(`${ESCAPE}\\[[0-9;]*m`, "g");

const unpackedFile = (path: string): readonly Unpacked[] => {
  const bytes = readFileSync(path);
  const packed = [inflateRawSync, inflateSync, gunzipSync].flatMap((unpack) => {
    try {
      return [{ where: `${path} (${unpack.name})`, text: unpack(bytes).toString("latin1") }];
    } catch {
      return [];
    }
  });
  const rows = bytes.subarray(0, 15).toString() === "SQLite format 3" ? rowsOf(path) : [];
  return [{ where: path, text: bytes.toString("latin1") }, ...packed, ...rows];
};

const rowsOf = (path: string): readonly Unpacked[] => {
  const db = new Database(path, { readonly: true });
  try {
    const tables = db
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .pluck()
      .all() as string[];
    return tables.flatMap((table) =>
      db
        .prepare(`SELECT * FROM "${table}"`)
        .raw()
        .all()
        .map((row) => ({
          where: `${path}: ${table}`,
          text: (row as unknown[])
            .map((value) => (Buffer.isBuffer(value) ? value.toString("latin1") : String(value)))
            .join("\n"),
        })),
    );
  } finally {
    db.close();
  }
};

/** Every object of a store of git, a tree as the bytes it is. One call for all: a process for each would take longer than whatever is looked at. */
export const objectsOf = (store: string): readonly Unpacked[] => {
  if (!existsSync(join(store, "objects"))) return [];
  const args = ["--git-dir", store, "cat-file", "--batch-all-objects", "--batch", "--unordered"];
  const listed = execFileSync("git", args, { maxBuffer: 1 << 30, encoding: "latin1" });
  const objects: Unpacked[] = [];
  for (let at = 0; at < listed.length; ) {
    const [head = ""] = listed.slice(at, at + OBJECT_HEAD_CHARS).split("\n");
    const [oid = "", kind = "", size = ""] = head.split(" ");
    const from = at + head.length + 1;
    objects.push({ where: `${kind} ${oid}`, text: listed.slice(from, from + Number(size)) });
    at = from + Number(size) + 1;
  }
  return objects;
};

/** Name, kind and size of an object, at most. */
const OBJECT_HEAD_CHARS = 100;
