import { realpath } from "node:fs/promises";
import { isWithin } from "../../core/within.js";
import type { Mount } from "./bubblewrap.js";
import { layered } from "./layers.js";
import { systemMounts } from "./system-mounts.js";
import { programMounts, toolMounts } from "./tool-mounts.js";

export type View = {
  /** Of the process: its PATH and its pointers to tools say what it needs. */
  readonly environment: Readonly<Record<string, string>>;
  /** Files that are started, with what lies around them where programs are installed. */
  readonly programs: readonly string[];
  /** All it can write to. Absolute and resolved, as are the others. */
  readonly folders: readonly string[];
  /** Read-only, wherever they lie. */
  readonly reads: readonly string[];
  /** What the settings name: read-only. */
  readonly visible: readonly string[];
  readonly secrets: Secrets;
};

/** Folders that nothing shows by accident. */
export type Secrets = {
  readonly home: string;
  readonly checkout: string;
  /** The journal, and the parents of all rooms and workspaces: not even the settings can show them. */
  readonly kept: readonly string[];
};

// What a process finds in its file system: this list and nothing else. Of two that lie in each other the inner one holds.
export const viewMounts = async (view: View): Promise<readonly Mount[]> => {
  const { environment, programs, folders, reads, visible, secrets } = view;
  const { home, checkout, kept } = secrets;
  const named = (await existing(visible)).filter((path) => !kept.some((one) => isWithin(path, one)));
  const concealed = [home, checkout].filter((path) => !named.includes(path));
  const tools = [...(await toolMounts(environment)), ...(await programMounts(programs))].filter(({ path }) =>
    isHarmless(path, secrets),
  );
  return layered([
    ...(await systemMounts()),
    ...SCRATCH.map((path): Mount => ({ kind: "scratch", path })),
    ...tools,
    ...named.map((path): Mount => ({ kind: "read", path })),
    ...[...concealed, ...kept].map((path): Mount => ({ kind: "hidden folder", path })),
    ...reads.map((path): Mount => ({ kind: "read", path })),
    ...folders.map((path): Mount => ({ kind: "write", path })),
  ]);
};

/** Programs expect these; what they leave there goes with the last process. */
const SCRATCH = ["/tmp", "/var/tmp"];

/** Whoever has `~` or `~/work` on his PATH has not thereby shown it. */
const isHarmless = (path: string, { home, checkout, kept }: Secrets): boolean =>
  ![home, checkout, ...kept].some((secret) => isWithin(secret, path)) &&
  ![checkout, ...kept].some((secret) => secret !== home && isWithin(path, secret));

const existing = async (paths: readonly string[]): Promise<readonly string[]> =>
  (await Promise.all(paths.map((path) => realpath(path).catch(() => undefined)))).filter(
    (path) => path !== undefined,
  );
