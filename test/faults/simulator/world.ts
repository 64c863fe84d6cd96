import { LedgerError } from "../../../src/core/errors.js";
import type { AppendBatch, EventRow, Lease, Store } from "../../../src/stores/store.js";

/** What a simulated world remembers that no journal tells, for the checker alone. */
export type Seen = {
  /** Epoch of whoever wrote an event, by its position. */
  readonly epochs: Map<number, number | undefined>;
  /** In the order in which leases were given. */
  readonly claims: { readonly runId: string; readonly epoch: number }[];
  readonly acknowledged: Pick<EventRow, "runId" | "seq" | "hash">[];
  /** Notes that somebody asked for, and whether he was ever told that they are kept. */
  readonly notes: Map<string, boolean>;
  /** How often each effect was done, by run, step and attempt. */
  readonly calls: Map<string, number>;
};

/** What may go wrong: shares of the calls or of the turns at which it does. */
export type Weather = {
  readonly refused: number;
  readonly unanswered: number;
  readonly crash: number;
  readonly jump: number;
};

/** One thing that is broken on purpose. */
export type Plant = {
  readonly append?: (
    batch: AppendBatch,
    next: (batch: AppendBatch) => Promise<readonly EventRow[]>,
  ) => Promise<readonly EventRow[]>;
  readonly takesWritesOfFormerHolders?: boolean;
  readonly givesEpochsAgain?: boolean;
  readonly actsBeforeItsIntent?: boolean;
  readonly forgetsItsLease?: boolean;
};

export type World = {
  readonly seen: Seen;
  readonly plant: Plant;
  readonly weather: Weather;
  readonly draw: () => number;
  /** Of ledgers; may go back. */
  nowMs: number;
  /** Of the store. */
  leaseMs: number;
  /** Waits until it is this actor's turn, for ever when it dies meanwhile. */
  readonly turn: (actor: number) => Promise<void>;
};

/**
 * A store as one actor reaches it: the real one in memory, behind a virtual clock for leases, which can refuse an append, and keep
 * one without ever answering. Before each call others get their turn, and between
 * what is kept and its answer.
 */
export const storeOf = (inner: Store, leases: Leases, world: World, actor: number): Store => {
  const { seen, plant, weather, draw, turn } = world;
  const between = async <T>(work: () => Promise<T>): Promise<T> => {
    await turn(actor);
    return work();
  };
  const kept = async (batch: AppendBatch): Promise<readonly EventRow[]> => {
    const { epoch, ...rest } = batch;
    if (epoch !== undefined && plant.takesWritesOfFormerHolders !== true) leases.require(batch.runId, epoch);
    const rows = await (plant.append?.(rest, (one) => inner.append(one)) ?? inner.append(rest));
    for (const { position } of rows) seen.epochs.set(position, epoch);
    return rows;
  };
  return {
    ...inner,
    append: (batch) =>
      between(async () => {
        if (draw() < weather.refused) throw unavailable();
        const rows = await kept(batch);
        await turn(actor);
        if (draw() < weather.unanswered) throw unavailable();
        return rows;
      }),
    read: (...asked) => between(() => inner.read(...asked)),
    runRow: (runId) => between(() => inner.runRow(runId)),
    findKey: (...asked) => between(() => inner.findKey(...asked)),
    claim: ({ runId, owner, ttlMs }) => between(async () => leases.claim(runId, owner, ttlMs)),
    release: (lease) => between(async () => leases.release(lease)),
    leaseOf: (runId) => between(async () => leases.of(runId)),
  };
};

const unavailable = (): LedgerError => new LedgerError("store_unavailable", "The weather is bad.");

export type Leases = ReturnType<typeof virtualLeases>;

/** As the store's own, by a clock that is not the machine's. */
export const virtualLeases = (world: World) => {
  const held = new Map<string, Lease>();
  const live = ({ expiresAt }: Lease): boolean => expiresAt > world.leaseMs;
  return {
    of: (runId: string) => {
      const lease = held.get(runId);
      return lease === undefined || lease.owner === "" ? undefined : { ...lease, live: live(lease) };
    },
    claim: (runId: string, owner: string, ttlMs: number): Lease | undefined => {
      const former = held.get(runId);
      if (former !== undefined && live(former)) return undefined;
      const epoch = (former?.epoch ?? 0) + (world.plant.givesEpochsAgain === true ? 0 : 1);
      const lease = { runId, owner, epoch, expiresAt: world.leaseMs + ttlMs };
      held.set(runId, lease);
      world.seen.claims.push({ runId, epoch });
      return lease;
    },
    release: ({ runId, epoch }: Lease): void => {
      const now = held.get(runId);
      if (now?.epoch === epoch) held.set(runId, { ...now, owner: "", expiresAt: 0 });
    },
    require: (runId: string, epoch: number): void => {
      const now = held.get(runId);
      if (now?.epoch === epoch && now.owner !== "") return;
      throw new LedgerError(
        "lease_lost",
        `Epoch ${epoch} of the lease on "${runId}" is not the current one.`,
      );
    },
  };
};
