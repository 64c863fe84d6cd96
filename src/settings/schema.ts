import * as z from "zod";
import type { Budget } from "../core/budget-shape.js";
import { exactDuration } from "../core/duration.js";
import * as limit from "../core/limits.js";
import { stageNeeds } from "../core/stage-needs.js";
import type { Limits } from "../core/walls.js";
import { closed, ID_WORDS } from "../core/wire.js";
import { AgentKeys, type AgentSettings, agentSettings, agentWire } from "./agent-keys.js";
import { BudgetKeys, budgetListed, budgetWire } from "./budget-keys.js";
import { DurableKeys, type DurableSettings, durableWire } from "./durable-keys.js";
import { GateKeys, type GateSettings } from "./gate-keys.js";
import { settingGroups } from "./groups.js";
import { IsolationKeys, type IsolationSettings } from "./isolation-keys.js";
import { choice, described, duration, jsonSchemaOf, list, toggle, wholeNumber, withWords } from "./kinds.js";
import { LimitsKeys, limitsWire } from "./limits.js";
import { NotifyKeys, type NotifySettings, notifyWire } from "./notify-keys.js";
import { RetentionKeys, type RetentionSettings, retentionWire } from "./retention-keys.js";
import { RolloutKeys } from "./rollout-keys.js";
import {
  inMilliseconds,
  LIMIT_BOUNDS,
  RunLedgerKeys,
  type RunLedgerSettings,
  stageWords,
} from "./run-ledger-keys.js";
import { ScheduleKeys, type ScheduleSettings } from "./schedule-keys.js";
import { AgentName, AgentNameOrNone, Argv, ENTRIES_MAX, Glob, SharedPath, variableNames } from "./values.js";

/** The settings as the program uses them: whole, checked, in milliseconds. */
export type Settings = {
  readonly agents: Readonly<Record<string, AgentSettings>>;
  readonly maxParallelSteps: number;
  readonly protect: readonly string[];
  readonly workspace: {
    /** Commands that prepare a workspace or room. */
    readonly setup: readonly (readonly string[])[];
    /** Paths of the project that workspaces share, such as installed packages. */
    readonly share: readonly string[];
    /** Paths that set-up makes and that are kept for trees with the same lockfiles. */
    readonly cache: readonly string[];
    /** Folders that workspaces and rooms get, with the files on the way to them; none means all. */
    readonly sparse: readonly string[];
    /** Names of variables that setup commands and validators get. */
    readonly passEnv: readonly string[];
  };
  readonly isolation: IsolationSettings;
  /** What the processes of one command may use together, of agents and judges alike. */
  readonly limits: Limits;
  /** What finished runs stay within, beside `runLedger.maxRunHistory`. */
  readonly retention: RetentionSettings;
  readonly secrets: {
    /** Names of variables whose values are never stored or printed, whatever they look like. */
    readonly names: readonly string[];
    /** Names of variables whose values are no secret, whatever they look like. */
    readonly except: readonly string[];
  };
  readonly onUnmetCriteria: "fail" | "pause";
  /** Who may replace a judge. */
  readonly changeValidator: "orchestrator" | "human";
  /** The agent that makes plans of goals; null where nobody does. */
  readonly planner: string | null;
  /** The language model among the agents that answers policy requests; null: the static policy does. */
  readonly orchestrator: string | null;
  /** Plans of a planner are carried out without a person's approval. */
  readonly trustPlans: boolean;
  readonly agentTimeoutMs: number;
  readonly leaseTtlMs: number;
  readonly durable: DurableSettings;
  /** What each run may spend where a person has not said it of the run. */
  readonly budget: Budget;
  readonly schedules: Readonly<Record<string, ScheduleSettings>>;
  /** Who is told what a run asks of people. */
  readonly notify: Readonly<Record<string, NotifySettings>>;
  readonly gate: GateSettings;
  readonly runLedger: RunLedgerSettings;
  /** The host's table of runs, for the commands of the rollout: at most one of them; "" is none. From the project's folder. */
  readonly rollout: {
    /** A SQLite file with workflow tables. */
    readonly tables: string;
    /** A Markdown board. */
    readonly board: string;
  };
};

