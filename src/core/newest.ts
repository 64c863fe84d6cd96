import * as limit from "./limits.js";

/** The newest of a growing list, and how many there were. Kept at twice what is listed before it is cut, so that adding stays cheap. */
export const newest = <T>() => {
  let kept: T[] = [];
  let count = 0;
  return {
    add: (one: T): void => {
      kept.push(one);
      count += 1;
      if (kept.length > 2 * limit.CHECKPOINT_LISTED) kept = kept.slice(-limit.CHECKPOINT_LISTED);
    },
    listed: (): T[] => kept.slice(-limit.CHECKPOINT_LISTED),
    inAll: (): number => count,
  };
};
