import { getEventListeners } from "node:events";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openPlaces } from "../../src/pev/places.js";
import { type Provisioning, provision } from "../../src/pev/provision.js";
import { runProcess } from "../../src/pev/sandbox.js";
import { openSetupCache, type SetupCacheOptions, unusedSetups } from "../../src/pev/setup-cache.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { makeSample, onePlan, person, SESSION } from "../helpers/project.js";
import { wideWalls } from "../helpers/walls.js";
import { PATH_ONLY, removeTemp, tempFolder, writeText } from "./room-fixtures.js";

let folder = "";
afterEach(() => removeTemp(folder));

const entry = (path: string, oid = "1") => ({ mode: "100644", oid, path });
const LOCKED = [entry("package.json"), entry("package-lock.json")];

/** Says each time that it ran. */
const install = (more = "true") => [
  "sh",
  "-c",
  `echo ran >> ../ran && mkdir -p deps && echo one > deps/a && ${more}`,
];

const bench = async () => {
  folder = tempFolder();
  const places = await openPlaces(join(folder, "places"));
  let trees = 0;
  const setUp = async (
    more: Partial<SetupCacheOptions> = {},
    changes: Partial<Provisioning> = {},
  ): Promise<{ tree: string; said: readonly string[]; failed: boolean }> => {
    trees += 1;
    const tree = join(folder, "trees", `tree-${trees}`);
    await mkdir(tree, { recursive: true });
    writeText(join(tree, "package.json"), "{}");
    const setup = more.setup ?? [install()];
    const cache = await openSetupCache({
      cacheFolder: join(folder, "cache"),
      tree,
      setup,
      paths: ["deps"],
      entries: LOCKED,
      isBase: true,
      environment: PATH_ONLY,
      passEnv: [],
      laid: [],
      signal: new AbortController().signal,
      ...more,
    });
    const run: Provisioning["run"] = (argv, timeoutMs) =>
      runProcess({
        argv,
        cwd: tree,
        env: PATH_ONLY,
        timeoutMs,
        walls: wideWalls,
        redactor: NO_SECRETS,
        place: { places, folder: null, runId: "run" },
      });
    const records = await provision({
      tree,
      projectDir: join(folder, "project"),
      included: { files: [], problem: null },
      setup,
      cache,
      share: [],
      whenPresent: "replace",
      timeoutMs: 20_000,
      run,
      runHeld: run,
      ...changes,
    });
    return {
      tree,
      said: records.map(({ what }) => what),
      failed: records.some(({ outcome }) => outcome === "failed"),
    };
  };
  const kept = () => (existsSync(join(folder, "cache")) ? readdirSync(join(folder, "cache")) : []);
  return {
    setUp,
    kept,
    /** How often set-up ran. */
    ran: () => readFileSync(join(folder, "trees/ran"), "utf8").split("\n").length - 1,
    /** A file of the only copy. */
    copy: (path: string) => join(folder, "cache", kept()[0] ?? "none", "files", path),
  };
};

const HIT = expect.stringMatching(/\(from the cache\)$/);
const KEPT = "cache: deps kept for other trees";

describe("what set-up made at the base", () => {
  it("is laid into other trees with the same lockfile, and set-up does not run again", async () => {
    const { setUp, ran } = await bench();
    expect((await setUp()).said).toEqual([install().join(" "), KEPT]);
    const room = await setUp({ isBase: false });
    expect(room.said).toEqual([HIT]);
    expect(readFileSync(join(room.tree, "deps/a"), "utf8")).toBe("one\n");
    expect(readdirSync(room.tree).sort()).toEqual(["deps", "package.json"]);
    expect(ran()).toBe(1);
  });

  it("is a copy: who writes into a tree writes into no other", async () => {
    const { setUp } = await bench();
    for (const at of [await setUp(), await setUp()]) writeText(join(at.tree, "deps/a"), "planted");
    expect(readFileSync(join((await setUp()).tree, "deps/a"), "utf8")).toBe("one\n");
  });

  it.each<[string, Partial<SetupCacheOptions>]>([
    ["another lockfile", { entries: [entry("package.json"), entry("package-lock.json", "2")] }],
    ["another manifest", { entries: [entry("package.json", "2"), entry("package-lock.json")] }],
    ["a lockfile more", { entries: [...LOCKED, entry("sub/yarn.lock")] }],
    ["another command", { setup: [install("echo more")] }],
    ["another variable", { passEnv: ["MODE"], environment: { ...PATH_ONLY, MODE: "x" } }],
    ["another local setting", { laid: [".npmrc 1 2"] }],
  ])("is nothing to a tree with %s", async (_, more) => {
    const { setUp, ran } = await bench();
    await setUp();
    expect((await setUp({ ...more, isBase: false })).said.at(-1)).toBe(
      "cache: not kept, because others wrote this tree",
    );
    expect(ran()).toBe(2);
  });

  it("is nothing to a tree with another script that set-up names", async () => {
    const { setUp, ran } = await bench();
    const setup = [install("test ! -e tools/get.sh || sh tools/get.sh")];
    await setUp({ setup, entries: [...LOCKED, entry("tools/get.sh")] });
    await setUp({ setup, entries: [...LOCKED, entry("tools/get.sh", "2")], isBase: false });
    expect(ran()).toBe(2);
  });
});

