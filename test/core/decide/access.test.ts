import { expect, test } from "vitest";
import { REFUSALS_PER_MINUTE, REFUSALS_PER_RUN } from "../../../src/core/limits.js";
import type { Run } from "../../../src/core/run.js";
import * as cast from "../../helpers/cast.js";
import { AT, given, played } from "../../helpers/given.js";

const begun = (): Run => played(cast.create(cast.planOf([cast.stepSpec("a")])));
const at = (ms: number): string => new Date(Date.parse(AT) + ms).toISOString();

/** The run after so many more refusals at that moment, and how many of them were recorded. */
const refused = (run: Run, times: number, ms: number) => {
  let [after, recorded] = [run, 0];
  for (let n = 0; n < times; n += 1) {
    const { events } = given(after, { at: at(ms) }).when(cast.refuseAccess);
    recorded += events.length;
    if (events.length > 0)
      after = given(after, { at: at(ms) })
        .when(cast.refuseAccess)
        .thenHappened("access_refused");
  }
  return { after, recorded };
};

test("A flood of refused calls is recorded to the limit of the minute, and the next minute has room again", () => {
  const first = refused(begun(), REFUSALS_PER_MINUTE + 40, 0);
  expect(first.recorded).toBe(REFUSALS_PER_MINUTE);
  expect(refused(first.after, 5, 59_999).recorded).toBe(0);
  expect(refused(first.after, 5, 60_000).recorded).toBe(5);
  // A clock that was put back is no reason to be silent for ever.
  expect(refused(first.after, 5, -1).recorded).toBe(5);
});

test("In all no more are recorded than a run may hold, and the last one says so", () => {
  let [run, total] = [begun(), 0];
  for (let minute = 0; minute < 2 * (REFUSALS_PER_RUN / REFUSALS_PER_MINUTE); minute += 1) {
    const { after, recorded } = refused(run, REFUSALS_PER_MINUTE, minute * 60_000);
    [run, total] = [after, total + recorded];
  }
  expect(total).toBe(REFUSALS_PER_RUN);
  expect(run.refusals.count).toBe(REFUSALS_PER_RUN);
});

test("The last of a minute and the last of a run say that more may follow unrecorded", () => {
  const lastOf = (count: number, inMinute: number) =>
    given({ ...begun(), refusals: { count, since: AT, inMinute } }, { at: AT }).when(cast.refuseAccess)
      .events[0];
  expect(lastOf(0, 0)).toMatchObject({ payload: { last: null, code: "access_denied" } });
  expect(lastOf(100, REFUSALS_PER_MINUTE - 1)).toMatchObject({ payload: { last: "of_minute" } });
  expect(lastOf(REFUSALS_PER_RUN - 1, 3)).toMatchObject({ payload: { last: "of_run" } });
});

test("Nothing else of the run moves", () => {
  const run = begun();
  const after = given(run).when(cast.refuseAccess).thenHappened("access_refused");
  const { seq: _, updatedAt: __, refusals: ___, ...rest } = after;
  expect(run).toMatchObject(rest);
});
