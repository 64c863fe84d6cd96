import { execFile, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage } from "../../helpers/built.js";
import { type Desk, openDesk, planOf, shop, step, type Typed } from "../../helpers/cli.js";
import { flipped } from "../../helpers/turns.js";

let built: ReturnType<typeof buildPackage>;
let desk: Desk;
beforeAll(async () => {
  built = buildPackage();
  desk = await openDesk(shop);
});
afterAll(async () => {
  await desk.dispose();
  built.remove();
});

/** The bundled command, typed where a desk's commands are typed. */
const typeBundled = (
  at: Desk,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Typed> =>
  new Promise((done) => {
    const options = { cwd: at.repo, env: { ...at.env, ...env } };
    execFile(process.execPath, [built.bin, ...argv], options, (error, out, err) =>
      done({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });

type Covered = {
  readonly url: string;
  readonly functions: readonly {
    readonly functionName: string;
    readonly ranges: readonly { count: number }[];
  }[];
};

/** Files of which a process loaded code, and the functions in them. */
const coverageOf = async (
  run: (env: Readonly<Record<string, string>>) => Promise<Typed>,
): Promise<readonly Covered[]> => {
  const folder = await mkdtemp(join(desk.place, "loaded-"));
  expect(await run({ NODE_V8_COVERAGE: folder })).toMatchObject({ code: 0 });
  const [report = ""] = await readdir(folder);
  const { result } = JSON.parse(await readFile(join(folder, report), "utf8")) as { result: Covered[] };
  await rm(folder, { recursive: true });
  return result.filter(({ url }) => url.startsWith("file:"));
};

const filesOf = (covered: readonly Covered[]): readonly string[] =>
  covered.map(({ url }) => fileURLToPath(url));

/** Packages of which code ran: in the script each module is a function that has the path of its source for a name. */
const packagesRun = (covered: readonly Covered[]): readonly string[] => {
  const run = covered.flatMap(({ functions }) => functions).filter(({ ranges }) => ranges[0]?.count !== 0);
  const names = run.map(({ functionName }) => functionName);
  return [...new Set([...filesOf(covered), ...names].flatMap(packagesIn))].sort();
};

const packagesOfCommand = async (...argv: readonly string[]): Promise<readonly string[]> => {
  const covered = await coverageOf((env) => typeBundled(desk, argv, env));
  expect(filesOf(covered).some((file) => file.endsWith("dist/cli/main.js"))).toBe(true);
  return packagesRun(covered);
};

const packagesIn = (text: string): readonly string[] =>
  [...text.matchAll(/(?:^|\/)(?:\/ )?node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//gm)].map(
    ([, name = ""]) => name,
  );

const bundledFiles = async (
  entry: string,
): Promise<readonly { readonly path: string; readonly text: string }[]> => {
  const folder = join(entry, "..");
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((one) =>
    one.isFile(),
  );
  return Promise.all(
    names.map(async ({ parentPath, name }) => ({
      path: join(parentPath, name),
      text: await readFile(join(parentPath, name), "utf8"),
    })),
  );
};

describe("the bundled command line", () => {
  it.each([
    [["--version"], []],
    [["-V"], []],
    [["--help"], ["commander"]],
    [["run", "--help"], ["commander"]],
  ])("answers %j without the store, the schemas or git", async (argv, packages) => {
    expect(await packagesOfCommand(...argv)).toEqual(packages);
  });

  it("reads a ledger without what only a run needs", async () => {
    await desk.type("init");
    const loaded = await packagesOfCommand("list");
    expect(loaded).toContain("better-sqlite3");
    expect(loaded).toContain("zod");
    for (const late of [
      ...["execa", "simple-git", "picomatch", "ink", "react", "yoga-layout"],
      ...["@modelcontextprotocol/server", "@modelcontextprotocol/core"],
    ])
      expect(loaded).not.toContain(late);
  });
});

describe("the program", () => {
  it("knows every letter, though it is read a byte for each", async () => {
    const files = (await bundledFiles(built.bin)).filter(({ path }) => path.endsWith(".cjs"));
    expect(files).toHaveLength(1);
    expect(files[0]?.text).toMatch(/^\p{ASCII}*$/u);
    const at = await openDesk(shop);
    await mkdir(join(at.repo, "gate-policies"));
    const policy = "id: letters\ndestinations: [m]\nrequire_approval: never\nblock_if_terms: [delete]\n";
    const intent = "{ destination: m, payload: { text: please d€l€te it } }";
    const cases = `cases: [{ name: euros, intent: ${intent}, expect: { outcome: blocked } }]\n`;
    await writeFile(join(at.repo, "gate-policies", "letters.yaml"), policy);
    await writeFile(join(at.repo, "gate-policies", "letters.cases.yaml"), cases);
    expect(await typeBundled(at, ["gate-policy", "test"])).toMatchObject({ code: 0 });
    await at.dispose();
  });
});

describe("what V8 compiled of the command line", () => {
  let at: Desk;
  beforeAll(async () => {
    at = await openDesk(shop);
    await at.type("init");
  });
  afterAll(() => at.dispose());

  const folder = (): string => join(built.bin, "..");
  const kept = async (): Promise<readonly string[]> =>
    (await readdir(folder())).filter((name) => name.includes(".kept"));
  const forget = async (): Promise<void> => {
    for (const name of await kept()) await rm(join(folder(), name), { recursive: true });
  };
  const keptFile = async (): Promise<string> => {
    const [name = "", ...others] = await kept();
    expect(others).toEqual([]);
    return join(folder(), name);
  };

  it("is kept beside it by the first command that opens a ledger, for all that come after", async () => {
    await forget();
    await typeBundled(at, ["--help"]);
    expect(await kept()).toEqual([]);
    const first = await typeBundled(at, ["list"]);
    const made = await stat(await keptFile());
    expect(await typeBundled(at, ["list"])).toEqual(first);
    // Whoever cannot use it makes it anew.
    expect(await stat(await keptFile())).toMatchObject({ ino: made.ino, mtimeMs: made.mtimeMs });
  });

  it("is made anew when a single byte of it changed, and never run", async () => {
    const whole = await typeBundled(at, ["list"]);
    const file = await keptFile();
    await writeFile(file, flipped(await readFile(file)));
    const { ino } = await stat(file);
    expect(await typeBundled(at, ["list"])).toEqual(whole);
    expect((await stat(await keptFile())).ino).not.toBe(ino);
  });

  it("leaves no draft of whoever was killed while it was written, and that of whoever writes", async () => {
    await forget();
    await typeBundled(at, ["list"]);
    const file = await keptFile();
    const { pid: dead } = spawnSync("true");
    const [left, living] = [dead, process.pid].map((pid) => `${file}.${pid}.${randomUUID()}`);
    for (const draft of [left, living]) await writeFile(draft ?? "", "half");
    await typeBundled(at, ["list"]);
    expect(await kept()).toHaveLength(3);
    await rm(file);
    await typeBundled(at, ["list"]);
    expect((await kept()).map((name) => join(folder(), name)).sort()).toEqual([file, living]);
    await rm(living ?? "");
  });

  it("is done without where it cannot be kept", async () => {
    const whole = await typeBundled(at, ["list"]);
    const file = await keptFile();
    await rm(file);
    await mkdir(file);
    expect(await typeBundled(at, ["list"])).toEqual(whole);
    expect(await keptFile()).toBe(file);
    await forget();
  });
});

describe("the bundled library", () => {
  /** A host's program, in the desk's project. */
  const hosted = async (lines: string, env: Readonly<Record<string, string>> = {}): Promise<Typed> => {
    const host = join(desk.place, "host.mjs");
    const library = pathToFileURL(built.library).href;
    await writeFile(host, `import { openRunLedger } from ${JSON.stringify(library)};\n${lines}`);
    const options = { cwd: desk.repo, env: { ...desk.env, ...env, ...SHARED_FOLDER } };
    return new Promise((done) =>
      execFile(process.execPath, [host], options, (error, out, err) =>
        done({ code: error === null ? 0 : Number(error.code), out, err }),
      ),
    );
  };

  it("opens a ledger without what only work needs, from few files", async () => {
    const covered = await coverageOf((env) => hosted(OPENS, env));
    const loaded = packagesRun(covered);
    for (const late of ["execa", "simple-git", "picomatch", "croner", "ink", "react", "commander"])
      expect(loaded).not.toContain(late);
    const outside = [...new Set(filesOf(covered).flatMap(packagesIn))];
    expect(outside.filter((name) => !NATIVE.includes(name))).toEqual([]);
    expect(outside).toContain("better-sqlite3");
    // One script, and what starts it.
    expect(filesOf(covered).filter((file) => file.includes("/dist/"))).toHaveLength(2);
  });

  it("has one set of names for Node, and as modules for bundlers", async () => {
    const [here, bundlers] = await Promise.all(
      [built.library, join(built.library, "../index.js")].map((file) => import(pathToFileURL(file).href)),
    );
    expect(Object.keys(here)).toEqual(Object.keys(bundlers));
    expect(Object.keys(here).length).toBeGreaterThan(100);
  });

  it("is at home where a test runner has made a realm of its own", async () => {
    const told = await hosted(
      `import { readFileSync } from "node:fs";
      import { createContext, SourceTextModule, SyntheticModule } from "node:vm";
      const context = createContext({ process, performance, URL, Buffer, TextEncoder, TextDecoder, AbortController });
      const link = async (name) => {
        const real = await import(name);
        return new SyntheticModule(Object.keys(real), function () {
          for (const [key, value] of Object.entries(real)) this.setExport(key, value);
        }, { context });
      };
      const url = ${JSON.stringify(pathToFileURL(built.library).href)};
      const initializeImportMeta = (meta) => { meta.url = url; };
      const text = readFileSync(new URL(url), "utf8");
      const library = new SourceTextModule(text, { context, initializeImportMeta });
      await library.link(link);
      await library.evaluate();
      context.library = library.namespace;
      const { runInContext } = await import("node:vm");
      console.log(runInContext("library.budgetKinds instanceof Array", context));`,
      { NODE_OPTIONS: "--experimental-vm-modules --no-warnings" },
    );
    expect(told).toMatchObject({ code: 0, out: "true\n" });
  });

  it("gives a host schemas that its own zod takes for its own", async () => {
    const told = await hosted(`import * as z from ${JSON.stringify(import.meta.resolve("zod"))};
      const app = await openRunLedger();
      const tools = app.toolsFor(app.issue({ name: "maker", role: "executor", sessionKey: "s" }));
      for (const { name, input } of Object.values(tools)) {
        const more = z.object({ ...input.shape, more: z.string() });
        const all = [input, more, input.extend({ more: z.string() }), z.array(input)];
        const properties = all.map((one) => z.toJSONSchema(one.element ?? one, { io: "input" }).properties);
        const refused = all.map((one) => one.safeParse(5).error instanceof z.ZodError && !z.safeParse(one, 5).success);
        const known = input instanceof z.ZodObject && "more" in properties[1] && "run_id" in properties[3];
        if (!known || refused.includes(false)) throw new Error(name);
      }
      console.log(Object.keys(tools).length > 0);
      await app.close();`);
    expect(told).toMatchObject({ code: 0, out: "true\n" });
  });
});

const OPENS = "await (await openRunLedger()).close();";

/** Workspaces need git from the start. */
const SHARED_FOLDER = { RUNLEDGER_SET_runLedger__workspaceIsolation: "false" };

/** What better-sqlite3 looks for its native part with stays outside with it. */
const NATIVE = ["better-sqlite3", "bindings", "file-uri-to-path"];

describe.each([
  ["command line", () => built.bin, ["zod", "yaml", "commander", "drizzle-orm"]],
  ["library", () => built.library, ["zod", "yaml", "drizzle-orm", "@noble/ciphers"]],
] as const)("the bundle of the %s", (_what, entry, packages) => {
  it("holds no path of the machine that made it", async () => {
    const told = (await bundledFiles(entry())).filter(({ text }) =>
      [resolve("."), join(homedir(), "/")].some((path) => text.includes(path)),
    );
    expect(told.map(({ path }) => path)).toEqual([]);
  });

  it("brings the licence of every package whose code it contains", async () => {
    const files = await bundledFiles(entry());
    const licences = files.find(({ path }) => path.endsWith("/THIRD-PARTY.txt"))?.text ?? "";
    const contained = new Set(
      files.filter(({ path }) => /\.c?js$/.test(path)).flatMap((f) => packagesIn(f.text)),
    );
    expect([...contained]).toEqual(expect.arrayContaining([...packages]));
    const parts = licences.split(`\n${"-".repeat(80)}\n`);
    for (const name of contained) {
      const part = parts.find((text) => text.includes(`\n${name} `)) ?? `nothing about ${name}`;
      expect(part).toMatch(/Permission is hereby granted|Permission to use|Apache License/);
    }
  });
});

describe("bundled and unbundled", () => {
  it("carry out a run in the same words and with the same journal", async () => {
    const told = async (at: Desk, type: (...argv: string[]) => Promise<Typed>) => {
      const plan = await planOf(at, "one.json", [
        step("a", "maker"),
        step("b", "liar", { depends_on: ["a"] }),
      ]);
      const answers = [];
      for (const argv of [
        ["run", plan],
        ["show", "last"],
        ["why", "last"],
        ["apply", "last"],
      ])
        answers.push(await type(...argv));
      const events = (await type("journal", "last", "--json")).out.trimEnd().split("\n");
      return {
        answers: answers.map(({ code, out, err }) => ({ code, out: at.masked(out), err: at.masked(err) })),
        events: events.map((line) => JSON.parse(line).type),
      };
    };
    const other = await openDesk(shop);
    try {
      const unbundled = await told(desk, desk.type);
      expect(unbundled.answers[0]?.code).toBe(3);
      expect(await told(other, (...argv) => typeBundled(other, argv))).toEqual(unbundled);
    } finally {
      await other.dispose();
    }
  });

  // Errors cross from chunk to chunk and are known by name there; a wrong one would end as "unexpected".
  it.each([
    ["an unknown run", ["show", "nowhere"], 4],
    ["an unknown run, in JSON", ["show", "nowhere", "--json"], 4],
    ["an unknown command", ["shwo"], 2],
    ["a plan that is not there", ["run", "none.yaml"], 4],
    ["a setting that is not there", ["config", "get", "nothing"], 2],
    ["a folder that is not there", ["-C", "nowhere", "list"], 4],
  ])("refuse %s alike", async (_what, argv, code) => {
    const bundled = await typeBundled(desk, argv);
    expect(bundled).toEqual(await desk.type(...argv));
    expect(bundled.code).toBe(code);
  });

  it.each(["--help", "--version", "-V"])("answer %s alike", async (word) => {
    expect(await typeBundled(desk, [word])).toEqual(await desk.type(word));
  });
});