describe("nothing is kept", () => {
  it("of a tree that others wrote", async () => {
    const { setUp, kept } = await bench();
    expect((await setUp({ isBase: false })).said.at(-1)).toMatch(/others wrote this tree$/);
    expect(kept()).toEqual([]);
  });

  it.each<[string, Partial<SetupCacheOptions>, string]>([
    ["without a lockfile", { entries: [entry("package.json")] }, "the tree has no lockfile"],
    ["where it is tracked", { entries: [...LOCKED, entry("deps/own.js")] }, "deps/own.js is tracked"],
    ["when set-up made nothing of it", { paths: ["other"] }, "set-up wrote deps/a as well"],
    ["when it is not there", { setup: [["true"]] }, "set-up made no deps"],
    [
      "when set-up wrote elsewhere too",
      { setup: [install("echo x > gen.js")] },
      "set-up wrote gen.js as well",
    ],
    [
      "when set-up changed a file",
      { setup: [install("echo x > package.json")] },
      "set-up wrote package.json as well",
    ],
    [
      "when set-up removed a file",
      { setup: [install("rm package.json")] },
      "set-up wrote package.json as well",
    ],
    [
      "of a program that names its tree",
      { setup: [install("printf '%s\\0' \"$PWD\" > deps/bin")] },
      "deps/bin names its tree and is no text",
    ],
    [
      "of a link to its own tree",
      { setup: [install('ln -s "$PWD/deps/a" deps/link')] },
      "deps/link is a link to its own tree",
    ],
  ])("%s", async (_, more, why) => {
    const { setUp, kept } = await bench();
    const { said, failed } = await setUp(more);
    expect([said.at(-1), failed]).toEqual([`cache: not kept, because ${why}`, false]);
    expect(kept()).toEqual([]);
  });

  it("of a set-up that failed, and the next one tries anew", async () => {
    const { setUp, kept } = await bench();
    const setup = [
      ["sh", "-c", "test -e ../again || { touch ../again; exit 3; }; mkdir -p deps; echo one > deps/a"],
    ];
    expect(await setUp({ setup })).toMatchObject({ failed: true });
    expect(kept()).toEqual([]);
    expect((await setUp({ setup })).said.at(-1)).toBe(KEPT);
  });

  it("of half a copy", async () => {
    const { setUp, kept } = await bench();
    const end = {
      exitCode: 1,
      signal: null,
      timedOut: false,
      cancelled: false,
      notFound: false,
      durationMs: 1,
    };
    const rest = { tail: "", stdout: "", log: null, survivors: 0, wall: null, noSpace: false };
    const run: Provisioning["run"] = async (argv) => {
      if (argv[0] !== "cp") return { ...end, exitCode: 0, ...rest };
      writeText(join(argv.at(-1) ?? "", "half"), "half");
      return { ...end, ...rest };
    };
    await setUp();
    const [whole] = kept();
    const { said, tree } = await setUp({ isBase: false }, { run, runHeld: run });
    expect(said).not.toEqual([HIT]);
    expect(readdirSync(tree)).toEqual(["package.json"]);
    expect(kept()).toEqual([whole]);
  });
});

describe("a copy that somebody wrote to is not believed", () => {
  it.each<[string, (at: (path: string) => string) => Promise<void> | void]>([
    ["by other bytes", (at) => writeFile(at("deps/a"), "planted")],
    [
      "with its time put back",
      async (at) => {
        const { atime, mtime } = statSync(at("deps/a"));
        await writeFile(at("deps/a"), "bad\n");
        utimesSync(at("deps/a"), atime, mtime);
      },
    ],
    ["by a file more", (at) => writeFile(at("deps/b"), "planted")],
    ["by a mode", (at) => chmodSync(at("deps/a"), 0o777)],
    [
      "by an exchange",
      async (at) => {
        await writeFile(at("deps/new"), "one\n");
        await rename(at("deps/new"), at("deps/a"));
      },
    ],
    [
      "by a link for a folder",
      async (at) => {
        await rename(at("deps"), at("other"));
        symlinkSync("other", at("deps"));
      },
    ],
  ])("%s", async (_, write) => {
    const { setUp, ran, copy, kept } = await bench();
    await setUp();
    await write(copy);
    const after = await setUp({ isBase: false });
    expect(after.said[0]).toBe(install().join(" "));
    expect([ran(), kept()]).toEqual([2, []]);
    expect(readFileSync(join(after.tree, "deps/a"), "utf8")).toBe("one\n");
  });
});

