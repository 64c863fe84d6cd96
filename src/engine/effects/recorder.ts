import type { CommandOf } from "../../core/commands.js";
import type { EffectCall, EffectOutcome } from "../../core/effects.js";
import { isLedgerError } from "../../core/errors.js";
import * as limit from "../../core/limits.js";
import type { AtMost, Spent } from "../../core/spent.js";
import type { WaitCall } from "../../core/waits.js";

export type EffectEntry = CommandOf<"record_effects">["entries"][number];

/** Writes down what the calls of one attempt do, in the order in which they do it. */
export interface Recorder {
  /** On the disk when it resolves, together with all that settled before. Until then the effect may not happen. */
  intend(call: EffectCall, atMost?: AtMost): Promise<void>;
  /** On the disk a moment later: with the intent of the next effect, when that follows at once, or alone. */
  settle(call: EffectCall, outcome: EffectOutcome, spent: readonly Spent[]): void;
  /** On the disk when it resolves, together with all that settled before. */
  wait(wait: WaitCall): Promise<void>;
  /** Resolves when all is on the disk; rejects with what kept it from there. */
  flush(): Promise<void>;
}

/**
 * One commit for the end of an effect and the beginning of the next. What could not be written stays unwritten: nothing that
 * comes after it is, so that no later intent stands without the outcome before it.
 */
export const createRecorder = (write: (entries: readonly EffectEntry[]) => Promise<void>): Recorder => {
  const submit = async (entries: readonly EffectEntry[]): Promise<void> => {
    try {
      await write(entries);
    } catch (error) {
      // That there is no room or money for more is no reason to forget how those ended that had begun.
      const ended = entries.filter(isEndOfBegun);
      const isNoRoom = isLedgerError(error, "limit_exceeded") || isLedgerError(error, "budget_exceeded");
      if (isNoRoom && ended.length > 0 && ended.length < entries.length) await write(ended);
      throw error;
    }
  };
  const waiting: EffectEntry[] = [];
  let writing: Promise<void> = Promise.resolve();
  const flush = (): Promise<void> => {
    writing = writing.then(async () => {
      while (waiting.length > 0) await submit(waiting.splice(0, limit.EFFECT_ENTRIES));
    });
    return writing;
  };
  return {
    intend: (call, atMost) => {
      const entry = { kind: "intended", call, ...(atMost === undefined ? {} : { atMost }) } as const;
      if (call.key === null) {
        waiting.push(entry);
        return flush();
      }
      // Somebody else may have taken its key at this moment, which is no fault of what is written beside it.
      const own = flush().then(() => submit([entry]));
      writing = writing.then(() => own.catch(() => undefined));
      return own;
    },
    settle: (call, outcome, spent) => {
      const used = spent.length === 0 ? {} : { spent: [...spent] };
      waiting.push({ kind: "settled", call, outcome, ...used });
      // Whoever waits for the next intent or the end of the attempt hears of a failure.
      setImmediate(() => void flush().catch(() => undefined));
    },
    wait: (wait) => {
      waiting.push({ kind: "waiting", wait });
      return flush();
    },
    flush,
  };
};

/** The others are told whole when they end. */
const isEndOfBegun = (entry: EffectEntry): boolean =>
  entry.kind === "settled" && (entry.call.class === "guarded" || entry.call.key !== null);
