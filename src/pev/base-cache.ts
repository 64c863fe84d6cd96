import type { AtBase, BaseCache } from "./clean-room.js";

/** What is true about a base is a list of test names; this many stay in memory. */
const BASES_KEPT = 200;

// Facts about bases are kept in memory only: a file that code under test could write would be no fact.
export const memoryBaseCache = (): BaseCache => {
  const known = new Map<string, AtBase>();
  return {
    get: async (key) => known.get(key),
    set: async (key, value) => {
      known.set(key, value);
      const [oldest] = known.keys();
      if (known.size > BASES_KEPT && oldest !== undefined) known.delete(oldest);
    },
  };
};
