import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type CallerFaces, callerFaces } from "../tools/callers.js";
import {
  attachPlan,
  createRun,
  type NewGoal,
  type NewPlan,
  type NewRun,
  planRun,
} from "../tools/create-run.js";
import { type PolicyInput, readDecision } from "../tools/orchestrator/run_apply_policy.js";
import { requireToolAllowed } from "../tools/profile-guard.js";
import type { ToolHost } from "../tools/tool.js";
import { openBeside } from "./beside.js";
import type { Caller } from "./core/commands.js";
import { requireSameAgents } from "./core/decide/checkpoints.js";
import type { PolicyAction } from "./core/events.js";
import { type PolicyRequest, policyRequestOf } from "./core/policy-request.js";
import type { Redactor } from "./core/redact.js";
import type { Run } from "./core/run.js";
import { resolveProgram } from "./engine/agents/command.js";
import { createVersions, type FunctionAgents } from "./engine/agents/versions.js";
import { createWorker, type Worker, type WorkerOptions } from "./engine/backends/local.js";
import { type EffectFaces, effectFaces } from "./engine/effects/faces.js";
import type { Driven } from "./engine/executor.js";
import { driveFamily } from "./engine/family.js";
import type { Finding } from "./engine/findings.js";
import type { Keeping } from "./engine/keeping.js";
import { agentLogFile, logsOf, type StepLogs } from "./engine/logs.js";
import type { NotifyingFaces } from "./engine/notify/notifying.js";
import { openAgents, openOrchestrator, requireAgents } from "./engine/open-agents.js";
import { type CheckpointFaces, openCheckpoints } from "./engine/open-checkpoints.js";
import { createPromises, type Promises } from "./engine/promises.js";
import type { SchedulingFaces } from "./engine/schedules/scheduling.js";
import { openTidying } from "./engine/tidying.js";
import { examineAll } from "./examining.js";
import { type GatingFaces, openGating, projectRules } from "./gating.js";
import { stopsAtBudget } from "./ledger/budget-stop.js";
import { createCredentials } from "./ledger/credentials.js";
import { type Ledger, openLedger } from "./ledger/ledger.js";
import { findRun, type ListedRun, listRuns, type RunView, viewRun } from "./ledger/look-up.js";
import { type Metrics, metricsOf } from "./ledger/metrics/metrics.js";
import { gateDuties } from "./ledger/proposing.js";
import type { KeptReceipts, Receipts } from "./ledger/receipts.js";
import { noteRefusals } from "./ledger/refusals.js";
import { signedCredentials } from "./ledger/signed.js";
import { tokensOf } from "./ledger/tokens.js";
import { verifyAt } from "./look.js";
import { memoryBaseCache } from "./pev/base-cache.js";
import type { Applied, Patch } from "./pev/checkout.js";
import { coneOf } from "./pev/cone.js";
import { createDisposal } from "./pev/disposal.js";
import { createPev, type Pev } from "./pev/engine.js";
import { openPrivateStore } from "./pev/git.js";
import { createIsolation } from "./pev/isolation/isolation.js";
import { openPlaces, type Places } from "./pev/places.js";
import type { Project } from "./pev/project.js";
import { createRoomsAhead } from "./pev/rooms-ahead.js";
import type { SelftestReport } from "./pev/selftest/report.js";
import type { SelftestOptions } from "./pev/selftest/selftest.js";
import { openWalls } from "./pev/walls/walls.js";
import { workspaceRoot } from "./pev/workspace-root.js";
import { openReceipting } from "./receipting.js";
import { type ActiveRunSummaries, createSummaries } from "./rollout/summaries.js";
import { sealing } from "./sealing.js";
import { startedAgents } from "./settings/agent-keys.js";
import { loadSettings } from "./settings/load.js";
import { dataFolder, findProject, SETTINGS_FILE } from "./settings/project.js";
import type { Settings } from "./settings/schema.js";
import { redactorFor } from "./settings/secrets.js";
import { ARCHIVE_FOLDER, openArchive } from "./stores/archive.js";
import {
  CHECKPOINTS_FOLDER,
  encryptedCheckpoints,
  fileCheckpoints,
  memoryCheckpoints,
} from "./stores/checkpoints.js";
import { openStore } from "./stores/open.js";
import { packageFolder } from "./stores/package-folder.js";
import type { ListQuery, Store } from "./stores/store.js";

