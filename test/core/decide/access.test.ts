import { expect, test } from "vitest";
import { fold } from "../../../src/core/evolve.js";
import {
  REFUSALS_PER_MINUTE,
  UNVOUCHED_REFUSALS_PER_RUN,
  VOUCHED_REFUSALS_PER_RUN,
} from "../../../src/core/limits.js";
import { noRefusals } from "../../../src/core/refusals.js";
import type { Run } from "../../../src/core/run.js";
import * as cast from "../../helpers/cast.js";
import { AT, given, historyOf, played } from "../../helpers/given.js";

const unvouched = { ...cast.refuseAccess, code: "credential_invalid", by: null } as const;
const begun = (): Run => played(cast.create(cast.planOf([cast.stepSpec("a")])));
type Said = typeof cast.refuseAccess | typeof unvouched;
const at = (ms: number): string => new Date(Date.parse(AT) + ms).toISOString();

/** The run after so many more refusals at that moment, and how many of them were recorded. */
const refused = (run: Run, times: number, ms: number, said: Said = cast.refuseAccess) => {
  let [after, recorded] = [run, 0];
  for (let n = 0; n < times; n += 1) {
    const { events } = given(after, { at: at(ms) }).when(said);
    recorded += events.length;
    if (events.length > 0)
      after = given(after, { at: at(ms) })
        .when(said)
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

test.each([
  ["that a credential vouches for", cast.refuseAccess, VOUCHED_REFUSALS_PER_RUN],
  ["that nobody vouches for", unvouched, UNVOUCHED_REFUSALS_PER_RUN],
] as const)("In all no more %s are recorded than a run may hold", (_, said, most) => {
  let [run, total] = [begun(), 0];
  for (let minute = 0; minute < 2 * (most / REFUSALS_PER_MINUTE); minute += 1) {
    const { after, recorded } = refused(run, REFUSALS_PER_MINUTE, minute * 60_000, said);
    [run, total] = [after, total + recorded];
  }
  expect(total).toBe(most);
  expect(run.refusals.count).toBe(most);
});

test("The last of a minute and the last of a run say that more may follow unrecorded", () => {
  const lastOf = (count: number, inMinute: number) =>
    given(
      { ...begun(), refusals: { ...noRefusals, vouched: { count, since: AT, inMinute } } },
      { at: AT },
    ).when(cast.refuseAccess).events[0];
  expect(lastOf(0, 0)).toMatchObject({ payload: { last: null, code: "access_denied" } });
  expect(lastOf(100, REFUSALS_PER_MINUTE - 1)).toMatchObject({ payload: { last: "of_minute" } });
  expect(lastOf(VOUCHED_REFUSALS_PER_RUN - 1, 3)).toMatchObject({ payload: { last: "of_run" } });
});

test("A flood that nobody vouches for takes no room from those whom a credential names", () => {
  const flooded = refused(begun(), 500, 0, unvouched);
  expect(flooded.recorded).toBe(REFUSALS_PER_MINUTE);
  expect(refused(flooded.after, 5, 0).recorded).toBe(5);
});

test("A fork has its own room, and counts none of the past that it took over", () => {
  const history = historyOf("run_old", cast.create(cast.planOf([cast.stepSpec("a")])), cast.refuseAccess);
  const fork = fold(given(undefined, { history }).when(cast.forkOf("run_old"), cast.orchestrator).events);
  expect(fork?.refusals).toEqual(noRefusals);
});

test("Nothing else of the run moves", () => {
  const run = begun();
  const after = given(run).when(cast.refuseAccess).thenHappened("access_refused");
  const { seq: _, updatedAt: __, refusals: ___, ...rest } = after;
  expect(run).toMatchObject(rest);
});

test("A run that is over is changed by no refusal, and one that is not by each", () => {
  const late = { at: "2027-01-01T00:00:00.000Z" };
  const over = given(begun()).when(cast.cancel("enough"), cast.person).thenHappened("run_failed");
  const refusedAfter = given(over, late).when(cast.refuseAccess).thenHappened("access_refused");
  expect(refusedAfter.updatedAt).toBe(over.updatedAt);
  expect(given(begun(), late).when(cast.refuseAccess).thenHappened("access_refused").updatedAt).toBe(late.at);
});
