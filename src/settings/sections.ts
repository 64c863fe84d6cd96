import * as z from "zod";
import { type Flaw, isRecord, quoted } from "../core/defects.js";
import { GLOB_CHARS, refusedInGlobs } from "../core/globs.js";
import * as limit from "../core/limits.js";
import { isReservedName, ORCHESTRATOR_NAMES } from "../core/names.js";
import { ProjectGlob, ProjectPath, refusedInPaths } from "../core/paths.js";
import { closed, ID, ID_WORDS, isId, listOf, textUpTo } from "../core/wire.js";
import {
  type About,
  choice,
  described,
  duration,
  list,
  listWords,
  matchingNone,
  portable,
  toggle,
  wholeNumber,
  withWords,
} from "./kinds.js";

/** Agents, words of a command and names: more than any project has, less than hurts. */
const ENTRIES_MAX = 200;
/** What lists were tried with, a hundred times over; who wants more wants all, which is 0. */
const RUN_HISTORY_MAX = 1_000_000;
/** A paused run older than a year is not resumed, it is run again. */
const STALE_TTL_MAX_MS = 365 * limit.TIMEOUT_MAX_MS;

export const LIMIT_BOUNDS = { minMs: 1, maxMs: limit.TIMEOUT_MAX_MS };

const Word = withWords(textUpTo(limit.TARGET_CHARS), () => ({
  maxLength: limit.TARGET_CHARS,
  not: { pattern: "\\x00" },
}));
const Argv = withWords(
  listOf(Word, ENTRIES_MAX, 1).refine(
    ([program]) => program?.trim() !== "",
    "a command whose first word is a program",
  ),
  () => ({ ...listWords(Word, ENTRIES_MAX, 1), allOf: [{ items: [{ pattern: "\\S" }] }] }),
);
const VariableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, "the name of an environment variable");
const variableNames = (about: About) => list("words", about, VariableName, ENTRIES_MAX).default([]);

const OWN_FOLDERS = /^(?:\.?\/)*(?:\.|\.git|\.runledger)?(?:\/|$)/i;
const SharedPath = withWords(
  ProjectPath.refine(
    (path) => !OWN_FOLDERS.test(path),
    "a path below the project, outside .git and .runledger",
  ),
  () => ({ maxLength: limit.TARGET_CHARS, ...matchingNone([...refusedInPaths(), OWN_FOLDERS]) }),
);
export const Glob = withWords(ProjectGlob, () => ({
  maxLength: GLOB_CHARS,
  ...matchingNone([...refusedInPaths(), ...refusedInGlobs]),
}));

const AgentName = withWords(
  z
    .string()
    .refine((name) => !isReservedName(name), "a name that is not reserved")
    .refine(isId, ID_WORDS),
  () => ({
    maxLength: limit.ID_CHARS,
    pattern: ID.source,
    not: { pattern: portable(new RegExp(`^(?:${ORCHESTRATOR_NAMES.join("|")})$`, "i")) },
  }),
);

const Agent = closed({
  kind: choice(
    { title: "Kind", description: "What it is: a program that is started for each of its steps." },
    ["command"],
  ),
  run: described(
    "words",
    { title: "Program", description: "The program and its arguments; it may be a script of this project." },
    Argv,
  ),
  env: variableNames({
    title: "Variables",
    description: "Names of environment variables that are passed through to it.",
  }),
  timeout: duration(
    { title: "Time limit", description: "How long it may work on a step, instead of agentTimeout." },
    LIMIT_BOUNDS,
  ).optional(),
});

export const Agents = z.record(AgentName, Agent);

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

/** In the order they are shown; what is in an object is in the group of its name. */
export const settingGroups = {
  runLedger: "RunLedger",
  run: "Run",
  agents: "Agents",
  workspace: "Workspace",
  rollout: "Rollout",
} as const;

