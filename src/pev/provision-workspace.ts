import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";
import type { Run, Step } from "../core/run.js";
import type { Project } from "./project.js";
import { PROVISION_MS, provision } from "./provision.js";
import { roomEnvironment } from "./room-environment.js";
import { runProcess } from "./sandbox.js";

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
  signal: AbortSignal,
): Promise<void> => {
  const { setup, share, folder: projectDir, places, passEnv, environment, isolation } = project;
  if (setup.length === 0 && share.length === 0) return;
  const scratch = join(placeFolder, "setup");
  for (const part of ["home", "tmp"]) await mkdir(join(scratch, part), { recursive: true });
  const env = roomEnvironment({ outer: environment, scratch, passEnv });
  const place = { places, folder: placeFolder, runId: run.runId, stepId: step.spec.id };
  const confinement = await isolation.confine({ environment: env, folders: [placeFolder], reads: [] });
  const records = await provision({
    tree,
    projectDir,
    setup,
    share,
    whenPresent: "keep",
    timeoutMs: PROVISION_MS,
    run: (argv, timeoutMs) => runProcess({ argv, cwd: tree, env, timeoutMs, place, signal }),
    runHeld: (argv, timeoutMs) => runProcess({ argv, cwd: tree, env, timeoutMs, place, signal, confinement }),
  });
  signal.throwIfAborted();
  const failed = records.find(({ outcome }) => outcome === "failed");
  if (failed !== undefined)
    throw new LedgerError("provision_failed", failed.what, {
      hint: "Mend workspace.setup or workspace.share in runledger.yaml.",
    });
};
