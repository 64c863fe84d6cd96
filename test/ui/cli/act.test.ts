import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Desk, openDesk, planOf, shapeOf, shop, step } from "../../helpers/cli.js";
import { fingerprint, person } from "../../helpers/project.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(shop);
});
afterAll(() => desk.dispose());

const run = async (steps: readonly object[], ...options: string[]): Promise<string> =>
  (await desk.type("run", await planOf(desk, "plan.json", steps), "--quiet", ...options)).out.trim();
/** A run that waits for an answer to its step `a`. */
const refusedRun = () => run([step("a", "liar")]);
const asked = (id: string) => step(id, "maker", { validator: { type: "orchestrator_approval" } });
const statusOf = async (id: string): Promise<unknown> => (await desk.json("why", id)).status;
const policy = (id: string, action: string, ...options: string[]) =>
  desk.type("policy", id, "a", action, "--reason", "because", ...options);

describe("approve and deny", () => {
  it("answer the only step that waits, and say where the run stands then", async () => {
    const id = await run([asked("a")]);
    const { code, out, err } = await desk.type("approve", id, "--reason", "looks right");
    expect(code).toBe(0);
    expect(desk.masked(out + err)).toMatchInlineSnapshot(`
      "RUN undriven
      It is undriven: 1 action is due and no worker drives it.
        runledger resume RUN
      "
    `);
    expect((await desk.type("resume", id)).code).toBe(0);
    expect((await desk.type("journal", id, "--type", "approval_received")).out).toContain("looks right");
  });

  it("deny refuses the step, which then waits for a policy action", async () => {
    const id = await run([asked("a")]);
    expect((await desk.type("deny", id, "a", "--reason", "not like this")).code).toBe(0);
    const { code, err } = await desk.type("resume", id);
    expect(code).toBe(3);
    expect(err).toContain("not like this");
  });

  it("ask which step when several wait; RUN/STEP names one", async () => {
    const id = await run([asked("a"), asked("b")]);
    const { code, err } = await desk.type("approve", id);
    expect([code, desk.masked(err)]).toEqual([
      2,
      "error [invalid_input]: 2 steps wait for approval: a, b.\nhint: Name one: runledger approve RUN STEP\n",
    ]);
    expect((await desk.type("approve", `${id.slice(-12)}/b`)).code).toBe(0);
    expect(await desk.json("approve", id)).toMatchObject({ runId: id, for: "worker" });
    expect((await desk.type("resume", id)).code).toBe(0);
  });

  it("refuse what does not wait (5) or is not there (4)", async () => {
    const id = await refusedRun();
    const errorOf = async (...argv: string[]) => {
      const { code, err } = await desk.type(...argv);
      return [code, /\[(\w+)\]/.exec(err)?.[1]];
    };
    expect(await errorOf("approve", id)).toEqual([5, "step_not_waiting"]);
    expect(await errorOf("approve", id, "a")).toEqual([5, "access_denied"]);
    expect(await errorOf("deny", id, "z")).toEqual([4, "step_not_found"]);
    expect(await errorOf("approve", "run_none")).toEqual([4, "run_not_found"]);
  });

  it("may be answered by a person of another session", async () => {
    const id = await run([asked("a")], "--session", "night");
    expect((await desk.type("approve", id, "--session", "day")).code).toBe(0);
    expect((await desk.type("resume", id, "--session", "day")).code).toBe(0);
  });
});

