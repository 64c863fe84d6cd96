import type { Judgement } from "../../src/core/verdict.js";
import type { TestReport } from "../reports/report.js";
import type { Execution, Room } from "../room.js";

export type Command = {
  readonly argv: readonly string[];
  /** What has to be installed; argv may begin with a shell that stands in for it. */
  readonly program: string;
  readonly env?: Readonly<Record<string, string>>;
};

export type TestCommand = Command & {
  /** Undefined for a runner whose report we cannot read: only its exit code speaks. */
  readonly readReport?: (execution: Execution) => Promise<TestReport | undefined>;
  /** Whether this path holds what the report calls `file`; when not given, a report names files by their paths. */
  readonly isSource?: (path: string, file: string) => boolean;
  /**
   * A test of ours beside those of what the report calls `file`, which must fail and whose name holds the token; undefined
   * where there is no place for one.
   */
  readonly canaryFor?: (file: string, token: string) => Promise<Canary | undefined>;
  /** Bytes of standard output that readReport needs. */
  readonly stdoutBytesMax?: number;
  /** For a runner whose output is made for programs: what people should see of it. */
  readonly tailOf?: (execution: Execution) => string;
};

export type Canary = {
  /** Where it is laid; nothing lies there. */
  readonly path: string;
  /** Loads all that the tests beside it load, in the same process, and then fails as they would. */
  readonly text: string;
  /** Our test alone: whether a runner finds such a file at all, where the tests beside it cannot be loaded. */
  readonly alone: string;
};

/** What we know of one toolchain. Answers a judgement where the tree cannot be built or tested at all. */
export type ToolchainAdapter = {
  /** Globs for names in the root of a tree or in its test folder, any of which shows this toolchain. */
  readonly marks: readonly string[];
  readonly build: (target: string, room: Room) => Promise<Command | Judgement>;
  /** With `only`, nothing but these test files (as paths) is run; the target is empty then. */
  readonly test: (target: string, room: Room, only: readonly string[]) => Promise<TestCommand | Judgement>;
};

/** A report of 100,000 tests has about 20 MB; what is larger counts as unreadable. */
export const REPORT_BYTES_MAX = 64 * 1024 * 1024;