export type OpenOptions = {
  /** Where to look for the project; the nearest folder with runledger.yaml or a repository counts. Default: the working folder. */
  readonly projectDir?: string;
  /** Default: this process's environment. Agents and validators see only what the settings name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Agents as functions, beside the programs of the settings file. */
  readonly agents?: FunctionAgents;
  /** Names of agents that work through their tools alone: nobody is started for their steps. */
  readonly toolAgents?: readonly string[];
  /** The clock that everything is stamped with and timers are due by: ISO 8601, UTC. Default: this machine's. */
  readonly now?: () => string;
  /** Aborted, what tools judge for their callers is let go of: they answer `verifying`, and whoever asks next has it judged anew. */
  readonly interrupted?: AbortSignal;
};

/** A project's ledger, opened: everything that faces and hosts may use. */
export interface RunLedger
  extends Keeping,
    EffectFaces,
    Promises,
    CheckpointFaces,
    SchedulingFaces,
    GatingFaces,
    NotifyingFaces,
    CallerFaces,
    Receipts {
  readonly projectDir: string;
  /** The ledger's own folder: database, blobs, private git store, logs. */
  readonly dataDir: string;
  readonly settings: Settings;
  /** Who can work on steps here, by name. */
  readonly agentNames: readonly string[];
  readonly ledger: Ledger;
  /** Reports runs that a host drives, and may do nothing else; `createRollout` holds it, `issue` never gives it out. */
  readonly host: Caller;
  /** Refuses a tool of the host that the caller's step does not open. */
  requireToolAllowed(caller: Caller, toolName: string): Promise<void>;
  createRun(caller: Caller, input: NewRun): Promise<Run>;
  /** A run that a planner makes the plan of, from a goal in plain words; the setting `planner` where none is named. */
  planRun(caller: Caller, input: NewGoal): Promise<Run>;
  /** Gives a run that is still planning its plan; the one that a person brings needs no further approval. */
  attachPlan(caller: Caller, runId: string, input: NewPlan): Promise<Run>;
  /** Carries a run on, and those that it started, until nothing is due. Throws `lease_held` when another process drives it. */
  drive(runId: string, signal?: AbortSignal): Promise<Driven>;
  worker(options: Pick<WorkerOptions, "maxRuns" | "onTrouble">): Worker;
  /** The whole id for `last`, an id, or the unique end of one. */
  findRun(given: string): Promise<string>;
  /** Newest first, with the word for runs that nobody drives. */
  list(query: ListQuery): Promise<readonly ListedRun[]>;
  view(runId: string): Promise<RunView>;
  /** The ledger in numbers; who asks again has only what came since read anew. */
  metrics(): Promise<Metrics>;
  /** For a session's prompt, one line for each of its active runs; none before the stage of authoritative read. */
  activeRunSummaries: ActiveRunSummaries;
  /** Open policy requests, with the actions this caller may answer them by. */
  policyRequests(run: Run, caller: Caller): readonly PolicyRequest[];
  /** The typed policy action for the flat inputs of the wire. */
  readDecision(runId: string, stepId: string, input: PolicyInput): Promise<PolicyAction>;
  /** Of the last attempt, and of a raced step of the candidate that counts most, when not told otherwise. */
  logs(runId: string, stepId: string, attempt?: number, candidate?: number): Promise<StepLogs>;
  /** Where the agent's words in one attempt are written as it speaks; no file when it said nothing here. */
  agentLog(runId: string, stepId: string, attempt: number, candidate?: number): string;
  /** The verified commits of a run as mail patches, in order. */
  patch(runId: string): Promise<readonly Patch[]>;
  /** Brings them into the user's checkout; the only thing here that writes there. */
  apply(runId: string): Promise<Applied>;
  /** Tries the validators of a plan with what must fail and what must pass; the journal and the checkout stay as they are. */
  selftest(plan: unknown, options?: SelftestOptions): Promise<SelftestReport>;
  /** What would stop a run here, each with the way to mend it. */
  examine(): Promise<readonly Finding[]>;
  /** A text as it may be shown: without the values of secret variables, and without tokens. */
  redact(text: string): string;
  close(): Promise<void>;
}

