import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Desk, openDesk, planOf, shop, step } from "../../helpers/cli.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(shop);
});
afterAll(() => desk.dispose());

const COMMANDS = [
  ...[
    "init",
    "run",
    "resume",
    "fork",
    "worker",
    "demo",
    "list",
    "show",
    "why",
    "journal",
    "tui",
    "logs",
    "approve",
    "deny",
  ],
  ...["policy", "note", "pause", "cancel", "apply", "patch", "status", "doctor", "config"],
  ...["export", "import", "prune", "gc"],
];
const CONFIG_COMMANDS = ["get", "set", "list"];

/** Rows of one part of a help text: what is named, and what is said about it. */
const rowsOf = (help: string, part: string): readonly (readonly [string, string])[] => {
  const [, after = ""] = help.split(`\n${part}:\n`);
  const [rows = ""] = after.split("\n\n");
  return rows
    .split("\n")
    .filter((line) => /^ {2}\S/.test(line))
    .map((line) => {
      const [name = "", ...said] = line.trim().split(/ {2,}/);
      return [name, said.join(" ")] as const;
    });
};

describe("help", () => {
  it("lists every command in one line each and ends in examples and exit codes", async () => {
    const { code, out, err } = await desk.type("--help");
    expect([code, err]).toEqual([0, ""]);
    const named = rowsOf(out, "Commands").map(([name]) => name.split(/[ |]/)[0]);
    expect(named).toEqual([...COMMANDS, "help"]);
    const [, end = ""] = out.split("\nExamples:\n");
    expect(end.match(/^ {2}runledger /gm)?.length).toBeGreaterThanOrEqual(4);
    expect(end.trimEnd().split("\n").at(-1)).toMatch(/^Exit codes: 0 done, 1 /);
  });

  it.each([...COMMANDS.map((name) => [name]), ...CONFIG_COMMANDS.map((name) => ["config", name])])(
    "of %s %s describes the command, each argument and each option, and exits with 0",
    async (...words) => {
      const { code, out, err } = await desk.type(...words, "--help");
      expect([code, err]).toEqual([0, ""]);
      expect(out).toMatch(/^Usage: runledger .+\n\n\S.{10,}/);
      const [usage = ""] = out.split("\n");
      const told = [...rowsOf(out, "Arguments"), ...rowsOf(out, "Options")];
      for (const [argument] of usage.matchAll(/[<[](?!options|command)[a-z]+[>\]]/g))
        expect(told.map(([name]) => name)).toContain(argument.slice(1, -1));
      expect(told.filter(([, said]) => said === "")).toEqual([]);
    },
  );

  it("tells the version of the package", async () => {
    const { version } = JSON.parse(await readFile("package.json", "utf8"));
    expect(await desk.type("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });
});

describe("a line that cannot be understood", () => {
  it("with an unknown command names the one that was meant", async () => {
    const { code, out, err } = await desk.type("rnu", "plan.yaml");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatchInlineSnapshot(`
      "error: unknown command 'rnu'
      (Did you mean run?)
      (runledger --help lists commands; runledger COMMAND --help explains one)
      "
    `);
  });

  it.each([
    ["a missing argument", ["show"], "missing required argument 'run'"],
    ["an argument too many", ["show", "a", "b"], "too many arguments"],
    ["an unknown option", ["list", "--stauts", "paused"], "(Did you mean --status?)"],
    ["a missing required option", ["policy", "last", "a", "retry"], "--reason <text>' not specified"],
    ["a number that is none", ["list", "--limit", "many"], "must be a whole number, at least 1"],
    ["a number that is too small", ["list", "--limit", "0"], "must be a whole number, at least 1"],
    ["half a number", ["worker", "--once", "--runs", "1.5"], "must be a whole number, at least 1"],
    [
      "a sequence number that is none",
      ["journal", "last", "--since", "abc"],
      "must be a whole number, at least 0",
    ],
    ["an attempt below one", ["logs", "last", "a", "--attempt", "-1"], "must be a whole number, at least 1"],
    ["an unknown status", ["list", "--status", "done"], "Allowed choices are planning, running"],
    [
      "an unknown policy action",
      ["policy", "last", "a", "redo", "--reason", "r"],
      "Allowed choices are retry",
    ],
    ["no command at all", [], "Usage: runledger"],
    ["half of a command", ["config"], "Usage: runledger config"],
  ])("with %s ends with 2 and says so on stderr alone", async (_what, argv, said) => {
    const { code, out, err } = await desk.type(...argv);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(said);
  });

  it("is answered with one line of JSON when JSON was asked for", async () => {
    for (const argv of [
      ["rnu", "--json"],
      ["--json", "show"],
      ["--json"],
      ["list", "--json", "--limit", "x"],
    ]) {
      const { code, out, err } = await desk.type(...argv);
      expect([code, out]).toEqual([2, ""]);
      expect(err.trimEnd().split("\n")).toHaveLength(1);
      expect(JSON.parse(err)).toMatchObject({
        schemaVersion: 1,
        type: "error",
        error: { code: "invalid_input", message: expect.any(String), hint: expect.any(String) },
      });
    }
    const { err } = await desk.type("rnu", "--json");
    expect(JSON.parse(err).error).toMatchObject({
      message: "unknown command 'rnu'",
      hint: "(Did you mean run?)",
    });
  });

  it("names what does not fit, what stands there, and what would fit", async () => {
    await desk.type("run", await planOf(desk, "plan.json", [step("a", "liar")]), "--no-drive");
    for (const [argv, said] of [
      [["note", "last", "", "x"], 'key: found "", expected text that is not blank'],
      [["pause", "last", "--reason", " "], 'reason: found " ", expected text that is not blank'],
      [["show", "last", "--session", ""], 'sessionKey: found "", expected text that is not blank'],
      [["note", "last", "k".repeat(201), "x"], "(201 characters), expected at most 200 characters"],
    ] as const) {
      const { code, err } = await desk.type(...argv);
      expect([code, err]).toEqual([2, expect.stringContaining(said)]);
    }
  });

  it.each([["README.md"], ["README.md/x"], ["a\0b"]])("refuses to keep the demo in %j", async (place) => {
    const { code, err } = await desk.type("demo", "--keep", place);
    expect([code, err]).toEqual([2, expect.stringMatching(/^error \[invalid_input\]: .* cannot be made/)]);
  });

  it("names a folder that is not there, and makes nothing", async () => {
    const { code, err } = await desk.type("-C", "nowhere", "list");
    expect(code).toBe(4);
    expect(desk.masked(err)).toMatchInlineSnapshot(`
      "error [file_not_found]: There is no folder "PLACE/repo/nowhere".
      hint: Give -C a folder of the project.
      "
    `);
    expect(desk.git("status", "--porcelain")).toBe("");
  });
});
