import type { SettingEdit, SettingsTarget } from "../../../index.js";
import { quoted } from "../browser/words.js";

/** What to type in a shell for the same. */
export const twinOf = ({ key, value }: SettingEdit, target: SettingsTarget): string => {
  const words = value === undefined ? ["unset", key] : ["set", key, value];
  const file = target === "user" ? ["--user"] : [];
  return ["runledger", "config", ...[...words, ...file].map(quoted)].join(" ");
};
