import { LedgerError } from "../../index.js";

/** Half of the connections that are open at once: whoever decides comes through while everybody else waits. */
const WAITERS_MAX = 128;
/** The programs of one key, however many they are, leave room for those of others. */
const WAITERS_PER_NAME = 64;

/** Does what waits, unless too many do already; `name` is whom the key is of. Throws `too_many_waiting`. */
export type Waiters = <T>(name: string, wait: () => Promise<T>) => Promise<T>;

export const boundedWaiters = (): Waiters => {
  const waiting = new Map<string, number>();
  let all = 0;
  const count = (name: string, by: 1 | -1): void => {
    const now = (waiting.get(name) ?? 0) + by;
    if (now === 0) waiting.delete(name);
    else waiting.set(name, now);
    all += by;
  };
  return async (name, wait) => {
    if (all >= WAITERS_MAX) throw tooMany(`${WAITERS_MAX} requests`);
    if ((waiting.get(name) ?? 0) >= WAITERS_PER_NAME)
      throw tooMany(`${WAITERS_PER_NAME} requests of "${name}"`);
    count(name, 1);
    try {
      return await wait();
    } finally {
      count(name, -1);
    }
  };
};

const tooMany = (who: string): LedgerError =>
  new LedgerError("too_many_waiting", `${who} wait for a decision here already, and no more may.`, {
    hint: "Ask again in a few seconds, or without waiting: waitMs=0 is always answered.",
  });
