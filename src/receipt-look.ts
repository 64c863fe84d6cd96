import { resolve } from "node:path";
import { canonicalJson } from "./core/canonical.js";
import {
  RECEIPT_TYPE,
  type ReceiptStatement,
  type Statement,
  type TestResultStatement,
} from "./core/receipts/verify.js";
import type { OpenOptions } from "./open.js";
import { receiptFiles } from "./receipting.js";
import { sealing } from "./sealing.js";
import { dataFolder, findProject } from "./settings/project.js";
import { lookAtStore } from "./stores/open.js";
import type { PublishedKey, ReceiptStore, Store } from "./stores/store.js";

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

/**
 * Whether a project's ledger says what a verified statement says: the receipt that it keeps of the run, or where it keeps none, the
 * event that ended it. So a stolen key that was retired since signs nothing that is taken here, whatever it says of its time. Makes nothing.
 */
export const lookUpJournal = async (
  statement: Statement,
  options: Where = {},
): Promise<readonly LookedUp[]> => {
  const found = await atLedger(options, async (store, dataDir) => {
    const { kept } = receiptFiles(store, dataDir);
    return statement.predicateType === RECEIPT_TYPE
      ? isReceiptOf(store, kept, statement)
      : isResultIn(kept, statement);
  });
  const root = statement.predicateType === RECEIPT_TYPE ? statement.predicate.journal.root : undefined;
  return [{ what: "journal", id: root ?? statement.subject[0]?.digest.sha256 ?? "", found: found ?? null }];
};

const isReceiptOf = async (
  store: Store,
  kept: ReceiptStore,
  statement: ReceiptStatement,
): Promise<boolean | null> => {
  const { run, journal } = statement.predicate;
  if (store.ledgerId !== journal.origin) return null;
  const [row] = await store.read(run.id, journal.last - 1, 1);
  if (row !== undefined && row.hash !== journal.root) return false;
  const [own] = (await statementsKept(kept, run.id)) ?? [];
  if (own !== undefined && !saysSame(own, statement)) return false;
  if (row === undefined) return null;
  if (own !== undefined) return true;
  return row.at === run.endedAt && (journal.position ?? row.position) === row.position;
};

const isResultIn = async (kept: ReceiptStore, statement: TestResultStatement): Promise<boolean | null> => {
  const { runId = "" } = statement.predicate.configuration[0]?.annotations ?? {};
  const [, ...own] = (await statementsKept(kept, runId)) ?? [];
  return own.length === 0 ? null : own.some((one) => saysSame(one, statement));
};

/** That of the run, and those of its test results. Undefined where none is kept, or nobody can read it here: an erased run, a damaged file. */
const statementsKept = async (
  kept: ReceiptStore,
  runId: string,
): Promise<readonly Statement[] | undefined> => {
  const { readReceipt } = await import("./ledger/receipts.js");
  try {
    const receipt = await readReceipt(kept, runId);
    return (
      receipt &&
      [receipt.envelope, ...receipt.testResults].map(({ payload }) =>
        JSON.parse(Buffer.from(payload, "base64").toString("utf8")),
      )
    );
  } catch {
    return undefined;
  }
};

/** Where a receipt's file was lost it is signed anew, perhaps with a later Node or git. */
const saysSame = (own: Statement, other: Statement): boolean =>
  canonicalJson(withoutVersions(own)) === canonicalJson(withoutVersions(other));

const withoutVersions = (statement: Statement): object => ({
  ...statement,
  predicate: { ...statement.predicate, versions: null },
});

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
