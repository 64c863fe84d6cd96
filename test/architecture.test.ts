import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const sources = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
})
  .toString()
  .split("\0")
  .filter((path) => /^(src|tools|validators)\/.*\.tsx?$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));

/** Room → rooms (or single files) it may import, besides itself. Arrows only go down. */
const arrows: Record<string, readonly string[]> = {
  "src/core": [],
  "src/stores": ["src/core"],
  validators: ["src/core"],
  "src/settings": ["src/core"],
  "src/ledger": ["src/stores/store.ts", "src/core"],
  "src/pev": ["src/ledger", "src/core", "src/stores/store.ts", "validators"],
  tools: ["src/pev", "src/ledger", "src/core"],
  "src/rollout": ["src/ledger", "src/stores/store.ts", "src/stores/sqlite-driver.ts", "src/core"],
  "src/engine": ["tools", "src/pev", "src/ledger", "src/stores/store.ts", "src/core"],
  // What runs in programs of others, without a ledger: nothing below may load the store.
  "src/remote": ["src/core", "src/engine/gate", "src/engine/tracked"],
  "src/sealing.ts": ["src/settings", "src/stores"],
  "src/receipting.ts": ["src"],
  "src/receipt-look.ts": ["src"],
  "src/beside.ts": ["tools", "src"],
  "src/gating.ts": ["src"],
  "src/open.ts": ["tools", "validators", "src"],
  "src/look.ts": ["src"],
  "src/examining.ts": ["src"],
  "src/index.ts": ["tools", "validators", "src"],
  // How what is installed starts. It knows the library by its types alone.
  "src/kept": ["src/index.ts"],
  "src/ui": ["src/index.ts", "src/kept"],
};

/** What touches the outside, and the only files that may import it. */
const outside: Record<string, readonly string[]> = {
  "node:fs": [
    "src/stores/",
    "src/settings/",
    "src/ui/",
    "src/kept/",
    "src/ledger/owner.ts",
    "src/pev/",
    "src/engine/agents/",
    "src/engine/gate/payload.ts",
    "src/engine/logs.ts",
    "src/engine/doctor.ts",
    "src/engine/host.ts",
    "src/engine/gate/payload.ts",
    "src/engine/tree-findings.ts",
    "src/rollout/sql-tables.ts",
    "src/rollout/markdown-board.ts",
  ],
  "node:net": ["src/pev/network/", "src/engine/host.ts", "src/engine/host-client.ts", "src/engine/lines.ts"],
  "node:child_process": [
    "src/pev/sandbox.ts",
    "src/pev/isolation/probe.ts",
    "src/pev/walls/probe.ts",
    "src/ledger/owner.ts",
    "src/stores/root-key.ts",
    "src/ui/cli/commands/demo.ts",
    "src/ui/cli/commands/effect.ts",
    "src/ui/cli/commands/plan.ts",
    "src/ui/mcp/ledger-process.ts",
  ],
  "@modelcontextprotocol": ["src/ui/mcp/"],
  "node:http": ["src/pev/network/", "src/ui/http/", "src/engine/notify/webhook.ts"],
  "node:https": ["src/engine/notify/webhook.ts"],
  hono: ["src/ui/http/"],
  "@hono/node-server": ["src/ui/http/"],
  execa: ["src/pev/git.ts", "src/pev/user-git.ts"],
  "simple-git": ["src/pev/user-git.ts"],
  "better-sqlite3": ["src/stores/", "src/rollout/sql-tables.ts", "src/rollout/markdown-board.ts"],
  "drizzle-orm": ["src/stores/"],
  yaml: ["src/settings/", "src/ui/cli/"],
  commander: ["src/ui/cli/"],
  croner: ["src/engine/schedules/timing.ts", "src/settings/due.ts"],
  ink: ["src/ui/tui/"],
  react: ["src/ui/tui/"],
  "@ai-sdk": ["src/engine/agents/llm/"],
  ai: ["tools/ai-sdk.ts"],
  zod: [
    "src/core/",
    "src/settings/",
    "tools/",
    "src/pev/places.ts",
    "src/ledger/bundle.ts",
    "src/engine/agents/llm/toolbox.ts",
  ],
};

/**
 * The only files that read the machine's clock: everybody else asks the ledger's, or counts time that passes (performance.now). Ages of
 * files are by the clock that their file system has.
 */
const machineClock: Record<string, string> = {
  "src/open.ts": "is where the ledger gets its clock when it is given none",
  "src/stores/blobs.ts": "ages of files",
  "src/pev/setup-cache.ts": "ages of files",
  "src/pev/short-lived.ts": "ages of files",
  "src/pev/stale-lock.ts": "ages of files",
  "src/pev/places.ts": "a stamp beside the workspace, for people",
  "src/pev/leftovers.ts": "ids of runs hold the time of the machine that made them",
  "src/pev/selftest/selftest.ts": "writes nothing down",
  "src/engine/agents/llm/model.ts": "providers name the end of a pause by the clock of the world",
  "src/rollout/host-record.ts": "a host's own record, before any ledger has it",
  "src/ui/mcp/remembering.ts": "credentials expire by the clock of the world",
  "src/ui/cli/time-cells.ts": "how long ago, on the screen of a person",
  "src/ui/cli/commands/tui.ts": "how long ago, on the screen of a person",
};

