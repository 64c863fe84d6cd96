import { relative } from "node:path";
import type { NameChange, Step } from "./power.js";

/** What strace must be asked for: every byte, and the names of files. */
export const TRACING = [
  ...["-y", "-xx", "-s", "100000"],
  ...["-e", "trace=openat,pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename,mkdir"],
];

/** Never read after a loss of power: SQLite makes it anew from the log. */
const isForgotten = (path: string): boolean => path.endsWith("-shm");

/** What a traced process did to the files of a place, in paths from there. */
export const stepsIn = (
  log: string,
  place: string,
): { readonly steps: readonly Step[]; readonly folders: ReadonlySet<number> } => {
  const names = new Map([[".", 0]]);
  const sizes = new Map<number, number>();
  const folders = new Set([0]);
  const steps: Step[] = [];
  let inodes = 0;
  const inodeOf = (path: string): number => names.get(path) ?? -1;
  const name = (...changes: readonly NameChange[]): void => {
    for (const { path, inode } of changes)
      if (inode === null) names.delete(path);
      else names.set(path, inode);
    steps.push({ kind: "name", changes });
  };
  const make = (path: string): void => {
    inodes += 1;
    name({ path, inode: inodes });
  };
  const resize = (path: string, size: number): void => {
    const inode = inodeOf(path);
    if ((sizes.get(inode) ?? 0) === size) return;
    sizes.set(inode, size);
    steps.push({ kind: "resize", inode, size });
  };
  const write = (path: string, bytes: Buffer, at: number): void => {
    const inode = inodeOf(path);
    steps.push({ kind: "write", inode, at, bytes });
    sizes.set(inode, Math.max(sizes.get(inode) ?? 0, at + bytes.length));
  };
  for (const { call, paths, bytes, rest } of callsIn(log)) {
    const [path = "", other = ""] = paths.map((one) => relative(place, one) || ".");
    if (call === "write" && bytes?.toString().startsWith('{"acknowledged"') === true)
      steps.push({ kind: "acknowledged", count: JSON.parse(bytes.toString()).acknowledged + 1 });
    else if (!names.has(path) && !path.startsWith("ledger")) continue;
    else if (isForgotten(path)) continue;
    else if (call === "mkdir") {
      make(path);
      folders.add(inodes);
    } else if (call === "openat") {
      if (/O_CREAT/.test(rest) && !names.has(path)) make(path);
      if (/O_TRUNC/.test(rest)) resize(path, 0);
    } else if (call === "pwrite64")
      write(path, bytes ?? Buffer.alloc(0), Number(/, (\d+)\) = /.exec(rest)?.[1]));
    else if (call === "write") write(path, bytes ?? Buffer.alloc(0), sizes.get(inodeOf(path)) ?? 0);
    else if (call === "ftruncate") resize(path, Number(/, (\d+)\) = /.exec(rest)?.[1]));
    else if (call === "unlink") name({ path, inode: null });
    else if (call === "rename") name({ path, inode: null }, { path: other, inode: inodeOf(path) });
    else if (folders.has(inodeOf(path))) steps.push({ kind: "sync folder", path });
    else steps.push({ kind: "sync", inode: inodeOf(path) });
  }
  return { steps, folders };
};

type Call = {
  readonly call: string;
  /** Of the files it names, by number or by path. */
  readonly paths: readonly string[];
  readonly bytes: Buffer | undefined;
  /** All of it but its texts. */
  readonly rest: string;
};

/** Calls that succeeded, in the order in which they ended. */
function* callsIn(log: string): Generator<Call> {
  const begun = new Map<string, string>();
  for (const line of log.split("\n")) {
    const [, thread = "", said = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(said)?.[1];
    if (unfinished !== undefined) begun.set(thread, unfinished);
    if (unfinished !== undefined) continue;
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(said)?.[1];
    const whole = resumed === undefined ? said : `${begun.get(thread) ?? ""}${resumed}`;
    const call = /^(\w+)\(/.exec(whole)?.[1];
    if (call === undefined || / = -1 /.test(whole)) continue;
    yield parsed(call, whole);
  }
}

const parsed = (call: string, whole: string): Call => {
  const texts = [...whole.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, text = ""]) => unhexed(text));
  const held = /^\w+\(\d+<((?:\\x[0-9a-f]{2})*)>/.exec(whole)?.[1];
  const rest = whole.replace(/"[^"]*"/g, '""').replace(/<[^>]*>/g, "");
  if (held === undefined) return { call, paths: texts.map(String), bytes: undefined, rest };
  return { call, paths: [unhexed(held).toString()], bytes: texts[0], rest };
};

const unhexed = (text: string): Buffer => Buffer.from(text.replaceAll("\\x", ""), "hex");
