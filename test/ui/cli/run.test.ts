import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CAST, type Desk, openDesk, planOf, shapeOf, shop, step } from "../../helpers/cli.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(shop);
});
afterAll(() => desk.dispose());

/** What a terminal obeys: control characters but for tab and line end, and marks that turn text round. */
const drives = (char: string): boolean =>
  /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u.test(char) && !"\n\t".includes(char);
const idIn = (out: string): string => /run_\w+/.exec(out)?.[0] ?? "";

describe("run", () => {
  it("tells what happens on stderr, answers with the id on stdout, and ends with 0 when all is verified", async () => {
    const plan = await planOf(
      desk,
      "ok.json",
      [step("a", "maker"), step("b", "maker", { depends_on: ["a"] })],
      {
        acceptance_criteria: [
          { description: "both", validator: { type: "command_pass", target: "ls out/a.txt" } },
        ],
      },
    );
    const { code, out, err } = await desk.type("run", plan);
    expect(code).toBe(0);
    expect(desk.masked(out)).toBe("RUN\n");
    expect(desk.masked(err)).toMatchInlineSnapshot(`
      "▸ RUN: The plan ok.json
      ▶ a: maker starts attempt 1
      ? a: proposed: made it
      ✔ a: passed: "out/a.txt" is there, 5 bytes.
      ▶ b: maker starts attempt 1
      ? b: proposed: made it
      ✔ b: passed: "out/b.txt" is there, 5 bytes.
      ✔ criterion met: both
      ■ completed: 2 steps verified, 1 criterion met
      It is completed: 2 steps verified, 1 criterion met.
        Bring the verified commits into your checkout: runledger apply RUN
      "
    `);
  });

  it("with --json prints the events as lines, then a summary", async () => {
    const plan = await planOf(desk, "one.json", [step("a", "maker")]);
    const { code, out, err } = await desk.type("run", plan, "--json");
    expect([code, err]).toEqual([0, ""]);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ type }) => type)).toMatchInlineSnapshot(`
      [
        "run_created",
        "plan_attached",
        "step_started",
        "step_result_proposed",
        "step_validation_passed",
        "run_completed",
        "summary",
      ]
    `);
    expect(new Set(lines.map(({ schemaVersion }) => schemaVersion))).toEqual(new Set([1]));
    expect(shapeOf(lines.at(-1))).toMatchInlineSnapshot(`
      {
        "goal": "string",
        "head": "string",
        "runId": "string",
        "schemaVersion": "number",
        "status": "string",
        "steps": [
          {
            "attempts": "number",
            "how": "string",
            "id": "string",
            "status": "string",
          },
        ],
        "type": "string",
        "waivers": [],
      }
    `);
    const { payload, ...header } = lines[2];
    expect(shapeOf(header)).toMatchInlineSnapshot(`
      {
        "actor": {
          "name": "string",
          "role": "string",
        },
        "at": "string",
        "attempt": "number",
        "hash": "string",
        "position": "number",
        "prevHash": "string",
        "runId": "string",
        "schemaVersion": "number",
        "seq": "number",
        "sessionKey": "string",
        "type": "string",
        "version": "number",
      }
    `);
    expect(payload).toMatchObject({ stepId: "a", agent: "maker" });
  });

  it("says nothing on stderr with --quiet, and still answers", async () => {
    const plan = await planOf(desk, "quiet.json", [step("a", "maker")]);
    const { code, out, err } = await desk.type("run", plan, "--quiet");
    expect([code, desk.masked(out), err]).toEqual([0, "RUN\n", ""]);
  });

  it("ends with 3 when a person must answer, and says what to type", async () => {
    const plan = await planOf(desk, "lie.json", [step("a", "liar")]);
    const { code, err } = await desk.type("run", plan);
    expect(code).toBe(3);
    expect(desk.masked(err)).toMatchInlineSnapshot(`
      "▸ RUN: The plan lie.json
      ▶ a: liar starts attempt 1
      ? a: proposed: All done, tests pass!
      ✘ a: refused: failed [artifact_missing]: There is no file "out/a.txt".
      ‖ paused: Step "a" was refused: There is no file "out/a.txt".
      It is paused because step "a" was refused in attempt 1 (There is no file "out/a.txt".), and waits for a person.
        runledger policy RUN a retry|skip|change_agent|abort --reason "…", then: runledger resume RUN
      "
    `);
  });

  it("ends with 1 when the run fails", async () => {
    const plan = await planOf(desk, "unmet.json", [step("a", "maker")], {
      acceptance_criteria: [
        { description: "z is there", validator: { type: "command_pass", target: "test -e z" } },
      ],
    });
    const { code, err } = await desk.type("run", plan);
    expect(code).toBe(1);
    expect(err).toContain("criterion unmet: z is there");
    expect((await desk.type("resume", "last")).code).toBe(1);
  });

  it("only makes the run with --no-drive; a worker drives it", async () => {
    const plan = await planOf(desk, "later.json", [step("a", "maker")]);
    const made = await desk.type("run", plan, "--no-drive");
    expect(made.code).toBe(0);
    expect((await desk.json("why", "last")).for).toBe("worker");
    const { code, out, err } = await desk.type("worker", "--once");
    expect([code, out]).toEqual([0, ""]);
    expect(err).toContain(`${idIn(made.out).slice(-6)} ✔ a: passed`);
    expect(await desk.json("why", "last")).toMatchObject({ status: "completed", for: "nothing" });
    expect(await desk.type("worker", "--once", "--quiet")).toEqual({ code: 0, out: "", err: "" });
  });

  it("answers the same idempotency key with the run it made first", async () => {
    const plan = await planOf(desk, "same.json", [step("a", "maker")]);
    const first = await desk.type("run", plan, "--no-drive", "--idempotency-key", "k1");
    const again = await desk.type("run", plan, "--no-drive", "--idempotency-key", "k1");
    expect(again).toMatchObject({ code: 0, out: first.out });
    await desk.type("cancel", "last");
  });

  it("reads YAML by its name, and a model's whole answer from any other file", async () => {
    await desk.write({
      "../answer.txt": `Here is the plan:\n\`\`\`json\n${JSON.stringify({ goal: "g", steps: [step("a", "maker")] })}\n\`\`\`\nGood luck!`,
      "../plan.yml":
        "goal: g\nsteps:\n  - { id: a, goal: g, owner_agent: maker, validator: { type: build_pass } }\n",
    });
    for (const file of ["../answer.txt", "../plan.yml"])
      expect((await desk.type("run", file, "--no-drive")).code).toBe(0);
  });

  it("looks for the plan where -C says, like everything else", async () => {
    await desk.write({ "../far/away/plan.json": "{}" });
    await planOf(desk, "near.json", [step("a", "maker")]);
    const away = await desk.typeWith(
      { cwd: join(desk.place, "far", "away") },
      "-C",
      desk.repo,
      "run",
      "../near.json",
      "--no-drive",
    );
    expect(away.code).toBe(0);
  });

  it("stops when it is interrupted, with 130 and the way on; resume finishes the same attempt", async () => {
    await desk.write({
      "runledger.yaml": `${CAST}  waiter: { kind: command, run: [sh, ../waiter.sh] }\n`,
      "../waiter.sh":
        'touch ../started; while [ -d "$HOME" ] && [ ! -e "$HOME/go" ]; do sleep 0.05; done; mkdir -p out; echo x > out/a.txt\n',
    });
    desk.commit("an agent that waits");
    const home = join(desk.place, "home");
    await mkdir(home);
    const plan = await planOf(desk, "wait.json", [step("a", "waiter")]);
    const stop = new AbortController();
    const env = { HOME: home };
    const running = desk.typeWith({ interrupted: stop.signal, env }, "run", plan);
    await expect
      .poll(async () => (await desk.json("why", "last")).sentence, { timeout: 20_000 })
      .toContain("agents work on a");
    stop.abort();
    const { code, out, err } = await running;
    expect(code).toBe(130);
    expect(err).toContain(`Interrupted; nothing is lost. Go on with: runledger resume ${idIn(out)}`);
    await writeFile(join(home, "go"), "");
    expect((await desk.typeWith({ env }, "resume", "last")).code).toBe(0);
    const { run } = (await desk.json("show", "last")) as { run: { steps: { attempt: number }[] } };
    expect(run.steps[0]?.attempt).toBe(1);
  });
});

