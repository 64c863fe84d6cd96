import { describe, expect, test } from "vitest";
import { isLedgerError } from "../../src/core/errors.js";
import { type RolloutSettings, stageChange, stageOf, stages } from "../../src/rollout/stage.js";
import { settingsOf } from "./hosts.js";

const off: RolloutSettings = settingsOf("off");
const set = (...keys: readonly (keyof RolloutSettings)[]): RolloutSettings => ({
  ...off,
  ...Object.fromEntries(keys.map((key) => [key, true])),
});
const FLAGS = ["enabled", "shadow", "writeThrough", "authoritativeRead", "projectionRetired"] as const;
const everySetting = Array.from({ length: 32 }, (_, bits) =>
  set(...FLAGS.filter((_flag, at) => (bits >> at) & 1)),
);
/** What is said against settings; null for sound ones. */
const refusalOf = (settings: RolloutSettings): string | null => {
  try {
    stageOf(settings);
    return null;
  } catch (error) {
    if (isLedgerError(error, "settings_invalid")) return error.message;
    throw error;
  }
};
const sound = everySetting.filter((settings) => refusalOf(settings) === null);

describe("The stage", () => {
  test.each([
    [set(), "off"],
    [set("shadow", "writeThrough"), "off"],
    [set("enabled"), "off"],
    [set("enabled", "shadow"), "shadow"],
    [set("enabled", "writeThrough"), "write_through"],
    [set("enabled", "shadow", "writeThrough"), "write_through"],
    [set("enabled", "writeThrough", "authoritativeRead"), "authoritative_read"],
    [set("enabled", "writeThrough", "authoritativeRead", "projectionRetired"), "projection_retired"],
  ] as const)("is the highest one that is set: %j is %s", (settings, stage) => {
    expect(stageOf(settings)).toBe(stage);
  });

  test("is none when one is set without the one it stands on, and the sentence names both", () => {
    expect(refusalOf(set("authoritativeRead"))).toMatch(
      /^runLedger\.authoritativeRead is set without runLedger\.writeThrough: /,
    );
    expect(refusalOf(set("writeThrough", "projectionRetired"))).toMatch(
      /^runLedger\.projectionRetired is set without runLedger\.authoritativeRead: /,
    );
    expect(sound).toHaveLength(16);
  });
});

describe("The settings to be written", () => {
  const written = (settings: RolloutSettings, direction: "advance" | "retreat") => {
    const change = stageChange(settings, direction);
    if (change === undefined) return undefined;
    const values = change.changes.map(({ key, value }) => [key.slice("runLedger.".length), value]);
    return { change, after: { ...settings, ...Object.fromEntries(values) } as RolloutSettings };
  };

  test("lead exactly one stage further or back, from whatever sound settings there are", () => {
    for (const settings of sound)
      for (const [direction, by] of [
        ["advance", 1],
        ["retreat", -1],
      ] as const) {
        const to = stages[stages.indexOf(stageOf(settings)) + by];
        const answer = written(settings, direction);
        expect(answer?.change.to).toBe(to);
        expect(answer && stageOf(answer.after)).toBe(to);
      }
  });

  test("are one key, where somebody went step by step, and two at the first", () => {
    expect(written(set(), "advance")?.change.changes).toEqual([
      { key: "runLedger.enabled", value: true },
      { key: "runLedger.shadow", value: true },
    ]);
    expect(written(settingsOf("shadow"), "advance")?.change.changes).toEqual([
      { key: "runLedger.writeThrough", value: true },
    ]);
    for (const [stage, key] of [
      ["projection_retired", "runLedger.projectionRetired"],
      ["authoritative_read", "runLedger.authoritativeRead"],
      ["write_through", "runLedger.writeThrough"],
      ["shadow", "runLedger.shadow"],
    ] as const)
      expect(written(settingsOf(stage), "retreat")?.change.changes).toEqual([{ key, value: false }]);
  });

  test("are none beyond either end", () => {
    expect(stageChange(set(), "retreat")).toBeUndefined();
    expect(stageChange(settingsOf("projection_retired"), "advance")).toBeUndefined();
  });
});