// What only some commands do is loaded when it is done: reading a journal must not wait for it.
const delivery = () => import("./pev/deliver.js");
const executor = () => import("./engine/executor.js");

/** How long a tool call waits for a verdict before it answers `verifying`: beyond any default validator limit. */
const SETTLE_MS = 600_000;

const NEVER = new AbortController().signal;

/** Of whom waits for something. */
const letGo = ({ interrupted = NEVER }: OpenOptions): { readonly interrupted: AbortSignal } => ({
  interrupted,
});

export const openRunLedger = async (options: OpenOptions = {}): Promise<RunLedger> => {
  const { env = process.env, now = () => new Date().toISOString(), agents: functions = {} } = options;
  const projectDir = await findProject(resolve(options.projectDir ?? "."));
  const { settings } = await loadSettings(projectDir, env);
  const dataDir = await dataFolder(projectDir, env);
  const redactor = redactorFor(settings, env);
  const store = await openStore(dataDir, sealing({ settings, env, projectDir, dataDir }));
  const places = await openPlaces(join(dataDir, "places"));
  const agentNames = [...new Set([...Object.keys(settings.agents), ...Object.keys(functions)])];
  const versions = createVersions(startedAgents(settings.agents), functions);
  const { credentials, engine, host: hostCaller } = createCredentials();
  const rules = projectRules(settings, projectDir, [...agentNames, ...(options.toolAgents ?? [])], versions);
  const ledger = openLedger({ store, redactor, credentials, now, rules });
  const project = await openProject({ projectDir, dataDir, settings, env, places, store, redactor });
  const pev = createPev({ ledger, engine, project, ...letGo(options) });
  const tokenKey = () => store.seals.tokenKey();
  const tokenOf = tokensOf(tokenKey);
  const own = checkpointsOf({ store, dataDir, projectDir, env });
  const checkpoints = openCheckpoints({ ledger, engine, versions, durable: settings.durable, ...own });
  const logFolder = join(dataDir, "logs");
  const host = toolHostOf(ledger, pev, engine);
  const signing = signedCredentials(ledger, tokenKey, host.noteRefusal);
  const agents = openAgents({
    ...{ functions, ledger, projectDir, logFolder, project, redactor, tools: host, credentials: signing },
    ...{ named: startedAgents(settings.agents), cli: commandLine(), environment: env },
    ...settings.runLedger,
  });
  const receipting = openReceipting({ ledger, dataDir, env });
  const examined = { settings, env, dataDir, ledger, pev, project, signingKeys: receipting.keys };
  const beside = openBeside({ host, settings, projectDir, environment: env, project, redactor });
  const archive = openArchive(join(dataDir, ARCHIVE_FOLDER));
  const keeping = { ledger, project, logFolder, archive, now, checkpoints: checkpoints.kept };
  const tidying = openTidying({ ...keeping, receipts: receipting.kept }, pev, settings);
  const drive: RunLedger["drive"] = async (runId, signal = new AbortController().signal) => {
    await tidying.reclaimOnce();
    const run = await ledger.load(runId);
    await requireAgents(run, startedAgents(settings.agents), project);
    requireSameAgents(run, ledger.rules);
    const orchestrator = leading(settings, { host, environment: env, redactor });
    const leader = { orchestrator, checkpointing: checkpoints.checkpointing, ...drivingAs(settings) };
    const { driveRun } = await executor();
    const driving = driveRun({ ledger, pev, engine, agents, tokenOf, ...leader }, runId, signal);
    return driving.finally(() => tidying.tidyOnce(signal));
  };
  return {
    projectDir,
    dataDir,
    settings,
    agentNames,
    ledger,
    host: hostCaller,
    requireToolAllowed: (caller, toolName) => requireToolAllowed(ledger, caller, toolName),
    ...making(host, settings),
    drive: (runId, signal) => driveFamily(ledger, (one) => drive(one, signal), runId),
    worker: (of) => createWorker({ ledger, drive, ...tidying.ofWorkers, ...beside.ofWorkers, ...of }),
    ...looking(ledger, logFolder, receipting.kept),
    ...beside.faces,
    ...effectFaces(ledger),
    ...createPromises(ledger, tokenOf),
    ...callerFaces(host, signing),
    ...openGating({ ...host, engine, rules, tokenKey, ...letGo(options), ...checkpoints.ofClients }),
    ...checkpoints.faces,
    activeRunSummaries: summariesOf(ledger, settings.runLedger, now),
    ...onProject(ledger, pev),
    ...tidying.keeping,
    ...receipting.faces,
    examine: () => examineAll({ ...examined, findings: beside.findings, toolWaitMs: SETTLE_MS }),
    redact: redactor.text,
    close: () => closeAll([beside, pev, { close: receipting.settled }, store]),
  };
};

