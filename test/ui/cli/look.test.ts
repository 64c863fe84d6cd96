import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Desk, openDesk, planOf, shop, step } from "../../helpers/cli.js";

let desk: Desk;
let done: string;
let stuck: string;
let waiting: string;
beforeAll(async () => {
  desk = await openDesk(shop);
  const run = async (...argv: string[]) => (await desk.type("run", ...argv)).out.trim();
  done = await run(
    await planOf(desk, "done.json", [step("a", "maker"), step("b", "maker", { depends_on: ["a"] })], {
      acceptance_criteria: [
        { description: "a is there", validator: { type: "command_pass", target: "cat out/a.txt" } },
      ],
    }),
  );
  await desk.type("note", done, "reviewed", "by ada");
  stuck = await run(
    await planOf(desk, "stuck.json", [
      step("a", "liar", { max_retries: 1 }),
      step("b", "maker", { depends_on: ["a"] }),
    ]),
  );
  waiting = await run(
    await planOf(desk, "waiting.json", [step("a", "maker")]),
    "--no-drive",
    "--session",
    "other",
  );
});
afterAll(() => desk.dispose());

describe("list", () => {
  it("shows the newest first, with what holds a run up", async () => {
    const { code, out, err } = await desk.type("list");
    expect([code, err]).toEqual([0, ""]);
    expect(desk.masked(out)).toMatchInlineSnapshot(`
      "RUN                                   STATUS     STEPS  UPDATED    GOAL
      RUN  undriven   0/1    AGO The plan waiting.json
      RUN  paused     0/2    AGO The plan stuck.json — It is paused because step "a" was refused in attempt 2 (There is no file "out/a.txt".), and waits for a person.
      RUN  completed  2/2    AGO The plan done.json
      "
    `);
  });

  it("filters by status and by session", async () => {
    const ids = async (...argv: string[]) =>
      ((await desk.json("list", ...argv)).runs as { runId: string }[]).map(({ runId }) => runId);
    expect(await ids()).toEqual([waiting, stuck, done]);
    expect(await ids("--status", "completed")).toEqual([done]);
    expect(await ids("--status", "failed")).toEqual([]);
    expect(await ids("--mine")).toEqual([stuck, done]);
    expect(await ids("--mine", "--session", "other")).toEqual([waiting]);
    expect(await ids("--status", "paused", "--session", "other", "--mine")).toEqual([]);
  });

  it("pages with --limit and --after, by any name of a run, until nothing is left", async () => {
    const page = async (...argv: string[]) =>
      ((await desk.json("list", "--limit", "2", ...argv)).runs as { runId: string }[]).map(
        ({ runId }) => runId,
      );
    expect(await page()).toEqual([waiting, stuck]);
    expect(await page("--after", stuck.slice(-12))).toEqual([done]);
    expect(await page("--after", "last")).toEqual([stuck, done]);
    expect(await page("--after", done)).toEqual([]);
    expect(await desk.type("list", "--after", "run_none")).toMatchObject({ code: 4, out: "" });
  });

  it("of nothing says how to begin, on stderr, and not at all with --quiet", async () => {
    expect(await desk.type("list", "--status", "failed")).toMatchInlineSnapshot(`
      {
        "code": 0,
        "err": "No more runs like that.
      ",
        "out": "",
      }
    `);
    expect(await desk.type("list", "--status", "failed", "--quiet")).toEqual({ code: 0, out: "", err: "" });
  });
});

