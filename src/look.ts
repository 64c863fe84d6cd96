import { join, resolve } from "node:path";
import { type Glance, glanceInto } from "./ledger/glance.js";
import { findRun } from "./ledger/look-up.js";
import type { Verification } from "./ledger/verify/verify.js";
import type { OpenOptions } from "./open.js";
import { ownVersion, receiptFiles } from "./receipting.js";
import { rootKeyFile, sealing } from "./sealing.js";
import { loadSettings } from "./settings/load.js";
import { dataFolder, findProject } from "./settings/project.js";
import { ARCHIVE_FOLDER, readArchive } from "./stores/archive.js";
import { CHECKPOINTS_FOLDER, encryptedCheckpoints, fileCheckpoints } from "./stores/checkpoints.js";
import type { FileVersion } from "./stores/file-version.js";
import { auditStore, lookAtStore, versionOfStore } from "./stores/open.js";

/** The ledger of a project to look into in passing: makes nothing, changes nothing; undefined when there is none. */
export const glanceAt = async (
  options: Pick<OpenOptions, "projectDir" | "env"> = {},
): Promise<Glance | undefined> => {
  const projectDir = await findProject(resolve(options.projectDir ?? "."));
  const { env = process.env } = options;
  const dataDir = await dataFolder(projectDir, env);
  const store = await lookAtStore(dataDir, sealing({ env, projectDir, dataDir, settings: undefined }));
  return store === undefined ? undefined : glanceInto(store);
};

/** Tells whether the ledger of a project was changed since it was asked last; makes nothing. Throws where there is none. */
export const ledgerVersionAt = async ({
  projectDir = ".",
  env = process.env,
}: Pick<OpenOptions, "projectDir" | "env"> = {}): Promise<FileVersion> => {
  const dataDir = await dataFolder(await findProject(resolve(projectDir)), env);
  return versionOfStore(dataDir, rootKeyFile(dataDir));
};

/** Checks the ledger of a project, or one run of it, against all that it says of itself. Changes nothing, refuses nothing. */
export const verifyAt = async (
  options: Pick<OpenOptions, "projectDir" | "env"> & { readonly run?: string; readonly signal?: AbortSignal },
): Promise<Verification> => {
  const projectDir = await findProject(resolve(options.projectDir ?? "."));
  const { env = process.env } = options;
  const dataDir = await dataFolder(projectDir, env);
  // Whatever is wrong with the settings, the ledger can be checked.
  const settings = await loadSettings(projectDir, env).then(
    (loaded) => loaded.settings,
    () => undefined,
  );
  const audit = await auditStore(dataDir, sealing({ env, projectDir, dataDir, settings }));
  try {
    const { run, signal = new AbortController().signal } = options;
    const { store } = audit;
    const runId = run === undefined ? {} : { runId: await findRun({ store, list: store.list }, run) };
    return await (await import("./ledger/verify/verify.js")).verifyLedger(audit, {
      ...runId,
      signal,
      sources: {
        file: encryptedCheckpoints(fileCheckpoints(join(dataDir, CHECKPOINTS_FOLDER)), store.seals),
        key: async () => store.seals.tokenKeyIfAny(),
        receipts: { ...receiptFiles(store, dataDir), version: ownVersion() },
        archived: (archive) => readArchive(join(dataDir, ARCHIVE_FOLDER), archive),
      },
    });
  } finally {
    await audit.close();
  }
};
