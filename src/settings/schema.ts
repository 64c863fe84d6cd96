import * as z from "zod";
import { exactDuration } from "../core/duration.js";
import * as limit from "../core/limits.js";
import { closed, ID_WORDS } from "../core/wire.js";
import { choice, described, duration, jsonSchemaOf, list, wholeNumber, withWords } from "./kinds.js";
import {
  Agents,
  Glob,
  LIMIT_BOUNDS,
  RolloutKeys,
  RunLedgerKeys,
  settingGroups,
  WorkspaceKeys,
} from "./sections.js";

/** An agent that is a program: it is told what to do by RUNLEDGER_* variables, its work is what it leaves in the workspace. */
type AgentSettings = {
  readonly kind: "command";
  readonly run: readonly string[];
  /** Names of variables that are passed through to it. */
  readonly env: readonly string[];
  /** Its own limit, or else `agentTimeout`. */
  readonly timeoutMs: number;
};

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
    /** Names of variables that setup commands and validators get. */
    readonly passEnv: readonly string[];
  };
  readonly onUnmetCriteria: "fail" | "pause";
  /** Who may replace a judge. */
  readonly changeValidator: "orchestrator" | "human";
  readonly agentTimeoutMs: number;
  readonly leaseTtlMs: number;
  readonly runLedger: {
    /** The rollout of a host that keeps runs elsewhere as well: off, whatever the stages below say. */
    readonly enabled: boolean;
    readonly shadow: boolean;
    readonly writeThrough: boolean;
    /** Never without `writeThrough`. */
    readonly authoritativeRead: boolean;
    /** Never without `authoritativeRead`. */
    readonly projectionRetired: boolean;
    readonly workspaceIsolation: boolean;
    readonly staleTtlMs: number;
    readonly validatorTimeoutMs: number;
    /** Finished runs that are kept here; older ones are archived. 0 keeps all of them. */
    readonly maxRunHistory: number;
  };
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

/** Raised when files of before must be migrated; what is newer than this is refused. */
export const SETTINGS_VERSION = 1;

/** The settings as people write them: every key optional, durations in words. */
export const SettingsFile = closed({
  version: described(
    "number",
    { title: "Version", description: "Of the file's form; left out, it is the newest." },
    z.int().min(1).max(SETTINGS_VERSION),
  ).optional(),
  // A record passes over `__proto__` in silence.
  agents: withWords(
    z.unknown().superRefine((value, context) => {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, "__proto__")) return;
      context.addIssue({ code: "custom", path: ["__proto__"], message: ID_WORDS });
    }),
    () => jsonSchemaOf(Agents),
  )
    .pipe(Agents)
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
  runLedger: RunLedgerKeys.prefault({}).meta({
    title: settingGroups.runLedger,
    description: "The ledger itself, and the stages of a rollout.",
  }),
  rollout: RolloutKeys.prefault({}).meta({
    title: settingGroups.rollout,
    description: "The host's table of runs, at most one of them.",
  }),
}).transform(
  ({ version: _, agents, agentTimeout, leaseTtl, runLedger, ...same }): Settings => ({
    ...same,
    agents: Object.fromEntries(
      Object.entries(agents).map(([name, { timeout, ...agent }]) => [
        name,
        { ...agent, timeoutMs: timeout ?? agentTimeout },
      ]),
    ),
    agentTimeoutMs: agentTimeout,
    leaseTtlMs: leaseTtl,
    runLedger: inMilliseconds(runLedger),
  }),
);

const inMilliseconds = ({
  staleTtl,
  validatorTimeout,
  ...same
}: z.output<typeof RunLedgerKeys>): Settings["runLedger"] => ({
  ...same,
  staleTtlMs: staleTtl,
  validatorTimeoutMs: validatorTimeout,
});

/** Back to the keys and words of the file, every default filled in; for `config list` and `config get`. */
export const settingsWire = (settings: Settings): Record<string, unknown> => {
  const { agents, agentTimeoutMs, leaseTtlMs, runLedger, ...same } = settings;
  const { staleTtlMs, validatorTimeoutMs, maxRunHistory, ...switches } = runLedger;
  return {
    agents: Object.fromEntries(
      Object.entries(agents).map(([name, { timeoutMs, ...agent }]) => [
        name,
        { ...agent, timeout: exactDuration(timeoutMs) },
      ]),
    ),
    ...same,
    agentTimeout: exactDuration(agentTimeoutMs),
    leaseTtl: exactDuration(leaseTtlMs),
    runLedger: {
      ...switches,
      staleTtl: exactDuration(staleTtlMs),
      validatorTimeout: exactDuration(validatorTimeoutMs),
      maxRunHistory,
    },
  };
};