describe("show", () => {
  it("shows a completed run", async () => {
    const { code, out, err } = await desk.type("show", done);
    expect([code, err]).toEqual([0, ""]);
    expect(desk.masked(out)).toMatchInlineSnapshot(`
      "The plan done.json
      RUN  completed  started AGO 
      It is completed: 2 steps verified, 1 criterion met.

      STEP  STATUS    AGENT  JUDGE            ATTEMPTS  LAST WORD
      a     verified  maker  artifact_exists  1         "out/a.txt" is there, 5 bytes.
      b     verified  maker  artifact_exists  1         "out/b.txt" is there, 5 bytes.

      isolation  level N
      criterion  met: a is there
      note       reviewed = by ada
      head       COMMIT
      receipt    signed with key KEY…: runledger receipt show
      "
    `);
  });

  it("shows a run that waits for a person, and what to type", async () => {
    const { out } = await desk.type("show", stuck);
    expect(desk.masked(out)).toMatchInlineSnapshot(`
      "The plan stuck.json
      RUN  paused  started AGO 
      It is paused because step "a" was refused in attempt 2 (There is no file "out/a.txt".), and waits for a person.
        runledger policy RUN a retry|skip|change_agent|abort --reason "…", then: runledger resume RUN

      STEP  STATUS   AGENT  JUDGE            ATTEMPTS  LAST WORD
      a     failed   liar   artifact_exists  2         There is no file "out/a.txt".
      b     pending  maker  artifact_exists  -

      isolation  level N
      head       COMMIT
      "
    `);
  });
});

describe("the name of a run", () => {
  it("is its id, the unique end of it, or last", async () => {
    for (const name of [waiting, waiting.slice(-10), "last"])
      expect(await desk.json("why", name)).toMatchObject({ runId: waiting });
  });

  it("that fits no run ends with 4, an empty one too", async () => {
    for (const name of ["run_nothing", ""]) {
      const { code, out, err } = await desk.type("show", name);
      expect([code, out]).toEqual([4, ""]);
      expect(err).toMatch(/^error \[run_not_found\]: There is no run ".*"\.\nhint: /);
    }
  });

  it("that fits several ends with 2 and asks for more of it", async () => {
    const plan = await planOf(desk, "more.json", [step("a", "maker")]);
    const ends = [done, stuck, waiting].map((id) => id.slice(-1));
    for (let end = ""; end === ""; ) {
      const { out } = await desk.type("run", plan, "--no-drive");
      const last = out.trim().slice(-1);
      if (ends.includes(last)) end = last;
      ends.push(last);
      if (end === "") continue;
      const { code, err } = await desk.type("show", end);
      expect(code).toBe(2);
      // By chance the first three may have shared it already.
      const many = ends.filter((one) => one === end).length;
      expect(err).toBe(
        `error [invalid_input]: "${end}" is the end of ${many} run ids.\nhint: Give more of it; \`runledger list\` shows whole ids.\n`,
      );
    }
  });
});

describe("why", () => {
  it("says in one sentence what a run waits for", async () => {
    const said = async (id: string) => desk.masked((await desk.type("why", id)).out);
    expect(await said(done)).toMatchInlineSnapshot(`
      "It is completed: 2 steps verified, 1 criterion met.
        judged at level N
      "
    `);
    expect(await said(stuck)).toMatchInlineSnapshot(`
      "It is paused because step "a" was refused in attempt 2 (There is no file "out/a.txt".), and waits for a person.
        runledger policy RUN a retry|skip|change_agent|abort --reason "…", then: runledger resume RUN
        judged at level N
      "
    `);
    expect(await said(waiting)).toMatchInlineSnapshot(`
      "It is undriven: 1 action is due and no worker drives it.
        runledger resume RUN
      "
    `);
  });
});

