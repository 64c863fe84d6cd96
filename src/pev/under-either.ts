/**
 * Does work under a signal that aborts with the first of these, and lets go of them when it has ended. What AbortSignal.any makes leaves
 * something in each of them for as long as that one lives, and those of a worker or a server live for months.
 */
export const underEither = async <T>(
  signals: readonly AbortSignal[],
  work: (either: AbortSignal) => Promise<T>,
): Promise<T> => {
  const either = new AbortController();
  const letGo = signals.map((signal) => whenAborted(signal, () => either.abort(signal.reason)));
  try {
    return await work(either.signal);
  } finally {
    for (const forget of letGo) forget();
  }
};

type Told = { readonly stops: Set<() => void>; readonly tell: () => void };

/** One listener for all who wait for the same signal: of a worker's they are hundreds, and a signal looks through its list for each. */
const told = new WeakMap<AbortSignal, Told>();

/** At once when it has aborted. Answers with the way to hear nothing more of it. */
const whenAborted = (signal: AbortSignal, stop: () => void): (() => void) => {
  if (signal.aborted) {
    stop();
    return () => undefined;
  }
  const { stops, tell } = told.get(signal) ?? listening(signal);
  stops.add(stop);
  return () => {
    stops.delete(stop);
    if (stops.size > 0 || !told.delete(signal)) return;
    signal.removeEventListener("abort", tell);
  };
};

const listening = (signal: AbortSignal): Told => {
  const stops = new Set<() => void>();
  const tell = (): void => {
    for (const stop of [...stops]) stop();
  };
  const one = { stops, tell };
  told.set(signal, one);
  signal.addEventListener("abort", tell);
  return one;
};
