import type { Caller, Command } from "../core/commands.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import * as limit from "../core/limits.js";
import { hostRunOf, runStatusesFor } from "../core/mirror.js";
import type { Redactor } from "../core/redact.js";
import type { HostChange, HostRun } from "../core/reported.js";
import type { Run } from "../core/run.js";
import type { Ledger } from "../ledger/ledger.js";
import { isRunId, newRunId } from "../ledger/run-id.js";
import type { MirrorRow, Store } from "../stores/store.js";
import type { HostQuery } from "./projection.js";

/** A host's runs as the ledger has them, under the host's names. */
export type Mirrors = ReturnType<typeof openMirrors>;

/** A run, and whether anything was new. */
type Told = { readonly run: Run; readonly changed: boolean };

/** A run that the host's table could not take over. */
export type Degraded = {
  /** The host's id of the run. */
  readonly id: string;
  /** ISO 8601, UTC: when the table first failed with it, and has not had it whole since. */
  readonly since: string;
  /** What the table said last. */
  readonly error: string;
};

/** Rows read at once; each leads to one run. */
const PAGE = 200;

export const openMirrors = (ledger: Ledger, host: Caller, projection: string) => {
  const { store, redactor } = ledger;
  const find = (id: string): Promise<MirrorRow | undefined> => store.mirrorOf({ projection, hostId: id });
  const say = async (runId: string, command: Command): Promise<Told> => {
    const { run, events } = await ledger.submit(runId, command, host);
    return { run, changed: events.length > 0 };
  };

  /** The host's own id is the run's, where that is possible: then everybody has one name for it. */
  const freeRunId = async (id: string): Promise<string> => {
    if (!isRunId(id)) return newRunId();
    const taken = (await store.runRow(id)) ?? (await store.removalOf(id));
    return taken === undefined ? id : newRunId();
  };

  const make = async (record: HostRun, existing: "update" | "refuse"): Promise<Told> => {
    const { id: hostId, createdAt } = record;
    const command = { type: "mirror_run", projection, record, existing } as const;
    const runId = (await find(hostId))?.runId;
    if (runId !== undefined) return say(runId, command);
    try {
      const mirror = { projection, hostId, createdAt };
      const { run } = await ledger.submit(await freeRunId(hostId), command, host, { mirror });
      return { run, changed: true };
    } catch (error) {
      // Another process of the host was faster by a moment.
      const made = isLedgerError(error, "run_exists") ? (await find(hostId))?.runId : undefined;
      if (made === undefined) throw error;
      return say(made, command);
    }
  };

  const read = async (id: string): Promise<HostRun | undefined> => {
    const row = await find(id);
    return row && hostRunOf(await ledger.load(row.runId));
  };

  /** All of them, the newest first, read page by page; a run that is in none of the statuses is not loaded. */
  async function* rows(query: Pick<HostQuery, "statuses" | "after"> = {}): AsyncGenerator<MirrorRow> {
    const { statuses } = query;
    const filter = statuses === undefined ? {} : { statuses: runStatusesFor(statuses) };
    for (let after = query.after === undefined ? undefined : await requireRow(query.after); ; ) {
      const from = after === undefined ? {} : { after };
      const page = await store.listMirrors({ projection, limit: PAGE, ...filter, ...from });
      yield* page;
      after = page.at(-1);
      if (page.length < PAGE) return;
    }
  }

  const requireRow = async (id: string): Promise<MirrorRow> => {
    const row = await find(id);
    if (row !== undefined) return row;
    throw new LedgerError(
      "run_not_found",
      `The ledger has no run ${JSON.stringify(id)} of "${projection}".`,
      {
        hint: "Take in what the host had before: `runledger rollout replay`.",
      },
    );
  };

  /**
   * `error` is why the host's table is behind; null when it holds all of this run that it should. Answers with the run as of now when it
   * has gone on since: then the table may have been given an older record after a newer one, and must be given this one.
   */
  const mark = async (run: Run, error: unknown): Promise<Run | undefined> => {
    const row = await store.mirrorOf({ runId: run.runId });
    if (error === null && row !== undefined && row.lastSeq > run.seq) return ledger.load(run.runId);
    const state = error === null ? "synced" : "degraded";
    const why = error === null ? null : textOf(error, redactor);
    // A table that goes on failing, in other words, has been behind since the first of them.
    const at = error !== null && row?.state === "degraded" ? row.at : ledger.now();
    const syncedSeq = error === null ? run.seq : (row?.syncedSeq ?? 0);
    if (row?.state !== state || row.syncedSeq !== syncedSeq || row.error !== why)
      await store.markSync(run.runId, { state, syncedSeq, error: why, at });
    if ((run.degraded !== null) === (error !== null)) return undefined;
    const told = await say(run.runId, { type: "sync_projection", state, error: why ?? "" });
    if (error !== null) return undefined;
    if (told.run.seq > run.seq + 1) return told.run;
    // The word that all is well is itself something that came after.
    await store.markSync(run.runId, { state, syncedSeq: told.run.seq, error: null, at });
    return undefined;
  };

  return {
    projection,
    find,
    make,
    read,
    rows,
    mark,
    /** What the ledger would keep of a host's record: a secret in it is no difference. */
    asKept: (record: HostRun): HostRun => redactor.deep(record),
    load: (runId: string) => ledger.load(runId),
    now: () => ledger.now(),
    report: (runId: string, change: HostChange) => say(runId, { type: "report_change", change }),
    degraded: (most: number) => degradedOf(store, projection, most),
    count: () => store.countMirrors(projection),
    explanationOf: (digest: string) => store.explanationOf(digest),
  };
};

/** The newest runs first. */
const degradedOf = async (store: Store, projection: string, most: number): Promise<readonly Degraded[]> => {
  const rows = await store.listMirrors({ projection, state: "degraded", limit: most });
  return rows.map(({ hostId, at, error }) => ({ id: hostId, since: at, error: error ?? "" }));
};

/** What went wrong in a table of the host, short enough to be kept. */
const textOf = (error: unknown, { text }: Redactor): string =>
  text(error instanceof Error ? error.message : String(error)).slice(0, limit.REASON_CHARS);
