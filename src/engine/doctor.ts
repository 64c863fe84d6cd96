import { constants } from "node:fs";
import { chmod, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { LedgerError } from "../core/errors.js";
import { shellWord } from "../core/shell-word.js";
import type { AnchorState, SigningKeys } from "../stores/store.js";
import { resolveProgram } from "./agents/command.js";
import type { ModelSetting } from "./agents/llm/model-setting.js";
import { anchorFinding } from "./anchor-finding.js";
import {
  type Finding,
  fail,
  ok,
  type Stages,
  shortSecretFindings,
  stageFindings,
  variableFindings,
  type Waits,
  waitFindings,
  warn,
} from "./findings.js";
import { isolationFinding, type Rooms } from "./isolation-finding.js";
import type { AgentSetting } from "./open-agents.js";
import { signingFindings } from "./signing-findings.js";
import {
  cacheFindings,
  type IncludedFound,
  includedFindings,
  isAccessible,
  isProgram,
  setupFindings,
  shareFindings,
  sparseFindings,
  toolchainFindings,
} from "./tree-findings.js";
import { type AroundCommands, wallsFinding } from "./walls-finding.js";

export type DoctorInput = Rooms & {
  readonly projectDir: string;
  readonly dataDir: string;
  readonly workspaceRoot: string;
  readonly agents: Readonly<Record<string, AgentSetting | { readonly kind: "tools" }>>;
  readonly workspace: {
    readonly setup: readonly (readonly string[])[];
    readonly share: readonly string[];
    readonly cache: readonly string[];
    readonly sparse: readonly string[];
    readonly passEnv: readonly string[];
  };
  readonly waits: Waits;
  readonly stages: Stages;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Variables that are passed on and would be redacted if they were longer. */
  readonly shortSecrets: readonly string[];
  /** Opens what a run would open: the repository, its head, the ledger. Throws LedgerError where that fails. */
  readonly probes: Readonly<Record<string, () => Promise<string>>>;
  readonly anchored: () => Promise<AnchorState>;
  readonly signingKeys: Pick<SigningKeys, "mode" | "protect">;
  /** Whether each schedule could begin its run, and each target can be told. */
  readonly named: () => Promise<readonly Finding[]>;
  /** Agents that the settings call for by name and do not have. */
  readonly missing: readonly string[];
  /** Changes in the checkout that no commit has. */
  readonly uncommitted: () => Promise<readonly string[]>;
  /** What `.worktreeinclude` brings into fresh trees; null when there is no such list. */
  readonly included: () => Promise<IncludedFound | null>;
  /** Files of workspace.sparse, and all of them; throws LedgerError where it names what is not there. */
  readonly sparse: () => Promise<readonly [number, number]>;
  /** Why workspace.cache keeps nothing. */
  readonly uncached: () => Promise<string | null>;
  readonly leftovers: Leftovers;
  readonly around: AroundCommands;
};

/** What dead processes left; `remove` takes away nothing that a run still needs. */
type Leftovers = {
  readonly count: () => Promise<number>;
  readonly remove: () => Promise<unknown>;
  readonly locks: () => Promise<readonly string[]>;
  readonly unlock: (locks: readonly string[]) => Promise<void>;
};

// Everything that would stop a run, found before it starts, each with the way to mend it.
export const examine = async (input: DoctorInput): Promise<readonly Finding[]> => {
  const findings: Finding[] = [nodeFinding()];
  for (const [check, probe] of Object.entries(input.probes)) findings.push(await probed(check, probe));
  findings.push(anchorFinding(await input.anchored()), ...(await checkoutFindings(input)));
  findings.push(await privacyFinding(input.dataDir), ...(await signingFindings(input.signingKeys)));
  findings.push(...(await leftoverFindings(input.leftovers)));
  findings.push(await folderFinding("temporary folder", tmpdir(), "Set TMPDIR to a folder that can."));
  if (input.isolated) findings.push(await folderFinding("workspaces", input.workspaceRoot, WORKSPACES_HINT));
  for (const name of [...Object.keys(input.agents), ...input.missing])
    findings.push(await agentFinding(input, name));
  if (Object.keys(input.agents).length === 0)
    findings.push(
      warn("agents", "No agent is named.", "Add one to runledger.yaml; `runledger init` writes a sample."),
    );
  findings.push(...(await toolchainFindings(input)), ...(await setupFindings(input)));
  findings.push(...(await shareFindings(input)), ...includedFindings(await input.included()));
  findings.push(
    ...(await cacheFindings(input)),
    ...(await sparseFindings(input)),
    ...variableFindings(input),
  );
  findings.push(...shortSecretFindings(input.shortSecrets), ...(await input.named()));
  findings.push(...waitFindings(input.waits), ...stageFindings(input.stages));
  return [...findings, await isolationFinding(input), await wallsFinding(input.around)];
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
  const finding = warn(
    "privacy",
    `Others on this machine can look into ${folder}.`,
    `chmod go= ${shellWord(folder)}`,
  );
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

/** Asks nobody: that would cost money. */
const modelFinding = async (
  check: string,
  setting: ModelSetting,
  environment: DoctorInput["environment"],
): Promise<Finding> => {
  const { requireModel } = await import("./agents/llm/model.js");
  return probed(check, async () => {
    await requireModel(setting, environment);
    return `${setting.provider} ${setting.model}`;
  });
};

const agentFinding = async (input: DoctorInput, name: string): Promise<Finding> => {
  const check = `agent ${name}`;
  const agent = input.agents[name];
  if (agent === undefined) return fail(check, "It is not there.", "Name it in runledger.yaml.");
  if (agent.kind === "tools")
    return ok(check, `Its program starts it: runledger mcp --role executor --agent ${name}`);
  const { sandbox } = agent;
  const lack = sandbox ? await input.isolation.lacksSandbox() : null;
  if (lack !== null) return fail(check, `It is to be sandboxed. ${lack.because}`, lack.fix);
  if (sandbox && !input.isolated)
    return fail(
      check,
      "In your own folder it cannot be sandboxed.",
      "Set runLedger.workspaceIsolation: true.",
    );
  if (agent.kind === "llm") return modelFinding(check, agent, input.environment);
  const { run } = agent;
  const [program = ""] = resolveProgram(run, input.projectDir);
  if (await isProgram(program, input.environment)) return ok(check, run.join(" "));
  const mend =
    agent.kind === "subprocess"
      ? `Install ${agent.preset}, or name where it is in agents.${name}.run.`
      : `Mend agents.${name}.run.`;
  return fail(check, `Its program "${program}" is not there or not executable.`, mend);
};
