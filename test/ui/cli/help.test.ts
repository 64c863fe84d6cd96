import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FIRST_EXAMPLES, GROUPS as GROUP_PAGES, pageOf } from "../../../src/ui/cli/manual/explain.js";
import { topics } from "../../../src/ui/cli/manual/topics.js";
import { branchesOf } from "../../../src/ui/cli/tree.js";
import { type Desk, openDesk, planOf, shop, step } from "../../helpers/cli.js";
import { idleTree } from "../../helpers/tree.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(shop);
});
afterAll(() => desk.dispose());

const branches = branchesOf(idleTree()).filter(({ path }) => path !== "");
const GROUPS = GROUP_PAGES.map(([heading]) => heading.replace(":", ""));

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
  it("lists every command in its group and ends in exit codes and examples", async () => {
    const { code, out, err } = await desk.type("--help");
    expect([code, err]).toEqual([0, ""]);
    const named = GROUPS.flatMap((group) => rowsOf(out, group)).map(([name]) => name.split(/[ |]/)[0]);
    const commands = branches.filter(({ path }) => !path.includes(" ")).map(({ path }) => path);
    expect([...named].sort()).toEqual([...commands].sort());
    expect(out).not.toContain("\nCommands:");
    expect(
      rowsOf(out, "Look")
        .slice(0, 3)
        .map(([name]) => name.split(" ")[0]),
    ).toEqual(["list|ls", "show", "why"]);
    expect(out).toMatch(/\nExit codes: 0 done, 1 /);
    const [, end = ""] = out.split("\nExamples:\n");
    expect(end.match(/^ {2}runledger /gm)?.length).toBeGreaterThanOrEqual(4);
  });

  it.each(branches.map(({ path }) => [path]))(
    "of %s tells all: what it does, arguments, options, exit codes, what to see also, examples",
    async (path) => {
      const { code, out, err } = await desk.type(...path.split(" "), "--help");
      expect([code, err]).toEqual([0, ""]);
      // A sentence that sums it up, and at least one that says more.
      expect(out).toMatch(/^Usage: runledger .+\n\n[A-Z].{9,}?\.\n\n[A-Z].{20,}/s);
      const [usage = ""] = out.split("\n");
      const told = [...rowsOf(out, "Arguments"), ...rowsOf(out, "Options"), ...rowsOf(out, "Global Options")];
      for (const [argument] of usage.matchAll(/[<[](?!options|command)[a-z]+(\.\.\.)?[>\]]/g))
        expect(told.map(([name]) => name)).toContain(argument.slice(1, -1).replace("...", ""));
      expect(told.filter(([, said]) => said === "")).toEqual([]);
      expect(told.map(([name]) => name)).toContain("-C, --directory <dir>");
      expect(rowsOf(out, "Exit codes").map(([exit]) => exit)).toEqual(
        expect.arrayContaining(["0", "1", "2", "4"]),
      );
      expect(out).toContain("\nSee also: ");
      expect(rowsOf(`${out}\n\n`, "Examples").length).toBeGreaterThanOrEqual(1);
    },
  );

  it("has a page for every command and no page for another", () => {
    const pages = GROUP_PAGES.flatMap(([, group]) => Object.keys(group));
    expect([...pages].sort()).toEqual(branches.map(({ path }) => path).sort());
    for (const path of pages)
      for (const other of pageOf(path)?.seeAlso ?? [])
        expect(other.includes("/") ? existsSync(other) : pages.includes(other), `${path}: ${other}`).toBe(
          true,
        );
  });

  it.each(branches.map(({ path, command }) => [path, command.aliases()[0] ?? path] as const))(
    "is the same by any way that leads to %s",
    async (path, alias) => {
      const { out } = await desk.type(...path.split(" "), "--help");
      for (const words of [
        ["help", ...path.split(" ")],
        ["help", alias],
        [...path.split(" "), "-h"],
      ])
        expect((await desk.type(...words)).out).toBe(out);
    },
  );

  it.each(Object.entries(topics))("has the topic %s", async (name, { title, rows }) => {
    const { code, out } = await desk.type("help", name);
    expect(code).toBe(0);
    expect(out.split("\n")[0]).toBe(`${title}:`);
    for (const words of rows) for (const word of words) expect(out).toContain(word);
  });

  it("of something that is not there ends with 2", async () => {
    for (const word of ["shwo", "constructor", "__proto__"])
      expect(await desk.type("help", word)).toEqual({
        code: 2,
        out: "",
        err: `error [invalid_input]: There is no command or topic "${word}".\nhint: runledger --help lists commands and topics.\n`,
      });
  });

  it("as a manual page has every command with its options", async () => {
    const { code, out } = await desk.type("help", "--man");
    expect(code).toBe(0);
    const plain = out.replaceAll("\\-", "-");
    for (const { path, command } of branches) {
      expect(plain).toContain(`.SS runledger ${path}`);
      for (const { flags } of command.options) expect(plain).toContain(`.B ${flags}`);
    }
  });

  const hasMan = spawnSync("man", ["--version"]).status === 0;
  it.skipIf(!hasMan)(
    "as a manual page troubles no formatter (skipped where man is not installed)",
    async () => {
      const { out } = await desk.type("help", "--man");
      const env = { ...process.env, MANWIDTH: "80", LC_ALL: "C.UTF-8" };
      const { status, stdout, stderr } = spawnSync("man", ["--warnings", "-l", "-"], {
        input: out,
        encoding: "utf8",
        env,
      });
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^RUNLEDGER\(1\) /);
      // Nothing of a text is taken for an order to the formatter.
      expect(stdout).toContain("runledger config set protect '[\"docs/**\"]'");
    },
  );

  it("tells the version of the package", async () => {
    const { version } = JSON.parse(await readFile("package.json", "utf8"));
    expect(await desk.type("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });
});

describe("docs/cli.md", () => {
  it.each(branches.map(({ path, command }) => [path, command] as const))(
    "tells %s and each of its options",
    async (path, command) => {
      const page = await readFile("docs/cli.md", "utf8");
      const row = page.split("\n").find((line) => new RegExp(`\`runledger ${path}[\` ]`).test(line)) ?? "";
      expect(row).not.toBe("");
      const everywhere = page
        .split("\n")
        .filter((line) => !line.startsWith("|"))
        .join("\n");
      // Options that many commands have are told once.
      for (const { long } of command.options)
        expect(`${row}${everywhere}`, `${path} ${long}`).toContain(long);
    },
  );
});

describe("an example", () => {
  const examples = branches.flatMap(({ path }) =>
    (pageOf(path)?.examples ?? []).map(([line]) => [path, line] as const),
  );

  it.each([...examples, ...FIRST_EXAMPLES.map(([line]) => ["", line] as const)])(
    "of %s is understood: %s",
    async (_path, line) => {
      const said: string[] = [];
      for (const words of callsIn(line)) said.push(await parsed(words));
      expect(said.length).toBeGreaterThan(0);
    },
  );

  it.each(branches.map(({ path }) => [path]))("of %s shows that command, or one below it", async (path) => {
    const said = await Promise.all(
      (pageOf(path)?.examples ?? []).flatMap(([line]) => callsIn(line)).map(parsed),
    );
    expect(said.some((one) => one === path || one.startsWith(`${path} `))).toBe(true);
  });

  it("with a fault would not be", async () => {
    for (const line of [
      "runledger shwo last",
      "runledger list --stauts paused",
      "runledger policy last a redo --reason x",
    ])
      for (const words of callsIn(line)) await expect(parsed(words)).rejects.toThrow();
  });
});

/** Calls of ours in a line for the shell, as words. */
const callsIn = (line: string): readonly (readonly string[])[] =>
  line
    .split(/[|>]|<\(|\)/)
    .map((part) => [...part.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? ""))
    .filter(([program]) => program === "runledger")
    .map(([, ...words]) => words);

/** Path of the command that a line would carry out; throws when it cannot be understood. */
const parsed = async (words: readonly string[]): Promise<string> => {
  const cli = idleTree();
  let path = "";
  for (const branch of branchesOf(cli)) {
    branch.command.exitOverride().configureOutput({ writeErr: () => undefined });
    // Of those with others below them this one does something itself.
    if (branch.path === "mcp" || (branch.path !== "" && branch.command.commands.length === 0))
      branch.command.action(() => {
        path = branch.path;
      });
  }
  await cli.parseAsync([...words], { from: "user" });
  return path;
};

describe("a line that cannot be understood", () => {
  it("with an unknown command names the one that was meant", async () => {
    const { code, out, err } = await desk.type("rnu", "plan.yaml");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatchInlineSnapshot(`
      "error [invalid_input]: Unknown command 'rnu'.
      hint: Did you mean run?
      "
    `);
  });

  it.each([
    ["a missing argument", ["show"], "Missing required argument 'run'"],
    ["an argument too many", ["show", "a", "b"], "Too many arguments"],
    ["an unknown option", ["list", "--stauts", "paused"], "hint: Did you mean --status?"],
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
      message: "Unknown command 'rnu'.",
      hint: "Did you mean run?",
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
