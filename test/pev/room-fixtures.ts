import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { sha256 } from "../../src/core/canonical.js";
import { processIdentity } from "../../src/ledger/owner.js";
import type { AtBase, BaseCache, CleanRoomOptions } from "../../src/pev/clean-room.js";
import { coneOf } from "../../src/pev/cone.js";
import { createDisposal } from "../../src/pev/disposal.js";
import { type Git, openPrivateStore, RAW_ATTRIBUTES } from "../../src/pev/git.js";
import { openPlaces, type Places } from "../../src/pev/places.js";
import { isolationOf } from "../helpers/isolation.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { wideWalls } from "../helpers/walls.js";

/** A folder for one test file; the caller removes it. */
export const tempFolder = (): string => realpathSync(mkdtempSync(join(tmpdir(), "room-test-")));

export const removeTemp = (folder: string): void => rmSync(folder, { recursive: true, force: true });

export const isAlive = (pid: number): boolean => processIdentity(pid) !== undefined;

/** Polls, bounded, until the text is there; an event of another process cannot be awaited. */
export const eventually = async <T>(look: () => T | undefined): Promise<T> => {
  for (let round = 0; round < 500; round += 1) {
    const seen = look();
    if (seen !== undefined) return seen;
    await delay(20);
  }
  throw new Error("It never happened.");
};

/** Processes of this machine whose command line holds a text. */
export const mentioning = (text: string): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false;
      }
    });

export const PATH_ONLY = { PATH: process.env.PATH ?? "/usr/bin:/bin" };

export type TreeOfFiles = Readonly<Record<string, string>>;

/** A private store with one commit after the other, made with plain git from a folder of its own. */
export const storeWithCommits = async (
  folder: string,
  versions: readonly TreeOfFiles[],
): Promise<{ store: Git; commits: string[] }> => {
  const source = join(folder, "source");
  mkdirSync(source, { recursive: true });
  const git = (...args: string[]): string =>
    execFileSync("git", ["-C", source, "-c", "user.name=T", "-c", "user.email=t@example.org", ...args], {
      encoding: "utf8",
    }).trim();
  git("init", "-q", "-b", "main");
  // Else git would convert on the way in what the tests want to see unconverted on the way out.
  writeText(join(source, ".git/info/attributes"), RAW_ATTRIBUTES);
  const commits = versions.map((files, n) => {
    for (const [path, text] of Object.entries(files)) writeText(join(source, path), text);
    git("add", "--all", "--force");
    git("commit", "-q", "-m", `version ${n}`);
    return git("rev-parse", "HEAD");
  });
  const store = await openPrivateStore(join(folder, "store.git"));
  await store.run(["fetch", "-q", source, "main:refs/heads/main"]);
  return { store, commits };
};

export const writeText = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};

export const blobStore = () => {
  const blobs = new Map<string, Uint8Array>();
  const putBlob = async (bytes: Uint8Array): Promise<string> => {
    const hash = sha256(bytes);
    blobs.set(hash, bytes);
    return hash;
  };
  return { blobs, putBlob };
};

export const memoryCache = (): BaseCache => {
  const values = new Map<string, AtBase>();
  return {
    get: async (key) => values.get(key),
    set: async (key, value) => void values.set(key, value),
  };
};

export const cleanRoomOptions = async (
  folder: string,
  store: Git,
  commit: string,
): Promise<CleanRoomOptions & { readonly places: Places }> => {
  const places = await openPlaces(join(folder, "places"));
  return {
    store,
    commit,
    base: null,
    places,
    walls: wideWalls,
    disposal: createDisposal(places),
    isolation: isolationOf(folder),
    roomsAhead: { take: async () => undefined },
    protect: [],
    watched: true,
    runId: "run-1",
    name: "step-1",
    environment: process.env,
    passEnv: [],
    cacheFolder: join(folder, "cache"),
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    putBlob: blobStore().putBlob,
    redactor: NO_SECRETS,
    projectDir: join(folder, "source"),
    ownFiles: [],
    setup: [],
    share: [],
    cache: [],
    cone: coneOf([]),
    userBase: null,
    validatorDigest: "digest",
    heldOut: null,
    baseCache: memoryCache(),
  };
};
