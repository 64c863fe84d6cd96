import { constants } from "node:fs";
import { access, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { LedgerError } from "../core/errors.js";
import { resolveProgram } from "./agents/command.js";

export type Finding = {
  readonly check: string;
  readonly status: "ok" | "warn" | "fail";
  readonly message: string;
  readonly fix: string | null;
};

export type DoctorInput = {
  readonly projectDir: string;
  readonly isolated: boolean;
  readonly agents: Readonly<Record<string, { readonly run: readonly string[] }>>;
  readonly share: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Opens what a run would open: the repository, its head, the ledger. Throws LedgerError where that fails. */
  readonly probes: Readonly<Record<string, () => Promise<string>>>;
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
  findings.push(await folderFinding(tmpdir()));
  for (const [name, { run }] of Object.entries(input.agents))
    findings.push(await agentFinding(input, name, run));
  if (Object.keys(input.agents).length === 0)
    findings.push(
      warn("agents", "No agent is named.", "Add one to runledger.yaml; `runledger init` writes a sample."),
    );
  findings.push(...(await toolchainFindings(input)), ...(await shareFindings(input)));
  findings.push(
    input.isolated
      ? ok("isolation", "Level 1: clean rooms, scrubbed environment, limits. Code under test runs as you.")
      : warn(
          "isolation",
          "Level 0: agents and judges share your folder.",
          "Set runLedger.workspaceIsolation: true.",
        ),
  );
  return findings;
};

const ok = (check: string, message: string): Finding => ({ check, status: "ok", message, fix: null });
const warn = (check: string, message: string, fix: string): Finding => ({
  check,
  status: "warn",
  message,
  fix,
});
const fail = (check: string, message: string, fix: string): Finding => ({
  check,
  status: "fail",
  message,
  fix,
});

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

const folderFinding = async (folder: string): Promise<Finding> =>
  (await isAccessible(folder, constants.W_OK))
    ? ok("temporary folder", folder)
    : fail("temporary folder", `${folder} cannot be written.`, "Set TMPDIR to a folder that can.");

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

const shareFindings = async ({ projectDir, share }: DoctorInput): Promise<readonly Finding[]> => {
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
