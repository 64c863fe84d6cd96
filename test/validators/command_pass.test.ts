import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { judge } from "../../validators/index.js";
import { closeLocalRooms, type LocalRoom, localRoom, type Sample } from "../helpers/local-room.js";

const run = async (target: string, expectedExitCode?: number, sample: Sample = {}) => {
  const params = expectedExitCode === undefined ? {} : { expectedExitCode };
  return judge({ type: "command_pass", target, params }, await localRoom(sample));
};

/** A process that has ended may still wait to be reaped by whoever inherited it. */
const isGone = (room: LocalRoom): boolean => {
  const pid = readFileSync(join(room.root, "pid"), "utf8").trim();
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
};

afterAll(closeLocalRooms);

describe("command_pass", () => {
  test("passes on the expected exit code and on no other", async () => {
    expect(await run("echo one; true")).toMatchObject({ outcome: "passed", exitCode: 0, tail: "one\n" });
    expect(await run("exit 3", 3)).toMatchObject({ outcome: "passed", exitCode: 3 });
    expect(await run("exit 3")).toMatchObject({ outcome: "failed", reason: "check_failed", exitCode: 3 });
    expect(await run("true", 3)).toMatchObject({ outcome: "failed", reason: "check_failed", exitCode: 0 });
  });

  test("takes a command that the shell cannot find for a failed check", async () => {
    expect(await run("no-such-program-anywhere")).toMatchObject({ outcome: "failed", exitCode: 127 });
  });

  test.each([0, 137, 9])("never passes on a signal, whatever code is expected (%i)", async (expected) => {
    const judgement = await run("kill -9 $$", expected);
    expect(judgement).toMatchObject({
      outcome: "failed",
      reason: "killed",
      signal: "SIGKILL",
      exitCode: null,
    });
  });

  test("never passes at the time limit, and a grandchild that holds the pipe is gone", async () => {
    const room = await localRoom({ limitMs: 500 });
    const target = "sleep 600 & echo $! > pid; trap '' TERM; wait";
    const judgement = await judge({ type: "command_pass", target, params: { expectedExitCode: 0 } }, room);
    expect(judgement).toMatchObject({ outcome: "failed", reason: "timed_out", exitCode: null });
    await vi.waitFor(() => expect(isGone(room)).toBe(true), { timeout: 5_000 });
  });

  test("does not wait for what it leaves in the background", async () => {
    const room = await localRoom({});
    const target = "sleep 600 & echo $! > pid";
    const judgement = await judge({ type: "command_pass", target, params: {} }, room);
    expect(judgement).toMatchObject({ outcome: "passed" });
    await vi.waitFor(() => expect(isGone(room)).toBe(true), { timeout: 5_000 });
  });

  test("cannot judge without a shell", async () => {
    expect(await run("true", 0, { noPath: true })).toMatchObject({
      outcome: "errored",
      reason: "toolchain_missing",
    });
  });
});
