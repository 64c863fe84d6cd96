import { onTestFinished } from "vitest";
import { LedgerError } from "../../src/core/errors.js";
import type { Redactor } from "../../src/core/redact.js";
import type { HostChange, HostRun } from "../../src/core/reported.js";
import { changedRecord, type HostQuery, newRecord, type Projection } from "../../src/rollout/projection.js";
import { createRollout, type Rollout, type RolloutOptions } from "../../src/rollout/rollout.js";
import { type RolloutSettings, type Stage, stages } from "../../src/rollout/stage.js";
import type { Trouble } from "../../src/rollout/writes.js";
import { openStore } from "../../src/stores/open.js";
import type { Store } from "../../src/stores/store.js";
import { type Opened, openedOn } from "../helpers/ledgers.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";

/** The settings of a stage, as somebody who went there step by step has them. */
export const settingsOf = (stage: Stage): RolloutSettings => {
  const reached = (one: Stage): boolean => stages.indexOf(one) <= stages.indexOf(stage);
  return {
    enabled: stage !== "off",
    shadow: stage !== "off",
    writeThrough: reached("write_through"),
    authoritativeRead: reached("authoritative_read"),
    projectionRetired: reached("projection_retired"),
  };
};

/** A host's table in memory: as plain as a host can be, and its records may be looked at and changed behind its back. */
export type Table = Projection & {
  readonly records: Map<string, HostRun>;
  /** Every call that reached it, in order. */
  readonly calls: string[];
};

export const memoryTable = (records = new Map<string, HostRun>()): Table => {
  const calls: string[] = [];
  const requireRun = (id: string): HostRun => {
    const run = records.get(id);
    if (run === undefined) throw new Error(`no such run: ${id}`);
    return run;
  };
  return {
    name: "board",
    records,
    calls,
    create: async (run) => {
      calls.push("create");
      const made = {
        id: `h${records.size + 1}`,
        at: new Date(Date.UTC(2026, 0, 1) + records.size).toISOString(),
      };
      const record = newRecord(run, made);
      if (records.has(record.id)) throw new Error(`there already: ${record.id}`);
      records.set(record.id, structuredClone(record));
      return structuredClone(record);
    },
    update: async (id: string, change: HostChange) => {
      calls.push("update");
      const changed = changedRecord(requireRun(id), change);
      if (changed === undefined) throw new Error(`no such step of ${id}`);
      records.set(id, structuredClone(changed));
    },
    save: async (run) => {
      calls.push("save");
      records.set(run.id, structuredClone(run));
    },
    read: async (id) => {
      calls.push("read");
      return structuredClone(records.get(id));
    },
    list: async (query) => {
      calls.push("list");
      return structuredClone(listed([...records.values()], query));
    },
  };
};

/** What a list of a host is, said as plainly as possible. */
export const listed = (
  runs: readonly HostRun[],
  { statuses, limit, after }: HostQuery,
): readonly HostRun[] => {
  const order = (a: HostRun, b: HostRun): number => (keyOf(a) < keyOf(b) ? 1 : -1);
  const sorted = [...runs].sort(order);
  const last = sorted.findIndex(({ id }) => id === after);
  return sorted
    .slice(last + 1)
    .filter(({ status }) => statuses === undefined || statuses.includes(status))
    .slice(0, limit);
};

const keyOf = ({ createdAt, id }: HostRun): string => `${createdAt} ${id}`;

/** Something that can be made to fail, or to never answer once it has (or has not) done its work. */
export type Faults = { kind: "none" | "fails" | "hangs before" | "hangs after"; reached(): void };
export const noFaults = (): Faults => ({ kind: "none", reached: () => undefined });

/** Calls that are answered at once, without the store. */
const AT_HAND: ReadonlySet<string> = new Set(["check", "now"]);

/** The same object, each call of which first asks whether it still works. */
export const faulty = <T extends object>(target: T, faults: Faults, failure: () => Error): T =>
  new Proxy(target, {
    get: (object, name) => {
      const member: unknown = Reflect.get(object, name);
      if (typeof member !== "function") return member;
      return (...given: unknown[]) => {
        const call = (): unknown => member.apply(object, given);
        if (faults.kind === "none" || !WRITES.has(String(name))) {
          if (faults.kind === "fails" && !AT_HAND.has(String(name))) return Promise.reject(failure());
          return call();
        }
        if (faults.kind === "fails") return Promise.reject(failure());
        const done = faults.kind === "hangs after" ? Promise.resolve(call()) : Promise.resolve();
        return done.then(() => {
          faults.reached();
          return new Promise(() => undefined);
        });
      };
    },
  });

const WRITES = new Set(["submit", "create", "update", "save"]);

export const tableLocked = (): Error => new Error("the host's table is locked");
export const ledgerDown = (): Error => new LedgerError("store_unavailable", "The store is closed.");

/** A host with its table and a ledger, to be opened at any stage as often as one likes. */
export type World = {
  /** The host's table, when no other was given. */
  readonly table: Table;
  readonly opened: Opened;
  readonly store: Store;
  readonly ledgerFaults: Faults;
  readonly tableFaults: Faults;
  readonly troubles: Trouble[];
  /** Another process of the host, so to say: nothing in memory. */
  at(stage: Stage, over?: Partial<RolloutOptions>): Rollout;
};

export const newWorld = async (given?: Projection, redactor: Redactor = NO_SECRETS): Promise<World> => {
  const store = await openStore(":memory:");
  onTestFinished(() => store.close());
  const table = memoryTable();
  const opened = openedOn(store, {}, redactor);
  const ledgerFaults = noFaults();
  const tableFaults = noFaults();
  const troubles: Trouble[] = [];
  return {
    table,
    opened,
    store,
    ledgerFaults,
    tableFaults,
    troubles,
    at: (stage, over = {}) => {
      const { ledger, host } = openedOn(store, {}, redactor);
      const fragileStore = faulty(store, ledgerFaults, ledgerDown);
      const fragile = faulty({ ...ledger, store: fragileStore }, ledgerFaults, ledgerDown);
      return createRollout({
        ledger: { ledger: fragile, host },
        projection: faulty(given ?? table, tableFaults, tableLocked),
        settings: settingsOf(stage),
        onTrouble: (trouble) => troubles.push(trouble),
        ...over,
      });
    },
  };
};