/** In order, and each whatever becomes of those before it. */
const closeAll = async ([first, ...others]: readonly { close(): Promise<unknown> }[]): Promise<void> => {
  if (first !== undefined) await first.close().finally(() => closeAll(others));
};

const toolHostOf = (ledger: Ledger, pev: Pev, engine: Caller): ToolHost => ({
  ledger,
  pev,
  settleMs: SETTLE_MS,
  noteRefusal: noteRefusals(ledger, engine),
  stopAtBudget: stopsAtBudget(ledger, engine),
  duties: gateDuties(ledger, engine),
});

const making = (
  host: ToolHost,
  { planner }: Settings,
): Pick<RunLedger, "createRun" | "planRun" | "attachPlan"> => ({
  createRun: (caller, input) => createRun(host, caller, input),
  planRun: (caller, input) => planRun(host, caller, { planner: planner ?? undefined, ...input }),
  attachPlan: (caller, runId, input) => attachPlan(host, caller, runId, input),
});

const leading = (
  settings: Settings,
  of: Pick<Parameters<typeof openOrchestrator>[1], "host" | "environment" | "redactor">,
) => {
  const { orchestrator: name, trustPlans } = settings;
  const { agentTimeoutMs: timeoutMs } = drivingAs(settings);
  return openOrchestrator(name, { ...of, named: startedAgents(settings.agents), trustPlans, timeoutMs });
};

const drivingAs = ({ maxParallelSteps, leaseTtlMs, durable, agents, agentTimeoutMs }: Settings) => ({
  maxParallelSteps,
  leaseTtlMs,
  paidAmbiguous: durable.paidAmbiguous,
  agentTimeoutMs: (agent: string): number => startedAgents(agents)[agent]?.timeoutMs ?? agentTimeoutMs,
});

const onProject = (ledger: Ledger, pev: Pev): Pick<RunLedger, "patch" | "apply" | "selftest"> => ({
  patch: async (runId) => (await delivery()).patchesOf(ledger, pev.project, runId),
  apply: async (runId) => (await delivery()).applyRun(ledger, pev.project, runId),
  selftest: async (...given) => (await import("./pev/selftest/selftest.js")).selftest(pev, ...given),
});

const summariesOf = (
  ledger: Ledger,
  { enabled, authoritativeRead }: Settings["runLedger"],
  now: () => string,
): ActiveRunSummaries => createSummaries({ ledger, isOn: () => enabled && authoritativeRead, now });

type Looking = Pick<
  RunLedger,
  "findRun" | "list" | "view" | "policyRequests" | "readDecision" | "logs" | "agentLog" | "metrics"
>;

