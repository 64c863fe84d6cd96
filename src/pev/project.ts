import type { Redactor } from "../core/redact.js";
import type { BaseCache } from "./clean-room.js";
import type { Cone } from "./cone.js";
import type { Disposal } from "./disposal.js";
import type { Git } from "./git.js";
import type { Isolation } from "./isolation/isolation.js";
import type { Places } from "./places.js";
import type { RoomsAhead } from "./rooms-ahead.js";
import type { Walls } from "./walls/walls.js";

/** The user's project as the PEV engine needs it: folders, judges' surroundings, and nothing of the settings file. */
export type Project = {
  /** The user's checkout; written only by an explicit apply. */
  readonly folder: string;
  /** Files of the checkout that are about RunLedger, not about the project: settings, data, agents' programs. Absolute. */
  readonly ownFiles: readonly string[];
  /** The ledger's private store of git objects; null without workspace isolation. */
  readonly store: Git | null;
  readonly places: Places;
  /** Around everything that agents and judges start. */
  readonly walls: Walls;
  readonly disposal: Disposal;
  /** Null where nothing is unpacked. */
  readonly roomsAhead: RoomsAhead | null;
  /** How safe rooms are. */
  readonly isolation: Isolation;
  /** Where agents' workspaces are made. */
  readonly workspaceRoot: string;
  /** Where seeds of build caches and copies of what set-up made are kept; see go-cache.ts and setup-cache.ts. */
  readonly cacheFolder: string;
  /** Commands that make a fresh tree usable, as argv. */
  readonly setup: readonly (readonly string[])[];
  /** Paths copied from the user's checkout into rooms and workspaces. */
  readonly share: readonly string[];
  /** What of a tree workspaces and rooms get. */
  readonly cone: Cone;
  /** Paths that set-up makes, kept for trees that would be set up alike. */
  readonly cache: readonly string[];
  /** Names of environment variables that validators may see besides the fixed ones. */
  readonly passEnv: readonly string[];
  /** Globs of the settings that nobody may change. */
  readonly protect: readonly string[];
  readonly baseCache: BaseCache;
  readonly validatorTimeoutMs: number;
  /** The orchestrator's own environment; rooms get an allow-list of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Takes secrets out of what programs print and knows which files hold one. */
  readonly redactor: Redactor;
  /** Answers with the hash; what belongs to a sealed run is sealed. */
  putBlob(bytes: Uint8Array, runId: string): Promise<string>;
};
