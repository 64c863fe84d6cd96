import { afterAll, describe, expect, test } from "vitest";
import type { Judgement } from "../../../src/core/verdict.js";
import { judge } from "../../../validators/index.js";
import { closeLocalRooms, localRoom } from "../../helpers/local-room.js";

const repeated = async (test: string, repeat?: number): Promise<Judgement> => {
  const params = repeat === undefined ? {} : { repeat };
  const change = { "calc.test.mjs": `${counting}${test}\n` };
  return judge({ type: "test_pass", target: "", params }, await localRoom({ ...alone, change }));
};

const alone = { fixture: "node", noBase: true };
/** Knows how often it has run in this room. */
const counting = `
import assert from "node:assert";
import { appendFileSync, readFileSync } from "node:fs";
import test from "node:test";
appendFileSync("runs", "x");
const runs = readFileSync("runs").length;
test("steady", () => {});
`;

afterAll(closeLocalRooms);

describe("tests that are repeated", () => {
  test("pass when each run passes, and each is told", async () => {
    const judgement = await repeated("", 3);
    expect(judgement).toMatchObject({ outcome: "passed", reason: "ok", counts: { passed: 1 } });
    expect(judgement.message).toMatch(/^In each of 3 runs: 1 test ran/);
    const told = { exitCode: 0, counts: { passed: 1, failed: 0, skipped: 0 } };
    expect(judgement.tests?.runs).toMatchObject([told, told, told]);
  });

  test.each([
    ["passes first", `test("moody", () => assert.equal(runs, 1));`, 2],
    ["fails first", `test("moody", () => assert.notEqual(runs, 1));`, 2],
    ["fails once later", `test("moody", () => assert.notEqual(runs, 3));`, 3],
    ["is gone later", `if (runs < 3) test("moody", () => {});`, 3],
    ["is skipped once", `test("moody", { skip: runs === 2 }, () => {});`, 2],
  ])("are flaky when one of them %s, and it is named", async (_what, body, runs) => {
    const judgement = await repeated(body, 4);
    expect(judgement).toMatchObject({
      outcome: "failed",
      reason: "flaky",
      missing: ["calc.test.mjs > moody"],
    });
    expect(judgement.tests?.runs).toHaveLength(runs);
  });

  test("show what the failed run printed, whichever it was", async () => {
    const judgement = await repeated(`test("moody", () => assert.notEqual(runs, 1, "not today"));`, 2);
    expect(judgement.tail).toContain("not today");
    expect(judgement.exitCode).toBe(1);
  });

  test("just fail when they fail twice in the same way", async () => {
    const judgement = await repeated(`test("wrong", () => assert.fail());`, 5);
    expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed" });
    expect(judgement.tests?.runs).toHaveLength(2);
  });

  test("need a report in each run", async () => {
    const programs = { node: `test -e ran && exit 0; touch ran; exec ${process.execPath} "$@"` };
    const room = await localRoom({ ...alone, programs });
    const judgement = await judge({ type: "test_pass", target: "", params: { repeat: 2 } }, room);
    expect(judgement).toMatchObject({ outcome: "failed", reason: "report_missing" });
  });

  test("run once when nobody asks for more", async () => {
    const judgement = await repeated(`test("moody", () => assert.equal(runs, 1));`);
    expect(judgement).toMatchObject({ outcome: "passed" });
    expect(judgement.tests?.runs).toHaveLength(1);
  });
});
