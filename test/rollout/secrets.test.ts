import { describe, expect, test } from "vitest";
import { createRedactor } from "../../src/core/redact.js";
import { hostStep } from "../helpers/cast.js";
import { newWorld, type World } from "./hosts.js";

const VALUE = "q7zt-p4wx-11";
const redactor = createRedactor([{ name: "TOKEN_VARIABLE", value: VALUE }]);

const saidIn = async (world: World): Promise<string> => {
  const mirrors = await world.store.listMirrors({ projection: "board", limit: 10 });
  return JSON.stringify([await world.store.feed(0, 100), mirrors]);
};

describe("a host's records with a secret in them", () => {
  test.each(["shadow", "write_through"] as const)(
    "differ in nothing from what the ledger keeps: %s",
    async (stage) => {
      const world = await newWorld(undefined, redactor);
      const rollout = world.at(stage);
      const { run } = await rollout.create({
        kind: "workflow",
        sessionKey: "session-1",
        name: `Ship ${VALUE}`,
        request: VALUE,
        steps: [hostStep("a", { goal: VALUE })],
      });
      const error = `it said ${VALUE}`;
      await rollout.update(run.id, {
        kind: "step_status",
        stepId: "a",
        status: "failed",
        result: VALUE,
        error,
      });
      expect(await saidIn(world)).toContain("it said [redacted:TOKEN_VARIABLE]");
      expect(await saidIn(world)).not.toContain(VALUE);
      const record = world.table.records.get(run.id);
      // Where the ledger leads, the table is given what the ledger has.
      const request = stage === "shadow" ? VALUE : "[redacted:TOKEN_VARIABLE]";
      expect(record).toMatchObject({ request, steps: [{ goal: request }] });
      for await (const drift of rollout.drift()) expect.unreachable(JSON.stringify(drift));
      expect(await rollout.replay()).toMatchObject({ repaired: [], failed: [] });
      expect(world.table.records.get(run.id)).toEqual(record);
      expect(world.troubles).toEqual([]);
    },
  );

  test("nor does the ledger keep one that the host's table complains of", async () => {
    const locked = () => Promise.reject(new Error(`cannot open db:${VALUE}`));
    const world = await newWorld(undefined, redactor);
    const rollout = world.at("write_through", {
      projection: { ...world.table, create: locked, save: locked },
    });
    await rollout.create({ kind: "workflow", sessionKey: "s", name: "n", request: "", steps: [] });
    expect(await saidIn(world)).toContain("cannot open db:[redacted:TOKEN_VARIABLE]");
    expect(await saidIn(world)).not.toContain(VALUE);
  });
});