it("texts that name the tree they were made in are told anew where they lie; compiled Python goes", async () => {
  const { setUp } = await bench();
  const script =
    'printf "#!%s/deps/run\\n" "$PWD" > deps/tool && chmod +x deps/tool && printf "%s" "$PWD" > deps/x.pyc';
  const setup = [install(script)];
  expect((await setUp({ setup })).said.at(-1)).toBe(KEPT);
  const { tree, said } = await setUp({ setup });
  expect(said).toEqual([HIT]);
  expect(readFileSync(join(tree, "deps/tool"), "utf8")).toBe(`#!${tree}/deps/run\n`);
  expect(statSync(join(tree, "deps/tool")).mode & 0o111).not.toBe(0);
  expect(readdirSync(join(tree, "deps")).sort()).toEqual(["a", "tool"]);
});

it("of many trees at once one makes it, and the others wait", async () => {
  const { setUp, ran, kept } = await bench();
  const { signal } = new AbortController();
  const all = await Promise.all([1, 2, 3, 4].map(() => setUp({ signal })));
  expect(getEventListeners(signal, "abort")).toEqual([]);
  expect(ran()).toBe(1);
  expect(all.filter(({ said }) => said.at(-1) === KEPT)).toHaveLength(1);
  expect(kept()).toHaveLength(1);
});

it("no more than eight are kept, those that were used last; what nobody used for a week may go", async () => {
  const { setUp, kept } = await bench();
  const lock = (n: number) => ({ entries: [entry("package-lock.json", String(n))] });
  for (let n = 0; n < 8; n += 1) {
    await setUp(lock(n));
    for (const name of kept()) {
      const file = join(folder, "cache", name, "manifest.json");
      utimesSync(file, new Date(), new Date(statSync(file).mtimeMs - 60_000));
    }
  }
  expect((await setUp(lock(0))).said).toEqual([HIT]);
  await setUp(lock(8));
  expect(kept()).toHaveLength(8);
  expect((await setUp(lock(0))).said).toEqual([HIT]);
  expect((await setUp({ ...lock(1), isBase: false })).said).not.toEqual([HIT]);
  const cache = join(folder, "cache");
  expect(await unusedSetups(cache, Date.now() + 6 * 86_400_000)).toEqual([]);
  const unused = await unusedSetups(cache, Date.now() + 8 * 86_400_000);
  expect(unused.map(({ bytes }) => bytes)).toEqual(Array(8).fill(4));
});

it("a proposal that changes a lockfile is set up by itself, and nothing of it reaches the next one", async () => {
  const sample = await makeSample({
    "package-lock.json": "honest\n",
    ".gitignore": "deps\n",
    "runledger.yaml":
      "workspace: { setup: [[sh, -c, 'mkdir deps; cp package-lock.json deps/it']], cache: [deps] }\n",
  });
  try {
    const app = await sample.open({
      coder: async ({ workspace, stepId }) => {
        await writeFile(join(workspace, "deps/it"), "planted\n");
        if (stepId === "locks") await writeFile(join(workspace, "package-lock.json"), "planted\n");
        return "done";
      },
    });
    const step = (id: string, target: string, more = {}) =>
      onePlan({ id, validator: { type: "command_pass", target }, max_retries: 0, ...more }).steps[0];
    const plan = {
      goal: "both",
      steps: [
        step("first", "grep honest deps/it"),
        // Its judge fails, so that the head stays what it was.
        step("locks", "grep honest deps/it", { may_change: ["package-lock.json"], depends_on: ["first"] }),
      ],
    };
    const drive = async () => {
      const run = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" });
      const { steps } = (await app.drive(run.runId)).run;
      return steps.map(({ state }) => ("verdict" in state && state.verdict) || undefined);
    };
    const [first, locks] = await drive();
    expect([first?.outcome, first?.provision.at(-1)?.what]).toEqual([
      "passed",
      expect.stringMatching(/from the cache/),
    ]);
    expect(locks).toMatchObject({ outcome: "failed", reason: "check_failed" });
    expect(locks?.provision.at(-1)?.what).toBe("cache: not kept, because others wrote this tree");
    const [again] = await drive();
    expect([again?.outcome, again?.provision.at(-1)?.what]).toEqual([
      "passed",
      expect.stringMatching(/from the cache/),
    ]);
  } finally {
    await sample.dispose();
  }
});
