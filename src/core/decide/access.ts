import * as limit from "../limits.js";
import { countAfter, sortOf } from "../refusals.js";
import { alreadyDone, type Decider, requireRole } from "./guards.js";

// A record, also of a run that is over or that a host drives: it moves nothing on. Whoever is refused cannot be asked to stop,
// so what is recorded of it is bounded: by the minute, so that a flood leaves room for what comes later, and in all.
export const refuseAccess: Decider<"refuse_access"> = ({ type: _, ...refused }, run, { caller, at }) => {
  requireRole(caller, "record a refusal", "engine");
  const sort = sortOf(refused);
  const most = PER_RUN[sort];
  const { count, inMinute } = countAfter(run.refusals[sort], at);
  if (count > most || inMinute > limit.REFUSALS_PER_MINUTE) return alreadyDone;
  const last = count === most ? "of_run" : inMinute === limit.REFUSALS_PER_MINUTE ? "of_minute" : null;
  return [{ type: "access_refused", version: 1, payload: { ...refused, last } }];
};

const PER_RUN = {
  vouched: limit.VOUCHED_REFUSALS_PER_RUN,
  unvouched: limit.UNVOUCHED_REFUSALS_PER_RUN,
} as const;
