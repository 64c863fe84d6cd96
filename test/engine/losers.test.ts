import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { clockAt, stateOf } from "../helpers/driving.js";
import { runOfLives } from "../helpers/lives.js";

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

const fail = (): never => {
  throw new Error("it fails");
};
