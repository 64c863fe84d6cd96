import { LedgerError } from "../core/errors.js";
import { hostRunOf } from "../core/mirror.js";
import type { HostChange, HostRun } from "../core/reported.js";
import type { Run } from "../core/run.js";
import { newRunId } from "../ledger/run-id.js";
import type { Mirrors } from "./mirrors.js";
import { type NewHostRun, newRecord, type Projection } from "./projection.js";
import type { Stage } from "./stage.js";
import { turns } from "./turns.js";

/** Of a write that counts: whether the host's table has it too. */
export type Written = {
  /** Why the table has not: the run is valid in the ledger, and replay brings it there. Null when it has. */
  readonly degraded: unknown;
};

export type Trouble = {
  readonly side: "ledger" | "projection";
  /** The host's id of the run. */
  readonly id: string;
  readonly error: unknown;
};

export type Sides = {
  readonly projection: Projection;
  readonly mirrors: Mirrors;
  readonly trouble: (trouble: Trouble) => void;
};

/** How a stage writes. */
export type Writes = {
  create(run: NewHostRun): Promise<Written & { readonly run: HostRun }>;
  update(id: string, change: HostChange): Promise<Written>;
};

// One straight line for each stage: what is written first decides, what is written second can only be behind.
export const writesOf: { readonly [S in Stage]: (sides: Sides) => Writes } = {
  off: ({ projection }) => hostOnly(projection),
  shadow: (sides) => shadow(sides),
  write_through: (sides) => ledgerFirst(sides, true),
  authoritative_read: (sides) => ledgerFirst(sides, true),
  projection_retired: (sides) => ledgerFirst(sides, false),
};

const ALL_IS_THERE: Written = { degraded: null };

const hostOnly = (projection: Projection): Writes => ({
  create: async (run) => ({ run: await projection.create(run), ...ALL_IS_THERE }),
  update: async (id, change) => {
    await projection.update(id, change);
    return ALL_IS_THERE;
  },
});

/** The host as before; what the ledger makes of it is the ledger's trouble alone. */
const shadow = ({ projection, mirrors, trouble }: Sides): Writes => {
  const host = hostOnly(projection);
  const turn = turns();
  const alongside = (id: string, record: () => Promise<Run | undefined>): Promise<void> =>
    turn(id, async () => {
      try {
        const run = await record();
        if (run !== undefined) await mirrors.mark(run, null);
      } catch (error) {
        trouble({ side: "ledger", id, error });
      }
    });
  const whole = async (id: string): Promise<Run | undefined> => {
    const record = await projection.read(id);
    return record && (await mirrors.make(record, "update")).run;
  };
  return {
    create: async (given) => {
      const written = await host.create(given);
      const { run } = written;
      await alongside(run.id, async () => (await mirrors.make(run, "update")).run);
      return written;
    },
    update: async (id, change) => {
      const written = await host.update(id, change);
      // The record, not the change: what the ledger has missed before comes with it, and in the host's order.
      await alongside(id, () => whole(id));
      return written;
    },
  };
};

/** The ledger first; the host's table, as long as there is one, becomes what the ledger then says. */
const ledgerFirst = ({ projection, mirrors, trouble }: Sides, projected: boolean): Writes => {
  const turn = turns();
  const project = async (run: Run): Promise<Written> => {
    if (!projected) return ALL_IS_THERE;
    const record = requireRecord(run);
    const degraded = await failureOf(() => projection.save(record));
    if (degraded !== null) trouble({ side: "projection", id: record.id, error: degraded });
    // What counts is written; where the table stands is found out again by any replay.
    const newer = await mirrors.mark(run, degraded).catch((error: unknown) => {
      trouble({ side: "ledger", id: record.id, error });
      return undefined;
    });
    return newer === undefined ? { degraded } : project(newer);
  };
  /** A run that the host had before the ledger did is taken in with the first word about it. */
  const runIdOf = async (id: string): Promise<string | undefined> => {
    const row = await mirrors.find(id);
    if (row !== undefined) return row.runId;
    const record = projected ? await projection.read(id) : undefined;
    return record && (await mirrors.make(record, "update")).run.runId;
  };
  return {
    create: (given) => {
      const record = newRecord(given, { id: newRunId(), at: mirrors.now() });
      return turn(record.id, async () => {
        // Under an id of its own the host may have a run that the ledger never saw: a table that cannot say so is a reason to
        // make none, or this one would be written over it. Nobody but us has an id that we make.
        if (given.id !== undefined) await runIdOf(record.id);
        const { run } = await mirrors.make(record, "refuse");
        return { run: requireRecord(run), ...(await project(run)) };
      });
    },
    update: (id, change) =>
      turn(id, async () => {
        const runId = await runIdOf(id);
        if (runId === undefined) throw unknownRun(id);
        const { run } = await mirrors.report(runId, change);
        return project(run);
      }),
  };
};

/** Null when it did not fail. */
const failureOf = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    await work();
    return null;
  } catch (error) {
    return error ?? new Error("It failed without a word.");
  }
};

const unknownRun = (id: string): LedgerError =>
  new LedgerError("run_not_found", `There is no run ${JSON.stringify(id)}.`);

const requireRecord = (run: Run): HostRun => {
  const record = hostRunOf(run);
  if (record === undefined) throw new Error(`run "${run.runId}" was made without a host`);
  return record;
};
