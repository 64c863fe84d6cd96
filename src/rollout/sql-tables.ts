import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type Database from "better-sqlite3";
import { LedgerError } from "../core/errors.js";
import type { HostRun, HostStep } from "../core/reported.js";
import { loadDriver, openFile } from "../stores/sqlite-driver.js";
import { noRecord, pageOf, recordAfter, recordExists, recordNow } from "./host-record.js";
import type { HostQuery, Projection } from "./projection.js";
import { untilFree } from "./until-free.js";

export interface SqlTables extends Projection {
  close(): void;
}

/** Raised when the tables below change their shape. */
const TABLES_VERSION = 1;

/**
 * The tables `workflow_runs` and `workflow_steps` in a SQLite file of the host's, beside whatever else is in it. Reading
 * makes neither file nor tables. Throws LedgerError: `run_exists`, `run_not_found`, `step_not_found`, and
 * `store_unavailable` when the file cannot be used or stays locked.
 */
export const openSqlTables = async ({
  file,
  name = "workflow_tables",
}: {
  readonly file: string;
  /** As the ledger knows it. */
  readonly name?: string;
}): Promise<SqlTables> => {
  const driver = await loadDriver();
  let opened: Tables | undefined;
  const connected = (): Tables => {
    opened ??= tablesIn(openFile(driver, file, { timeout: 0 }), file);
    return opened;
  };
  const reading = <T>(none: () => T, work: (tables: Tables) => T): Promise<T> =>
    untilFree(`The workflow tables in ${file}`, () => {
      if (opened === undefined && !existsSync(file)) return none();
      const tables = connected();
      return tables.areThere() ? tables.atOnce("deferred", () => work(tables)) : none();
    });
  const writing = async (work: (tables: Tables) => void): Promise<void> => {
    if (opened === undefined) await makeFolder(file);
    await untilFree(`The workflow tables in ${file}`, () => {
      const tables = connected();
      tables.atOnce("immediate", () => {
        tables.make();
        work(tables);
      });
    });
  };
  return {
    name,
    create: async (run) => {
      const record = recordNow(run);
      await writing((tables) => {
        if (tables.read(record.id) !== undefined) throw recordExists(record.id, file);
        tables.put(record);
      });
      return record;
    },
    update: (id, change) =>
      writing((tables) => {
        const record = tables.read(id);
        if (record === undefined) throw noRecord(id, file);
        tables.put(recordAfter(record, change));
      }),
    save: (run) =>
      writing((tables) => {
        if (!isDeepStrictEqual(tables.read(run.id), run)) tables.put(run);
      }),
    read: (id) =>
      reading<HostRun | undefined>(
        () => undefined,
        (tables) => tables.read(id),
      ),
    list: (query) =>
      reading(
        () => pageOf([], query, file),
        (tables) => tables.list(query),
      ),
    close: () => void opened?.close(),
  };
};

const makeFolder = (file: string): Promise<unknown> =>
  mkdir(dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw new LedgerError("store_unavailable", `The folder of ${file} cannot be made.`, {
      hint: "Check rollout.tables, and who may write there.",
      cause,
    });
  });

type Tables = {
  areThere(): boolean;
  /** The whole work or nothing of it. */
  atOnce<T>(mode: "deferred" | "immediate", work: () => T): T;
  make(): void;
  read(id: string): HostRun | undefined;
  put(run: HostRun): void;
  list(query: HostQuery): readonly HostRun[];
  close(): void;
};

