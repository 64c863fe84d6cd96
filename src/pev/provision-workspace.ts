import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";
import type { Run, Step } from "../core/run.js";
import type { Project } from "./project.js";
import { cacheFor, PROVISION_HINT, PROVISION_MS, provision } from "./provision.js";
import { roomEnvironment } from "./room-environment.js";
import { runProcess } from "./sandbox.js";
import { exactPatterns, findIncluded, type Inclusion } from "./worktree-include.js";

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
  if (setup.length === 0 && share.length === 0 && nothing) return;
  await noteIncluded(placeFolder, tree, included);
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

/** Beside the agent's folder, for the capture. */
const NOTE = "included.json";

/**
 * Local settings often hold secrets, so no proposal brings them back, whatever the tree's .gitignore says of them by then.
 * The agent's own git is told as well, or it would offer them for each commit.
 */
const noteIncluded = async (placeFolder: string, tree: string, { files }: Inclusion): Promise<void> => {
  if (files.length === 0) return;
  const paths = files.map(({ path }) => path);
  await writeFile(join(placeFolder, NOTE), JSON.stringify(paths), { mode: 0o600 });
  await appendFile(join(tree, ".git", "info", "exclude"), exactPatterns(paths));
};

/** Paths of the files that were copied into a workspace from the checkout's own. */
export const includedIn = async (placeFolder: string): Promise<readonly string[]> => {
  const text = await readFile(join(placeFolder, NOTE), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return "[]";
  });
  try {
    const paths: unknown = JSON.parse(text);
    if (Array.isArray(paths)) return paths.map(String);
  } catch {
    // Told below.
  }
  throw new LedgerError("workspace_unfit", `Somebody wrote to ${join(placeFolder, NOTE)}.`, {
    hint: "Start the step again with a fresh workspace.",
  });
};
