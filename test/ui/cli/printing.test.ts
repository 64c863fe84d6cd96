import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { branchesOf } from "../../../src/ui/cli/tree.js";
import { buildPackage } from "../../helpers/built.js";
import type { Typed, TypeOptions } from "../../helpers/cli.js";
import { endOf, openStage, type Stage, scenes } from "../../helpers/scenes.js";
import { sliceOf, sweepSize } from "../../helpers/sweep.js";
import { idleTree } from "../../helpers/tree.js";

/** How everything that prints behaves towards terminals, pipes and those who want it quiet. */

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.desk.dispose());

const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]+m`);
/** Commands of more than a few seconds are tried where it matters most. */
const LONG = new Set(["demo"]);
const commands = Object.keys(scenes);
const quick = commands.filter((path) => !LONG.has(path));
/** Each takes its turn at every kind of end; which ones in an ordinary run, the seed says. */
const turns = sliceOf(quick, sweepSize(quick.length, 10));

const linesOf = (path: string): readonly (readonly string[])[] =>
  (scenes[path]?.lines ?? []).map((line) => [...path.split(" "), ...line(stage)]);

const typed = async (path: string, options: TypeOptions, ...more: string[]): Promise<readonly Typed[]> => {
  const answers: Typed[] = [];
  // What takes a run takes its time; one of its lines shows what all of them do.
  for (const line of path === "run" ? linesOf(path).slice(0, 1) : linesOf(path))
    answers.push(await stage.desk.typeWith({ ...endOf(path), ...options }, ...withBehind(line, ...more)));
  return answers;
};
const everything = (answers: readonly Typed[]): string => answers.map(({ out, err }) => out + err).join("");

it("every command that prints has a scene", () => {
  const printing = branchesOf(idleTree()).filter(({ command }) => command.commands.length === 0);
  expect([...commands].sort()).toEqual(printing.map(({ path }) => path).sort());
});

describe("colours of", () => {
  it.each(turns)("%s are for terminals that want them", async (path) => {
    for (const [options, ...more] of [
      [{ live: true, env: { NO_COLOR: "1", FORCE_COLOR: "1" } }],
      [{ live: true, env: { TERM: "dumb" } }],
      [{ env: { FORCE_COLOR: "1" } }, "--no-color"],
      [{ env: { FORCE_COLOR: "1" } }, "--json"],
    ] as const)
      expect(everything(await typed(path, options, ...more)), JSON.stringify(options)).not.toMatch(COLOUR);
  });

  it.each(["list", "show", "run", "journal", "logs", "doctor", "config list"])(
    "%s are there on a terminal, and where they are forced",
    async (path) => {
      // Runs start from what is committed, and a client's entry that was written here is not.
      await rm(join(stage.desk.repo, ".cursor"), { recursive: true, force: true });
      for (const options of [{ live: true }, { env: { FORCE_COLOR: "1" } }])
        expect(everything(await typed(path, options))).toMatch(COLOUR);
    },
  );

  it("one command are as each switch says", async () => {
    const coloured = async (options: TypeOptions) => COLOUR.test(everything(await typed("show", options)));
    expect(await coloured({})).toBe(false);
    expect(await coloured({ live: true, env: { FORCE_COLOR: "0" } })).toBe(false);
    expect(await coloured({ live: true, env: { NO_COLOR: "1" } })).toBe(false);
    expect(await coloured({ live: true, env: { NO_COLOR: "", FORCE_COLOR: "" } })).toBe(true);
    expect(await coloured({ live: true, env: { TERM: "dumb", FORCE_COLOR: "1" } })).toBe(true);
  });

  it("a live line is for terminals that can clear it", async () => {
    const draw = async (env: TypeOptions["env"]) =>
      everything(await typed("run", { live: true, ...(env === undefined ? {} : { env }) }));
    expect(await draw(undefined)).toContain("\r");
    expect(await draw({ TERM: "dumb" })).not.toContain("\r");
  });
});

describe("--quiet", () => {
  it.each(sliceOf(commands, sweepSize(commands.length, 12)))(
    "lets %s say data and errors, nothing else",
    async (path) => {
      for (const { code, out, err } of await typed(path, {}, "--quiet")) {
        const troubles = err.split("\n").filter(Boolean);
        expect(troubles.filter((line) => !/^(error \[|hint: )/.test(line))).toEqual([]);
        // A run that waits for a person or failed says so with its exit code alone.
        if (troubles.length > 0) expect([code, out]).toEqual([expect.any(Number), ""]);
      }
    },
  );
});

/** Behind all that the command itself reads: what follows `--` is another program's. */
const withBehind = (line: readonly string[], ...words: string[]): readonly string[] => {
  const end = line.indexOf("--");
  return end === -1 ? [...line, ...words] : line.toSpliced(end, 0, ...words);
};

describe("a shared option", () => {
  it.each(turns.filter((path) => path !== "help"))("stands before %s or behind it", async (path) => {
    const [line = []] = linesOf(path);
    const [before, behind] = [
      await stage.desk.typeWith(endOf(path), "--json", ...line),
      await stage.desk.typeWith(endOf(path), ...withBehind(line, "--json")),
    ];
    for (const { out, err } of [before, behind])
      for (const said of (out || err).split("\n").filter(Boolean)) JSON.parse(said);
    const place = stage.desk.repo;
    const elsewhere = { ...endOf(path), cwd: stage.desk.place };
    for (const words of [["-C", place, ...line], withBehind(line, "-C", place)]) {
      const { err } = await stage.desk.typeWith(elsewhere, ...words);
      expect(err).not.toMatch(/unknown|too many/);
    }
    const nowhere = await stage.desk.type(...withBehind(line, "-C", "/nowhere"));
    expect([nowhere.code, nowhere.out]).toEqual([4, ""]);
  });
});

describe("a reader that goes away", () => {
  let built: ReturnType<typeof buildPackage>;
  beforeAll(() => {
    built = buildPackage();
  });
  afterAll(() => built.remove());

  /** Exit code and stderr of a command whose stdout nobody reads any more, or of which only the beginning is read. */
  const unread = (argv: readonly string[], bytes: number): Promise<{ code: number | null; err: string }> =>
    new Promise((done) => {
      const child = spawn(process.execPath, [built.bin, ...argv], {
        cwd: stage.desk.repo,
        env: stage.desk.env,
      });
      let err = "";
      child.stderr.setEncoding("utf8").on("data", (text) => {
        err += text;
      });
      if (bytes === 0) child.stdout.destroy();
      else child.stdout.once("data", () => child.stdout.destroy());
      child.on("close", (code) => done({ code, err }));
    });

  // A server goes on for its clients, whoever reads what it prints.
  it.each(turns.filter((path) => path !== "serve"))("ends %s without a word about it", async (path) => {
    for (const bytes of [0, 1]) {
      const [line = []] = linesOf(path);
      const { code, err } = await unread(line, bytes);
      // Not killed, and not by a fault of its own.
      expect(code, err).not.toBeNull();
      expect(err).not.toMatch(/EPIPE|unexpected|\n {4}at /);
    }
  });
});
