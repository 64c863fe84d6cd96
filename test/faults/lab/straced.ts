import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Why nothing can be tried here; undefined where it can. */
export const noStrace =
  spawnSync("strace", ["-f", "-o", "/dev/null", "true"]).status === 0
    ? undefined
    : "strace is missing here, or not allowed";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** What kills and refusals leave does not depend on the disk: one in memory syncs at once. */
const fastFolder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export type Told = {
  readonly acknowledged: readonly number[];
  readonly said: readonly Readonly<Record<string, unknown>>[];
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly complaint: string;
};

export type Lab = {
  /** A folder in which nothing has happened, or what `like` holds. */
  readonly newPlace: (like?: string) => Promise<string>;
  /** Tells the story in a process under strace with these options. */
  readonly tell: (place: string, options: readonly string[], how?: string) => Promise<Told>;
  /** What strace wrote of the last telling in that place. */
  readonly logOf: (place: string) => Promise<string>;
  readonly remove: () => Promise<void>;
};

/** The teller as one file, so that a process is up quickly; laid out as an installed package is. */
export const openLab = async (): Promise<Lab> => {
  const folder = await mkdtemp(join(fastFolder, "runledger-faults-"));
  await cp(join(root, "package.json"), join(folder, "package.json"));
  await cp(join(root, "drizzle"), join(folder, "drizzle"), { recursive: true });
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await build({
    absWorkingDir: root,
    entryPoints: ["test/faults/lab/teller.ts"],
    outfile: join(folder, "teller.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    external: ["better-sqlite3"],
  });
  let places = 0;
  return {
    newPlace: async (like) => {
      places += 1;
      const place = join(folder, `place-${places}`);
      if (like === undefined) await mkdir(place);
      else await cp(like, place, { recursive: true });
      return place;
    },
    tell: (place, options, how = "once") =>
      told([
        ...options,
        "-o",
        join(place, "trace"),
        process.execPath,
        join(folder, "teller.mjs"),
        place,
        how,
      ]),
    logOf: (place) => readFile(join(place, "trace"), "utf8"),
    remove: () => rm(folder, { recursive: true }),
  };
};

const told = async (args: readonly string[]): Promise<Told> => {
  const child = spawn("strace", ["-f", ...args], {
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let complaint = "";
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (complaint += chunk));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  const lines = out.split("\n").slice(0, -1);
  const said = lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const acknowledged = said.flatMap((one) =>
    typeof one.acknowledged === "number" ? [one.acknowledged] : [],
  );
  return { acknowledged, said, signal, code, complaint };
};

/** The calls by which a process changes files, as strace knows them, and how often it made each. */
export const WRITES = ["pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "rename", "mkdir"] as const;
export type Write = (typeof WRITES)[number];

/** Of one thread, as strace counts when it is to strike: SQLite's are all of the main one, those of blobs of another. */
export const countsIn = (log: string): ReadonlyMap<Write, number> => {
  const counts = new Map<string, number>();
  for (const [, thread, name] of log.matchAll(/^(\d+) +(\w+)\(/gm)) {
    const key = `${thread} ${name}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const most = (name: Write): number =>
    Math.max(0, ...[...counts].flatMap(([key, count]) => (key.endsWith(` ${name}`) ? [count] : [])));
  return new Map(WRITES.map((name) => [name, most(name)]));
};
