import { isAbsolute, join } from "node:path";
import { createRun } from "../../../tools/create-run.js";
import type { ToolHost } from "../../../tools/tool.js";
import { isLedgerError, LedgerError } from "../../core/errors.js";
import { readPlan } from "../../core/plan.js";
import { planWire } from "../../core/plan-wire.js";
import type { RunStatus } from "../../core/run.js";
import { sessionScope } from "../../ledger/keys.js";
import type { WorkerOptions } from "../backends/local.js";
import { type Finding, fail, ok } from "../findings.js";
import { forgetOthers } from "./forgetting.js";
import type { Schedule, Schedules } from "./schedules.js";

type ScheduleSetting = Omit<Schedule, "name"> & {
  /** From the project's folder. */
  readonly plan: string;
  /** Instead of the plan's own; "" is none. */
  readonly goal: string;
  readonly enabled: boolean;
};

type Parts = {
  readonly host: ToolHost;
  readonly settings: { readonly schedules: Readonly<Record<string, ScheduleSetting>> };
  readonly projectDir: string;
  /** The plan in this file, or the text in which it is to be found. */
  readonly readPlanFile: (file: string) => Promise<unknown>;
};

export type ListedSchedule = ScheduleSetting & {
  readonly name: string;
  /** When it is due next; null where it is not enabled, or never again. */
  readonly nextAt: string | null;
  /** The run that it began last, of those that are still here. */
  readonly lastRun: { readonly runId: string; readonly createdAt: string; readonly status: RunStatus } | null;
  /** Why it could begin no run now. */
  readonly problem: string | null;
};

export interface SchedulingFaces {
  /** What begins by the clock here, by name. */
  schedules(): Promise<readonly ListedSchedule[]>;
}

export type Scheduling = {
  readonly faces: SchedulingFaces;
  readonly ofWorkers: Pick<WorkerOptions, "openSchedules">;
  /** Whether each that is enabled could begin its run. */
  readonly findings: () => Promise<readonly Finding[]>;
};

/** Loaded where there are schedules: most projects have none. */
const timing = () => import("./timing.js");
const clockwork = () => import("./schedules.js");

export const openScheduling = (parts: Parts): Scheduling => {
  const { host, settings } = parts;
  const nowMs = (): number => Date.parse(host.ledger.now());
  const all = Object.entries(settings.schedules).map(([name, one]) => ({ ...one, name }));
  const enabled = all.filter((one) => one.enabled);
  return {
    faces: {
      schedules: async () => {
        const listed: ListedSchedule[] = [];
        for (const [name, one] of Object.entries(settings.schedules).sort())
          listed.push(await listedAs(parts, { ...one, name }, nowMs()));
        return listed;
      },
    },
    findings: () => scheduleFindings(parts),
    ofWorkers: {
      openSchedules: async (onTrouble) => {
        const { store } = host.ledger;
        const tell = (name: string, error: unknown): void => onTrouble(`schedule ${name}`, error);
        await forgetOthers({ store, nowMs }, enabled).catch((error: unknown) =>
          onTrouble("schedules", error),
        );
        if (enabled.length === 0) return NONE;
        // Who starts a worker hears of it now, not in the night in which it is due.
        for (const one of enabled) await planOf(parts, one).catch((error: unknown) => tell(one.name, error));
        return (await clockwork()).openSchedules({
          schedules: enabled,
          store,
          nowMs,
          begin: (one, dueMs) => begin(parts, { ...settings.schedules[one.name], ...one }, dueMs),
          onTrouble: tell,
        });
      },
    },
  };
};

const NONE: Schedules = { fire: async () => undefined, nextMs: () => null };

type Named = Schedule & Partial<ScheduleSetting>;

const fileOf = ({ projectDir }: Parts, { plan = "" }: Named): string =>
  isAbsolute(plan) ? plan : join(projectDir, plan);

/** As `run` reads it, and with the schedule's goal. Throws for what is no plan. */
const planOf = async (parts: Parts, schedule: Named): Promise<unknown> => {
  const { agents } = parts.host.ledger.rules;
  const given = await parts.readPlanFile(fileOf(parts, schedule));
  const plan = readPlan(given, agents === null ? {} : { agents });
  return planWire(schedule.goal ? { ...plan, goal: schedule.goal } : plan);
};

/**
 * One run for one due time: its key is taken in the append that makes the run, and outlives it. Whoever comes later, after a
 * crash or in another worker, finds it taken; so does who would begin it with a plan that was changed since.
 */
const begin = async (parts: Parts, schedule: Named, dueMs: number): Promise<void> => {
  const { ledger } = parts.host;
  const due = new Date(dueMs).toISOString();
  const sessionKey = sessionOf(schedule.name);
  if ((await ledger.store.findKey(sessionScope(sessionKey), due)) !== undefined) return;
  const caller = ledger.issue({ name: schedule.name, role: "orchestrator", sessionKey });
  try {
    await createRun(parts.host, caller, {
      plan: await planOf(parts, schedule),
      sessionKey,
      originalRequest: `schedule ${schedule.name}, due ${due}`,
      allowDirty: schedule.plan === undefined ? [] : [schedule.plan],
      idempotencyKey: due,
    });
  } catch (error) {
    if (!isLedgerError(error, "idempotency_key_reused")) throw error;
  }
};

const sessionOf = (name: string): string => `schedule:${name}`;

const listedAs = async (
  parts: Parts,
  schedule: ScheduleSetting & { readonly name: string },
  nowMs: number,
): Promise<ListedSchedule> => {
  const { ledger } = parts.host;
  const [last] = await ledger.list({ sessionKey: sessionOf(schedule.name), limit: 1 });
  const found = await look(parts, schedule, nowMs);
  return {
    ...schedule,
    nextAt: schedule.enabled ? found.nextAt : null,
    lastRun: last ? { runId: last.runId, createdAt: last.createdAt, status: last.status } : null,
    problem: found.problem?.message ?? null,
  };
};

type Looked = { readonly nextAt: string | null; readonly problem: LedgerError | null };

const look = async (parts: Parts, schedule: Named, nowMs: number): Promise<Looked> => {
  let nextAt: string | null = null;
  try {
    const nextMs = (await timing()).nextAfter(schedule)(nowMs);
    nextAt = nextMs === null ? null : new Date(nextMs).toISOString();
    if (nextMs === null) throw never(schedule);
    await planOf(parts, schedule);
    return { nextAt, problem: null };
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    return { nextAt, problem: error };
  }
};

const never = ({ cron }: Named): LedgerError =>
  new LedgerError("settings_invalid", `There is no day on which "${cron}" is due.`, {
    hint: "The 30th of February never comes.",
  });

const scheduleFindings = async (parts: Parts): Promise<readonly Finding[]> => {
  const findings: Finding[] = [];
  for (const [name, one] of Object.entries(parts.settings.schedules)) {
    if (!one.enabled) continue;
    const check = `schedule ${name}`;
    const { nextAt, problem } = await look(parts, { ...one, name }, Date.parse(parts.host.ledger.now()));
    findings.push(
      problem === null
        ? ok(check, `${one.plan}, next ${nextAt}`)
        : fail(check, problem.message, problem.hint ?? `Mend schedules.${name}.`),
    );
  }
  return findings;
};