describe("what run refuses", () => {
  it("lists all defects of a plan, one in each line", async () => {
    const plan = await planOf(desk, "bad.json", [
      step("a", "makr"),
      { id: "b c", goal: "", owner_agent: "maker", validator: { type: "test_pas" }, extra: 1 },
      step("d", "maker", { depends_on: ["nobody"] }),
    ]);
    const { code, out, err } = await desk.type("run", plan);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatchInlineSnapshot(`
      "error [validation_failed]: 6 defects in the plan:
        steps[1].id: found "b c", expected letters, digits, "-" and "_", beginning with a letter or digit, at most 64
        steps[1].goal: found "", expected text that is not blank
        steps[1].validator.type: found "test_pas", expected one of "build_pass", "test_pass", "file_changed", "artifact_exists", "command_pass", "orchestrator_approval"; did you mean "test_pass"?
        steps[1].extra: found an unknown key, expected one of "id", "goal", "owner_agent", "depends_on", "tool_profile", "validator", "may_change", "max_retries", "candidates", "pick", "timeout", "agent_timeout"
        steps[0].owner_agent: found "makr", expected one of "maker", "liar", "breaker", "waiter"; did you mean "maker"?
        steps[2].depends_on[0]: found "nobody", expected the id of a step
      hint: Mend every defect and hand it in again.
      "
    `);
  });

  it("gives programs the same defects in one line of JSON", async () => {
    const { code, out, err } = await desk.type("run", join(desk.place, "bad.json"), "--json");
    expect([code, out]).toEqual([2, ""]);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect(shapeOf(JSON.parse(err))).toMatchInlineSnapshot(`
      {
        "error": {
          "code": "string",
          "details": {
            "count": "number",
            "defects": [
              {
                "expected": "string",
                "found": "string",
                "path": "string",
              },
            ],
          },
          "hint": "string",
          "message": "string",
        },
        "schemaVersion": "number",
        "type": "string",
      }
    `);
  });

  it("counts the defects that are too many to list", async () => {
    const steps = Array.from({ length: 60 }, (_, index) => ({ id: `s${index}` }));
    const { err } = await desk.type("run", await planOf(desk, "many.json", steps));
    expect(err).toMatch(/^error \[validation_failed\]: 180 defects in the plan:\n/);
    expect(err).toMatch(/\n {2}… and 80 more\nhint: /);
    expect(err.trimEnd().split("\n")).toHaveLength(103);
  });

  it("a plan that cannot be parsed, with 2, and one that is not there, with 4", async () => {
    await desk.write({ "../broken.json": "no plan here", "../broken.yaml": "goal: [\n" });
    expect(await desk.type("run", "../broken.json")).toMatchObject({ code: 2, out: "" });
    const yaml = await desk.type("run", "../broken.yaml");
    expect([yaml.code, yaml.err]).toEqual([2, expect.stringContaining("error [parse_failed]: ")]);
    const gone = await desk.type("run", "nowhere.yaml");
    expect([gone.code, desk.masked(gone.err)]).toEqual([
      4,
      'error [file_not_found]: There is no plan file "PLACE/repo/nowhere.yaml".\nhint: Paths start in the folder you are in, or in that of -C.\n',
    ]);
  });

  it("a checkout with changes, naming each; --include-uncommitted takes them along", async () => {
    const plan = await planOf(desk, "dirty.json", [step("a", "maker")]);
    await desk.write({ "one.txt": "1", "two.txt": "2", "README.md": "# Changed\n" });
    const { code, err } = await desk.type("run", plan);
    expect(code).toBe(1);
    expect(err).toMatchInlineSnapshot(`
      "error [dirty_checkout]: The checkout has changes that are not committed: README.md and 2 more.
        README.md
        one.txt
        two.txt
      hint: Commit them, or start the run with --include-uncommitted.
      "
    `);
    expect((await desk.type("run", plan, "--no-drive", "--include-uncommitted")).code).toBe(0);
    desk.git("stash", "--all", "--quiet");
  });

  it("a path that would drive the terminal is shown harmless", async () => {
    const plan = await planOf(desk, "dirty2.json", [step("a", "maker")]);
    await writeFile(join(desk.repo, "\u001b[31mred\u0007.txt"), "");
    const { err } = await desk.type("run", plan);
    expect(err).toContain("red·.txt");
    expect(err).not.toContain("\u001b");
    desk.git("clean", "--force", "--quiet");
  });
});