const tablesIn = (db: Database.Database, file: string): Tables => {
  const version = () => db.prepare("SELECT value FROM workflow_meta WHERE key = 'version'").pluck().get();
  const hasMeta = (): boolean =>
    db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'workflow_meta'").get() !==
    undefined;
  const areThere = (): boolean => {
    if (!hasMeta()) return false;
    const found = Number(version());
    if (found === TABLES_VERSION) return true;
    throw new LedgerError(
      "store_version",
      `The workflow tables in ${file} have version ${found}; this program knows ${TABLES_VERSION}.`,
      { hint: "Update runledger." },
    );
  };
  const stepsOf = (id: string): HostStep[] =>
    (db.prepare(SELECT_STEPS).all(id) as StepRow[]).map(({ depends_on, step_id, ...step }) => ({
      stepId: step_id,
      dependsOn: JSON.parse(depends_on) as string[],
      ...step,
    }));
  const recordOf = ({ session_key, created_at, descriptor, ...run }: RunRow): HostRun => ({
    ...run,
    sessionKey: session_key,
    createdAt: created_at,
    descriptor: JSON.parse(descriptor) as HostRun["descriptor"],
    steps: stepsOf(run.id),
  });
  const read = (id: string): HostRun | undefined => {
    const row = db.prepare(`${SELECT_RUN} WHERE id = ?`).get(id) as RunRow | undefined;
    return row && recordOf(row);
  };
  return {
    areThere,
    atOnce: (mode, work) => db.transaction(work)[mode](),
    make: () => {
      if (areThere()) return;
      db.exec(MAKE);
      db.prepare("INSERT INTO workflow_meta (key, value) VALUES ('version', ?)").run(String(TABLES_VERSION));
    },
    read,
    put: (run) => {
      db.prepare(PUT_RUN).run({ ...run, descriptor: JSON.stringify(run.descriptor) });
      const put = db.prepare(PUT_STEP);
      for (const [ordinal, step] of run.steps.entries())
        put.run({ ...step, runId: run.id, ordinal, dependsOn: JSON.stringify(step.dependsOn) });
      const kept = JSON.stringify(run.steps.map(({ stepId }) => stepId));
      db.prepare(DELETE_STEPS).run(run.id, kept);
    },
    list: ({ statuses, limit, after }) => {
      if (after !== undefined && read(after) === undefined) throw noRecord(after, file);
      return (
        db.prepare(LIST).all({
          statuses: statuses === undefined ? null : JSON.stringify(statuses),
          limit,
          after: after ?? null,
        }) as RunRow[]
      ).map(recordOf);
    },
    close: () => void db.close(),
  };
};

type RunRow = Omit<HostRun, "sessionKey" | "createdAt" | "descriptor" | "steps"> & {
  readonly session_key: string;
  readonly created_at: string;
  readonly descriptor: string;
};
type StepRow = Omit<HostStep, "stepId" | "dependsOn"> & {
  readonly step_id: string;
  readonly depends_on: string;
};

/** `descriptor` and `depends_on` are JSON; `ordinal` is the order in which steps were added. */
const MAKE = `
CREATE TABLE workflow_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE workflow_runs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('workflow', 'background')),
  session_key TEXT NOT NULL,
  name TEXT NOT NULL,
  request TEXT NOT NULL,
  descriptor TEXT NOT NULL,
  created_at TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled')),
  result TEXT NOT NULL,
  error TEXT NOT NULL
);
CREATE INDEX workflow_runs_newest ON workflow_runs (created_at DESC, id DESC);
CREATE TABLE workflow_steps (
  run_id TEXT NOT NULL REFERENCES workflow_runs (id) ON DELETE CASCADE,
  step_id TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  goal TEXT NOT NULL,
  agent TEXT NOT NULL,
  depends_on TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'skipped', 'cancelled')),
  result TEXT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (run_id, step_id)
);`;

const SELECT_RUN =
  "SELECT id, kind, session_key, name, request, descriptor, created_at, status, result, error FROM workflow_runs";
const SELECT_STEPS =
  "SELECT step_id, goal, agent, depends_on, status, result, error FROM workflow_steps WHERE run_id = ? ORDER BY ordinal";
const PUT_RUN = `
INSERT INTO workflow_runs (id, kind, session_key, name, request, descriptor, created_at, status, result, error)
VALUES (@id, @kind, @sessionKey, @name, @request, @descriptor, @createdAt, @status, @result, @error)
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, session_key = excluded.session_key, name = excluded.name,
  request = excluded.request, descriptor = excluded.descriptor, created_at = excluded.created_at,
  status = excluded.status, result = excluded.result, error = excluded.error`;
const PUT_STEP = `
INSERT INTO workflow_steps (run_id, step_id, ordinal, goal, agent, depends_on, status, result, error)
VALUES (@runId, @stepId, @ordinal, @goal, @agent, @dependsOn, @status, @result, @error)
ON CONFLICT (run_id, step_id) DO UPDATE SET ordinal = excluded.ordinal, goal = excluded.goal, agent = excluded.agent,
  depends_on = excluded.depends_on, status = excluded.status, result = excluded.result, error = excluded.error`;
const DELETE_STEPS =
  "DELETE FROM workflow_steps WHERE run_id = ? AND step_id NOT IN (SELECT value FROM json_each(?))";
/** The order of the whole list decides where "after" is, not the filtered one. */
const LIST = `${SELECT_RUN}
WHERE (@statuses IS NULL OR status IN (SELECT value FROM json_each(@statuses)))
  AND (@after IS NULL OR (created_at, id) < (SELECT created_at, id FROM workflow_runs WHERE id = @after))
ORDER BY created_at DESC, id DESC LIMIT @limit`;
