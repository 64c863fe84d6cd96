// Bundles the command line and the library, each into one entry and chunks that load when they are needed (docs/adr/0012, 0040).
// Usage: node build/bundle.mjs [FOLDER]   writes FOLDER/cli and FOLDER/library, by default into dist, from the sources.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = resolve(process.argv[2] ?? join(root, "dist"));

/** Loading it takes a tenth of a bare Node; commander needs it only for commands that are programs of their own. */
const withoutSubprograms = {
  name: "commander-without-subprograms",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes("/node_modules/commander/")
        ? { path: "no-subprograms", namespace: "runledger" }
        : undefined,
    );
    onLoad({ filter: /^no-subprograms$/, namespace: "runledger" }, () => ({
      contents: "module.exports = {};",
    }));
  },
};

/**
 * What Ink brings for other uses than ours: a connection to developer tools, and silence where it takes a terminal for a
 * build machine's because of a variable. Our screens are only drawn where a person sits at a terminal.
 */
const forTerminalsOnly = {
  name: "ink-for-terminals-only",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^(\.\/devtools\.js|is-in-ci)$/ }, ({ path, importer }) =>
      importer.includes("/node_modules/ink/") ? { path, namespace: "terminals-only" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "terminals-only" }, () => ({ contents: "export default false;" }));
  },
};

/** Ink waits while it is being loaded, which only a module can: the script is called with the way to load it. */
const withScreensOutside = {
  name: "with-screens-outside",
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/tui\/kit\/load-screen\.ts$/ }, () => ({
      contents: "export const loadScreen = loadScreenOutside;",
    }));
  },
};

/** What is installed starts from what V8 has compiled before. */
const startingKept = {
  name: "starting-kept",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\.\/start\.js$/ }, () => ({ path: join(root, "src/ui/cli/kept-start.ts") }));
  },
};

/** Packages whose code is in the bundle: each must be named with its licence in what we publish. */
const packagesIn = (inputs) =>
  [...new Set(inputs.map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]))]
    .filter((path) => path !== undefined)
    .sort();

const licenceOf = async (path) => {
  const { name, version, license } = JSON.parse(await readFile(join(root, path, "package.json"), "utf8"));
  const own = (await readdir(join(root, path))).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
  const shared = join(root, "build", "licences", `${license}.txt`);
  const files = own.length > 0 ? own.map((file) => join(root, path, file)) : [shared];
  if (!files.every(existsSync)) throw new Error(`${name} has no licence file, and ${shared} is not there.`);
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return [`${name} ${version} (${license})`, ...texts.map((text) => text.trim())].join("\n\n");
};

const CHUNKS = "chunks";

/** Native parts are found beside their own files; packages of models are those that the user has installed, or none. */
const OUTSIDE = ["better-sqlite3", "@ai-sdk/*", "ai"];

/** What all have in common. */
const COMMON = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node20.19",
  // The texts are kept whole in a file of their own.
  legalComments: "none",
  metafile: true,
};

/** `contained`: what is in the folder beside the entries, by the paths of its sources. */
const bundled = async ({ entries, folder, of, contained = [], ...more }) => {
  await rm(folder, { recursive: true, force: true });
  const { metafile } = await build({
    ...COMMON,
    entryPoints: entries,
    outdir: folder,
    chunkNames: `${CHUNKS}/[name]-[hash]`,
    splitting: true,
    format: "esm",
    external: OUTSIDE,
    // Packages in the older module format call for Node's own modules at run time.
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module";\nconst require = requireFrom(import.meta.url);',
    },
    ...more,
  });
  const paths = [...Object.keys(metafile.inputs), ...contained];
  const licences = await Promise.all(packagesIn(paths).map(licenceOf));
  await writeFile(
    join(folder, "THIRD-PARTY.txt"),
    `${of} contains code of these packages.\n\n${licences.join(`\n\n${"-".repeat(80)}\n\n`)}\n`,
  );
  return metafile.outputs;
};

const cli = join(dist, "cli");

/** It is read a byte for each character, and the bundler leaves what stands in regular expressions and comments as it is. */
const inAscii = (text) => {
  if (/\\[\u0080-\uffff]/.test(text)) throw new Error("A character beyond ASCII stands behind a backslash.");
  return text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
};

/** One script, named after what it says, which src/kept/script.ts runs: a function of what it gets from there. */
const scriptOf = async ({ name, entry, folder, given = [], plugins = [] }) => {
  const { outputFiles, metafile } = await build({
    ...COMMON,
    entryPoints: { [name]: entry },
    outdir: folder,
    entryNames: "[name]-[hash]",
    outExtension: { ".js": ".cjs" },
    format: "cjs",
    external: OUTSIDE,
    banner: { js: `(function (${["module", "require", "moduleUrl", ...given].join(", ")}) {` },
    footer: { js: "})" },
    define: { "import.meta.url": "moduleUrl" },
    // A script cannot import a module; all that it asks for from outside can be required.
    supported: { "dynamic-import": false },
    plugins,
    write: false,
  });
  const [{ path, text }] = outputFiles;
  return { path, text: inAscii(text), sources: Object.keys(metafile.inputs) };
};

/** Everything but screens. */
const program = await scriptOf({
  name: "program",
  entry: "src/ui/cli/start.ts",
  folder: cli,
  given: ["loadScreenOutside"],
  plugins: [withoutSubprograms, withScreensOutside],
});
await bundled({
  of: "The command line",
  entries: ["src/ui/cli/main.ts"],
  folder: cli,
  contained: program.sources,
  plugins: [startingKept, withoutSubprograms, forTerminalsOnly],
  define: {
    // React checks itself at every step otherwise.
    "process.env.NODE_ENV": '"production"',
    PROGRAM_FILE: JSON.stringify(relative(join(cli, CHUNKS), program.path)),
  },
  jsx: "automatic",
});
await writeFile(program.path, program.text);

const library = join(dist, "library");
const modules = await bundled({
  of: "The library",
  entries: { index: "src/index.ts", gate: "src/remote/gate.ts", "ai-sdk": "tools/ai-sdk.ts" },
  folder: library,
});

/** What Node loads in the place of those modules. Names of a module stand in its text. */
const names = modules[relative(root, join(library, "index.js"))].exports;
const whole = await scriptOf({ name: "library", entry: "src/index.ts", folder: library });
await writeFile(whole.path, whole.text);
await build({
  ...COMMON,
  stdin: {
    contents: `import { library } from "./src/kept/library.ts";\nexport const { ${names.join(", ")} } = library;`,
    resolveDir: root,
  },
  outfile: join(library, "kept.js"),
  format: "esm",
  define: { LIBRARY_FILE: JSON.stringify(`./${basename(whole.path)}`) },
});

// Whoever checks receipts needs no more than this one file, wherever it is copied to.
await build({
  absWorkingDir: root,
  entryPoints: ["src/core/receipts/verify.ts"],
  outfile: join(dist, "library", "receipts.js"),
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
});

// The manual page is what the program says of itself.
const man = join(dist, "man");
await mkdir(man, { recursive: true });
await writeFile(
  join(man, "runledger.1"),
  execFileSync(process.execPath, [join(cli, "main.js"), "help", "--man"]),
);
