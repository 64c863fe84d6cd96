import { createRedactor } from "../core/redact.js";
import type { Run } from "../core/run.js";
import type { RunRow, Store } from "../stores/store.js";
import { createCredentials } from "./credentials.js";
import { openLedger } from "./ledger.js";
import { findRun } from "./look-up.js";

/** A ledger that is only looked at: nothing can be submitted to it. */
export interface Glance {
  /** Newest first. */
  list(limit: number): Promise<readonly RunRow[]>;
  /** By `last`, an id, or the unique end of one. Throws `run_not_found`. */
  load(name: string): Promise<Run>;
  close(): void;
}

/** The store may be one that refuses to write. */
export const glanceInto = (store: Store): Glance => {
  const { credentials } = createCredentials();
  const ledger = openLedger({
    store,
    credentials,
    redactor: createRedactor([]),
    now: () => "",
    rules: { staleTtlMs: 0, onUnmetCriteria: "fail", changeValidator: "human", agents: null },
  });
  return {
    list: (limit) => ledger.list({ limit }),
    load: async (name) => ledger.load(await findRun(ledger, name)),
    close: () => void store.close(),
  };
};