/** Each step in progress is a clone and an agent. Agents mostly wait for a model; so many is what one run is tested with. */
const PARALLEL_STEPS_MAX = 200;
/** A lease is renewed every third of it; below this a busy machine loses its own. */
const LEASE_TTL_MIN_MS = 2_000;

const Agents = z.record(AgentName, AgentKeys);

/** A record passes over `__proto__` in silence. */
const named = <R extends z.ZodType>(record: R) =>
  withWords(
    z.unknown().superRefine((value, context) => {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, "__proto__")) return;
      context.addIssue({ code: "custom", path: ["__proto__"], message: ID_WORDS });
    }),
    () => jsonSchemaOf(record),
  ).pipe(record);

/** Raised when files of before must be migrated; what is newer than this is refused. */
export const SETTINGS_VERSION = 1;

const WorkspaceKeys = closed({
  setup: list(
    "commands",
    {
      title: "Set-up commands",
      description: "Commands that make a fresh tree usable, in clones and rooms; each is a list of words.",
    },
    Argv,
    ENTRIES_MAX,
  ).default([]),
  share: list(
    "words",
    {
      title: "Shared paths",
      description: "Paths copied into fresh trees from your checkout, such as node_modules.",
    },
    SharedPath,
    ENTRIES_MAX,
  ).default([]),
  cache: list(
    "words",
    {
      title: "Kept paths",
      description: "What set-up makes and is kept for trees with the same lockfiles, such as node_modules.",
    },
    SharedPath,
    ENTRIES_MAX,
  ).default([]),
  sparse: list(
    "words",
    {
      title: "Sparse folders",
      description:
        "Folders that workspaces and rooms get, with the files on the way to them; none means all.",
    },
    SharedPath,
    ENTRIES_MAX,
  ).default([]),
  passEnv: variableNames({
    title: "Variables passed on",
    description: "Names of environment variables that validators and set-up commands may see.",
  }),
});

const SecretsKeys = closed({
  names: variableNames({
    title: "Secret variables",
    description:
      "Names of environment variables whose values are redacted, beside those that look like secrets.",
  }),
  except: variableNames({
    title: "Not secret",
    description: "Names of environment variables whose values are not redacted, whatever they look like.",
  }),
});

