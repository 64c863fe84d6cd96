import { join } from "node:path";
import type { Settings } from "./settings/schema.js";
import { rootKeys } from "./stores/root-key.js";
import type { SealOptions } from "./stores/sqlite-seals.js";

type Where = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly projectDir: string;
  readonly dataDir: string;
  /** Undefined for a look that starts no program: the key is in the environment or in its file, or it is not here. */
  readonly settings: Pick<Settings, "durable"> | undefined;
};

/** Of a ledger's folder; what its tokens are made from lies there too, until a run is sealed. */
export const rootKeyFile = (dataDir: string): string => join(dataDir, "ledger.key");

/** Whether runs are sealed here, and where the root key is. */
export const sealing = ({ env, projectDir, dataDir, settings }: Where): SealOptions => ({
  isOn: settings?.durable.encryption ?? false,
  roots: rootKeys({
    file: rootKeyFile(dataDir),
    env,
    command: settings?.durable.keyCommand ?? [],
    folder: projectDir,
  }),
});
