import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openStore } from "../../src/stores/open.js";
import { rootKeys } from "../../src/stores/root-key.js";
import { type Opened, openedOn } from "./ledgers.js";

export type Sealing = {
  readonly isOn?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
};

/** A ledger in a folder whose new runs are sealed; its root key is the file beside it when nothing else is said. */
export const openedSealed = async (folder: string, sealing: Sealing = {}): Promise<Opened> => {
  const store = await openStore(folder, sealingOf(folder, sealing));
  onTestFinished(() => store.close());
  return openedOn(store);
};

export const sealingOf = (folder: string, { isOn = true, env = {}, command = [] }: Sealing = {}) => ({
  isOn,
  roots: rootKeys({ file: join(folder, "ledger.key"), env, command, folder }),
});
