import { dirname } from "node:path";

/**
 * What a loss of power may leave of files, by a pessimist's reading of the rules: what was synced is there; of all else any part may be,
 * in any order, torn at sectors. A name (made, renamed, removed) is there for certain when its folder was synced, and not before.
 */
export type Step =
  | { readonly kind: "write"; readonly inode: number; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: "resize"; readonly inode: number; readonly size: number }
  | { readonly kind: "name"; readonly changes: readonly NameChange[] }
  | { readonly kind: "sync"; readonly inode: number }
  | { readonly kind: "sync folder"; readonly path: string }
  | { readonly kind: "acknowledged"; readonly count: number };

/** Null when it is removed. A folder is an inode without bytes. */
export type NameChange = { readonly path: string; readonly inode: number | null };

export type State = {
  /** So many lines were acknowledged before the power went. */
  readonly acknowledged: number;
  /** Null for a folder. */
  readonly files: () => ReadonlyMap<string, Buffer | null>;
  /** What was on its way, for whoever wants to see it again. */
  readonly told: string;
};

type Pending = Extract<Step, { kind: "write" | "resize" | "name" }> & { readonly id: number };
/** Kept whole, or only some of its sectors. */
type Kept = { readonly step: Pending; readonly sectors?: (sector: number) => boolean; readonly told: string };

type Disk = {
  readonly names: ReadonlyMap<string, number>;
  readonly bytes: ReadonlyMap<number, Buffer>;
};

export const SECTOR_BYTES = 512;
/** What was written longer ago is kept or lost at random only. */
const RECENT = 12;

/** All states after each step, each one once; `random` of them at each step are drawn. */
export const statesOf = (
  steps: readonly Step[],
  folders: ReadonlySet<number>,
  { random, draw }: { readonly random: number; readonly draw: () => number },
): readonly State[] => {
  const seen = new Set<string>();
  const states: State[] = [];
  let disk: Disk = { names: new Map(), bytes: new Map() };
  let version = 0;
  let pending: readonly Pending[] = [];
  let acknowledged = 0;
  const add = (kept: readonly Kept[]): void => {
    const told = kept.map((one) => one.told).join(" ");
    const key = `${version}/${acknowledged}: ${told}`;
    if (seen.has(key)) return;
    seen.add(key);
    const [before, count] = [disk, acknowledged];
    states.push({ acknowledged: count, told: key, files: () => filesOf(applied(before, kept), folders) });
  };
  for (const [id, step] of steps.entries()) {
    if (step.kind === "acknowledged") acknowledged = step.count;
    else if (step.kind === "sync" || step.kind === "sync folder") {
      const [done, left] = splitBy(pending, (one) => isSyncedBy(one, step));
      disk = applied(disk, done.map(whole));
      pending = left;
      version += done.length > 0 ? 1 : 0;
    } else pending = [...pending, { ...step, id }];
    for (const kept of choices(pending, { random, draw })) add(kept);
  }
  return states;
};

const isSyncedBy = (pending: Pending, sync: Extract<Step, { kind: "sync" | "sync folder" }>): boolean =>
  sync.kind === "sync"
    ? pending.kind !== "name" && pending.inode === sync.inode
    : pending.kind === "name" && pending.changes.some(({ path }) => dirname(path) === sync.path);

const whole = (step: Pending): Kept => ({ step, told: `${step.id}` });

const torn = (step: Pending, how: string, sectors: (sector: number) => boolean): Kept => ({
  step,
  sectors,
  told: `${step.id}${how}`,
});

/** Nothing of it, all of it, all but one, one alone, the last one torn in several ways, and some at random. */
function* choices(
  pending: readonly Pending[],
  { random, draw }: { readonly random: number; readonly draw: () => number },
): Generator<readonly Kept[]> {
  const all = pending.map(whole);
  yield [];
  yield all;
  for (const one of all.slice(-RECENT)) {
    yield [one];
    yield all.filter((other) => other !== one);
  }
  const last = pending.at(-1);
  if (last?.kind === "write" && last.bytes.length > SECTOR_BYTES) {
    const half = Math.ceil(last.bytes.length / SECTOR_BYTES / 2);
    for (const tear of [
      torn(last, "<", (sector) => sector < half),
      torn(last, ">", (sector) => sector >= half),
      torn(last, "^", (sector) => sector > 0),
    ]) {
      yield [tear];
      yield [...all.slice(0, -1), tear];
    }
  }
  for (let drawn = 0; drawn < random && pending.length > 0; drawn += 1) yield drawnFrom(pending, draw);
}

const drawnFrom = (pending: readonly Pending[], draw: () => number): readonly Kept[] => {
  const share = draw();
  const tears = draw() < 0.5 ? 0.3 : 0;
  return pending.flatMap((step) => {
    if (draw() > share) return [];
    if (step.kind !== "write" || step.bytes.length <= SECTOR_BYTES || draw() >= tears) return [whole(step)];
    const mask = Math.floor(draw() * 2 ** 16);
    return [torn(step, `~${mask}`, (sector) => ((mask >> (sector % 16)) & 1) === 1)];
  });
};

const splitBy = <Item>(items: readonly Item[], test: (item: Item) => boolean): readonly [Item[], Item[]] => [
  items.filter(test),
  items.filter((item) => !test(item)),
];

const applied = ({ names, bytes }: Disk, kept: readonly Kept[]): Disk => {
  const newNames = new Map(names);
  const newBytes = new Map(bytes);
  const copied = new Set<number>();
  const editable = (inode: number, size: number): Buffer => {
    const now = newBytes.get(inode) ?? Buffer.alloc(0);
    if (copied.has(inode) && now.length >= size) return now;
    const copy = Buffer.alloc(Math.max(size, now.length));
    now.copy(copy);
    copied.add(inode);
    newBytes.set(inode, copy);
    return copy;
  };
  for (const { step, sectors } of kept) {
    if (step.kind === "name") {
      for (const { path, inode } of step.changes)
        if (inode === null) newNames.delete(path);
        else newNames.set(path, inode);
    } else if (step.kind === "resize") {
      const now = editable(step.inode, step.size);
      newBytes.set(step.inode, now.subarray(0, step.size));
    } else writeInto(editable(step.inode, step.at + step.bytes.length), step, sectors);
  }
  return { names: newNames, bytes: newBytes };
};

const writeInto = (
  file: Buffer,
  { at, bytes }: Extract<Step, { kind: "write" }>,
  sectors: ((sector: number) => boolean) | undefined,
): void => {
  if (sectors === undefined) return void bytes.copy(file, at);
  for (let from = 0; from < bytes.length; ) {
    // Sectors are those of the file: a write may begin in the middle of one.
    const to = Math.min(bytes.length, from + SECTOR_BYTES - ((at + from) % SECTOR_BYTES));
    if (sectors(Math.floor(from / SECTOR_BYTES))) bytes.copy(file, at + from, from, to);
    from = to;
  }
};

/** A file in a folder that is not there is not there either. */
const filesOf = (
  { names, bytes }: Disk,
  folders: ReadonlySet<number>,
): ReadonlyMap<string, Buffer | null> => {
  const isThere = (path: string): boolean => path === "." || (names.has(path) && isThere(dirname(path)));
  return new Map(
    [...names]
      .filter(([path]) => isThere(path))
      .map(([path, inode]) => [path, folders.has(inode) ? null : (bytes.get(inode) ?? Buffer.alloc(0))]),
  );
};