const looking = (ledger: Ledger, logFolder: string, receipts: KeptReceipts): Looking => ({
  findRun: (given) => findRun(ledger, given),
  list: (query) => listRuns(ledger, query),
  view: (runId) => viewRun(ledger, runId, receipts),
  policyRequests: (run, caller) =>
    run.steps.flatMap((step) => policyRequestOf(run, step, { caller, rules: ledger.rules }) ?? []),
  readDecision: async (runId, stepId, input) =>
    readDecision(input, await ledger.load(runId), stepId, ledger.rules.agents),
  ...logsIn(ledger, logFolder),
  metrics: metricsOf(ledger),
});

const openProject = async (parts: {
  projectDir: string;
  dataDir: string;
  settings: Settings;
  env: NonNullable<OpenOptions["env"]>;
  places: Places;
  store: Store;
  redactor: Redactor;
}): Promise<Project> => {
  const { projectDir, dataDir, settings, env, places, store, redactor } = parts;
  const { workspaceIsolation, validatorTimeoutMs } = settings.runLedger;
  const programs = Object.values(startedAgents(settings.agents)).flatMap((agent) =>
    agent.kind !== "llm" ? resolveProgram(agent.run, projectDir) : [],
  );
  const disposal = createDisposal(places);
  const cone = coneOf(settings.workspace.sparse);
  const walls =
    settings.isolation.maximum < 2 ? openWalls(settings.limits, unasked) : openWalls(settings.limits);
  const git = workspaceIsolation ? await openPrivateStore(join(dataDir, "store.git")) : null;
  return {
    folder: projectDir,
    ownFiles: [join(projectDir, SETTINGS_FILE), dataDir, ...programs.filter(isAbsolute)],
    store: git,
    places,
    walls,
    disposal,
    roomsAhead: git === null ? null : createRoomsAhead(git, { places, disposal, cone }),
    isolation: createIsolation({
      ...settings.isolation,
      environment: env,
      checkout: projectDir,
      dataDir,
      workspaceRoot: workspaceRoot(env),
      walls,
      memoryBytes: settings.limits.memoryBytes,
    }),
    workspaceRoot: workspaceRoot(env),
    cacheFolder: join(dataDir, "cache"),
    ...settings.workspace,
    cone,
    // Whoever may change what decides on an intent decides on it.
    protect: [...settings.protect, `${settings.gate.policies.replace(/\/+$/, "")}/**`],
    baseCache: memoryBaseCache(),
    validatorTimeoutMs,
    environment: env,
    redactor,
    putBlob: (bytes, runId) => store.putBlob(bytes, runId),
  };
};

/** What is installed with this very code. */
const commandLine = (): readonly string[] => {
  const folder = packageFolder("runledger", fileURLToPath(import.meta.url));
  return [process.execPath, join(folder, "dist", "cli", "main.js")];
};

/** Control groups are the second level of isolation. */
const unasked = async (): Promise<string> => "isolation.maximum asks for no control groups";

const checkpointsOf = (of: {
  readonly store: Store;
  readonly dataDir: string;
  readonly projectDir: string;
  readonly env: NonNullable<OpenOptions["env"]>;
}): Pick<Parameters<typeof openCheckpoints>[0], "stores" | "key" | "verify"> => {
  const { store, dataDir, projectDir, env } = of;
  return {
    stores: {
      sqlite: store.checkpoints,
      file: encryptedCheckpoints(fileCheckpoints(join(dataDir, CHECKPOINTS_FOLDER)), store.seals),
      memory: memoryCheckpoints(),
    },
    key: async () => store.seals.tokenKey(),
    verify: (run) => verifyAt({ projectDir, env, run }),
  };
};

const logsIn = (ledger: Ledger, logFolder: string): Pick<RunLedger, "logs" | "agentLog"> => ({
  logs: (runId, stepId, attempt, candidate) =>
    logsOf(ledger, logFolder, {
      runId,
      stepId,
      ...(attempt === undefined ? {} : { attempt }),
      ...(candidate === undefined ? {} : { candidate }),
    }),
  agentLog: (runId, stepId, attempt, candidate) =>
    agentLogFile(logFolder, { runId, stepId, attempt, candidate: candidate ?? null }),
});