describe("journal", () => {
  it("shows every event in one line", async () => {
    const { code, out, err } = await desk.type("journal", stuck);
    expect([code, err]).toEqual([0, ""]);
    expect(desk.masked(out)).toMatchInlineSnapshot(`
      "   1  TIME  run_created               PERSON@terminal   The plan stuck.json
         2  TIME  plan_attached             PERSON@terminal
         3  TIME  step_started              engine          a #1
         4  TIME  step_result_proposed      liar            a #1 All done, tests pass!
         5  TIME  step_validation_failed    engine          a #1 failed [artifact_missing]: There is no file "out/a.txt".
         6  TIME  policy_decision_applied   system          a #1 retry: Retry 1 of 1: There is no file "out/a.txt".
         7  TIME  step_started              engine          a #2
         8  TIME  step_result_proposed      liar            a #2 All done, tests pass!
         9  TIME  step_validation_failed    engine          a #2 failed [artifact_missing]: There is no file "out/a.txt".
        10  TIME  policy_decision_applied   system          a #2 escalate: Step "a" was refused after 1 retry: There is no file "out/a.txt".
        11  TIME  run_paused                system          a escalated · Step "a" was refused after 1 retry: There is no file "out/a.txt".
      "
    `);
  });

  it("filters by type and by sequence number", async () => {
    const events = async (...argv: string[]) =>
      (await desk.type("journal", done, "--json", ...argv)).out
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as { seq: number; type: string });
    const all = await events();
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
    expect((await events("--type", "step_started")).map(({ type }) => type)).toEqual([
      "step_started",
      "step_started",
    ]);
    expect((await events("--since", "4")).map(({ seq }) => seq)).toEqual(all.slice(4).map(({ seq }) => seq));
    expect(await events("--since", "4", "--type", "run_created")).toEqual([]);
    expect(await events("--since", "99999")).toEqual([]);
  });

  it("refuses a type that does not exist, and names those that do", async () => {
    const { code, out, err } = await desk.type("journal", done, "--type", "step_strated");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(
      /There are no events of type "step_strated" \(--type\)\.\nhint: Types: run_created, .*worker_lost.*\.\n$/,
    );
  });
});

describe("logs", () => {
  it("shows what agent and judge said, of the last attempt and of each", async () => {
    const said = async (...argv: string[]) => desk.masked((await desk.type("logs", stuck, "a", ...argv)).out);
    expect(await said()).toMatchInlineSnapshot(`
      "— agent, attempt 2 —
      All done, tests pass!
      — judge, failed [artifact_missing]: There is no file "out/a.txt". (DURATION, level N) —
      "
    `);
    expect(await said("--attempt", "1")).toContain("— agent, attempt 1 —\nAll done");
    expect(await said("--judge")).not.toContain("All done");
  });

  it("of a step or an attempt that is not there ends with 4", async () => {
    expect(await desk.type("logs", stuck, "z")).toMatchObject({
      code: 4,
      err: expect.stringMatching(/^error \[step_not_found\]/),
    });
    expect(await desk.type("logs", stuck, "a", "--attempt", "3")).toEqual({
      code: 4,
      out: "",
      err: 'error [attempt_not_found]: Step "a" has no attempt 3.\nhint: It was started 2 times.\n',
    });
  });
});

describe("colours", () => {
  const ESC = String.fromCharCode(27);
  it("are for terminals alone, and not where they are not wanted", async () => {
    const look = async (options: object, ...argv: string[]) =>
      (await desk.typeWith(options, "show", done, ...argv)).out;
    expect(await look({ live: true })).toContain(`${ESC}[32mcompleted${ESC}[0m`);
    expect(await look({ live: true, env: { NO_COLOR: "" } })).toContain(ESC);
    for (const plain of [
      await look({}),
      await look({ live: true, env: { NO_COLOR: "1" } }),
      await look({ live: true }, "--no-color"),
      await look({ live: true }, "--json"),
    ])
      expect(plain).not.toContain(ESC);
  });

  it("do not disturb the columns", async () => {
    const plain = await desk.type("list");
    const coloured = await desk.typeWith({ live: true }, "list");
    expect(coloured.out).not.toBe(plain.out);
    // Between the two looks a run may have become a minute older, and its column with it.
    const told = (out: string): string => desk.masked(out).replace(/UPDATED +/, "UPDATED ");
    expect(told(coloured.out.replace(new RegExp(`${ESC}\\[\\d+m`, "g"), ""))).toBe(told(plain.out));
  });
});
