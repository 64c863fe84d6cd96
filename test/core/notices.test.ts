import { expect, it } from "vitest";
import { noticeOf } from "../../src/core/notices.js";
import type { Run } from "../../src/core/run.js";
import * as cast from "../helpers/cast.js";
import { policy, stepSpec } from "../helpers/cast.js";
import { playedOn, runWith } from "../helpers/given.js";

const told = (run: Run): string | undefined => {
  const at = run.state.status === "paused" ? run.state.since : expect.unreachable();
  return noticeOf(run, { type: "run_paused", seq: run.seq, at })?.sentence;
};

it("A step that was interrupted is not told as refused to those outside", () => {
  const begun = [cast.start("a")] as const;
  const run = runWith([stepSpec("a")]);
  const interrupted = playedOn(run, {}, ...begun, cast.interrupt("a"), policy("a", cast.escalate));
  expect(told(interrupted)).toBe("A step was interrupted, and what becomes of it is for a person to decide.");
  const refused = playedOn(run, {}, ...begun, cast.propose("a"), cast.fail("a"), policy("a", cast.escalate));
  expect(told(refused)).toBe("A step was refused, and what becomes of it is for a person to decide.");
});
