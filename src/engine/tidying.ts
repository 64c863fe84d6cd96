import type { Retention } from "../ledger/housekeeping.js";
import { readSetAside } from "../ledger/quarantine.js";
import type { Pev } from "../pev/engine.js";
import { once } from "../pev/once.js";
import type { WorkerOptions } from "./backends/local.js";
import type { createKeeping, Keeping } from "./keeping.js";
import type { Pruning } from "./pruning.js";

type Parts = Omit<Parameters<typeof createKeeping>[0], "retention">;

/** What the settings say of how long runs stay. */
type Limits = {
  /** 0: all of them. */
  readonly runLedger: { readonly maxRunHistory: number };
  readonly retention: Omit<Retention, "keep"> & { readonly everyMs: number };
};

export type Tidying = {
  readonly keeping: Keeping;
  /** Before the first run is driven here: what a crash left goes, what could not be read is tried again. */
  readonly reclaimOnce: () => Promise<void>;
  /**
   * Behind it, since nobody who takes a run over should wait for it: what ended unsigned is signed for, old runs go. Whoever is told to
   * stop leaves both for another time.
   */
  readonly tidyOnce: WorkerOptions["tidyOnce"];
  readonly ofWorkers: Pick<WorkerOptions, "reclaim" | "tidyOnce" | "tidy" | "tidyEveryMs">;
};

export const openTidying = (parts: Parts, pev: Pev, { runLedger, retention }: Limits): Tidying => {
  const { everyMs, ...limits } = retention;
  // Zero in the settings: all stay. Only who says it to `prune` keeps none.
  const keeping = onDemand({ ...parts, retention: { ...limits, keep: runLedger.maxRunHistory || null } });
  const reclaimOnce = once(async () => {
    await pev.reclaim();
    await readSetAside(parts.ledger);
  });
  const tidied = once(async () => {
    await signQuietly(parts.receipts);
    // Who waits for a run does not wait for the whole journal to be read.
    await pruneQuietly(keeping, { leaveBlobs: true });
  });
  const tidyOnce = async ({ aborted }: AbortSignal): Promise<void> => (aborted ? undefined : tidied());
  const tidy = (signal: AbortSignal) => pruneQuietly(keeping, { signal });
  return {
    keeping,
    reclaimOnce,
    tidyOnce,
    ofWorkers: { reclaim: reclaimOnce, tidyOnce, tidy, tidyEveryMs: everyMs },
  };
};

/** A full disk for archives is no reason not to work. */
const pruneQuietly = (keeping: Keeping, pruning: Pruning): Promise<void> =>
  keeping.prune(pruning).then(
    () => undefined,
    (error: unknown) => process.emitWarning(`Old runs could not be archived: ${String(error)}`),
  );

/** Nor is a receipt that cannot be made now: whoever asks for it is told why. */
const signQuietly = ({ signLeft }: Parts["receipts"]): Promise<void> =>
  signLeft().catch((error: unknown) =>
    process.emitWarning(`Runs that ended could not be signed for: ${String(error)}`),
  );

/** Loaded when it is needed: reading a journal must not wait for it. */
const onDemand = (options: Parameters<typeof createKeeping>[0]): Keeping => {
  const load = async () => (await import("./keeping.js")).createKeeping(options);
  return {
    fork: async (...given) => (await load()).fork(...given),
    exportRun: async function* (runId) {
      yield* (await load()).exportRun(runId);
    },
    draft: async (...given) => (await load()).draft(...given),
    importRun: async (...given) => (await load()).importRun(...given),
    prune: async (...given) => (await load()).prune(...given),
    erase: async (...given) => (await load()).erase(...given),
    relatives: async (...given) => (await load()).relatives(...given),
    keys: async () => (await load()).keys(),
    rotateKeys: async (...given) => (await load()).rotateKeys(...given),
    collectGarbage: async (...given) => (await load()).collectGarbage(...given),
  };
};