/** The settings as people write them: every key optional, durations in words. */
export const SettingsFile = closed({
  version: described(
    "number",
    { title: "Version", description: "Of the file's form; left out, it is the newest." },
    z.int().min(1).max(SETTINGS_VERSION),
  ).optional(),
  agents: named(Agents)
    .prefault({})
    .meta({ title: settingGroups.agents, description: "Who works on steps, by name." }),
  maxParallelSteps: wholeNumber(
    {
      title: "Parallel steps",
      description: "Agents at work at the same time in one run.",
      group: "run",
    },
    { min: 1, max: PARALLEL_STEPS_MAX, byDefault: 4 },
  ),
  protect: list(
    "words",
    {
      title: "Protected paths",
      description: "Globs nobody may change, beside the built-in ones and the plan's.",
      group: "run",
    },
    Glob,
    limit.GLOBS_PER_LIST,
  ).default([]),
  workspace: WorkspaceKeys.prefault({}).meta({
    title: settingGroups.workspace,
    description: "What makes a fresh tree usable.",
  }),
  isolation: IsolationKeys.prefault({}).meta({
    title: settingGroups.isolation,
    description: "How safe rooms are, and must be.",
  }),
  limits: LimitsKeys.prefault({}).meta({
    title: settingGroups.limits,
    description: "What one command of an agent or a judge may use before it is ended.",
  }),
  retention: RetentionKeys.prefault({}).meta({
    title: settingGroups.retention,
    description: "What finished runs stay within before they are archived.",
  }),
  secrets: SecretsKeys.prefault({}).meta({
    title: settingGroups.secrets,
    description: "What is never stored or printed.",
  }),
  onUnmetCriteria: choice(
    {
      title: "Unmet criteria",
      description:
        "What becomes of a run whose acceptance criteria are not met: it fails, or a person is asked.",
      group: "run",
    },
    ["fail", "pause"],
  ).default("fail"),
  changeValidator: choice(
    { title: "Who changes validators", description: "Who may replace the judge of a step.", group: "run" },
    ["orchestrator", "human"],
  ).default("orchestrator"),
  agentTimeout: duration(
    {
      title: "Agent time limit",
      description: "Bounds an agent that has no limit of its own.",
      group: "agents",
    },
    LIMIT_BOUNDS,
  ).prefault("30m"),
  leaseTtl: duration(
    { title: "Lease", description: "How long a silent worker keeps its run.", group: "run" },
    { minMs: LEASE_TTL_MIN_MS, maxMs: limit.TIMEOUT_MAX_MS },
  ).prefault("30s"),
  planner: described(
    "text",
    {
      title: "Planner",
      description:
        "The agent that makes a plan of a goal in plain words; left empty, runs begin with a plan.",
      group: "run",
    },
    AgentNameOrNone.default(""),
  ),
  orchestrator: described(
    "text",
    {
      title: "Orchestrator",
      description:
        "The agent of kind llm that decides what becomes of a refused step; else it is retried, then a person decides.",
      group: "run",
    },
    AgentNameOrNone.default(""),
  ),
  trustPlans: toggle(
    {
      title: "Trust plans",
      description:
        "Plans and new steps of models, with the commands in them, are carried out without a person's approval.",
      group: "run",
    },
    false,
  ),
  durable: DurableKeys.prefault({}).meta({
    title: settingGroups.durable,
    description: "What a crash means where nobody said it, and what agents may record.",
  }),
  budget: BudgetKeys.prefault({}).meta({
    title: settingGroups.budget,
    description: "What one run may spend before a person is asked.",
  }),
  schedules: named(ScheduleKeys)
    .prefault({})
    .meta({ title: settingGroups.schedules, description: "Runs that begin by the clock, by name." }),
  notify: named(NotifyKeys)
    .prefault({})
    .meta({ title: settingGroups.notify, description: "Who is told when a run needs a person, by name." }),
  gate: GateKeys.prefault({}).meta({
    title: settingGroups.gate,
    description: "What decides on intents before they happen.",
  }),
  runLedger: withWords(RunLedgerKeys, () => ({ allOf: stageNeeds.map(stageWords) }))
    .prefault({})
    .meta({ title: settingGroups.runLedger, description: "The ledger itself, and the stages of a rollout." }),
  rollout: RolloutKeys.prefault({}).meta({
    title: settingGroups.rollout,
    description: "Where the host keeps its own records of runs.",
  }),
}).transform(
  ({ version: _, agents, agentTimeout, leaseTtl, runLedger, planner, orchestrator, ...same }): Settings => ({
    ...same,
    planner: planner || null,
    orchestrator: orchestrator || null,
    agents: Object.fromEntries(
      Object.entries(agents).map(([name, agent]) => [name, agentSettings(agent, agentTimeout)]),
    ),
    agentTimeoutMs: agentTimeout,
    leaseTtlMs: leaseTtl,
    runLedger: inMilliseconds(runLedger),
  }),
);

/** Back to the keys and words of the file, every default filled in. */
const settingsWire = (settings: Settings): Record<string, unknown> => {
  const { agents, agentTimeoutMs, leaseTtlMs, runLedger, limits, retention, durable, ...rest } = settings;
  const { planner, orchestrator, budget, notify, ...same } = rest;
  const { staleTtlMs, validatorTimeoutMs, maxRunHistory, plannerMaxRetries, ...switches } = runLedger;
  return {
    agents: Object.fromEntries(Object.entries(agents).map(([name, agent]) => [name, agentWire(agent)])),
    ...same,
    planner: planner ?? "",
    orchestrator: orchestrator ?? "",
    limits: limitsWire(limits),
    retention: retentionWire(retention),
    durable: durableWire(durable),
    budget: budgetWire(budget),
    notify: notifyWire(notify),
    agentTimeout: exactDuration(agentTimeoutMs),
    leaseTtl: exactDuration(leaseTtlMs),
    runLedger: {
      ...switches,
      staleTtl: exactDuration(staleTtlMs),
      validatorTimeout: exactDuration(validatorTimeoutMs),
      maxRunHistory,
      plannerMaxRetries,
    },
  };
};

/** The same with every key that a file may leave out, for lists. */
export const settingsListed = (settings: Settings): Record<string, unknown> => ({
  ...settingsWire(settings),
  budget: budgetListed(settings.budget),
});
