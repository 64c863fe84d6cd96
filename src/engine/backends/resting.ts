import type { RunRow, Store } from "../../stores/store.js";

/** Left alone until its journal grows, or until then: what is due for it may be another worker's or an agent's to do. */
type Rest = { readonly seq: number; readonly untilMs: number; readonly isTrouble: boolean };

/** A run that could not be driven is left alone for so long, so that one sick run does not keep a worker busy. */
const TROUBLE_PAUSE_MS = 10_000;
/** Whenever so many more rest than at the last look, those that others have ended or carried on since are forgotten. */
const RESTING_MORE = 1_000;

type Which = Pick<RunRow, "runId" | "lastSeq">;

/** The runs that a worker leaves alone. */
export const restingRuns = (store: Pick<Store, "end">, nowMs: () => number) => {
  const resting = new Map<string, Rest>();
  let most = RESTING_MORE;
  const isResting = ({ runId, lastSeq }: Which): boolean => {
    const rest = resting.get(runId);
    if (rest === undefined || rest.seq !== lastSeq) return false;
    const leftMs = rest.untilMs - nowMs();
    // More than the whole pause is left only when the clock was put back; timers are by the clock, whatever it says.
    return leftMs > 0 && !(rest.isTrouble && leftMs > TROUBLE_PAUSE_MS);
  };
  return {
    isResting,
    /** Until something is due for it. */
    rest: ({ runId, lastSeq }: Which, untilMs: number): void =>
      void resting.set(runId, { seq: lastSeq, untilMs, isTrouble: false }),
    restAfterTrouble: ({ runId, lastSeq }: Which): void =>
      void resting.set(runId, { seq: lastSeq, untilMs: nowMs() + TROUBLE_PAUSE_MS, isTrouble: true }),
    wake: (runId: string): void => void resting.delete(runId),
    /** Nobody tells a worker what others do with runs that it once came across, however many those are. */
    forgetOthers: async (): Promise<void> => {
      if (resting.size <= most) return;
      for (const runId of resting.keys()) {
        const end = await store.end(runId);
        if (end === undefined || !isResting({ runId, ...end })) resting.delete(runId);
      }
      most = resting.size + RESTING_MORE;
    },
  };
};
