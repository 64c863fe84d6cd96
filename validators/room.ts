import type { Judgement } from "../src/core/verdict.js";

/** How one command in the room ended. */
export type Execution = {
  readonly argv: readonly string[];
  /** Null when it was killed or never started. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The wall-clock limit was reached; everything it started is gone. */
  readonly timedOut: boolean;
  /** The program could not be started: it is not on the path, or not executable. */
  readonly notFound: boolean;
  readonly durationMs: number;
  /** Last bytes of stdout and stderr together, valid UTF-8. */
  readonly tail: string;
  /** Standard output alone, up to `stdoutBytesMax`; for reports that a tool prints. */
  readonly stdout: string;
  /** Blob (hex SHA-256) of the whole output; null when there was none. */
  readonly log: string | null;
};

export type ExecOptions = {
  /** Added to the scrubbed environment of the room. */
  readonly env?: Readonly<Record<string, string>>;
  /** Keep so many bytes of standard output (0 when not given). */
  readonly stdoutBytesMax?: number;
};

export type ChangedFile = {
  readonly path: string;
  readonly change: "added" | "modified" | "deleted" | "renamed";
  /** The old path of a rename. */
  readonly from?: string;
};

export type FileStat = { readonly kind: "file" | "folder" | "link" | "other"; readonly bytes: number };

/** What was laid over a tree from outside of it. */
export type HeldOutLaid = {
  readonly folder: string;
  /** Of the paths and bytes of all files. */
  readonly digest: string;
  readonly paths: readonly string[];
  /** What the proposal put where one of its folders belongs; then nothing was laid. */
  readonly inTheWay?: string;
};

export type LaidFile = { readonly path: string; readonly bytes: Uint8Array };

/**
 * All a validator can see and touch: the tree it judges, unpacked in a private folder. Paths are relative to the root of
 * that tree, with forward slashes; anything that leaves the tree, or passes through a link, is answered as absent.
 * Every command shares one wall-clock limit, that of the validator.
 */
export interface Room {
  /** Runs argv in the root of the tree with a scrubbed environment, closed stdin and its own process group. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<Execution>;
  /** What differs between the base and the tree, by path. */
  changedFiles(): Promise<readonly ChangedFile[]>;
  /** Does not follow links. */
  stat(path: string): Promise<FileStat | undefined>;
  /** At most `bytesMax` bytes of a regular file. */
  read(path: string, bytesMax: number): Promise<Buffer | undefined>;
  /** Entry names of a folder, sorted; empty when it is none. */
  list(path: string): Promise<readonly string[]>;
  /**
   * Writes new files into the tree, for judges that bring tests of their own: what lies in the tree already stays. False when
   * one of them could not be written where it belongs; undefined where the tree is the user's own folder.
   */
  readonly lay?: (files: readonly LaidFile[]) => Promise<boolean>;
  /**
   * Lays the plan's held-out tests over the tree, in the place of what lies there, the same ones in every room of a verdict;
   * undefined where the plan names none.
   */
  layHeldOut(): Promise<HeldOutLaid | undefined>;
  /** Absolute path of a private folder outside the tree, for reports and caches. */
  readonly scratch: string;
  /** Reads a file below `scratch`, for reports; undefined when absent or larger than `bytesMax`. */
  readScratch(path: string, bytesMax: number): Promise<string | undefined>;
  /** Writes a new file into `scratch`, which only this user may read. */
  writeScratch(name: string, text: string): Promise<void>;
  /** Entry names below `scratch`, sorted. */
  listScratch(path: string): Promise<readonly string[]>;
  /** The same room at the base, before the proposal; undefined when there is no base to compare with. */
  atBase(): Promise<Room | undefined>;
  /**
   * Another room at the base, over which the proposal's changes to tests are laid: of the given paths and of what tests are
   * called; undefined when there is no base.
   */
  atBaseWith(paths: readonly string[]): Promise<Room | undefined>;
  /** Keeps a value about the base (a tree and a validator's digest name it) so that it is computed once; `about` tells several apart. */
  cachedAtBase(compute: (base: Room) => Promise<unknown>, about?: string): Promise<unknown>;
}

/** A judgement, and what the engine needs to know beside it to decide whether it stands. */
export type Finding = Judgement & {
  /** Files that held tests at the base and that the proposal changed: whether it may is not for a validator to know. */
  readonly judgedBy?: readonly string[];
};

/** One of the six judges. It never throws for a bad proposal: that is a failed judgement. */
export type Validator<Spec> = (spec: Spec, room: Room) => Promise<Finding>;
