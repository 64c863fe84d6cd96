import type * as z from "zod";
import { type Flaw, isRecord } from "../core/defects.js";
import * as limit from "../core/limits.js";
import { stageNeeds } from "../core/stage-needs.js";
import { closed } from "../core/wire.js";
import { duration, toggle, wholeNumber } from "./kinds.js";

/** The ledger itself, and the stages of a rollout. */
export type RunLedgerSettings = {
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
  /** So often a planner is asked again for a plan that has defects. */
  readonly plannerMaxRetries: number;
};

/** What lists were tried with, a hundred times over; who wants more wants all, which is 0. */
const RUN_HISTORY_MAX = 1_000_000;
/** A model that has not mended its plan by then does not; each try is paid for. */
const PLANNER_RETRIES_MAX = 20;
/** A paused run older than a year is not resumed, it is run again. */
const STALE_TTL_MAX_MS = 365 * limit.TIMEOUT_MAX_MS;

/** Of validators and agents alike. */
export const LIMIT_BOUNDS = { minMs: 1, maxMs: limit.TIMEOUT_MAX_MS };

export const RunLedgerKeys = closed({
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
    { title: "Validator timeout", description: "Bounds a validator whose step sets no timeout of its own." },
    LIMIT_BOUNDS,
  ).prefault("2m"),
  maxRunHistory: wholeNumber(
    {
      title: "Finished runs kept",
      description: "Finished runs that stay; older ones are archived, and 0 keeps all of them.",
    },
    { min: 0, max: RUN_HISTORY_MAX, byDefault: 100 },
  ),
  plannerMaxRetries: wholeNumber(
    {
      title: "Planner retries",
      description: "How often a planner is told the defects of its plan and asked for another one.",
    },
    { min: 0, max: PLANNER_RETRIES_MAX, byDefault: 2 },
  ),
});

export const inMilliseconds = ({
  staleTtl,
  validatorTimeout,
  ...same
}: z.output<typeof RunLedgerKeys>): RunLedgerSettings => ({
  ...same,
  staleTtlMs: staleTtl,
  validatorTimeoutMs: validatorTimeout,
});

/** That a stage needs another, in JSON Schema. */
export const stageWords = ({ stage, needs }: (typeof stageNeeds)[number]) => ({
  anyOf: [{ not: isOn(stage) }, isOn(needs)],
});

const isOn = (key: string) => ({ required: [key], properties: { [key]: { const: true } } });

/** What each key says is right, and together it is not; told of files with other defects too. */
export const contradictedStages = ({ runLedger }: Readonly<Record<string, unknown>>): readonly Flaw[] => {
  if (!isRecord(runLedger)) return [];
  return stageNeeds
    .filter(({ stage, needs }) => runLedger[stage] === true && runLedger[needs] !== true)
    .map(({ stage, needs, because }) => ({
      at: ["runLedger", stage],
      found: "true",
      expected: `false, or runLedger.${needs}: true with it: ${because}`,
    }));
};