export const RunLedgerKeys = withWords(
  closed({
    enabled: toggle(
      {
        title: "Enabled",
        description:
          "The rollout of a host that keeps its runs elsewhere too; while it is off the stages below do nothing.",
      },
      false,
    ),
    shadow: toggle(
      { title: "Shadow", description: "The host works as before, and the ledger records alongside." },
      false,
    ),
    writeThrough: toggle(
      { title: "Write-through", description: "The ledger is written first, then the host's own records." },
      false,
    ),
    authoritativeRead: toggle(
      { title: "Authoritative read", description: "What is read comes from the ledger; needs writeThrough." },
      false,
    ),
    projectionRetired: toggle(
      {
        title: "Projection retired",
        description: "The host's own records are written no more; needs authoritativeRead.",
      },
      false,
    ),
    workspaceIsolation: toggle(
      {
        title: "Workspace isolation",
        description:
          "Agents and validators get private clones; off, they share your folder, one step at a time, no commits.",
      },
      true,
    ),
    staleTtl: duration(
      {
        title: "Stale after",
        description: "How long a run paused on request stays resumable without --stale.",
      },
      { minMs: 1, maxMs: STALE_TTL_MAX_MS },
    ).prefault("1h"),
    validatorTimeout: duration(
      {
        title: "Validator timeout",
        description: "Bounds a validator whose step sets no timeout of its own.",
      },
      LIMIT_BOUNDS,
    ).prefault("2m"),
    maxRunHistory: wholeNumber(
      {
        title: "Finished runs kept",
        description: "Finished runs that stay; older ones are archived, and 0 keeps all of them.",
      },
      { min: 0, max: RUN_HISTORY_MAX, byDefault: 100 },
    ),
  }),
  () => ({ allOf: STAGE_NEEDS.map(stageWords) }),
);

export const RolloutKeys = withWords(
  closed({
    tables: described(
      "text",
      {
        title: "SQL tables",
        description:
          "SQLite file in which the host keeps its runs, from the project's folder; empty for none.",
      },
      Word,
    ).default(""),
    board: described(
      "text",
      {
        title: "Markdown board",
        description:
          "Markdown file in which the host keeps its runs, from the project's folder; empty for none.",
      },
      Word,
    ).default(""),
  }),
  () => ({ anyOf: [{ not: says("tables") }, { not: says("board") }] }),
);

const says = (key: string) => ({ required: [key], properties: { [key]: { minLength: 1 } } });

export const WorkspaceKeys = closed({
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
  passEnv: variableNames({
    title: "Variables passed on",
    description: "Names of environment variables that validators and set-up commands may see.",
  }),
});

const stageWords = ({ stage, needs }: (typeof STAGE_NEEDS)[number]) => ({
  anyOf: [{ not: isOn(stage) }, isOn(needs)],
});

const isOn = (key: string) => ({ required: [key], properties: { [key]: { const: true } } });

/** What each key says is right, and together it is not; told of files with other defects too. */
export const contradictionsIn = ({
  runLedger,
  rollout,
}: Readonly<Record<string, unknown>>): readonly Flaw[] => [
  ...(isRecord(runLedger) ? stageContradictions(runLedger) : []),
  ...(isRecord(rollout) ? tableContradictions(rollout) : []),
];

const stageContradictions = (keys: Readonly<Record<string, unknown>>): readonly Flaw[] =>
  STAGE_NEEDS.filter(({ stage, needs }) => keys[stage] === true && keys[needs] !== true).map(
    ({ stage, needs, because }) => ({
      at: ["runLedger", stage],
      found: "true",
      expected: `false, or runLedger.${needs}: true with it: ${because}`,
    }),
  );

const tableContradictions = ({ tables, board }: Readonly<Record<string, unknown>>): readonly Flaw[] =>
  [tables, board].every((text) => typeof text === "string" && text !== "")
    ? [
        {
          at: ["rollout", "board"],
          found: quoted(String(board)),
          expected: "tables or board, not both: a host has one table",
        },
      ]
    : [];
