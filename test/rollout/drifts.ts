import { expect } from "vitest";
import type { Drift } from "../../src/rollout/drift.js";
import { hostRun } from "../helpers/cast.js";
import { newWorld } from "./hosts.js";

export const all = async (drifts: AsyncIterable<Drift>): Promise<Drift[]> => {
  const found: Drift[] = [];
  for await (const drift of drifts) found.push(drift);
  return found;
};
export const named = (drifts: readonly Drift[]): string[] =>
  drifts.map(({ kind, id, stepId }) => [kind, id, stepId].filter(Boolean).join(" ")).sort();

/** So many runs are mirrored, and one that differs then is found. */
export const expectFoundByPages = async (count: number): Promise<void> => {
  const world = await newWorld();
  const time = Date.UTC(2026, 0, 1);
  for (let index = 0; index < count; index += 1) {
    const record = hostRun({ id: `r${index}`, createdAt: new Date(time + index).toISOString(), steps: [] });
    world.table.records.set(record.id, record);
  }
  // A table in memory sorts itself at each question; that is not what is tried here.
  const sorted = [...world.table.records.values()].reverse();
  const asked: number[] = [];
  const paged = {
    ...world.table,
    list: async ({ limit, after }: { limit: number; after?: string }) => {
      asked.push(limit);
      const from = after === undefined ? 0 : count - Number(after.slice(1));
      return sorted.slice(from, from + limit);
    },
  };
  const rollout = world.at("shadow", { projection: paged });
  expect((await rollout.replay()).repaired).toHaveLength(count);
  const third = Math.floor(count / 3);
  const changed = { ...(world.table.records.get(`r${third}`) ?? hostRun()), status: "paused" } as const;
  sorted[count - 1 - third] = changed;
  world.table.records.set(`r${third}`, changed);
  asked.length = 0;
  expect(named(await all(rollout.drift()))).toEqual([`run_status r${third}`]);
  expect(asked.length).toBeGreaterThan(2);
  expect(Math.max(...asked)).toBeLessThanOrEqual(1_000);
};
