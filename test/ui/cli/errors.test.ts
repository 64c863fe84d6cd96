import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorKinds } from "../../../src/core/errors.js";
import { readTyped } from "../../../src/ui/cli/completion/typed.js";
import { exitOfError } from "../../../src/ui/cli/exit-codes.js";
import { pageOf } from "../../../src/ui/cli/manual/explain.js";
import { exitsOf } from "../../../src/ui/cli/manual/page.js";
import { planOf, step, type TypeOptions } from "../../helpers/cli.js";
import { openStage, type Stage } from "../../helpers/scenes.js";
import { idleTree } from "../../helpers/tree.js";

/** What people meet when something goes wrong: code, sentence, hint and exit code of each mistake that can be made honestly. */

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
  const { desk, place } = stage;
  await desk.write({ "../repo-plan.txt": "I would rather talk about it." });
  await desk.write({ "../broken.yaml": "goal: [\n" });
  await desk.write({ "../odd.jsonl": "{}\n" });
  await writeFile(place("cut.gz"), Buffer.from([0x1f, 0x8b, 0x08]));
  await planOf(desk, "stranger.json", [step("a", "nobody")]);
  await planOf(desk, "circle.json", [
    step("a", "maker", { depends_on: ["b"] }),
    step("b", "maker", { depends_on: ["a"] }),
  ]);
  await desk.type("export", stage.run("done"), "-o", place("run.jsonl"));
});
afterAll(() => stage.desk.dispose());

type Mistake = readonly [words: (stage: Stage) => readonly string[], options?: TypeOptions];

const MISTAKES: Readonly<Record<string, Mistake>> = {
  // The line itself
  "an unknown command": [() => ["rnu"]],
  "an unknown command, far from any": [() => ["xyzzy"]],
  "an unknown sub-command": [() => ["config", "gte", "x"]],
  "an unknown option": [() => ["list", "--stauts", "paused"]],
  "a missing argument": [() => ["show"]],
  "an argument too many": [() => ["show", "a", "b"]],
  "a missing option": [() => ["policy", "last", "a", "retry"]],
  "a missing value": [() => ["list", "--status"]],
  "a number that is none": [() => ["list", "--limit", "many"]],
  "a choice that is none": [() => ["list", "--status", "done"]],
  "an argument that is no choice": [() => ["completion", "tcsh"]],
  "a topic that is none": [() => ["help", "exit-code"]],
  "a folder that is not there": [() => ["list", "-C", "nowhere"]],
  // Files
  "no such plan": [() => ["run", "none.yaml"]],
  "a plan that is a folder": [() => ["run", "."]],
  "a plan to look at that is a folder": [() => ["plan", "show", "."]],
  "a plan from a pipe that is none": [() => ["run", "-"]],
  "a plan to look at from a pipe that is none": [() => ["plan", "show", "-"]],
  "a bundle from a pipe that is none": [() => ["import", "-"]],
  "a plan that is YAML no more": [({ place }) => ["run", place("broken.yaml")]],
  "a plan that is prose": [({ place }) => ["run", place("repo-plan.txt")]],
  "a plan with a stranger": [({ place }) => ["run", place("stranger.json")]],
  "a plan that goes in circles": [({ place }) => ["run", place("circle.json")]],
  "a bundle that is not there": [() => ["import", "none.jsonl"]],
  "a bundle that is a folder": [() => ["import", "."]],
  "a bundle that is none": [({ place }) => ["import", place("odd.jsonl")]],
  "a bundle that was cut off": [({ place }) => ["import", place("cut.gz")]],
  "an export over a file": [({ run, place }) => ["export", run("done"), "-o", place("run.jsonl")]],
  "an export into nowhere": [({ run }) => ["export", run("done"), "-o", "none/run.jsonl"]],
  "patches into a file": [({ run }) => ["patch", run("done"), "-o", "README.md"]],
  "a demo where something is": [() => ["demo", "--keep", "."]],
  // Runs, steps, attempts
  "a run that is not there": [() => ["show", "nowhere"]],
  "an empty name": [() => ["show", ""]],
  "a step that is not there": [({ run }) => ["approve", run("asked"), "z"]],
  "logs of a step that is not there": [({ run }) => ["logs", run("done"), "z"]],
  "an attempt that is not there": [({ run }) => ["logs", run("done"), "a", "--attempt", "7"]],
  "effects of a step that is not there": [({ run }) => ["effects", run("done"), "z"]],
  "a word on an effect that is not there": [
    ({ run }) => ["decide", run("doubtful"), "a", "9", "skip", "--reason", "r"],
  ],
  "a word on an effect that nobody asks about": [
    ({ run }) => ["decide", run("doubtful"), "a", "0", "skip", "--reason", "r"],
  ],
  "a payload that is not there": [
    () => ["intents", "propose", "crm.import", "--policy", "crm", "--file", "none.csv"],
  ],
  "an event that is not there": [({ run }) => ["fork", run("done"), "--at", "99"]],
  "an event type that is not there": [({ run }) => ["journal", run("done"), "--type", "run_started"]],
  // Not now, not so
  "approval of what nobody approves": [({ run }) => ["approve", run("done"), "a"]],
  "approval where nothing waits": [({ run }) => ["approve", run("done")]],
  "denial where nothing waits": [({ run }) => ["deny", run("stuck")]],
  "approval of another proposal": [({ run }) => ["approve", run("asked"), "a", "--proposal", "1"]],
  "an answer nobody asked for": [({ run }) => ["policy", run("fresh"), "a", "retry", "--reason", "r"]],
  "an answer without its option": [
    ({ run }) => ["policy", run("stuck"), "a", "change_agent", "--reason", "r"],
  ],
  "an answer with another's option": [
    ({ run }) => ["policy", run("stuck"), "a", "retry", "--agent", "maker", "--reason", "r"],
  ],
  "the same agent again": [
    ({ run }) => ["policy", run("stuck"), "a", "change_agent", "--agent", "liar", "--reason", "r"],
  ],
  "an agent that is not there": [
    ({ run }) => ["policy", run("stuck"), "a", "change_agent", "--agent", "nobody", "--reason", "r"],
  ],
  "an agent without a name": [
    ({ run }) => ["policy", run("stuck"), "a", "change_agent", "--agent", "", "--reason", "r"],
  ],
  "steps that are none": [
    ({ run, place }) => [
      "policy",
      run("stuck"),
      "a",
      "decompose",
      "--steps",
      place("repo-plan.txt"),
      "--reason",
      "r",
    ],
  ],
  "steps of a file that is not there": [
    ({ run }) => ["policy", run("stuck"), "a", "decompose", "--steps", "none.json", "--reason", "r"],
  ],
  "a validator that is none": [
    ({ run }) => [
      "policy",
      run("stuck"),
      "a",
      "change_validator",
      "--validator",
      '{"type":"trust"}',
      "--reason",
      "r",
    ],
  ],
  "the same validator again": [
    ({ run }) => [
      ...["policy", run("stuck"), "a", "change_validator", "--reason", "r", "--validator"],
      '{"type":"artifact_exists","target":"out/a.txt"}',
    ],
  ],
  "a change of what is over": [({ run }) => ["pause", run("done")]],
  "a fork where nothing could go on": [({ run }) => ["fork", run("done"), "--at", "8"]],
  "a note without a name": [({ run }) => ["note", run("done"), "", "x"]],
  "a session nobody can see": [({ run }) => ["show", run("done"), "--session", "a\u0007b"]],
  "a key that is too long": [
    ({ run }) => ["note", run("done"), "a", "b", "--idempotency-key", "k".repeat(999)],
  ],
  // The project and the machine
  "a setting that is not there": [() => ["config", "get", "runLedger.staleTl"]],
  "a setting to write that is not there": [() => ["config", "set", "maxParallelStep", "3"]],
  "a value that does not fit": [() => ["config", "set", "leaseTtl", "soon"]],
  "a variable that does not fit": [() => ["list"], { env: { RUNLEDGER_SET_maxParallelSteps: "many" } }],
  "a ledger's folder that is a file": [() => ["list"], { env: { RUNLEDGER_HOME: "README.md" } }],
};

/** What is said, and the exit code: text for people. */
const said = async ([words, options = {}]: Mistake) => {
  const { code, out, err } = await stage.desk.typeWith(options, ...words(stage));
  expect(out).toBe("");
  return { code, err: stage.desk.masked(err) };
};

describe("whoever makes a mistake", () => {
  it.each(Object.keys(MISTAKES))("hears what is wrong and what to do: %s", async (name) => {
    const { code, err } = await said(MISTAKES[name] as Mistake);
    const [, errorCode = ""] = /^error \[(\w+)\]: \S.+/.exec(err) ?? [];
    expect(Object.keys(errorKinds)).toContain(errorCode);
    expect(code).toBe(exitOfError[errorKinds[errorCode as keyof typeof errorKinds]]);
    // A hint, or lines that each say what was found and what would fit.
    expect(err).toMatch(/\nhint: [^\n]{10,}\n$|\n {2}\S.*: found .+, expected .+\n$/);
    expect(`exit ${code}\n${err}`).toMatchSnapshot();
  });

  it("is told the same in JSON, and an exit code that help tells", async () => {
    for (const [words, options = {}] of Object.values(MISTAKES)) {
      const line = words(stage);
      const { code, err } = await stage.desk.typeWith(options, ...line);
      const json = await stage.desk.typeWith(options, ...line, "--json");
      expect(json.code).toBe(code);
      const { error } = JSON.parse(json.err) as { error: { code: string; hint?: string } };
      expect(err).toContain(`error [${error.code}]: `);
      if (error.hint !== undefined) expect(err).toContain(`hint: ${error.hint}`);
      const { command } = readTyped(idleTree(), [...line, ""]);
      const page = pageOf(
        [command.parent?.parent ? command.parent.name() : "", command.name()].join(" ").trim(),
      );
      if (page !== undefined)
        expect(
          exitsOf(page).map(([exit]) => exit),
          line.join(" "),
        ).toContain(code);
    }
  });
});