/** What hosts import; all else is imported here. */
const entries: readonly string[] = [
  "src/index.ts",
  "src/kept/library.ts",
  "src/remote/gate.ts",
  "tools/ai-sdk.ts",
];

/** Longer than 400 lines, by name and with a reason. */
const longFiles: Record<string, string> = {};

const roomOf = (path: string): string =>
  Object.keys(arrows)
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0] ?? "?";

const importsOf = (text: string): readonly string[] =>
  [...text.matchAll(/(?:from|import|getBuiltinModule)\s*\(?\s*"([^"]+)"/g)].map(([, target = ""]) => target);

const resolved = (from: string, target: string): string =>
  normalize(join(dirname(from), target)).replace(/\.js$/, ".ts");

const matches = (path: string, allowed: string): boolean =>
  path === allowed || path.startsWith(`${allowed}/`);

describe("the house", () => {
  it("has every source file in a room that the table of arrows knows", () => {
    expect(sources.map(({ path }) => path).filter((path) => roomOf(path) === "?")).toEqual([]);
    expect(sources.length).toBeGreaterThan(40);
  });

  it("imports only downwards", () => {
    const upward = sources.flatMap(({ path, text }) => {
      const room = roomOf(path);
      return importsOf(text)
        .filter((target) => target.startsWith("."))
        .map((target) => resolved(path, target))
        .filter((target) => {
          const asTsx = target.replace(/\.ts$/, ".tsx");
          if (roomOf(target) === room || matches(target, room)) return false;
          return ![...(arrows[room] ?? [])].some((allowed) => matches(target, allowed) || asTsx === allowed);
        })
        .map((target) => `${path} → ${target}`);
    });
    expect(upward).toEqual([]);
  });

  it("touches the outside only in the files named for it", () => {
    const strays = sources.flatMap(({ path, text }) =>
      importsOf(text).flatMap((target) =>
        Object.entries(outside)
          .filter(([name]) => target === name || target.startsWith(`${name}/`))
          .filter(([, places]) => !places.some((place) => path.startsWith(place)))
          .map(() => `${path} imports ${target}`),
      ),
    );
    expect(strays).toEqual([]);
  });

  it("keeps core free of clocks, randomness and everything but zod and hashing", () => {
    const impure = sources
      .filter(({ path }) => path.startsWith("src/core/"))
      .flatMap(({ path, text }) => [
        ...importsOf(text)
          .filter((target) => !target.startsWith(".") && target !== "zod" && target !== "node:crypto")
          .map((target) => `${path} imports ${target}`),
        ...[...text.matchAll(/Date\.now|new Date\(\)|Math\.random|process\.|randomUUID|randomBytes/g)].map(
          ([found]) => `${path} uses ${found}`,
        ),
      ]);
    expect(impure).toEqual([]);
  });

  it("reads the machine's clock only in the files named for it, or what a test or host puts would not count", () => {
    const readers = sources
      .filter(({ text }) => /\bDate\.now\b|new Date\(\)/.test(text))
      .map(({ path }) => path);
    expect(readers.sort()).toEqual(Object.keys(machineClock).sort());
  });

  it("lets nobody but the PEV engine name a verdict command", () => {
    const speakers = sources
      .filter(({ text }) => /"record_(criterion_)?verdict"/.test(text))
      .map(({ path }) => path)
      .filter((path) => !path.startsWith("src/core/"));
    expect(speakers).toEqual(["src/pev/engine.ts"]);
  });

  it("keeps files within 400 lines", () => {
    const long = sources
      .filter(({ path, text }) => text.split("\n").length > 400 && longFiles[path] === undefined)
      .map(({ path }) => path);
    expect(long).toEqual([]);
  });

  it("names files in kebab-case, and tools and validators by their wire names", () => {
    const names = sources.map(({ path }) => path);
    const wire = /^(tools\/(orchestrator|execution|shared)|validators)\/[a-z0-9_-]+\.ts$/;
    expect(names.filter((path) => !/\/[a-z0-9-]+\.tsx?$/.test(path) && !wire.test(path))).toEqual([]);
  });

  it("exports names one by one: no stars, no defaults", () => {
    const vague = sources
      .filter(({ text }) => /^export (\*|default)/m.test(text.replace(/`[^`]*`/g, "")))
      .map(({ path }) => path);
    expect(vague).toEqual([]);
  });

  it("exports no value that nobody imports", () => {
    const dead = sources
      .filter(({ path }) => !entries.includes(path))
      .flatMap(({ path, text }) =>
        [...text.matchAll(/^export (?:const|class) (\w+)/gm)]
          .map(([, name = ""]) => name)
          .filter((name) => {
            const used = new RegExp(`\\b${name}\\b`);
            return !sources.some((other) => other.path !== path && used.test(other.text));
          })
          .map((name) => `${path} exports ${name}`),
      );
    expect(dead).toEqual([]);
  });

  it("holds no promise for later and no silenced check", () => {
    const promises = sources
      .filter(({ text }) => /\bTODO\b|\bFIXME\b|@ts-ignore|@ts-expect-error|biome-ignore/.test(text))
      .map(({ path }) => path);
    expect(promises).toEqual([]);
  });
});
