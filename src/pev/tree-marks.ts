import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

/** Several times the dependencies of a large project. */
const ENTRIES_MAX = 1_000_000;
/** Looking is synchronous (three times as fast); leases are renewed in between. */
const FOLDERS_PER_TURN = 64;

export type Marked = {
  /** File or link, from the root → what a program cannot put back once it wrote there; see written-files.ts. */
  readonly marks: ReadonlyMap<string, string>;
  /** Of all files together. */
  readonly bytes: number;
};

/** All that lies below a folder but for what `skip` names; a folder counts by what is in it. */
export const marksBelow = async (
  root: string,
  skip: (path: string) => boolean = () => false,
): Promise<Marked> => {
  const marks = new Map<string, string>();
  let bytes = 0;
  const folders = [""];
  for (const [n, folder] of folders.entries()) {
    if (n % FOLDERS_PER_TURN === 0) await setImmediate();
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (skip(path)) continue;
      if (entry.isDirectory()) {
        folders.push(path);
        continue;
      }
      const { ino, ctimeNs, size } = lstatSync(join(root, path), { bigint: true });
      marks.set(path, `${ino} ${ctimeNs}`);
      bytes += Number(size);
      if (marks.size > ENTRIES_MAX) throw new Error(`${root} has more than ${ENTRIES_MAX} files`);
    }
  }
  return { marks, bytes };
};

/** A path that is not the same in both; undefined when there is none. */
export const firstDifference = (before: Marked, after: Marked): string | undefined => {
  for (const [path, mark] of after.marks) if (before.marks.get(path) !== mark) return path;
  for (const path of before.marks.keys()) if (!after.marks.has(path)) return path;
  return undefined;
};
