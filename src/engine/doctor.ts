import { constants } from "node:fs";
import { access, chmod, readdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { LedgerError } from "../core/errors.js";
import { resolveProgram } from "./agents/command.js";
import {
  type Finding,
  fail,
  type Limits,
  limitFindings,
  ok,
  type Stages,
  stageFindings,
  variableFindings,
  warn,
} from "./findings.js";
import { isolationFinding, type Rooms } from "./isolation-finding.js";

export type DoctorInput = Rooms & {
  readonly projectDir: string;
  readonly dataDir: string;
  readonly workspaceRoot: string;
  readonly agents: Readonly<
    Record<string, { readonly run: readonly string[]; readonly env: readonly string[] }>
  >;
  readonly workspace: {
    readonly setup: readonly (readonly string[])[];
    readonly share: readonly string[];
    readonly passEnv: readonly string[];
  };
  readonly limits: Limits;
  readonly stages: Stages;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Opens what a run would open: the repository, its head, the ledger. Throws LedgerError where that fails. */
  readonly probes: Readonly<Record<string, () => Promise<string>>>;
  /** Changes in the checkout that no commit has. */
  readonly uncommitted: () => Promise<readonly string[]>;
  readonly leftovers: Leftovers;
};

/** What dead processes left; `remove` takes away nothing that a run still needs. */
type Leftovers = {
  readonly count: () => Promise<number>;
  readonly remove: () => Promise<unknown>;
  readonly locks: () => Promise<readonly string[]>;
  readonly unlock: (locks: readonly string[]) => Promise<void>;
};

/** Which file speaks for which toolchain, and the programs its judges start. */
const TOOLCHAINS = [
  { file: "go.mod", name: "go", programs: ["go"] },
  { file: "package.json", name: "node", programs: ["node", "npm"] },
  { file: "pyproject.toml", name: "python", programs: ["python3"] },
  { file: "Cargo.toml", name: "rust", programs: ["cargo"] },
  { file: "pom.xml", name: "java", programs: ["mvn"] },
] as const;

// Everything that would stop a run, found before it starts, each with the way to mend it.
export const examine = async (input: DoctorInput): Promise<readonly Finding[]> => {
  const findings: Finding[] = [nodeFinding()];
  for (const [check, probe] of Object.entries(input.probes)) findings.push(await probed(check, probe));
  findings.push(...(await checkoutFindings(input)));
  findings.push(await privacyFinding(input.dataDir), ...(await leftoverFindings(input.leftovers)));
  findings.push(await folderFinding("temporary folder", tmpdir(), "Set TMPDIR to a folder that can."));
  if (input.isolated) findings.push(await folderFinding("workspaces", input.workspaceRoot, WORKSPACES_HINT));
  for (const [name, { run }] of Object.entries(input.agents))
    findings.push(await agentFinding(input, name, run));
  if (Object.keys(input.agents).length === 0)
    findings.push(
      warn("agents", "No agent is named.", "Add one to runledger.yaml; `runledger init` writes a sample."),
    );
  findings.push(...(await toolchainFindings(input)), ...(await setupFindings(input)));
  findings.push(...(await shareFindings(input)), ...variableFindings(input));
  findings.push(...limitFindings(input.limits), ...stageFindings(input.stages));
  return [...findings, await isolationFinding(input)];
};

const NODE_MIN = [20, 19] as const;

const nodeFinding = (): Finding => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [needMajor, needMinor] = NODE_MIN;
  const fits = major > needMajor || (major === needMajor && minor >= needMinor);
  const message = `Node ${process.versions.node}`;
  return fits
    ? ok("node", message)
    : fail("node", message, `RunLedger needs Node ${NODE_MIN.join(".")} or newer.`);
};

const probed = async (check: string, probe: () => Promise<string>): Promise<Finding> => {
  try {
    return ok(check, await probe());
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    return fail(check, error.message, error.hint ?? "See the message.");
  }
};

/** What is missing can be made where the nearest folder above it can be written. */
const folderFinding = async (check: string, folder: string, fix: string): Promise<Finding> => {
  const there = await existing(folder);
  const isFolder = await stat(there).then((facts) => facts.isDirectory());
  return isFolder && (await isAccessible(there, constants.W_OK))
    ? ok(check, folder)
    : fail(check, `${there} is no folder that can be written.`, fix);
};

const WORKSPACES_HINT = "Set XDG_STATE_HOME to a folder that can; workspaces are made there.";

const existing = async (path: string): Promise<string> =>
  dirname(path) === path || (await isAccessible(path, constants.F_OK)) ? path : existing(dirname(path));

const checkoutFindings = async ({ uncommitted }: DoctorInput): Promise<readonly Finding[]> => {
  const paths = await uncommitted();
  if (paths.length === 0) return [];
  const named = paths.slice(0, PATHS_NAMED).join(", ") + (paths.length > PATHS_NAMED ? ", …" : "");
  const message = `${paths.length} uncommitted (${named}): a run starts from a commit.`;
  return [warn("checkout", message, "Commit them, or say `runledger run --include-uncommitted`.")];
};

/** Paths named before "and so on". */
const PATHS_NAMED = 5;

/** What agents said and did is nobody else's business. */
const privacyFinding = async (folder: string): Promise<Finding> => {
  const { mode } = await stat(folder);
  if ((mode & OTHERS) === 0) return ok("privacy", "Only you can read the ledger.");
  const finding = warn("privacy", `Others on this machine can look into ${folder}.`, `chmod go= ${folder}`);
  return { ...finding, mend: () => chmod(folder, mode & 0o700).then(() => `${folder} is yours alone now.`) };
};

const OTHERS = 0o077;

const leftoverFindings = async ({ count, remove, locks, unlock }: Leftovers): Promise<readonly Finding[]> => {
  const [left, held] = [await count(), await locks()];
  const findings: Finding[] = [];
  if (left > 0) {
    const message = `${left} ${left === 1 ? "place" : "places"} of processes that have ended.`;
    const mend = () => remove().then(() => "They are gone; work that was not proposed yet stays.");
    findings.push({ ...warn("leftovers", message, "The next run removes them."), mend });
  }
  if (held.length > 0) {
    const message = `${held.length} git ${held.length === 1 ? "lock" : "locks"} of a git that has ended.`;
    const mend = () => unlock(held).then(() => `Removed: ${held.join(", ")}.`);
    findings.push({ ...warn("locks", message, `Remove ${held.join(", ")}.`), mend });
  }
  return findings.length > 0 ? findings : [ok("leftovers", "Nothing is left of processes that have ended.")];
};

const agentFinding = async (input: DoctorInput, name: string, run: readonly string[]): Promise<Finding> => {
  const check = `agent ${name}`;
  const [program = ""] = resolveProgram(run, input.projectDir);
  return (await isProgram(program, input.environment))
    ? ok(check, run.join(" "))
    : fail(check, `Its program "${program}" is not there or not executable.`, `Mend agents.${name}.run.`);
};

const toolchainFindings = async ({ projectDir, environment }: DoctorInput): Promise<readonly Finding[]> => {
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
  return findings;
};

const setupFindings = async (input: DoctorInput): Promise<readonly Finding[]> => {
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

const shareFindings = async ({
  projectDir,
  workspace: { share },
}: DoctorInput): Promise<readonly Finding[]> => {
  const findings: Finding[] = [];
  for (const path of share)
    findings.push(
      (await isAccessible(join(projectDir, path), constants.R_OK))
        ? ok(`share ${path}`, "is there")
        : fail(`share ${path}`, "is not there.", "Install your dependencies, or mend workspace.share."),
    );
  return findings;
};

const isProgram = async (program: string, environment: DoctorInput["environment"]): Promise<boolean> => {
  if (program.includes("/")) return isAccessible(program, constants.X_OK);
  const folders = (environment.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const folder of folders) if (await isAccessible(join(folder, program), constants.X_OK)) return true;
  return false;
};

const isAccessible = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );
