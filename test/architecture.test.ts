import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import {
  isCallExpression,
  isFunctionLikeDeclaration,
  isStringLiteral,
  isVariableDeclaration,
  type Node,
  type SourceFile,
} from "typescript/unstable/ast";
import { API } from "typescript/unstable/sync";
import { describe, expect, it } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
})
  .toString()
  .split("\0");

const sources = files
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
  "src/open.ts": ["tools", "validators", "src"],
  "src/index.ts": ["tools", "validators", "src"],
  "src/ui": ["src/index.ts"],
};

/** What touches the outside, and the only files that may import it. */
const outside: Record<string, readonly string[]> = {
  "node:fs": [
    "src/stores/",
    "src/settings/",
    "src/ui/",
    "src/ledger/owner.ts",
    "src/pev/",
    "src/engine/agents/",
    "src/engine/logs.ts",
    "src/engine/doctor.ts",
    "src/engine/tree-findings.ts",
    "src/rollout/sql-tables.ts",
    "src/rollout/markdown-board.ts",
  ],
  "node:child_process": [
    "src/pev/sandbox.ts",
    "src/pev/isolation/probe.ts",
    "src/pev/walls/probe.ts",
    "src/ledger/owner.ts",
    "src/ui/cli/commands/demo.ts",
  ],
  execa: ["src/pev/git.ts", "src/pev/user-git.ts"],
  "simple-git": ["src/pev/user-git.ts"],
  "better-sqlite3": ["src/stores/", "src/rollout/sql-tables.ts", "src/rollout/markdown-board.ts"],
  "drizzle-orm": ["src/stores/"],
  yaml: ["src/settings/", "src/ui/cli/"],
  commander: ["src/ui/cli/"],
  ink: ["src/ui/tui/"],
  react: ["src/ui/tui/"],
  zod: ["src/core/", "src/settings/", "tools/", "src/pev/places.ts", "src/ledger/bundle.ts"],
};

/** Longer than 400 lines, by name and with a reason. */
const longFiles: Record<string, string> = {};

const roomOf = (path: string): string =>
  Object.keys(arrows)
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0] ?? "?";

const importsOf = (text: string): readonly string[] =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, target = ""]) => target);

const resolved = (from: string, target: string): string =>
  normalize(join(dirname(from), target)).replace(/\.js$/, ".ts");

const matches = (path: string, allowed: string): boolean =>
  path === allowed || path.startsWith(`${allowed}/`);

/**
 * Longer than 70 lines, by name, with what they may not grow beyond: in the house those that return an object of short
 * functions, in the tests long texts and lists.
 */
const longFunctions: Record<string, number> = {
  "src/engine/backends/local.ts createWorker": 79,
  "src/ledger/ledger.ts openLedger": 95,
  "src/open.ts openRunLedger": 78,
  "src/rollout/mirrors.ts openMirrors": 102,
  "test/helpers/browsing.ts tellAll": 93,
  "test/settings/load.test.ts gives every key its default where nothing is said": 73,
  "test/settings/load.test.ts reads every key": 81,
  "test/ui/cli/about.test.ts says where everything is, counts the runs, and shows every setting in its group": 184,
  "test/ui/cli/keep.test.ts gets, sets and lists values with their origin, and keeps comments": 77,
  "test/ui/cli/rollout.test.ts JSON keeps its shape": 99,
};

/** Every function of a file with its length. In tests, where one groups others, what lies in those counts there and not here. */
const lengthsIn = (file: SourceFile): readonly { readonly name: string; readonly lines: number }[] => {
  const path = file.fileName.slice(root.length + 1);
  const found: { name: string; lines: number }[] = [];
  const lineOf = (at: number): number => file.getLineAndCharacterOfPosition(at).line;
  const lengthOf = (node: Node): number => lineOf(node.end) - lineOf(node.getStart(file)) + 1;
  /** Answers how many lines of functions there were in it. */
  const visit = (node: Node): number => {
    let inner = 0;
    node.forEachChild((child) => {
      inner += visit(child);
    });
    if (!isFunctionLikeDeclaration(node) || isChapter(node, file)) return inner;
    const lines = lengthOf(node) - (path.startsWith("test/") ? inner : 0);
    found.push({ name: `${path} ${nameOf(node, file)}`, lines });
    return lengthOf(node);
  };
  visit(file);
  return found;
};

/** That of the constant it is, or of the test. */
const nameOf = ({ parent }: Node, file: SourceFile): string => {
  if (isVariableDeclaration(parent)) return parent.name.getText(file);
  const [title] = isCallExpression(parent) ? parent.arguments : [];
  return title !== undefined && isStringLiteral(title) ? title.text : "";
};

/** What only groups tests. */
const isChapter = ({ parent }: Node, file: SourceFile): boolean =>
  isCallExpression(parent) && /^describe\b/.test(parent.expression.getText(file));

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

  it("keeps functions within 70 lines, in tests too", () => {
    const counted = files.filter((path) => /^(src|tools|validators|test)\/.*\.tsx?$/.test(path));
    const compiler = new API({ cwd: root });
    try {
      const [project] = compiler
        .updateSnapshot({ openProjects: [join(root, "tsconfig.json")] })
        .getProjects();
      const parsed = counted.flatMap((path) => project?.program.getSourceFile(join(root, path)) ?? []);
      expect(parsed.length).toBeGreaterThan(300);
      const long = parsed.flatMap(lengthsIn).filter(({ name, lines }) => lines > (longFunctions[name] ?? 70));
      expect(long).toEqual([]);
    } finally {
      compiler.close();
    }
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
      .filter(({ path }) => path !== "src/index.ts")
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
