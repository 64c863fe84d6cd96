import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CAST, type Desk, openDesk, planOf, shop, step } from "../../helpers/cli.js";

let desk: Desk;
let raced: { code: number; out: string; err: string };
let lost: string;
beforeAll(async () => {
  // One at a time, so that what happens in a race happens in the same order.
  desk = await openDesk({ ...shop, "runledger.yaml": `${CAST}maxParallelSteps: 1\n` });
  const race = step("a", "maker", { candidates: ["maker", "liar", "breaker"], pick: "smallest" });
  raced = await desk.type("run", await planOf(desk, "raced.json", [race]));
  const hopeless = step("a", "liar", { candidates: 2 });
  lost = (await desk.type("run", await planOf(desk, "lost.json", [hopeless]))).out.trim();
});
afterAll(() => desk.dispose());

describe("a race", () => {
  it("is told while it is run, each candidate by its number", () => {
    expect(raced.code).toBe(0);
    expect(desk.masked(raced.err)).toMatchInlineSnapshot(`
      "▸ RUN: The plan raced.json
      ▶ a (candidate 1): maker starts attempt 1
      ? a (candidate 1): proposed: made it
      ▶ a (candidate 2): liar starts attempt 1
      ? a (candidate 2): proposed: All done, tests pass!
      ▶ a (candidate 3): breaker starts attempt 1
      ✘ a (candidate 3): interrupted: The agent ended with exit code 7.
      ✘ a (candidate 2): refused: failed [artifact_missing]: There is no file "out/a.txt".
      ✔ a (candidate 1): passed: "out/a.txt" is there, 5 bytes.
      ■ completed: 1 step verified
      It is completed: 1 step verified.
        Bring the verified commits into your checkout: runledger apply RUN
      "
    `);
  });

  it("shows who won and what became of the others, and why nobody did", async () => {
    expect(desk.masked((await desk.type("show", raced.out.trim())).out)).toMatchInlineSnapshot(`
      "The plan raced.json
      RUN  completed  started AGO 
      It is completed: 1 step verified.

      STEP  STATUS    AGENT                 JUDGE            ATTEMPTS  LAST WORD
      a     verified  maker, liar, breaker  artifact_exists  1         candidate 1 of 3: "out/a.txt" is there, 5 bytes.

      candidate  verified: a 1                                              maker: "out/a.txt" is there, 5 bytes.
      candidate  failed: a 2                                                liar: There is no file "out/a.txt".
      candidate  interrupted: a 3                                           breaker: The agent ended with exit code 7.
      isolation  level N
      head       COMMIT
      receipt    signed with key KEY…: runledger receipt show
      "
    `);
    expect(desk.masked((await desk.type("show", lost)).out)).toMatchInlineSnapshot(`
      "The plan lost.json
      RUN  paused  started AGO 
      It is paused because step "a" was refused in attempt 1 (1 (liar): There is no file "out/a.txt"; 2 (liar): There is no file "out/a.txt"), and waits for a person.
        runledger policy RUN a retry|skip|change_agent|abort --reason "…", then: runledger resume RUN

      STEP  STATUS  AGENT    JUDGE            ATTEMPTS  LAST WORD
      a     failed  liar ×2  artifact_exists  1         1 (liar): There is no file "out/a.txt"; 2 (liar): There is no file "out/a.txt"

      candidate  failed: a 1                               liar: There is no file "out/a.txt".
      candidate  failed: a 2                               liar: There is no file "out/a.txt".
      isolation  level N
      head       COMMIT
      "
    `);
    expect(desk.masked((await desk.type("why", lost)).out)).toMatchInlineSnapshot(`
      "It is paused because step "a" was refused in attempt 1 (1 (liar): There is no file "out/a.txt"; 2 (liar): There is no file "out/a.txt"), and waits for a person.
        runledger policy RUN a retry|skip|change_agent|abort --reason "…", then: runledger resume RUN
        judged at level N
      "
    `);
  });

  it("is in the journal candidate by candidate", async () => {
    const { out } = await desk.type("journal", raced.out.trim(), "--since", "2");
    expect(desk.masked(out).replace(/^ *\d+ {2}TIME */gm, "")).toMatchInlineSnapshot(`
      "step_started              engine          a #1 candidate 1
      step_result_proposed      maker           a #1 candidate 1 made it
      step_started              engine          a #1 candidate 2
      step_result_proposed      liar            a #1 candidate 2 All done, tests pass!
      step_started              engine          a #1 candidate 3
      step_interrupted          engine          a #1 candidate 3 The agent ended with exit code 7.
      step_validation_failed    engine          a #1 candidate 2 failed [artifact_missing]: There is no file "out/a.txt".
      step_validation_passed    engine          a #1 candidate 1 passed: "out/a.txt" is there, 5 bytes.
      run_completed             engine          1 step verified
      "
    `);
  });

  it("has a log of each: the winner's, or that of the one that is named", async () => {
    const id = raced.out.trim();
    expect((await desk.type("logs", id, "a")).out).toContain("— agent, attempt 1, candidate 1 —\nmade it\n");
    const second = (await desk.type("logs", id, "a", "--candidate", "2")).out;
    expect(second).toContain("— agent, attempt 1, candidate 2 —\nAll done, tests pass!\n");
    expect(second).toContain("failed [artifact_missing]");
    expect((await desk.type("logs", id, "a", "--candidate", "3")).out).toContain("no disk");
    const none = await desk.type("logs", id, "a", "--candidate", "4");
    expect(none).toMatchObject({ code: 4, err: expect.stringContaining("candidate_not_found") });
  });
});
