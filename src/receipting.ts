import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ErrorCode, isLedgerError } from "./core/errors.js";
import type { StoredEvent } from "./core/events.js";
import { isTerminal } from "./core/run.js";
import type { Ledger } from "./ledger/ledger.js";
import type { KeptReceipts, Receipts } from "./ledger/receipts.js";
import { packageVersion } from "./stores/package-folder.js";
import { fileReceipts, RECEIPTS_FOLDER } from "./stores/receipts.js";
import { fileSigningKeys } from "./stores/signing-keys.js";
import type { ReceiptStore, SigningKeys, Store } from "./stores/store.js";

/** Where the receipts of a ledger lie, and what they are signed with. */
export const receiptFiles = (
  store: Pick<Store, "seals" | "ledgerId" | "appended">,
  dataDir: string,
): { readonly kept: ReceiptStore; readonly keys: SigningKeys } => {
  const folder = join(dataDir, RECEIPTS_FOLDER);
  return {
    kept: fileReceipts(folder, store.seals),
    keys: fileSigningKeys(join(folder, "keys"), store),
  };
};

export type Receipting = {
  readonly faces: Receipts;
  readonly kept: KeptReceipts;
  readonly keys: SigningKeys;
  /** Once all runs that ended here are signed for. */
  readonly settled: () => Promise<void>;
};

/**
 * Whoever ends a run here, an agent's verdict, a person or a host: it is signed right after, one at a time, and nobody waits for
 * that but the end of this process.
 */
export const openReceipting = (parts: {
  readonly ledger: Ledger;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Receipting => {
  const { ledger, dataDir, env } = parts;
  const { kept, keys } = receiptFiles(ledger.store, dataDir);
  const faces = onDemand(async () => {
    const { createReceipts } = await import("./ledger/receipts.js");
    return createReceipts({ ledger, kept, keys, versions: versionsIn(env) });
  });
  let queue = Promise.resolve();
  const signLater = (runId: string): void => {
    queue = queue.then(() => sign(faces, runId));
  };
  ledger.observe((events, run) => {
    if (isTerminal(run) && events.some(isEnd)) signLater(run.runId);
  });
  return {
    faces,
    keys,
    settled: () => queue,
    kept: {
      nameOf: async (runId) => {
        const { readReceipt } = await import("./ledger/receipts.js");
        const found = await readReceipt(kept, runId);
        return found === undefined ? null : { keyId: found.keyId, digest: found.digest };
      },
      signerOf: async (runId) => {
        const { signerIn } = await import("./ledger/receipts.js");
        return signerIn(kept, runId, ledger.store.ledgerId);
      },
      ensure: async (runId) => {
        if ((await ledger.store.originOf(runId)) === undefined) await faces.receipt(runId);
      },
      forget: (runId) => kept.remove(runId),
      version: ownVersion(),
      toBring: async (runId) => {
        const { receiptToBring } = await import("./ledger/bundled-receipt.js");
        try {
          return await receiptToBring(faces, ledger, { runId, version: ownVersion() });
        } catch (error) {
          if (isLedgerError(error) && UNSAID.includes(error.code)) return undefined;
          const why = error instanceof Error ? error.message : String(error);
          process.emitWarning(`Run ${runId} goes without its receipt: ${why}`);
          return undefined;
        }
      },
      takeIn: async (brought, from) => {
        const { takeInReceipt } = await import("./ledger/bundled-receipt.js");
        return takeInReceipt({ ledgerId: ledger.store.ledgerId, kept, keys }, brought, from);
      },
      signLeft: async () => {
        const signed = new Set(await kept.names());
        const rows = await ledger.list({ limit: NEWEST });
        for (const { runId, status, seal } of rows)
          if ((status === "completed" || status === "failed") && seal !== "erased" && !signed.has(runId))
            signLater(runId);
      },
    },
  };
};

/** There is none to bring, or the bundle itself is refused with this: then there is nothing to warn of. */
const UNSAID: readonly ErrorCode[] = [
  "receipt_elsewhere",
  "run_not_finished",
  "run_erased",
  "key_unavailable",
];

/** A crash between the end of a run and its signature is seldom, and any other run is signed for when somebody asks. */
const NEWEST = 100;

const isEnd = ({ type }: StoredEvent): boolean =>
  type === "run_completed" || type === "run_failed" || type === "run_reported";

/** What cannot be signed now, on a full disk or without the root key, is tried again when somebody asks for it, who is told why. */
const sign = (faces: Receipts, runId: string): Promise<void> =>
  faces.receipt(runId).then(
    () => undefined,
    () => undefined,
  );

/** Told by every receipt; a package that is installed anew meanwhile is that of the next process. */
export const ownVersion = (): string => {
  version ??= packageVersion("runledger", fileURLToPath(import.meta.url));
  return version;
};
let version: string | undefined;

const versionsIn =
  (env: Readonly<Record<string, string | undefined>>) =>
  async (used: { readonly git: boolean; readonly sandbox: boolean }) => ({
    runledger: ownVersion(),
    node: process.versions.node,
    git: used.git ? await (await import("./pev/git.js")).gitVersion() : null,
    sandbox: used.sandbox
      ? await (await import("./pev/isolation/probe.js")).sandboxVersion(env.PATH ?? "")
      : null,
  });

/** Loaded when it is needed: reading a journal must not wait for it. */
const onDemand = (open: () => Promise<Receipts>): Receipts => {
  let made: Promise<Receipts> | undefined;
  const load = () => {
    made ??= open();
    return made;
  };
  return {
    receipt: async (runId) => (await load()).receipt(runId),
    signingKeys: async () => (await load()).signingKeys(),
    rotateSigningKey: async (caller, rotating) => (await load()).rotateSigningKey(caller, rotating),
  };
};
