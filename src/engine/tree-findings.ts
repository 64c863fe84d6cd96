import { constants } from "node:fs";
import { access, readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { isLedgerError } from "../core/errors.js";
import { PATHS_LISTED } from "../core/limits.js";
import { type Finding, fail, ok, warn } from "./findings.js";

type Environment = Readonly<Record<string, string | undefined>>;

export type TreeInput = {
  readonly projectDir: string;
  readonly workspace: {
    readonly setup: readonly (readonly string[])[];
    readonly share: readonly string[];
    readonly cache: readonly string[];
    readonly sparse: readonly string[];
  };
  readonly sparse: () => Promise<readonly [number, number]>;
  readonly uncached: () => Promise<string | null>;
  readonly environment: Environment;
};

/** Which file speaks for which toolchain, and the programs its judges start. */
const TOOLCHAINS = [
  { file: "go.mod", name: "go", programs: ["go"] },
  { file: "package.json", name: "node", programs: ["node", "npm"] },
  { file: "pyproject.toml", name: "python", programs: ["python3"] },
  { file: "Cargo.toml", name: "rust", programs: ["cargo"] },
  { file: "pom.xml", name: "java", programs: ["mvn"] },
] as const;

/** Who reads which lockfile; npm comes with node. */
const PACKAGE_MANAGERS = [
  { file: "pnpm-lock.yaml", program: "pnpm" },
  { file: "yarn.lock", program: "yarn" },
  { file: "bun.lock", program: "bun" },
  { file: "bun.lockb", program: "bun" },
  { file: "uv.lock", program: "uv" },
  { file: "poetry.lock", program: "poetry" },
  { file: "pdm.lock", program: "pdm" },
  { file: "Pipfile.lock", program: "pipenv" },
] as const;

export const toolchainFindings = async ({
  projectDir,
  environment,
}: TreeInput): Promise<readonly Finding[]> => {
  const files = await readdir(projectDir);
  const findings: Finding[] = [];
  for (const { file, name, programs } of TOOLCHAINS) {
    if (!files.includes(file)) continue;
    const missing: string[] = [];
    for (const program of programs) if (!(await isProgram(program, environment))) missing.push(program);
    findings.push(
      missing.length === 0
        ? ok(`toolchain ${name}`, `${programs.join(", ")} found`)
        : fail(`toolchain ${name}`, `${missing.join(", ")} not found.`, `Install it, or put it on PATH.`),
    );
  }
  for (const tool of await missingManagers(files, environment))
    findings.push(
      warn(
        `toolchain ${tool.program}`,
        `${tool.file} is made by ${tool.program}, which is not found.`,
        `Install it, or bring installed packages by workspace.share.`,
      ),
    );
  return findings;
};

const missingManagers = async (files: readonly string[], environment: Environment) => {
  const missing: (typeof PACKAGE_MANAGERS)[number][] = [];
  for (const tool of PACKAGE_MANAGERS)
    if (files.includes(tool.file) && !(await isProgram(tool.program, environment))) missing.push(tool);
  return missing;
};

export const setupFindings = async (input: TreeInput): Promise<readonly Finding[]> => {
  const findings: Finding[] = [];
  for (const [program = ""] of input.workspace.setup)
    findings.push(
      (await isProgram(program, input.environment))
        ? ok(`set-up ${program}`, "found")
        : // In a fresh tree it may come with the project.
          program.includes("/")
          ? ok(`set-up ${program}`, "is looked for in each fresh tree")
          : fail(`set-up ${program}`, "is not on PATH.", "Install it, or mend workspace.setup."),
    );
  return findings;
};

export const shareFindings = async ({
  projectDir,
  workspace: { share },
}: TreeInput): Promise<readonly Finding[]> => {
  const findings: Finding[] = [];
  for (const path of share)
    findings.push(
      (await isAccessible(join(projectDir, path), constants.R_OK))
        ? ok(`share ${path}`, "is there")
        : fail(`share ${path}`, "is not there.", "Install your dependencies, or mend workspace.share."),
    );
  return findings;
};

/** What workspace.cache asks for and does not get. */
export const cacheFindings = async ({ workspace, uncached }: TreeInput): Promise<readonly Finding[]> => {
  const { setup, share, cache } = workspace;
  const check = "workspace.cache";
  if (cache.length === 0) return [];
  if (setup.length === 0)
    return [warn(check, "does nothing without workspace.setup.", "runledger config unset workspace.cache")];
  const both = cache.find((path) => share.includes(path));
  if (both !== undefined)
    return [warn(check, `${both} is in workspace.share as well.`, "Take it out of one of the two.")];
  const why = await uncached().catch((error: unknown) => {
    // What is wrong with the repository is told by its own finding.
    if (isLedgerError(error)) return undefined;
    throw error;
  });
  if (why === undefined) return [];
  if (why === null) return [ok(check, `${cache.join(", ")} kept by lockfile`)];
  return [warn(check, `Nothing is kept: ${why}.`, "Commit a lockfile, and keep only what git ignores.")];
};

export const sparseFindings = async ({ workspace, sparse }: TreeInput): Promise<readonly Finding[]> => {
  const check = "workspace.sparse";
  if (workspace.sparse.length === 0) return [];
  try {
    const [some, all] = await sparse();
    return [ok(check, `${some} of ${all} files go into fresh trees`)];
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    return [fail(check, error.message, error.hint ?? "Mend workspace.sparse in runledger.yaml.")];
  }
};

export type IncludedFound =
  | { readonly problem: string }
  | { readonly files: number; readonly unignored: readonly string[] };

/** What fresh trees get of the checkout beside its commits. */
export const includedFindings = (found: IncludedFound | null): readonly Finding[] => {
  if (found === null) return [];
  if ("problem" in found)
    return [
      fail(INCLUDE, `Nothing is copied: ${found.problem}.`, "Mend it; rooms are not prepared until then."),
    ];
  const { files, unignored } = found;
  const findings =
    files > 0
      ? [
          ok(
            INCLUDE,
            `${files} ${files === 1 ? "file goes" : "files go"} into fresh trees, secrets in them too`,
          ),
        ]
      : [warn(INCLUDE, "It names no file that git ignores.", "Make those files, or take the lines out.")];
  if (unignored.length === 0) return findings;
  const named = unignored.slice(0, PATHS_LISTED).join(", ");
  const message = `${named}: named by it and not ignored by git, so not copied.`;
  return [...findings, warn(INCLUDE, message, "Name them in .gitignore, or commit them.")];
};

const INCLUDE = ".worktreeinclude";

export const isProgram = async (program: string, environment: Environment): Promise<boolean> => {
  if (program.includes("/")) return isAccessible(program, constants.X_OK);
  const folders = (environment.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const folder of folders) if (await isAccessible(join(folder, program), constants.X_OK)) return true;
  return false;
};

export const isAccessible = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );
