import { execFile, spawnSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sourceOf } from "../../../src/ui/cli/completion/words.js";
import { branchesOf } from "../../../src/ui/cli/tree.js";
import { buildPackage } from "../../helpers/built.js";
import { type Desk, openDesk, planOf, shop, step } from "../../helpers/cli.js";
import { idleTree } from "../../helpers/tree.js";

const exec = promisify(execFile);
/** A shell that hangs is ended; none of these takes a second. */
const SHELL_MS = 20_000;
/** Whoever works waits five seconds for a ledger that another process holds. */
const HELD_MS = 4_900;

let desk: Desk;
let run: string;
let other: string;
beforeAll(async () => {
  desk = await openDesk(shop);
  const plan = await planOf(desk, "plan.json", [step("paint", "maker"), step("pack", "maker")]);
  run = (await desk.type("run", plan, "--no-drive")).out.trim();
  await desk.type("note", run, "reviewed", "by ada");
  other = (
    await desk.type("run", await planOf(desk, "other.json", [step("ship", "maker")]), "--no-drive")
  ).out.trim();
  await mkdir(join(desk.repo, "plans"));
  await writeFile(join(desk.repo, "plans", "one plan.yaml"), "");
});
afterAll(() => desk.dispose());

/** The words offered when Tab is pressed on the last of these. */
const offered = async (...words: string[]): Promise<readonly string[]> => {
  const { code, out, err } = await desk.type("__complete", ...words);
  expect([code, err]).toEqual([0, ""]);
  const [kind = "", ...lines] = out.trimEnd().split("\n");
  return [...(kind === "nothing" ? [] : [kind]), ...lines.map((line) => line.split("\t")[0] ?? "")];
};

describe("Tab offers", () => {
  it("commands, and sub-commands of the command that is typed", async () => {
    const { commands } = idleTree();
    expect(await offered("")).toEqual(commands.map((command) => command.name()));
    expect(await offered("sh")).toEqual(["show"]);
    expect(await offered("config", "")).toEqual(expect.arrayContaining(["get", "set", "list"]));
  });

  it("the options of a command and of the program, of every command", async () => {
    for (const { path, command } of branchesOf(idleTree())) {
      const words = await offered(...path.split(" ").filter(Boolean), "--");
      const own = command.options.map(({ long }) => long ?? "");
      expect(words).toEqual(expect.arrayContaining([...own, "--json", "--help", "--directory"]));
    }
  });

  it("closed choices, of arguments and of options, in both spellings", async () => {
    expect(await offered("list", "--status", "p")).toEqual(["planning", "paused"]);
    expect(await offered("list", "--status=pa")).toEqual(["--status=paused"]);
    expect(await offered("policy", "last", "paint", "ch")).toEqual(["change_agent", "change_validator"]);
    expect(await offered("completion", "")).toEqual(["bash", "zsh", "fish"]);
  });

  it("runs, the newest first, with their goals", async () => {
    expect(await offered("show", "")).toEqual(["last", other, run]);
    const { out } = await desk.type("__complete", "list", "--after", run);
    expect(out).toBe(`nothing\n${run}\trunning: The plan plan.json\n`);
  });

  it("steps and notes of the run that is named", async () => {
    expect(await offered("logs", run, "")).toEqual(["paint", "pack"]);
    expect(await offered("logs", "last", "")).toEqual(["ship"]);
    expect(await offered("--json", "approve", "--reason", "a b", run.slice(-12), "pai")).toEqual(["paint"]);
    expect(await offered("note", run, "")).toEqual(["reviewed"]);
  });

  it("event types, settings, agents, topics", async () => {
    expect(await offered("journal", "last", "--type", "run_c")).toEqual(["run_created", "run_completed"]);
    expect(await offered("config", "get", "runLedger.stale")).toEqual(["runLedger.staleTtl"]);
    expect(await offered("policy", "last", "a", "change_agent", "--agent", "")).toEqual([
      "maker",
      "liar",
      "breaker",
    ]);
    expect(await offered("help", "e")).toEqual([
      ...["effect", "effects", "export", "erase"],
      ...["exit-codes", "environment"],
    ]);
  });

  it("files and folders where they fit", async () => {
    expect(await offered("run", "")).toEqual(["files"]);
    expect(await offered("-C", "")).toEqual(["folders"]);
    expect(await offered("export", "last", "--output=")).toEqual(["files"]);
  });

  it("what lies where -C leads", async () => {
    const ask = async (...words: string[]) => (await desk.typeWith({ cwd: "/" }, "__complete", ...words)).out;
    expect(await ask("-C", desk.repo, "config", "get", "maxP")).toContain("maxParallelSteps\t");
    expect(await ask(`--directory=${desk.repo}`, "show", run.slice(0, -1))).toContain(run);
  });

  it("something for every argument and option there is", () => {
    const unthought = branchesOf(idleTree()).flatMap(({ path, command }) => [
      ...command.registeredArguments
        .filter((argument) => argument.argChoices === undefined && sourceOf(argument) === undefined)
        .map((argument) => `${path} <${argument.name()}>`),
      ...command.options
        .filter((option) => (option.required || option.optional) && option.argChoices === undefined)
        .filter((option) => sourceOf(option) === undefined)
        .map((option) => `${path} ${option.long}`),
    ]);
    expect(unthought).toEqual([]);
  });
});

