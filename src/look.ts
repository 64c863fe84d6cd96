import { join, resolve } from "node:path";
import { type Glance, glanceInto } from "./ledger/glance.js";
import { findRun } from "./ledger/look-up.js";
import type { Verification } from "./ledger/verify/verify.js";
import type { OpenOptions } from "./open.js";
import { dataFolder, findProject } from "./settings/project.js";
import { CHECKPOINTS_FOLDER, fileCheckpoints } from "./stores/checkpoints.js";
import { auditStore, lookAtStore } from "./stores/open.js";
import { KEY_FILE, readSecretKey } from "./stores/secret-key.js";

/** The ledger of a project to look into in passing: makes nothing, changes nothing; undefined when there is none. */
export const glanceAt = async (
  options: Pick<OpenOptions, "projectDir" | "env"> = {},
): Promise<Glance | undefined> => {
  const projectDir = await findProject(resolve(options.projectDir ?? "."));
  const store = await lookAtStore(await dataFolder(projectDir, options.env ?? process.env));
  return store === undefined ? undefined : glanceInto(store);
};

/** Checks the ledger of a project, or one run of it, against all that it says of itself. Changes nothing, refuses nothing. */
export const verifyAt = async (
  options: Pick<OpenOptions, "projectDir" | "env"> & { readonly run?: string; readonly signal?: AbortSignal },
): Promise<Verification> => {
  const projectDir = await findProject(resolve(options.projectDir ?? "."));
  const dataDir = await dataFolder(projectDir, options.env ?? process.env);
  const audit = await auditStore(dataDir);
  try {
    const { run, signal = new AbortController().signal } = options;
    const { store } = audit;
    const runId = run === undefined ? {} : { runId: await findRun({ store, list: store.list }, run) };
    return await (await import("./ledger/verify/verify.js")).verifyLedger(audit, {
      ...runId,
      signal,
      sources: {
        file: fileCheckpoints(join(dataDir, CHECKPOINTS_FOLDER)),
        key: () => readSecretKey(join(dataDir, KEY_FILE)),
      },
    });
  } finally {
    await audit.close();
  }
};