describe("policy", () => {
  it("retry lets the agent try again, --fresh in a clean clone", async () => {
    const id = await refusedRun();
    const { code, out, err } = await policy(id, "retry", "--fresh");
    expect(code).toBe(0);
    expect(desk.masked(out + err)).toMatchInlineSnapshot(`
      "RUN paused
      It is paused; every request is answered.
        runledger resume RUN
      "
    `);
    expect((await desk.type("resume", id)).code).toBe(3);
    expect(await desk.json("show", id)).toMatchObject({ run: { steps: [{ attempt: 2 }] } });
    expect((await policy(id, "retry")).code).toBe(0);
  });

  it("--attempt answers the attempt that was looked at, and no other", async () => {
    const id = await refusedRun();
    const { code, err } = await policy(id, "skip", "--attempt", "7");
    expect([code, err]).toEqual([5, expect.stringMatching(/^error \[no_policy_request\]: .*attempt 7 asks/)]);
    expect((await policy(id, "skip", "--attempt", "1")).code).toBe(0);
  });

  it("change_agent hands the step over", async () => {
    const id = await refusedRun();
    expect((await policy(id, "change_agent", "--agent", "maker")).code).toBe(0);
    expect((await desk.type("resume", id)).code).toBe(0);
  });

  it("change_validator takes the judge inline or from a file, and the run says so", async () => {
    const judge = { type: "command_pass", target: "true" };
    const inline = await refusedRun();
    expect((await policy(inline, "change_validator", "--validator", JSON.stringify(judge))).code).toBe(0);
    expect((await desk.type("resume", inline)).code).toBe(0);
    expect((await desk.type("show", inline)).out).toMatch(
      /completed with waivers[\s\S]*\nwaiver +a validator_changed by .*: because\n/,
    );
    const file = await refusedRun();
    await desk.write({ "../judge.json": JSON.stringify(judge) });
    expect((await policy(file, "change_validator", "--validator", "../judge.json")).code).toBe(0);
    expect((await desk.type("resume", file)).code).toBe(0);
  });

  it("decompose takes the new steps from a file", async () => {
    const id = await refusedRun();
    await desk.write({
      "../steps.json": JSON.stringify([step("a1", "maker"), step("a2", "maker", { depends_on: ["a1"] })]),
    });
    expect((await policy(id, "decompose", "--steps", "../steps.json")).code).toBe(0);
    expect((await desk.type("resume", id)).code).toBe(0);
    const { run: decomposed } = await desk.json("show", id);
    expect(decomposed).toMatchObject({
      steps: [{ spec: { id: "a" } }, { spec: { id: "a1" } }, { spec: { id: "a2" } }],
    });
  });

  it("skip goes on without the step, and the run says so", async () => {
    const id = await refusedRun();
    expect((await policy(id, "skip")).code).toBe(0);
    expect((await desk.type("resume", id)).code).toBe(0);
    expect(await desk.json("resume", id)).toMatchObject({
      type: "summary",
      status: "completed",
      steps: [{ id: "a", status: "completed", how: "skipped" }],
      waivers: [{ stepId: "a", kind: "skipped", reason: "because" }],
    });
  });

  it("abort ends the run as failed, and then nothing changes it", async () => {
    const id = await refusedRun();
    expect((await policy(id, "abort")).code).toBe(0);
    expect(await statusOf(id)).toBe("failed");
    expect((await desk.type("resume", id)).code).toBe(1);
    const late = await policy(id, "skip");
    expect([late.code, desk.masked(late.err)]).toMatchInlineSnapshot(`
      [
        5,
        "error [run_terminal]: Run "RUN" is failed; nothing can change it.
      hint: Start a new run, or begin again from its past: runledger fork RUN
      ",
      ]
    `);
  });

  it("escalate pauses a run that goes on", async () => {
    const id = await refusedRun();
    expect((await policy(id, "escalate")).code).toBe(5);
    const app = await desk.open();
    await app.ledger.submit(id, { type: "resume_run", reason: "", overrideStale: false }, person(app));
    expect(await statusOf(id)).toBe("running");
    expect((await policy(id, "escalate")).code).toBe(0);
    expect(await statusOf(id)).toBe("paused");
  });

  it("refuses what an action does not take, or lacks, in the words of the command line", async () => {
    const id = await refusedRun();
    const said = async (...argv: [string, ...string[]]) => {
      const { code, out, err } = await policy(id, ...argv);
      return [code, out, err.split("\n")[0]];
    };
    expect(await said("decompose")).toEqual([2, "", 'error [invalid_input]: "decompose" needs --steps.']);
    expect(await said("change_agent")).toEqual([
      2,
      "",
      'error [invalid_input]: "change_agent" needs --agent.',
    ]);
    expect(await said("skip", "--fresh")).toEqual([
      2,
      "",
      'error [invalid_input]: --fresh belongs to "retry", not to "skip".',
    ]);
    expect(await said("retry", "--agent", "maker")).toEqual([
      2,
      "",
      'error [invalid_input]: --agent belongs to "change_agent", not to "retry".',
    ]);
    expect((await said("change_agent", "--agent", "nobody"))[0]).toBe(4);
    expect((await said("decompose", "--steps", "nowhere.json"))[0]).toBe(4);
    expect((await said("change_validator", "--validator", '{"type":"command_pass"}'))[0]).toBe(2);
    expect((await said("change_validator", "--validator", "nowhere.json"))[0]).toBe(4);
    expect(await statusOf(id)).toBe("paused");
  });

  it("answers only what asks", async () => {
    const id = await run([step("a", "maker"), asked("b")]);
    const { code, err } = await policy(id, "retry");
    expect([code, err]).toMatchInlineSnapshot(`
      [
        5,
        "error [no_policy_request]: Step "a" is completed; it asks nothing.
      hint: Policy actions answer a failed, errored or interrupted step.
      ",
      ]
    `);
  });
});