describe("a ledger whose key is not here", () => {
  it("lists what it cannot open, and says so once", async () => {
    const { desk, place } = stage;
    const env = { RUNLEDGER_SET_durable__encryption: "true" };
    const stuck = (await desk.typeWith({ env }, "run", place("stuck.json"))).out.trim();
    const key = place("data/ledger.key");
    await rename(key, `${key}.away`);
    try {
      const { out } = await desk.type("list");
      expect(out.split("\n").find((line) => line.startsWith(stuck))).toMatch(/ago {2}\(locked\)$/);
    } finally {
      await rename(`${key}.away`, key);
    }
  });
});

describe("a ledger that is not as it was written", () => {
  it("says so, with the way out", async () => {
    const own = await openStage();
    try {
      const { desk, run } = own;
      const file = join(desk.place, "data", "ledger.db");
      const db = new Database(file);
      const triggers = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .pluck()
        .all() as string[];
      for (const name of triggers) db.exec(`DROP TRIGGER "${name}"`);
      db.prepare("UPDATE events SET at = '2001-01-01T00:00:00.000Z' WHERE run_id = ? AND seq = 1").run(
        run("done"),
      );
      db.close();
      const { code, err } = await desk.type("journal", run("done"));
      expect(`exit ${code}\n${desk.masked(err)}`).toMatchInlineSnapshot(`
        "exit 1
        error [journal_tampered]: Event 1 of run "RUN" is not as it was written.
        hint: Restore the ledger from a backup; nothing after this event can be trusted.
        "
      `);
      const newer = new Database(file);
      newer.prepare("UPDATE meta SET value = '999' WHERE key = 'schema_version'").run();
      newer.close();
      const refused = await desk.type("list");
      expect(`exit ${refused.code}\n${desk.masked(refused.err)}`).toMatchInlineSnapshot(`
        "exit 1
        error [store_version]: The ledger has schema version 999; this program knows 7.
        hint: Update runledger: a newer version has opened this ledger.
        "
      `);
      await mkdir(join(desk.place, "junk"));
      await writeFile(
        join(desk.place, "junk", "ledger.db"),
        "no database at all, and longer than a header has to be",
      );
      const junk = await desk.typeWith({ env: { RUNLEDGER_HOME: join(desk.place, "junk") } }, "list");
      expect(`exit ${junk.code}\n${desk.masked(junk.err)}`).toMatchInlineSnapshot(`
        "exit 1
        error [store_unavailable]: The ledger's file is no database.
        hint: Move the file away or restore it from a backup.
        "
      `);
    } finally {
      await own.desk.dispose();
    }
  });
});

describe("a secret that is longer than what a refusal quotes", () => {
  const SECRET = Array.from({ length: 9 }, (_, n) => `"q7zt${n}p4wx-`).join("");
  it.each([[[]], [["--json"]]])("is taken out of it whole %o", async (more) => {
    for (const words of [
      ["show", SECRET],
      ["config", "get", SECRET],
      [SECRET],
      ["list", "--status", SECRET],
    ]) {
      const { code, out, err } = await stage.desk.typeWith(
        { env: { SHOP_TOKEN: SECRET } },
        ...words,
        ...more,
      );
      expect([words, code]).not.toEqual([words, 0]);
      expect(`${out}${err}`).toContain("[redacted:SHOP_TOKEN]");
      expect(`${out}${err}`).not.toContain("q7zt0");
    }
  });
});

describe("a project that cannot be worked on", () => {
  it.each([
    [
      "has changes that are not committed",
      async ({ desk }: Stage) => desk.write({ "README.md": "changed\n" }),
      "run",
      "done.json",
    ],
    ["has them when commits are brought in", async () => undefined, "apply", "done"],
  ] as const)("%s", async (_what, change, verb, what) => {
    await change(stage);
    const { code, err } = await stage.desk.type(verb, verb === "run" ? stage.place(what) : stage.run(what));
    expect(`exit ${code}\n${stage.desk.masked(err)}`).toMatchSnapshot();
  });
});
