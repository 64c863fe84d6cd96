import {
  AgentMetrics,
  type AttemptCheckpoint,
  type CheckpointContent,
  type PassedOver,
} from "../../core/checkpoints.js";
import { misfit } from "../../core/defects.js";
import { LedgerError } from "../../core/errors.js";
import * as limit from "../../core/limits.js";
import type { Redactor } from "../../core/redact.js";
import type { TurnTold } from "../../ledger/checkpoints/checkpoints.js";
import type { BrokenCheckpoint, Restored } from "../../ledger/checkpoints/restore.js";
import type { Numbers } from "./numbers.js";
import type { Waits } from "./waits.js";

/** What an agent says at the end of a turn. */
export type Turn = {
  /** All that it needs to go on from here, as JSON. */
  readonly workingMemory: unknown;
  /** What the attempt has used so far. */
  readonly metrics?: Partial<AgentMetrics>;
  readonly suggestedNextAction?: string;
};

/** Where an agent goes on that was cut off. */
export type Resumed<T = unknown> = Pick<
  CheckpointContent,
  "turn" | "metrics" | "eventLogPosition" | "suggestedNextAction" | "unresolvedApprovals" | "memoryDelta"
> & {
  readonly checkpoint: string;
  readonly workingMemory: T;
  /** Business keys of effects of the run that happened, or may have, by now. */
  readonly blockedEffectKeys: ReadonlySet<string>;
  /** Newer ones that could not be used. */
  readonly broken: readonly BrokenCheckpoint[];
};

export interface Turns {
  /**
   * The end of a turn: nothing is under way, and a later life of the attempt can go on from here. In a life that comes here
   * again nothing happens.
   */
  checkpoint(turn: Turn): Promise<void>;
  /**
   * Called before anything else: what an earlier life of the attempt remembered last, and from then on calls are those
   * behind it. Null when there is nothing: then the life begins at its first line, and what was recorded is read back.
   */
  resumed<T = unknown>(): Promise<Resumed<T> | null>;
}

/** The checkpoints of one attempt. */
export type AttemptCheckpoints = {
  /** The last one of its earlier lives. */
  readonly last: AttemptCheckpoint | null;
  readonly sign: (told: TurnTold) => Promise<void>;
  readonly restore: () => Promise<Restored>;
  /** On the disk when it resolves: these did not hold, and the agent goes on from an older one. */
  readonly passOver: (told: PassedOver) => Promise<void>;
  /** What this version of the agent makes of another one's memory; undefined when it cannot. */
  readonly memoryFrom: (agentVersion: string | null) => ((memory: unknown) => unknown) | undefined;
  readonly blockedKeys: () => Promise<ReadonlySet<string>>;
};

type TurnsOptions = {
  readonly checkpoints: AttemptCheckpoints;
  readonly redactor: Redactor;
  readonly waits: Waits;
  readonly flush: () => Promise<void>;
  readonly numbers: Numbers;
  readonly underWay: <T>(name: string, work: () => Promise<T>) => Promise<T>;
};

export const createTurns = (options: TurnsOptions): Turns => {
  const { checkpoints, waits, numbers, underWay } = options;
  let turn = 0;
  /** Turns that need not be signed again. */
  let known = checkpoints.last;
  const sign = (told: TurnTold): Promise<void> =>
    underWay("checkpoint", () =>
      waits.busy(async () => {
        waits.requireHere();
        await options.flush();
        await checkpoints.sign(told);
      }),
    );
  const goOn = async (): Promise<Resumed | null> => {
    const { found, broken } = await usable(checkpoints, await checkpoints.restore());
    known = null;
    if (broken.length > 0)
      await checkpoints.passOver({
        broken: broken.slice(0, limit.CHECKPOINTS_TRIED),
        from: found?.id ?? null,
      });
    if (found === null) return null;
    if (numbers.count() > 0) throw tooLate();
    const { content, id, memory } = found;
    turn = content.turn;
    numbers.goOnAt(content.calls);
    const { metrics, eventLogPosition, suggestedNextAction, unresolvedApprovals, memoryDelta } = content;
    return {
      ...{ checkpoint: id, turn, workingMemory: memory, metrics, eventLogPosition, suggestedNextAction },
      ...{ unresolvedApprovals, memoryDelta, blockedEffectKeys: await checkpoints.blockedKeys(), broken },
    };
  };
  return {
    checkpoint: async (said) => {
      if (!waits.isIdle() || numbers.isRacing()) throw underWayStill();
      turn += 1;
      const at = numbers.count();
      if (known !== null && turn === known.turn && at !== known.calls) throw diverged(turn, known.calls, at);
      if (known !== null && turn <= known.turn) return;
      const { workingMemory, metrics = {}, ...rest } = said;
      const memory = keptMemory(options.redactor, workingMemory);
      await sign({ ...rest, turn, calls: at, workingMemory: memory, metrics: readMetrics(metrics) });
    },
    resumed: async <T>() => {
      if (turn > 0 || numbers.count() > 0) throw tooLate();
      if (known === null) return null;
      return underWay("resumed", () => waits.busy(goOn)) as Promise<Resumed<T> | null>;
    },
  };
};

type Usable = Restored & { readonly found: (NonNullable<Restored["found"]> & { memory: unknown }) | null };

/** What another version of the agent remembered is brought over, or counts as broken. */
const usable = async ({ memoryFrom }: AttemptCheckpoints, { found, broken }: Restored): Promise<Usable> => {
  if (found === null) return { found, broken };
  const { content, id } = found;
  const migrate = memoryFrom(content.agentVersion);
  if (migrate === undefined)
    return { found: null, broken: [...broken, { id, why: "was left by another version of its agent" }] };
  return { found: { ...found, memory: migrate(content.workingMemory) }, broken };
};

/** As every later life gets it: through JSON, without secrets. */
const keptMemory = ({ deep }: Redactor, memory: unknown): TurnTold["workingMemory"] => {
  const json = JSON.stringify(deep(memory ?? null));
  if (json === undefined)
    throw new LedgerError("invalid_input", "This working memory is nothing that JSON can tell.", {
      hint: "Keep strings, numbers, booleans, lists and plain objects.",
    });
  const bytes = Buffer.byteLength(json);
  if (bytes <= limit.CHECKPOINT_MEMORY_BYTES) return JSON.parse(json) as TurnTold["workingMemory"];
  throw new LedgerError(
    "limit_exceeded",
    `The working memory has ${bytes} bytes; ${limit.CHECKPOINT_MEMORY_BYTES} are the most.`,
    { hint: "Write what is long to a file of the workspace, and remember where it lies." },
  );
};

const readMetrics = (metrics: unknown): Partial<AgentMetrics> => {
  const read = AgentMetrics.partial().safeParse(metrics);
  if (!read.success) throw misfit("the metrics of a turn", read.error.issues, metrics);
  const told = Object.entries(read.data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(told) as Partial<AgentMetrics>;
};

const underWayStill = (): LedgerError =>
  new LedgerError("invalid_input", "A turn ends when nothing of it is under way.", {
    hint: "Wait for all calls of the context before checkpoint().",
  });

const tooLate = (): LedgerError =>
  new LedgerError("invalid_input", "What an earlier life remembered is asked for before anything else.", {
    hint: "Call resumed() first, and wait for it.",
  });

const diverged = (turn: number, before: number, now: number): LedgerError =>
  new LedgerError(
    "replay_divergence",
    `Turn ${turn} ended after ${before} calls in an earlier life, and after ${now} in this one.`,
    { hint: "Every life of an attempt makes the same calls in the same order." },
  );
