import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { EffectContext, EffectOptions } from "../../src/engine/effects/context.js";
import type { RunLedger } from "../../src/index.js";
import { began, clockAt, stateOf } from "../helpers/driving.js";
import { PLAN_OF_LIVES, runOfLives } from "../helpers/lives.js";

const HOUR_MS = 3_600_000;

/** What nobody has listened to while this went on: outside of a test it ends the process. */
const unheardDuring = async (work: () => Promise<void>): Promise<unknown[]> => {
  const unheard: unknown[] = [];
  const hear = (reason: unknown): void => void unheard.push(reason);
  process.on("unhandledRejection", hear);
  try {
    await work();
    await nextTurn();
  } finally {
    process.off("unhandledRejection", hear);
  }
  return unheard;
};

describe("what a function that has lost its race had begun and not waited for", () => {
  it("is told to nobody, also when it is a race or several calls at once", async () => {
    const clock = clockAt("2026-03-01T00:00:00.000Z");
    const { app, runId } = await runOfLives(async (effects) => {
      return effects.race([
        async () => {
          const inner = effects.race([
            () => effects.promise<string>("x"),
            () => effects.promise<string>("y"),
          ]);
          const both = effects.all([effects.promise("z"), effects.effect("fails", { class: "pure" }, fail)]);
          await effects.sleep("2h");
          return `${await inner}${await both}`;
        },
        () => effects.sleep("1h").then(() => "in time"),
      ]);
    }, clock.now);
    const unheard = await unheardDuring(async () => {
      await app.drive(runId);
      clock.move(HOUR_MS);
      const { run } = await app.drive(runId);
      expect(stateOf(run, "a")).toMatchObject({ status: "completed", proposal: { result: "in time" } });
    });
    expect(unheard).toEqual([]);
  });
});

describe("an effect that was under way when its function lost, and the process ended", () => {
  const KEYED = { class: "idempotent", key: "order-7" } as const;

  /** Lives end as a kill ends them, with the charge of the first one under way behind a race that the timer has won. */
  const cutOff = async (charge: EffectOptions, main: (effects: EffectContext) => Promise<unknown>) => {
    const clock = clockAt("2026-03-01T00:00:00.000Z");
    const stop = new AbortController();
    const charges: number[] = [];
    const beside: string[] = [];
    const { app, runId } = await runOfLives(async (effects, life) => {
      if (life > 2) return `charged: ${await effects.effect("charge", charge, () => "not again")}`;
      const first = await effects.race([
        async () => {
          beside.push(`called in ${life}`);
          try {
            const at = await effects.now();
            // What the ledger does not see: its agent has long returned.
            if (life > 1) for (let turn = 0; turn < 500; turn += 1) await nextTurn();
            await effects.effect("charge", charge, async () => {
              charges.push(at);
              if (life > 1) return "receipt";
              clock.move(HOUR_MS);
              return new Promise<never>(() => undefined);
            });
            await effects.effect("receipt sent", { class: "pure" }, () => beside.push("sent"));
            return "charged";
          } finally {
            beside.push(`let go in ${life}`);
          }
        },
        async () => {
          beside.push(`slept in ${life}`);
          await effects.sleep(1);
          return "too slow";
        },
      ]);
      if (life === 1) {
        await effects.effect("noted", { class: "pure" }, () => undefined);
        // What was recorded before it is on the disk.
        await effects.effect("last", { class: "guarded", risk: "none" }, () => undefined);
        stop.abort();
        return new Promise<never>(() => undefined);
      }
      return `${first}${await main(effects)}`;
    }, clock.now);
    await app.drive(runId, stop.signal);
    expect(await statusOf(app, runId, "charge")).toBe("open");
    return { app, runId, charges, beside };
  };

  const lastOf = async (effects: EffectContext): Promise<string> => {
    await effects.effect("noted", { class: "pure" }, () => undefined);
    await effects.effect("last", { class: "guarded", risk: "none" }, () => undefined);
    return "";
  };

  it("is ended by the next life, which does nothing else of that function; its key is free for others", async () => {
    const { app, runId, charges, beside } = await cutOff(KEYED, lastOf);
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ status: "completed", proposal: { result: "too slow" } });
    expect(await statusOf(app, runId, "charge")).toBe("done");
    expect(new Set(charges).size).toBe(1);
    expect(charges).toHaveLength(2);
    expect(beside).toEqual(["called in 1", "slept in 1", "called in 2", "slept in 2", "let go in 2"]);
    const other = await began(app, PLAN_OF_LIVES);
    const { run: next } = await app.drive(other);
    expect(stateOf(next, "a")).toMatchObject({ proposal: { result: "charged: receipt" } });
  });

  it("is a person's to decide where it says so", async () => {
    const asking = { class: "guarded", risk: "money", onAmbiguous: "fail", key: "order-8" } as const;
    const { app, runId, charges } = await cutOff(asking, lastOf);
    const { run } = await app.drive(runId);
    expect(run.state.status).not.toBe("completed");
    expect(charges).toHaveLength(1);
  });
});

const statusOf = async (app: RunLedger, runId: string, name: string): Promise<string | undefined> =>
  (await app.effects(runId)).find((one) => one.name === name)?.status;

const fail = (): never => {
  throw new Error("it fails");
};
