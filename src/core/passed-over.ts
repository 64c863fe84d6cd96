import type { PassedOverTold } from "./checkpoints.js";
import * as limit from "./limits.js";
import type { Run } from "./run.js";

/** Those of a past that a fork took over were another run's. */
export const withPassedOver = (run: Run, told: PassedOverTold): Run =>
  run.forkedFrom !== null && told.seq <= run.forkedFrom.seq
    ? run
    : { ...run, passedOver: [...run.passedOver, told].slice(-limit.CHECKPOINTS_PASSED_OVER) };

/** Of each checkpoint that did not hold when an attempt went on: what was said of it then. */
export const passedOverIn = ({ passedOver }: Run): ReadonlyMap<string, PassedOverTold> =>
  new Map(passedOver.flatMap((told) => told.broken.map(({ id }) => [id, told] as const)));
