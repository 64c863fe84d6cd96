import { exactSize } from "./size.js";

/** What the processes of one call may use together, before they are ended. */
export type Limits = {
  readonly memoryBytes: number;
  /** Processes and threads: the kernel counts both alike. */
  readonly processes: number;
  /** What lies below the folder they work in. */
  readonly diskBytes: number;
  readonly files: number;
  /** What they print. */
  readonly outputBytes: number;
};

export type Wall = "memory" | "processes" | "disk" | "files" | "output";

/** The first wall that a call ran into. */
export type ReachedWall = { readonly wall: Wall; readonly limit: number };

const KEY: { readonly [W in Wall]: keyof Limits } = {
  memory: "memoryBytes",
  processes: "processes",
  disk: "diskBytes",
  files: "files",
  output: "outputBytes",
};

export const reachedWall = (wall: Wall, limits: Limits): ReachedWall => ({ wall, limit: limits[KEY[wall]] });

const COUNTED: ReadonlySet<Wall> = new Set(["processes", "files"]);

/** The end of a sentence: what it did too much of, and the setting that says how much. */
export const wallSentence = ({ wall, limit }: ReachedWall): string =>
  `${DID[wall]} than limits.${wall} allows (${COUNTED.has(wall) ? limit : exactSize(limit)})`;

const DID: { readonly [W in Wall]: string } = {
  memory: "needed more memory",
  processes: "started more processes and threads",
  disk: "kept more on the disk",
  files: "made more files",
  output: "printed more",
};
