import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import type { HostRun } from "../../src/core/reported.js";
import type { Drift } from "../../src/rollout/drift.js";
import { createRollout } from "../../src/rollout/rollout.js";
import type { Stage } from "../../src/rollout/stage.js";
import { openedIn, temporaryFolder } from "../helpers/ledgers.js";
import { fileTable } from "./file-table.js";
import { settingsOf } from "./hosts.js";

type Operation = "create" | "update" | "complete";
export const operations: readonly Operation[] = ["create", "update", "complete"];

/** Where the process ends; what the table and the ledger have then; what the host reads after one replay. */
type Blow = readonly [victim: string, when: "before" | "after", table: boolean, ledger: boolean];

const blows: { readonly [S in Exclude<Stage, "off" | "authoritative_read">]: readonly Blow[] } = {
  shadow: [
    ["ledger.submit", "before", true, false],
    ["ledger.submit", "after", true, true],
    ["store.markSync", "before", true, true],
  ],
  write_through: [
    ["ledger.submit", "before", false, false],
    ["ledger.submit", "after", false, true],
    ["table.save", "before", false, true],
    ["table.save", "after", true, true],
    ["store.markSync", "after", true, true],
  ],
  projection_retired: [
    ["ledger.submit", "before", false, false],
    ["ledger.submit", "after", false, true],
  ],
};

const isDone: { readonly [O in Operation]: (runs: readonly HostRun[]) => boolean } = {
  create: (runs) => runs.some(({ id }) => id === "r2"),
  update: (runs) => runs.some(({ steps }) => steps[0]?.status === "completed"),
  complete: (runs) => runs.some(({ status }) => status === "completed"),
};

const killed = async (folder: string, ...told: readonly string[]): Promise<void> => {
  const args = ["--import", "tsx", resolve("test/rollout/dying-host.ts"), folder, ...told];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
};

const openedAt = async (folder: string, stage: Stage) => {
  const { ledger, host } = await openedIn(join(folder, "ledger"));
  const projection = await fileTable(join(folder, "table"));
  return createRollout({ ledger: { ledger, host }, projection, settings: settingsOf(stage) });
};

const driftsOf = async (drifts: AsyncIterable<Drift>): Promise<string[]> => {
  const kinds: string[] = [];
  for await (const { kind, id } of drifts) kinds.push(`${kind} ${id}`);
  return kinds;
};

/** Every blow, with the operations that `chosen` picks for it. */
export const killEach = (chosen: (blow: number) => readonly Operation[]): void => {
  let count = 0;
  for (const stage of Object.keys(blows) as (keyof typeof blows)[])
    describe(`A host that is killed at the stage ${stage}`, () => {
      for (const [victim, when, table, ledger] of blows[stage]) {
        const picked = chosen(count++);
        for (const operation of picked)
          test(`${when} ${victim} of ${operation}`, async () => {
            const folder = await temporaryFolder();
            await killed(folder, stage, operation, victim, when);
            const all = { limit: 10 };
            const done = isDone[operation];
            expect(done(await (await fileTable(join(folder, "table"))).list(all))).toBe(table);
            expect(done(await (await openedAt(folder, "projection_retired")).list(all))).toBe(ledger);
            const rollout = await openedAt(folder, stage);
            const { repaired, failed } = await rollout.replay();
            expect(failed).toEqual([]);
            if (stage !== "projection_retired") {
              expect(repaired).toHaveLength(table === ledger ? 0 : 1);
              expect(await driftsOf(rollout.drift())).toEqual([]);
              expect((await rollout.status()).runs).toMatchObject({ pending: 0, degraded: 0 });
            }
            expect(done(await rollout.list(all))).toBe(stage === "shadow" ? table : ledger);
          });
      }
    });
};
