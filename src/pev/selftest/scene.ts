import picomatch from "picomatch";
import { changedMatcher } from "../../../validators/file_changed.js";
import { detectToolchain } from "../../../validators/toolchains.js";
import type { Toolchain, ValidatorSpec } from "../../core/spec.js";
import type { Git } from "../git.js";
import { type ObjectReader, withObjects } from "../object-reader.js";
import { listTree } from "../objects.js";
import { isTestByName } from "../protected-paths.js";
import { type Language, languages, type TestFile } from "./languages.js";

/** What somebody who wants to cheat sees at the base. */
export type Scene = {
  readonly validator: ValidatorSpec;
  readonly toolchain: Toolchain | undefined;
  readonly language: Language | undefined;
  readonly paths: ReadonlySet<string>;
  /** Mode of each file, by path. */
  readonly modes: ReadonlyMap<string, string>;
  readonly tests: readonly TestFile[];
  /** What tests and the programs of a command load, or all that a build compiles; no tests: path and text. */
  readonly loaded: ReadonlyMap<string, string>;
  /** Files of the base that the judge's command or target names. */
  readonly named: ReadonlyMap<string, string>;
  /** Text of small files in the root that decide how the project is judged: package.json and its like. */
  readonly rootFiles: ReadonlyMap<string, string>;
};

/** Files beyond these change nothing about how a judge is fooled. */
const TESTS_MAX = 300;
const LOADED_MAX = 100;
/** What people write by hand is smaller. */
const TEXT_BYTES_MAX = 1_048_576;

/** Files in the root that cheats edit. */
const ROOT_FILES =
  /^(package\.json|pyproject\.toml|setup\.cfg|pom\.xml|Cargo\.toml|[Mm]akefile|GNUmakefile)$/;

export const openScene = async (store: Git, base: string, validator: ValidatorSpec): Promise<Scene> => {
  const entries = (await listTree(store, base)).filter(({ mode }) => mode.startsWith("100"));
  const modes = new Map(entries.map(({ path, mode }) => [path, mode]));
  const paths = new Set(modes.keys());
  const forced = "toolchain" in validator.params ? validator.params.toolchain : undefined;
  const toolchain = forced ?? (await detectToolchain({ list: async (folder) => namesIn(paths, folder) }));
  const language = toolchain === undefined ? undefined : languages[toolchain];
  return withObjects(store, async (objects) => {
    const read = readerOf(objects, base);
    const tests = language === undefined ? [] : await testsIn(paths, language, read);
    const named = await read(namedBy(validator, paths));
    const starts = [...tests, ...[...named].map(([path, text]) => ({ path, text }))];
    const loaded = await read(language === undefined ? [] : loadedBy(validator, starts, language, paths));
    const rootFiles = await read([...paths].filter((path) => ROOT_FILES.test(path)));
    return { validator, toolchain, language, paths, modes, tests, loaded, named, rootFiles };
  });
};

/** Words of a command or target that may name a file. */
export const wordsOf = ({ type, target }: ValidatorSpec): readonly string[] =>
  type === "command_pass" || type === "test_pass"
    ? (target.match(/[^\s;&|<>()`'"$=]+/g) ?? []).map((word) =>
        word.replace(/^(\.\/)+/, "").replace(/::.*$/, ""),
      )
    : [];

const namedBy = (validator: ValidatorSpec, paths: ReadonlySet<string>): readonly string[] => {
  if (validator.type !== "file_changed") return wordsOf(validator).filter((word) => paths.has(word));
  const matches = changedMatcher(validator.target);
  return [...paths].filter((path) => matches(path)).slice(0, 1);
};

type Read = (paths: readonly string[]) => Promise<Map<string, string>>;

const readerOf =
  (objects: ObjectReader, base: string): Read =>
  async (paths) => {
    const texts = new Map<string, string>();
    for (const path of new Set(paths)) {
      const bytes = await objects.file(base, path, TEXT_BYTES_MAX).catch(() => undefined);
      if (bytes !== undefined && !bytes.includes(0)) texts.set(path, bytes.toString("utf8"));
    }
    return texts;
  };

const namesIn = (paths: ReadonlySet<string>, folder: string): readonly string[] => {
  const prefix = folder === "." ? "" : `${folder}/`;
  const below = [...paths].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  return [...new Set(below.map((path) => path.split("/")[0] ?? ""))];
};

const testsIn = async (
  paths: ReadonlySet<string>,
  language: Language,
  read: Read,
): Promise<readonly TestFile[]> => {
  const sources = [...paths].filter((path) => language.isSource(path));
  // Rust keeps tests in the code they test, so there every source is looked at.
  const likely = sources.filter((path) => isTestByName(path) || path.endsWith(".rs")).slice(0, TESTS_MAX);
  return [...(await read(likely))].flatMap(([path, text]) => {
    const names = language.testNames(text);
    return names.length === 0 ? [] : [{ path, text, names }];
  });
};

/** A build loads everything. */
const loadedBy = (
  { type }: ValidatorSpec,
  starts: readonly Pick<TestFile, "path" | "text">[],
  language: Language,
  paths: ReadonlySet<string>,
): readonly string[] => {
  const isSource = (path: string) => language.isSource(path) && !isTestByName(path);
  const all = type === "build_pass" ? [...paths] : reached(starts, language, paths);
  return all.filter(isSource).slice(0, LOADED_MAX);
};

const reached = (
  starts: readonly Pick<TestFile, "path" | "text">[],
  language: Language,
  paths: ReadonlySet<string>,
): readonly string[] => {
  const asked = [...new Set(starts.flatMap(({ path, text }) => language.loads(path, text)))];
  const globs = asked.filter((path) => path.includes("*"));
  const matches = globs.length === 0 ? () => false : picomatch(globs);
  return [
    ...new Set([...asked.filter((path) => paths.has(path)), ...[...paths].filter((path) => matches(path))]),
  ];
};