describe("note", () => {
  it("is written, read and cleared; one that is not there ends with 4", async () => {
    const id = await run([step("a", "maker")], "--no-drive");
    expect((await desk.type("note", id, "constructor")).code).toBe(4);
    const missing = await desk.type("note", id, "owner");
    expect([missing.code, missing.out, desk.masked(missing.err)]).toEqual([
      4,
      "",
      'Run "RUN" has no note "owner".\n',
    ]);
    expect(await desk.type("note", id, "owner", "ada")).toEqual({ code: 0, out: "ada\n", err: "" });
    expect(await desk.json("note", id, "owner")).toEqual({
      schemaVersion: 1,
      runId: id,
      key: "owner",
      value: "ada",
    });
    expect(await desk.type("note", id, "owner", "")).toEqual({ code: 0, out: "", err: "" });
    expect(await desk.type("note", id, "owner", "--quiet")).toEqual({ code: 4, out: "", err: "" });
  });
});

describe("pause, cancel and resume", () => {
  it("pause holds a run until it is resumed", async () => {
    const id = await run([step("a", "maker")], "--no-drive");
    const { code, out, err } = await desk.type("pause", id, "--reason", "lunch");
    expect(code).toBe(0);
    expect(desk.masked(out + err)).toMatchInlineSnapshot(`
      "RUN paused
      It is paused (requested): lunch
        runledger resume RUN
      "
    `);
    expect((await desk.type("worker", "--once")).code).toBe(0);
    expect(await statusOf(id)).toBe("paused");
    expect((await desk.type("resume", id)).code).toBe(0);
    expect((await desk.type("pause", id)).code).toBe(5);
  });

  it("cancel ends a run as failed", async () => {
    const id = await run([step("a", "maker")], "--no-drive");
    expect((await desk.type("cancel", id, "--reason", "not needed")).code).toBe(0);
    expect((await desk.type("why", id)).out).toBe("It failed (cancelled): not needed\n");
    expect((await desk.type("resume", id)).code).toBe(1);
  });

  it("a run that was paused for longer than staleTtl resumes only with --stale", async () => {
    const env = { RUNLEDGER_SET_runLedger__staleTtl: "1ms" };
    const id = await run([step("a", "maker")], "--no-drive");
    await desk.type("pause", id);
    const { code, err } = await desk.typeWith({ env }, "resume", id);
    expect([code, err]).toEqual([5, expect.stringContaining("error [run_stale]: ")]);
    expect((await desk.typeWith({ env }, "resume", id, "--stale")).code).toBe(0);
  });

  it("a run that another process drives is left to it, with 5", async () => {
    const id = await run([step("a", "maker")], "--no-drive");
    const app = await desk.open();
    // Of a worker on another machine nobody here can know that it died.
    const owner = "elsewhere:1:1";
    expect(await app.ledger.store.claim({ runId: id, owner, ttlMs: 60_000 })).toBeDefined();
    const { code, err } = await desk.type("resume", id);
    expect([code, err]).toEqual([5, expect.stringContaining("error [lease_held]: ")]);
  });
});