describe("Tab says nothing else", () => {
  it("where there is no ledger, and makes none", async () => {
    const bare = join(desk.place, "bare");
    await mkdir(bare);
    const env = { RUNLEDGER_HOME: undefined };
    for (const words of [
      ["show", ""],
      ["logs", "last", ""],
      ["config", "get", "maxP"],
      ["nonsense", ""],
    ]) {
      const { code, err } = await desk.typeWith({ cwd: bare, env }, "__complete", ...words);
      expect([code, err]).toEqual([0, ""]);
    }
    expect(await readdir(bare)).toEqual([]);
  });

  it.each([
    ["no word at all", []],
    ["a command that is not there", ["nonsense", "x", ""]],
    ["an option that is not there", ["list", "--nonsense=", ""]],
    ["a run that is not there", ["logs", "run_none", ""]],
    ["a folder that is not there", ["-C", "/nowhere", "show", ""]],
    ["control characters", ["\u001b[31m", "\u0000", ""]],
  ])("with %s", async (_what, words) => {
    expect(await desk.type("__complete", ...words)).toMatchObject({ code: 0, err: "" });
  });

  it("when the settings or the ledger cannot be read", async () => {
    const broken = await openDesk({ "runledger.yaml": "agents: [" });
    try {
      const ask = (...words: string[]) => broken.type("__complete", ...words);
      expect(await ask("config", "get", "")).toEqual({ code: 0, out: "nothing\n", err: "" });
      await mkdir(join(broken.place, "data"), { recursive: true });
      await writeFile(join(broken.place, "data", "ledger.db"), "no database at all");
      expect(await ask("show", "")).toEqual({ code: 0, out: "nothing\n", err: "" });
    } finally {
      await broken.dispose();
    }
  });

  it("when somebody holds the ledger for himself", async () => {
    const held = new Database(join(desk.place, "data", "ledger.db"));
    try {
      held.pragma("locking_mode = EXCLUSIVE");
      held.exec("BEGIN EXCLUSIVE");
      expect(await offered("show", "")).toEqual([]);
    } finally {
      held.close();
    }
    expect(await offered("show", "la")).toEqual(["last"]);
  });

  it("and makes no word of one that cannot be typed", async () => {
    for (const name of ["two\nlines", "a\tblank", "\u001b[2Jescape", "turned\u202eround"])
      await desk.type("note", run, name, "x");
    expect(await offered("note", run, "")).toEqual(["reviewed"]);
  });

  it("and shows no control character of a goal", async () => {
    const own = await openDesk(shop);
    try {
      const goal = "red \u001b[31m\tand\nmore";
      await own.type("run", await planOf(own, "p.json", [step("a", "maker")], { goal }), "--no-drive");
      const { out } = await own.type("__complete", "show", "la");
      expect(out).toBe("nothing\nlast\trunning: red and more\n");
    } finally {
      await own.dispose();
    }
  });
});

const has = (shell: string): boolean => spawnSync(shell, ["--version"]).status === 0;

