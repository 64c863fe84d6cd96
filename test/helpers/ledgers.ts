import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Caller } from "../../src/core/commands.js";
import type { Rules } from "../../src/core/decide/guards.js";
import type { Redactor } from "../../src/core/redact.js";
import { createCredentials } from "../../src/ledger/credentials.js";
import { type Ledger, openLedger, type Submitted } from "../../src/ledger/ledger.js";
import { openStore } from "../../src/stores/open.js";
import type { Store } from "../../src/stores/store.js";
import { type Said, usualCaller } from "./cast.js";
import { AT, rules } from "./given.js";
import { NO_SECRETS } from "./no-secrets.js";

/** A real ledger on a real store, and callers that it issued. */
export type Opened = {
  readonly ledger: Ledger;
  readonly store: Store;
  readonly engine: Caller;
  /** The rollout's credential. */
  readonly host: Caller;
  /** Said by whoever usually says it, with a credential of this ledger. */
  tell(runId: string, said: Said, by?: Caller): Promise<Submitted>;
};

export const openedIn = async (
  place: string,
  over: Partial<Rules> = {},
  redactor?: Redactor,
): Promise<Opened> => {
  const store = await openStore(place);
  onTestFinished(() => store.close());
  return openedOn(store, over, redactor);
};

/** Another ledger on a store: nothing in memory, credentials of its own. */
export const openedOn = (
  store: Store,
  over: Partial<Rules> = {},
  redactor: Redactor = NO_SECRETS,
  now: () => string = () => AT,
): Opened => {
  const { credentials, engine, host } = createCredentials();
  const ledger = openLedger({
    store,
    rules: { ...rules, ...over },
    credentials,
    redactor,
    now,
  });
  const ownOf = ({ role }: Caller) => (role === "engine" ? engine : role === "host" ? host : undefined);
  return {
    ledger,
    store,
    engine,
    host,
    tell: async (runId, said, by) => {
      const run = (await store.runRow(runId)) && (await ledger.load(runId));
      const command = typeof said === "function" ? said(run ?? (await ledger.load(runId))) : said;
      const caller = by ?? usualCaller(command, run);
      return ledger.submit(runId, command, ownOf(caller) ?? ledger.issue(caller));
    },
  };
};

/** A folder that is gone after the test. */
export const temporaryFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "runledger-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
};