describe("patch and apply", () => {
  it("print, write and apply the verified commits; what is there already is left alone", async () => {
    const id = await run([step("a", "maker"), step("b", "maker", { depends_on: ["a"] })]);
    const { code, out } = await desk.type("patch", id);
    expect(code).toBe(0);
    expect(out.match(/^Subject: .*$/gm)).toEqual(["Subject: Make a", "Subject: Make b"]);
    const written = await desk.type("patch", id, "-o", "../patches");
    expect(desk.masked(written.out)).toBe(
      "PLACE/patches/0001-Make-a.patch\nPLACE/patches/0002-Make-b.patch\n",
    );
    const texts = (await readdir(join(desk.place, "patches")))
      .sort()
      .map((name) => readFile(join(desk.place, "patches", name), "utf8"));
    expect((await Promise.all(texts)).join("")).toBe(out);
    const json = await desk.json("patch", id);
    expect(shapeOf(json)).toEqual({
      schemaVersion: "number",
      runId: "string",
      patches: [{ name: "string", text: "string" }],
      written: [],
    });

    const first = await desk.type("apply", id);
    expect(first).toEqual({ code: 0, out: "0001-Make-a.patch\n0002-Make-b.patch\n", err: "" });
    expect(desk.git("log", "--format=%s", "-2")).toBe("Make b\nMake a\n");
    const before = await fingerprint(join(desk.repo, "out"));
    expect(await desk.type("apply", id)).toEqual({
      code: 0,
      out: "",
      err: "Your checkout has these commits already.\n",
    });
    expect(await desk.json("apply", id)).toEqual({
      schemaVersion: 1,
      runId: id,
      applied: [],
      skipped: ["0001-Make-a.patch", "0002-Make-b.patch"],
    });
    expect(await fingerprint(join(desk.repo, "out"))).toEqual(before);
  });

  it("refuse a folder that cannot be made", async () => {
    await writeFile(join(desk.place, "file"), "");
    expect(await desk.type("patch", "last", "-o", "../file")).toMatchObject({ code: 2, out: "" });
  });

  it("have nothing to say of a run without verified commits", async () => {
    const id = await refusedRun();
    const patch = await desk.type("patch", id);
    expect([patch.code, patch.out, desk.masked(patch.err)]).toEqual([
      0,
      "",
      'Run "RUN" has no verified commits yet.\n',
    ]);
    expect(await desk.type("apply", id)).toEqual({ code: 0, out: "", err: "There is nothing to apply.\n" });
  });

  it("leave a checkout with changes, and one that does not fit, as they are", async () => {
    const id = await run([step("c", "maker")]);
    await writeFile(join(desk.repo, "README.md"), "# Changed\n");
    await writeFile(
      join(desk.repo, "runledger.yaml"),
      `${await readFile(join(desk.repo, "runledger.yaml"), "utf8")}# x\n`,
    );
    const before = await fingerprint(desk.repo);
    const dirty = await desk.type("apply", id);
    expect([dirty.code, dirty.err]).toMatchInlineSnapshot(`
      [
        1,
        "error [dirty_checkout]: The checkout has changes that are not committed: README.md and 1 more.
        README.md
        runledger.yaml
      hint: Commit or stash them, then apply again.
      ",
      ]
    `);
    expect(await fingerprint(desk.repo)).toEqual(before);
    desk.git("checkout", "--quiet", "--", ".");

    await desk.write({ "out/c.txt": "mine\n" });
    desk.commit("my own c");
    const head = desk.git("rev-parse", "HEAD");
    const conflict = await desk.type("apply", id);
    expect([conflict.code, conflict.err]).toMatchInlineSnapshot(`
      [
        5,
        "error [apply_conflict]: 0001-Make-c.patch does not fit the checkout: out/c.txt.
      hint: Nothing was changed. Start from a checkout like the run's base, or merge by hand what \`runledger patch\` prints.
      ",
      ]
    `);
    expect(desk.git("rev-parse", "HEAD")).toBe(head);
    expect(desk.git("status", "--porcelain")).toBe("");
  });
});
