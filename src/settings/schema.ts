import * as z from "zod";
import { exactDuration } from "../core/duration.js";
import * as limit from "../core/limits.js";
import { isReservedName } from "../core/names.js";
import { ProjectGlob, ProjectPath } from "../core/paths.js";
import { closed, durationMs, ID_WORDS, isId, listOf, readAs, textUpTo } from "../core/wire.js";

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

/** Agents, words of a command and names: more than any project has, less than hurts. */
const ENTRIES_MAX = 200;
/** Each step in progress is a clone and an agent. Agents mostly wait for a model; so many is what one run is tested with. */
const PARALLEL_STEPS_MAX = 200;
/** What lists were tried with, a hundred times over; who wants more wants all, which is 0. */
const RUN_HISTORY_MAX = 1_000_000;
/** A lease is renewed every third of it; below this a busy machine loses its own. */
const LEASE_TTL_MIN_MS = 2_000;
/** A paused run older than a year is not resumed, it is run again. */
const STALE_TTL_MAX_MS = 365 * limit.TIMEOUT_MAX_MS;

const duration = (minMs: number, maxMs: number) =>
  readAs(`a duration such as "2m", from ${exactDuration(minMs)} to ${exactDuration(maxMs)}`, (value) =>
    durationMs(value, minMs, maxMs),
  );

const limitMs = duration(1, limit.TIMEOUT_MAX_MS);
const Argv = listOf(textUpTo(limit.TARGET_CHARS), ENTRIES_MAX, 1).refine(
  ([program]) => program?.trim() !== "",
  "a command whose first word is a program",
);
const VariableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, "the name of an environment variable");
const VariableNames = listOf(VariableName, ENTRIES_MAX).default([]);

const SharedPath = ProjectPath.refine(
  (path) => !/^(?:\.?\/)*(?:\.|\.git|\.runledger)?(?:\/|$)/i.test(path),
  "a path below the project, outside .git and .runledger",
);

const AgentName = z
  .string()
  .refine((name) => !isReservedName(name), "a name that is not reserved")
  .refine(isId, ID_WORDS);

const Agent = closed({
  kind: z.enum(["command"]),
  run: Argv,
  env: VariableNames,
  timeout: limitMs.optional(),
});

/** Stages of the rollout that contradict themselves alone, told when they are written. `enabled` contradicts none. */
const STAGE_NEEDS = [
  {
    stage: "authoritativeRead",
    needs: "writeThrough",
    because: "what is not written to the ledger first cannot be read from it alone",
  },
  {
    stage: "projectionRetired",
    needs: "authoritativeRead",
    because: "a projection that is still read cannot be retired",
  },
] as const;

const Agents = z.record(AgentName, Agent);

/** The settings as people write them: every key optional, durations in words. */
export const SettingsFile = closed({
  // A record passes over `__proto__` in silence.
  agents: z
    .unknown()
    .superRefine((value, context) => {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, "__proto__")) return;
      context.addIssue({ code: "custom", path: ["__proto__"], message: ID_WORDS });
    })
    .pipe(Agents)
    .prefault({}),
  maxParallelSteps: z.int().min(1).max(PARALLEL_STEPS_MAX).default(4),
  protect: listOf(ProjectGlob, limit.GLOBS_PER_LIST).default([]),
  workspace: closed({
    setup: listOf(Argv, ENTRIES_MAX).default([]),
    share: listOf(SharedPath, ENTRIES_MAX).default([]),
    passEnv: VariableNames,
  }).prefault({}),
  onUnmetCriteria: z.enum(["fail", "pause"]).default("fail"),
  changeValidator: z.enum(["orchestrator", "human"]).default("orchestrator"),
  agentTimeout: limitMs.prefault("30m"),
  leaseTtl: duration(LEASE_TTL_MIN_MS, limit.TIMEOUT_MAX_MS).prefault("30s"),
  runLedger: closed({
    enabled: z.boolean().default(false),
    shadow: z.boolean().default(false),
    writeThrough: z.boolean().default(false),
    authoritativeRead: z.boolean().default(false),
    projectionRetired: z.boolean().default(false),
    workspaceIsolation: z.boolean().default(true),
    staleTtl: duration(1, STALE_TTL_MAX_MS).prefault("1h"),
    validatorTimeout: limitMs.prefault("2m"),
    maxRunHistory: z.int().min(0).max(RUN_HISTORY_MAX).default(100),
  })
    .superRefine((stages, context) => {
      for (const { stage, needs, because } of STAGE_NEEDS) {
        if (!stages[stage] || stages[needs]) continue;
        const message = `false, or runLedger.${needs}: true with it: ${because}`;
        context.addIssue({ code: "custom", path: [stage], message });
      }
    })
    .prefault({}),
  rollout: closed({
    tables: textUpTo(limit.TARGET_CHARS).default(""),
    board: textUpTo(limit.TARGET_CHARS).default(""),
  })
    .refine(
      ({ tables, board }) => tables === "" || board === "",
      "tables or board, not both: a host has one table",
    )
    .prefault({}),
}).transform(
  ({ agents, agentTimeout, leaseTtl, runLedger, ...same }): Settings => ({
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
}: Omit<Settings["runLedger"], "staleTtlMs" | "validatorTimeoutMs"> & {
  readonly staleTtl: number;
  readonly validatorTimeout: number;
}): Settings["runLedger"] => ({ ...same, staleTtlMs: staleTtl, validatorTimeoutMs: validatorTimeout });

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
