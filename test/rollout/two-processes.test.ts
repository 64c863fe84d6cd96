import { describe, expect, test } from "vitest";
import type { HostRun } from "../../src/core/reported.js";
import { hostStep } from "../helpers/cast.js";
import { newWorld, type World } from "./hosts.js";

const newRun = (id: string) => ({
  id,
  kind: "workflow" as const,
  sessionKey: "session-1",
  name: "Ship it",
  request: "please",
  steps: [hostStep("a")],
});
const status = (stepId: string, to: "running" | "completed") =>
  ({ kind: "step_status", stepId, status: to, result: "", error: "" }) as const;

describe("Two processes of one host on one run", () => {
  /** The same table, whose named call first lets the other process write, once. */
  const overtaken = (world: World, call: "save" | "read", other: () => Promise<unknown>) => {
    let due = true;
    const first = async (): Promise<void> => {
      if (!due) return;
      due = false;
      await other();
    };
    const { save, read } = world.table;
    const before = {
      save: (run: HostRun) => first().then(() => save(run)),
      read: async (id: string) => {
        const found = await read(id);
        await first();
        return found;
      },
    };
    return { ...world.table, [call]: before[call] };
  };
  const isSettled = async (world: World): Promise<void> => {
    expect(world.table.records.get("r")).toEqual(await world.at("projection_retired").read("r"));
    expect(world.table.records.get("r")?.steps[0]?.status).toBe("completed");
    expect((await world.at("write_through").status()).runs).toEqual({ synced: 1, pending: 0, degraded: 0 });
  };

  test("leave the newest in the table, also when the older record arrives there last", async () => {
    const world = await newWorld();
    await world.at("write_through").create(newRun("r"));
    const faster = () => world.at("write_through").update("r", status("a", "completed"));
    const slow = world.at("write_through", { projection: overtaken(world, "save", faster) });
    expect((await slow.update("r", status("a", "running"))).degraded).toBeNull();
    await isSettled(world);
  });

  test("also when one of them replays what the other is about to change", async () => {
    const world = await newWorld();
    await world.at("write_through").create(newRun("r"));
    world.table.records.delete("r");
    const faster = () => world.at("write_through").update("r", status("a", "completed"));
    const slow = world.at("write_through", { projection: overtaken(world, "read", faster) });
    expect((await slow.replay()).failed).toEqual([]);
    await isSettled(world);
  });
});
