import { resolve } from "node:path";
import { RECEIPT_TYPE, type Statement } from "./core/receipts/verify.js";
import type { OpenOptions } from "./open.js";
import { receiptFiles } from "./receipting.js";
import { sealing } from "./sealing.js";
import { dataFolder, findProject } from "./settings/project.js";
import { lookAtStore } from "./stores/open.js";
import type { PublishedKey, Store } from "./stores/store.js";

type Where = Pick<OpenOptions, "projectDir" | "env">;

/** The keys that the receipts of a project's ledger are checked with; makes nothing, undefined when there is no ledger. */
export const signingKeysAt = (options: Where = {}): Promise<readonly PublishedKey[] | undefined> =>
  atLedger(options, (store, dataDir) => receiptFiles(store, dataDir).keys.published());

/** What a statement names and was looked for: found, not found, or nobody here can tell. */
export type LookedUp = {
  readonly what: "commit" | "tree" | "journal";
  readonly id: string;
  readonly found: boolean | null;
};

/** Whether a repository has the commits and trees that a verified statement names. Throws `file_not_found`, `not_a_repository`. */
export const lookUpObjects = async (
  { subject }: Pick<Statement, "subject">,
  repo: string,
): Promise<readonly LookedUp[]> => {
  const objects = subject.flatMap(({ digest }) => [
    ...(digest.gitCommit === undefined ? [] : [{ kind: "commit", id: digest.gitCommit } as const]),
    ...(digest.gitTree === undefined ? [] : [{ kind: "tree", id: digest.gitTree } as const]),
  ]);
  const { objectsMissing } = await import("./pev/named-objects.js");
  const missing = new Set((await objectsMissing(repo, objects)).map(({ id }) => id));
  return objects.map(({ kind, id }) => ({ what: kind, id, found: !missing.has(id) }));
};

/** Whether the journal of a project's ledger says what a verified statement is about; makes nothing. */
export const lookUpJournal = async (
  statement: Statement,
  options: Where = {},
): Promise<readonly LookedUp[]> => {
  if (statement.predicateType !== RECEIPT_TYPE) return [];
  const { run, journal } = statement.predicate;
  const found = await atLedger(options, async (store) => {
    if (store.ledgerId !== journal.origin) return null;
    const [row] = await store.read(run.id, journal.last - 1, 1);
    return row === undefined ? null : row.hash === journal.root;
  });
  return [{ what: "journal", id: journal.root, found: found ?? null }];
};

const atLedger = async <T>(
  { projectDir = ".", env = process.env }: Where,
  look: (store: Store, dataDir: string) => Promise<T>,
): Promise<T | undefined> => {
  const project = await findProject(resolve(projectDir));
  const dataDir = await dataFolder(project, env);
  const store = await lookAtStore(
    dataDir,
    sealing({ env, projectDir: project, dataDir, settings: undefined }),
  );
  if (store === undefined) return undefined;
  try {
    return await look(store, dataDir);
  } finally {
    await store.close();
  }
};