describe("an agent that tries to drive the terminal", () => {
  const EVIL = "\u001b]0;owned\u0007\u001b[2J\u009b31mred\r\u202eevil";
  it("is made harmless in progress, show, journal, logs and JSON", async () => {
    await desk.write({
      "../evil.sh": `printf '%s\\n' '${EVIL}'; printf '%s' '${EVIL}' >&2; exit 1\n`,
      "runledger.yaml": `${CAST}  evil: { kind: command, run: [sh, ../evil.sh] }\n  sly: { kind: command, run: [sh, ../sly.sh] }\n`,
      "../sly.sh": `printf '%s\\n' '${EVIL}'\n`,
    });
    desk.commit("evil agents");
    const plan = await planOf(
      desk,
      "evil.json",
      [
        step("a", "evil"),
        step("b", "sly", { validator: { type: "command_pass", target: `printf '${EVIL}'; false` } }),
      ],
      { goal: `Goal ${EVIL}` },
    );
    const ran = await desk.type("run", plan);
    expect(ran.code).toBe(3);
    const looks = [
      ["show", "last"],
      ["journal", "last"],
      ["logs", "last", "a"],
      ["logs", "last", "b"],
      ["list"],
      ["why", "last"],
    ];
    const said = [ran.out, ran.err];
    for (const argv of looks) {
      const plain = await desk.type(...argv);
      const json = await desk.type(...argv, "--json");
      expect([plain.code, json.code]).toEqual([0, 0]);
      said.push(plain.out, plain.err, json.out, json.err);
    }
    const text = said.join("");
    expect(text).toContain("evil");
    expect([...text].filter(drives)).toEqual([]);
  });
});

describe("demo", () => {
  it("tells the whole story and leaves its sample where it was asked to", async () => {
    const folder = join(desk.place, "kept");
    const { code, err } = await desk.type("demo", "--keep", folder);
    expect(err).toContain("It is completed: 3 steps verified");
    expect(code).toBe(0);
    expect(await readdir(folder)).toContain("shop");
    expect(await readFile(join(folder, "shop", "src", "sum.mjs"), "utf8")).toContain("reduce");
    expect(await desk.type("demo", "--keep", folder)).toMatchObject({ code: 2, out: "" });
  });
});
