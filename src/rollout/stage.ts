import { LedgerError } from "../core/errors.js";
import { stageNeeds } from "../core/stage-needs.js";

/** In the order of a rollout; each but the first is one settings key. */
export const stages = ["off", "shadow", "write_through", "authoritative_read", "projection_retired"] as const;
export type Stage = (typeof stages)[number];

/** The keys `runLedger.*` that decide the stage. */
export type RolloutSettings = {
  readonly enabled: boolean;
  readonly shadow: boolean;
  readonly writeThrough: boolean;
  readonly authoritativeRead: boolean;
  readonly projectionRetired: boolean;
};

/** One line to be written into the settings file. */
export type SettingChange = { readonly key: `runLedger.${keyof RolloutSettings}`; readonly value: boolean };

export type StageChange = {
  readonly from: Stage;
  readonly to: Stage;
  readonly changes: readonly SettingChange[];
};

const keys = {
  shadow: "shadow",
  write_through: "writeThrough",
  authoritative_read: "authoritativeRead",
  projection_retired: "projectionRetired",
} as const satisfies { readonly [S in Exclude<Stage, "off">]: keyof RolloutSettings };

/** The highest one that is set. Throws `settings_invalid` for settings that contradict each other. */
export const stageOf = (settings: RolloutSettings): Stage => {
  const alone = stageNeeds.find(({ stage, needs }) => settings[stage] && !settings[needs]);
  if (alone !== undefined)
    throw new LedgerError(
      "settings_invalid",
      `runLedger.${alone.stage} is set without runLedger.${alone.needs}: ${alone.because}.`,
      { hint: "Set the stages one after the other: `runledger rollout advance`." },
    );
  if (!settings.enabled) return "off";
  return [...stages].reverse().find((stage) => stage === "off" || settings[keys[stage]]) ?? "off";
};

/** What to write to be one stage further or one stage back; undefined at the end. Pure. */
export const stageChange = (
  settings: RolloutSettings,
  direction: "advance" | "retreat",
): StageChange | undefined => {
  const from = stageOf(settings);
  const at = stages.indexOf(from);
  const to = stages[direction === "advance" ? at + 1 : at - 1];
  return to === undefined ? undefined : { from, to, changes: changesTo(settings, to) };
};

/** Everything above the stage is unset, the stage itself is set; what stands below it is nobody's business. */
const changesTo = (settings: RolloutSettings, to: Stage): readonly SettingChange[] => {
  const wanted: [keyof RolloutSettings, boolean][] = to === "off" ? [] : [["enabled", true]];
  for (const stage of stages)
    if (stage !== "off" && stages.indexOf(stage) >= stages.indexOf(to))
      wanted.push([keys[stage], stage === to]);
  return wanted
    .filter(([key, value]) => settings[key] !== value)
    .map(([key, value]) => ({ key: `runLedger.${key}`, value }));
};
