import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { LedgerError } from "../../core/errors.js";
import { type HostRule, readHostRule } from "../../core/hosts.js";
import type { IsolationLevel } from "../../core/verdict.js";
import { openPrivateRoot } from "../private-folder.js";
import { type Walls, wallsLack } from "../walls/walls.js";
import type { Bubblewrap, Mount } from "./bubblewrap.js";
import { probeIsolation } from "./probe.js";
import { type Secrets, type View, viewMounts } from "./view.js";

type IsolationSettings = {
  /** What every verdict must be made at. */
  readonly minimum: IsolationLevel;
  readonly maximum: IsolationLevel;
  /** Folders and files that rooms may read besides what tools need. Absolute. */
  readonly visible: readonly string[];
  /** Hosts that rooms may reach, as rules; see core/hosts.ts. */
  readonly network: readonly string[];
};

/** How one process is held, beyond what holds for every process of ours. */
export type Confinement = { readonly sandbox: Sandbox | null };

export type Sandbox = {
  readonly bubblewrap: Bubblewrap;
  readonly mounts: readonly Mount[];
  /** All that it reaches of any network. */
  readonly network: readonly HostRule[];
};

/** What one process needs to see: see View. */
export type Sight = Pick<View, "environment" | "folders" | "reads"> & Partial<Pick<View, "programs">>;

/** How safe rooms are here. */
export interface Isolation {
  /**
   * The best that the machine offers and the settings allow; 0 where agents and judges share the user's folder. Throws
   * `isolation_unmet` below the minimum of the settings.
   */
  level(isolated: boolean): Promise<IsolationLevel>;
  /** How processes of a room are held at the level of rooms; throws as `level` does. */
  confine(sight: Sight): Promise<Confinement>;
  /** Whether rooms reach any host. */
  readonly online: boolean;
  /**
   * The same in a sandbox, whatever the level of rooms is; `network` are the rules of hosts it reaches. Throws
   * `isolation_unmet` where none can be made.
   */
  sandbox(sight: Sight, network: readonly string[]): Promise<Confinement>;
  /** What the machine lacks for a sandbox. */
  lacksSandbox(): Promise<Lack | null>;
  /** What the machine lacks for a higher level; null where it is the settings that ask for no more. */
  lacks(): Promise<Lack | null>;
}

type Lack = { readonly because: string; readonly fix: string };

/** In the user's own folder nothing is held. */
export const unheld: Pick<Isolation, "confine" | "online"> = {
  online: false,
  confine: async () => ({ sandbox: null }),
};

export type IsolationOptions = IsolationSettings & {
  /** The orchestrator's own. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly checkout: string;
  readonly dataDir: string;
  readonly workspaceRoot: string;
  readonly walls: Pick<Walls, "gap">;
};

/** Walls that the kernel keeps, and sandboxes. */
const [WALLED, SANDBOXED] = [2, 3] as const;

export const createIsolation = (options: IsolationOptions): Isolation => {
  const { minimum, maximum, environment, visible, walls, network } = options;
  const probe = () => probeIsolation(environment.PATH ?? "");
  const lacksSandbox = async (): Promise<Lack | null> => {
    const found = await probe();
    return found.bubblewrap === null ? found : null;
  };
  const lacksRoomSandbox = async (): Promise<Lack | null> => (maximum < SANDBOXED ? null : lacksSandbox());
  const lacks: Isolation["lacks"] = async () => (maximum === WALLED ? wallsLack(walls) : lacksRoomSandbox());
  const sandbox: Isolation["sandbox"] = async (sight, hosts) => {
    const found = await probe();
    if (found.bubblewrap === null)
      throw new LedgerError("isolation_unmet", `No sandbox can be made here. ${found.because}`, {
        hint: found.fix,
      });
    const view = { programs: [], ...sight, visible, secrets: await secretsOf(options) };
    const rules = hosts.map(readHostRule).filter((rule) => rule !== undefined);
    return {
      sandbox: { bubblewrap: found.bubblewrap, mounts: await viewMounts(view), network: rules },
    };
  };
  const best = async (): Promise<IsolationLevel> => {
    if (maximum >= SANDBOXED && (await lacksSandbox()) === null) return SANDBOXED;
    return maximum >= WALLED && (await walls.gap()) === null ? WALLED : 1;
  };
  const level: Isolation["level"] = async (isolated) => {
    const found = isolated ? await best() : 0;
    const helps = isolated && minimum <= maximum;
    if (found < minimum) throw unmet(found, minimum, helps ? await lacks() : null);
    // Without a sandbox nothing would keep anybody from all the other hosts.
    if (network.length > 0 && found < SANDBOXED)
      throw unkept(found, isolated ? await lacksRoomSandbox() : null);
    return found;
  };
  return {
    level,
    lacks,
    online: network.length > 0,
    lacksSandbox,
    sandbox,
    confine: async (sight) =>
      (await level(true)) === SANDBOXED ? sandbox(sight, network) : { sandbox: null },
  };
};

const secretsOf = async (options: IsolationOptions): Promise<Secrets> => {
  const { environment, checkout, dataDir, workspaceRoot } = options;
  const kept = [dataDir, workspaceRoot, await openPrivateRoot()];
  return {
    home: await resolved(environment.HOME ?? homedir()),
    checkout: await resolved(checkout),
    kept: await Promise.all(kept.map(resolved)),
  };
};

const resolved = (path: string): Promise<string> => realpath(path).catch(() => path);

const unmet = (found: IsolationLevel, minimum: IsolationLevel, lack: Lack | null): LedgerError => {
  const why = lack === null ? "" : ` ${lack.because}`;
  return new LedgerError(
    "isolation_unmet",
    `Rooms reach isolation level ${found} here, and isolation.minimum asks for ${minimum}.${why}`,
    { hint: lack?.fix ?? hintFor(found) },
  );
};

const unkept = (found: IsolationLevel, lack: Lack | null): LedgerError => {
  const why = lack === null ? "" : ` ${lack.because}`;
  return new LedgerError(
    "isolation_unmet",
    `Rooms reach isolation level ${found} here, and isolation.network can only be kept at level ${SANDBOXED}.${why}`,
    { hint: lack?.fix ?? "Raise isolation.maximum to 3, or leave isolation.network out." },
  );
};

const hintFor = (found: IsolationLevel): string =>
  found === 0
    ? "Set runLedger.workspaceIsolation: true, or lower isolation.minimum."
    : "Raise isolation.maximum, or lower isolation.minimum; `runledger doctor` says what this machine reaches.";
