import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";
import type { Run, Step } from "../core/run.js";
import type { Project } from "./project.js";
import { cacheFor, PROVISION_HINT, PROVISION_MS, provision } from "./provision.js";
import { roomEnvironment } from "./room-environment.js";
import { runProcess } from "./sandbox.js";
import { exactPatterns, findIncluded } from "./worktree-include.js";

/**
 * An agent needs the same dependencies as its judge; without them it would only find out that they are missing. Aborted, it
 * throws the signal's reason: a set-up that nobody waited for has not failed.
 */
export const provisionWorkspace = async (
  project: Project,
  run: Run,
  step: Step,
  placeFolder: string,
  tree: string,
  commit: string,
  signal: AbortSignal,
): Promise<void> => {
  const {
    setup,
    share,
    store,
    folder: projectDir,
    ownFiles,
    places,
    passEnv,
    environment,
    isolation,
    walls,
    redactor,
  } = project;
  const included = await findIncluded({ projectDir, ownFiles });
  const nothing = included.problem === null && included.files.length === 0;
  await noteLaid(placeFolder, tree, {
    included: included.files.map(({ path }) => path),
    sparse: project.cone.folders,
  });
  if (setup.length === 0 && share.length === 0 && nothing) return;
  const scratch = join(placeFolder, "setup");
  for (const part of ["home", "tmp"]) await mkdir(join(scratch, part), { recursive: true });
  const env = roomEnvironment({ outer: environment, scratch, passEnv, online: isolation.online });
  const place = { places, folder: placeFolder, runId: run.runId, stepId: step.spec.id };
  const confinement = await isolation.confine({ environment: env, folders: [tree, scratch], reads: [] });
  const call = { cwd: tree, env, place, walls, signal, redactor };
  const records = await provision({
    tree,
    projectDir,
    included,
    setup,
    cache:
      store && (await cacheFor({ ...project, store, tree, included, commit, userBase: run.base, signal })),
    share,
    whenPresent: "keep",
    timeoutMs: PROVISION_MS,
    run: (argv, timeoutMs) => runProcess({ ...call, argv, timeoutMs }),
    runHeld: (argv, timeoutMs) => runProcess({ ...call, argv, timeoutMs, confinement }),
  });
  signal.throwIfAborted();
  const failed = records.find(({ outcome }) => outcome === "failed");
  if (failed !== undefined)
    throw new LedgerError("provision_failed", failed.what, {
      hint: PROVISION_HINT,
    });
};

/** What a capture must know of how the tree was laid out, which may not be what the settings say by then. */
export type LaidNote = {
  /** Paths of the user's local settings. */
  readonly included: readonly string[];
  /** Folders, when not all of the commit is there. */
  readonly sparse: readonly string[];
};

/** Beside the agent's folder. */
const NOTE = "laid.json";

/**
 * Local settings often hold secrets, so no proposal brings them back, whatever the tree's .gitignore says of them by then.
 * The agent's own git is told as well, or it would offer them for each commit.
 */
const noteLaid = async (placeFolder: string, tree: string, note: LaidNote): Promise<void> => {
  await writeFile(join(placeFolder, NOTE), JSON.stringify(note), { mode: 0o600 });
  if (note.included.length > 0)
    await appendFile(join(tree, ".git", "info", "exclude"), exactPatterns(note.included));
};

export const laidIn = async (placeFolder: string): Promise<LaidNote> => {
  const text = await readFile(join(placeFolder, NOTE), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return '{ "included": [], "sparse": [] }';
  });
  try {
    const { included, sparse } = JSON.parse(text) as Record<string, unknown>;
    if (Array.isArray(included) && Array.isArray(sparse))
      return { included: included.map(String), sparse: sparse.map(String) };
  } catch {
    // Told below.
  }
  throw new LedgerError("workspace_unfit", `Somebody wrote to ${join(placeFolder, NOTE)}.`, {
    hint: "Start the step again with a fresh workspace.",
  });
};
