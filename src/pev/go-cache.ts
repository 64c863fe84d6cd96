import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { digestOf } from "../core/canonical.js";
import { copyCommand } from "./copying.js";
import { removeFolder } from "./private-folder.js";
import type { ProcessEnd } from "./sandbox.js";

export type GoCacheFilling = {
  readonly tree: string;
  /** The room's own cache, not there yet. */
  readonly goCache: string;
  /** Holds nothing but what is made here; no room is told where it is. */
  readonly cacheFolder: string;
  readonly run: (cwd: string, argv: readonly string[], timeoutMs: number) => Promise<ProcessEnd>;
};

/**
 * A cache that rooms share would carry what one proposal left there to the verdict on the next; an empty one makes Go
 * build its standard library each time, for longer than most tests run. So each room gets a copy of a seed made from Go's
 * own sources, before any code of the project runs in it. Without a seed a room is slower, and no less right.
 */
export const fillGoCache = async (filling: GoCacheFilling): Promise<void> => {
  const { tree, goCache, cacheFolder, run } = filling;
  if (!MARKS.some((mark) => existsSync(join(tree, mark)))) return;
  const version = await run(OUTSIDE, ["go", "version"], FILL_MS);
  if (version.exitCode !== 0) return;
  const seed = join(cacheFolder, `go-${digestOf(version.tail)}`);
  await inTurn(seed, async () => {
    if (existsSync(seed)) await copyWhole(filling, seed, goCache);
    else if ((await run(OUTSIDE, ["go", "build", ...PACKAGES], FILL_MS)).exitCode === 0)
      await keepSeed(filling, seed);
  });
};

const MARKS = ["go.mod", "go.work"];

/** What most tests are built from; all of the standard library takes three times as long and is seldom used. */
const PACKAGES = [
  "testing",
  "testing/internal/testdeps",
  "net/http/httptest",
  "encoding/json",
  "text/template",
  "os/exec",
];

/** Belongs to no module, so that no go.mod of anybody's is asked. */
const OUTSIDE = "/";

/** It takes half a minute on two slow cores. */
const FILL_MS = 600_000;

/** Rooms that open at the same moment need the same seed: the first makes it. */
const turns = new Map<string, Promise<void>>();

const inTurn = (key: string, work: () => Promise<void>): Promise<void> => {
  const turn = (turns.get(key) ?? Promise.resolve()).catch(() => undefined).then(work);
  const ended = turn.finally(() => {
    if (turns.get(key) === ended) turns.delete(key);
  });
  turns.set(key, ended);
  return ended;
};

/** Half a copy never gets the name. */
const copyWhole = async ({ run }: GoCacheFilling, source: string, target: string): Promise<void> => {
  const draft = `${target}.${randomUUID()}`;
  const { exitCode } = await run(OUTSIDE, copyCommand(source, draft), FILL_MS);
  if (exitCode === 0) await rename(draft, target).catch(() => undefined);
  await removeFolder(draft);
};

/** The seed of another Go, and the draft of a worker that crashed, are of no use any more. */
const keepSeed = async (filling: GoCacheFilling, seed: string): Promise<void> => {
  const { cacheFolder, goCache } = filling;
  await mkdir(cacheFolder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(cacheFolder))
    if (name.startsWith("go-") && name !== basename(seed)) await removeFolder(join(cacheFolder, name));
  await copyWhole(filling, goCache, seed);
};
