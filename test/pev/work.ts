import { join } from "node:path";
import type { Redactor } from "../../src/core/redact.js";
import { captureTree } from "../../src/pev/capture.js";
import { captureBase } from "../../src/pev/checkout.js";
import { type Cone, coneOf } from "../../src/pev/cone.js";
import { type Git, openPrivateStore } from "../../src/pev/git.js";
import { changedFiles } from "../../src/pev/objects.js";
import { createWorkspace } from "../../src/pev/workspace.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { tempFolder, userRepository } from "../helpers/repositories.js";

/** A workspace as an agent finds it. */
export type Work = {
  readonly store: Git;
  readonly projectDir: string;
  readonly folder: string;
  readonly base: string;
  readonly cone: Cone;
  readonly redactor: Redactor;
};

type WorkOptions = { readonly sparse?: readonly string[]; readonly redactor?: Redactor };

export const startWork = (
  files: Readonly<Record<string, string>> = { "a.txt": "one\n" },
  options: WorkOptions = {},
): Promise<Work> => workOn(userRepository(files), options);

/** The same, of a repository that the test has made. */
export const workOn = async (
  projectDir: string,
  { sparse = [], redactor = NO_SECRETS }: WorkOptions = {},
): Promise<Work> => {
  const store = await openPrivateStore(join(tempFolder(), "store.git"));
  const options = { allowDirty: [], includeUncommitted: false, redactor };
  const { commit } = await captureBase({ store, projectDir, runId: "run", ...options });
  const [folder, cone] = [join(tempFolder(), "work"), coneOf(sparse)];
  await createWorkspace({ store, folder, commit, cone });
  return { store, projectDir, folder, base: commit, cone, redactor };
};

/** What is proposed of it. */
export const capture = async ({ base, ...work }: Work, ...alsoPaths: string[]) => {
  const { store } = work;
  const { tree, files } = await captureTree({ ...work, baseCommit: base, alsoPaths, leftOut: [] });
  const changes = await changedFiles({ store, from: base, to: tree });
  return { tree, files, changes: changes.map(({ path, change }) => `${change} ${path}`) };
};