describe("in a real shell", () => {
  let built: ReturnType<typeof buildPackage>;
  let env: Record<string, string | undefined>;
  const scripts: Record<string, string> = {};
  beforeAll(async () => {
    built = buildPackage();
    const bin = join(desk.place, "bin");
    await mkdir(bin);
    const program = `#!/bin/sh\nexec ${process.execPath} ${built.bin} "$@"\n`;
    await writeFile(join(bin, "runledger"), program, { mode: 0o755 });
    env = { ...desk.env, PATH: `${bin}:${desk.env.PATH}`, TERM: "xterm", LC_ALL: "C.UTF-8" };
    for (const shell of ["bash", "zsh", "fish"]) {
      scripts[shell] = join(desk.place, `completion.${shell}`);
      await writeFile(scripts[shell], (await desk.type("completion", shell)).out);
    }
  });
  afterAll(() => built.remove());

  const asked = async (program: string, ...argv: string[]): Promise<readonly string[]> => {
    const { stdout, stderr } = await exec(program, argv, { cwd: desk.repo, env, timeout: SHELL_MS });
    expect(stderr).toBe("");
    return stdout.split("\n").filter(Boolean);
  };
  const bash = (...words: string[]) =>
    asked(
      "bash",
      ...["--norc", "-c"],
      `source "$0"; COMP_WORDS=(runledger "$@"); COMP_CWORD=$#; _runledger; printf "%s\\n" "\${COMPREPLY[@]}"`,
      scripts.bash ?? "",
      ...words,
    );
  const zsh = (line: string) =>
    asked("zsh", "-f", resolve("test/helpers/complete.zsh"), scripts.zsh ?? "", line);
  const fish = async (line: string) =>
    (
      await asked(
        "fish",
        "--no-config",
        "-c",
        "source $argv[1]; complete -C $argv[2]",
        scripts.fish ?? "",
        line,
      )
    ).map((found) => found.split("\t"));

  it("nobody waits for a ledger that somebody holds", async () => {
    const held = new Database(join(desk.place, "data", "ledger.db"));
    try {
      held.pragma("locking_mode = EXCLUSIVE");
      held.exec("BEGIN EXCLUSIVE");
      // Ended before anything that works would have given up waiting.
      const { stdout } = await exec("runledger", ["__complete", "show", ""], {
        cwd: desk.repo,
        env,
        timeout: HELD_MS,
      });
      expect(stdout).toBe("nothing\n");
    } finally {
      held.close();
    }
  });

  it.skipIf(!has("bash"))("bash (skipped where it is not installed)", async () => {
    expect(await bash("sh")).toEqual(["show"]);
    expect(await bash("show", "")).toEqual(["last", other, run]);
    expect(await bash("logs", run, "pa")).toEqual(["paint", "pack"]);
    expect(await bash("list", "--status", "pa")).toEqual(["paused"]);
    // bash breaks the word at =, and replaces only what stands behind it.
    expect(await bash("list", "--status", "=", "pa")).toEqual(["paused"]);
    expect(await bash("list", "--status", "=")).toContain("paused");
    expect(await bash("run", "pla")).toEqual(["plans"]);
    expect(await bash("-C", "pla")).toEqual(["plans"]);
    expect(await bash("config", "get", "runLedger.max")).toEqual(["runLedger.maxRunHistory"]);
    expect(await bash("list", "--")).toContain("--status");
  });

  it.skipIf(!has("bash"))("bash carries out nothing of what is typed", async () => {
    await bash("show", "$(touch hit)", "`touch hit`", ";touch hit;", "");
    await bash("$(touch hit)");
    expect(await readdir(desk.repo)).not.toContain("hit");
  });

  it.skipIf(!has("zsh"))("zsh (skipped where it is not installed)", async () => {
    expect(await zsh("runledger sh")).toEqual(["show"]);
    expect(await zsh("runledger show ")).toEqual(["last", other, run]);
    expect(await zsh(`runledger logs ${run} pa`)).toEqual(["paint", "pack"]);
    expect(await zsh("runledger list --status=pa")).toEqual(["--status=paused"]);
    expect(await zsh("runledger run pla")).toEqual(["plans"]);
    expect(await zsh("runledger run 'plans/o")).toEqual(["one plan.yaml"]);
    expect(await zsh("runledger list --st")).toEqual(["--status"]);
  });

  it.skipIf(!has("fish"))("fish (skipped where it is not installed)", async () => {
    expect(await fish("runledger sh")).toEqual([["show", expect.stringMatching(/^one run: its steps/)]]);
    expect(await fish("runledger show ")).toEqual(
      expect.arrayContaining([
        [run, "running: The plan plan.json"],
        ["last", "running: The plan other.json"],
      ]),
    );
    expect(await fish(`runledger logs ${run} pai`)).toEqual([
      ["paint", expect.stringContaining("Make paint")],
    ]);
    expect(await fish("runledger list --status=pa")).toEqual([["--status=paused"]]);
    expect((await fish("runledger run pla")).map(([word]) => word)).toEqual(["plans/"]);
    expect((await fish("runledger list --st")).map(([word]) => word)).toEqual(["--status"]);
  });
});

it("an unknown shell is refused with those there are", async () => {
  const { code, err } = await desk.type("completion", "tcsh");
  expect([code, err]).toEqual([2, expect.stringContaining("Allowed choices are bash, zsh, fish")]);
});
