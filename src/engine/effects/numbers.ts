import { AsyncLocalStorage } from "node:async_hooks";
import { LedgerError } from "../../core/errors.js";

/** The calls of an attempt, numbered: a later life of it gives each the same number. */
export interface Numbers {
  /** Taken before anything is waited for: who is called first is first, whoever ends first. */
  take(): number;
  /**
   * Makes a call, whose numbers it takes at once. Rejects for a function that has lost its race, unless it is on its way to an
   * effect that was left open. Nobody need look at it.
   */
  call<T>(make: () => Promise<T>): Promise<T>;
  /** Numbers of its own for a function that races, whether or not it is called. */
  lane(): Lane;
  /** Whoever asks races. */
  isRacing(): boolean;
  /** Whoever asks has lost its race, and only ends what an earlier life left open. */
  hasLost(): boolean;
  /** This call is over, in whatever way. */
  ended(position: number): void;
  /** So many numbers were taken by calls outside of races, or set aside for functions that race. */
  count(): number;
  /** The next call has this number. */
  goOnAt(count: number): void;
}

/**
 * The calls of one function that races, and of all that it calls. How far the others have come by then changes from life to
 * life, so it shares no numbers with them.
 */
export interface Lane {
  run<T>(work: () => Promise<T> | T): Promise<T>;
  /** It makes no new call any more. Answers the numbers of those that it has made. */
  lose(): readonly number[];
  /** The ends of effects of it that an earlier life left open. */
  leftOpen(): readonly Promise<void>[];
}

/** What the calls of a function that has lost reject with, so that its `finally` blocks let go of what it holds. */
export class Lost extends Error {
  override readonly name = "Lost";
  constructor() {
    super("Another one has won the race; nobody waits for this one any more.");
  }
}

/** The same one. Who never looks at what came of it is told nothing: a rejection that nobody hears would end the process. */
export const quiet = <T>(made: Promise<T>): Promise<T> => {
  made.catch(() => undefined);
  return made;
};

/** A racer does a thing or two, and a reader can still tell from a number whose call it was. */
const CALLS_PER_RACER = 1_000;
/** One that races within a race has a tenth of the numbers of whoever lets it race. */
const INNER_SHARE = 10;

/** Numbers from `next` on, up to `end`. */
type Line = {
  next: number;
  readonly end: number;
  /** So many numbers go to each function that races within it. */
  readonly perRacer: number;
  readonly taken: number[];
  readonly within: Line | null;
  isLost: boolean;
};

/** Of all attempts: each has lines of its own in it. */
const lines = new AsyncLocalStorage<{ readonly of: object; readonly line: Line }>();

/** `leftOpen`: numbers of effects that an earlier life began and did not end. */
export const createNumbers = (leftOpen: readonly number[]): Numbers => {
  const of = {};
  const left = new Map(leftOpen.map((position) => [position, ending()]));
  const leftIn = (start: number, end: number): readonly Promise<void>[] =>
    [...left].flatMap(([position, { done }]) => (position >= start && position < end ? [done] : []));
  const trunk = lineOf(0, Number.MAX_SAFE_INTEGER, CALLS_PER_RACER, null);
  const current = (): Line => {
    const store = lines.getStore();
    return store?.of === of ? store.line : trunk;
  };
  return {
    take: () => {
      const line = current();
      const [position] = reserve(line, 1);
      for (let each: Line = line; each.within !== null; each = each.within) each.taken.push(position);
      return position;
    },
    call: (make) => {
      try {
        const line = current();
        if (isLost(line) && leftIn(line.next, line.end).length === 0) throw new Lost();
        return quiet(make());
      } catch (error) {
        return quiet(Promise.reject(error));
      }
    },
    lane: () => {
      const within = current();
      const [start, end] = reserve(within, within.perRacer);
      const line = lineOf(start, end, Math.floor(within.perRacer / INNER_SHARE), within);
      return {
        run: (work) => lines.run({ of, line }, async () => work()),
        lose: () => {
          line.isLost = true;
          return line.taken;
        },
        leftOpen: () => leftIn(start, end),
      };
    },
    isRacing: () => current() !== trunk,
    hasLost: () => isLost(current()),
    ended: (position) => {
      left.get(position)?.end();
      left.delete(position);
    },
    count: () => trunk.next,
    goOnAt: (count) => {
      trunk.next = count;
    },
  };
};

const ending = (): { readonly done: Promise<void>; readonly end: () => void } => {
  let end = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { done, end: () => end() };
};

const lineOf = (next: number, end: number, perRacer: number, within: Line | null): Line => ({
  ...{ next, end, perRacer, within },
  taken: [],
  isLost: false,
});

const reserve = (line: Line, count: number): readonly [number, number] => {
  const start = line.next;
  if (count < 1 || start + count > line.end)
    throw new LedgerError(
      "limit_exceeded",
      `A function that races has ${CALLS_PER_RACER} numbers for its calls, and each function of a race within it takes a tenth of them.`,
      { hint: "Race for what comes first, and do the rest behind the race." },
    );
  line.next = start + count;
  return [start, line.next];
};

const isLost = (line: Line | null): boolean => line !== null && (line.isLost || isLost(line.within));
