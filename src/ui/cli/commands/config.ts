import {
  findProject,
  getSetting,
  isLedgerError,
  loadSettings,
  migrateSettings,
  openSettingsDraft,
  type Settings,
  type SettingsTarget,
  settingsJsonSchema,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { printJson, printLine, say } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";

/** Which file is meant. */
export type Which = { readonly user: boolean };

const load = async ({ directory, terminal }: Bench) =>
  loadSettings(await findProject(directory), terminal.env);

const targetOf = ({ user }: Which): SettingsTarget => (user ? "user" : "project");

const draftOf = async ({ directory, terminal }: Bench, which: Which) =>
  openSettingsDraft({
    projectDir: await findProject(directory),
    env: terminal.env,
    target: targetOf(which),
  });

export const getConfig = async (bench: Bench, key: string): Promise<number> => {
  const value = getSetting((await load(bench)).settings, key);
  if (bench.output.json) printJson(bench.output, { key, value });
  else printLine(bench.output, worded(value));
  return EXIT.done;
};

export const setConfig = async (bench: Bench, key: string, value: string, which: Which): Promise<number> => {
  const draft = await draftOf(bench, which);
  await draft.save([{ key, value }]);
  return sayWhatCounts(bench, key, draft.file);
};

/** Back to what lies below: the user's file, or the default. */
export const unsetConfig = async (bench: Bench, key: string, which: Which): Promise<number> => {
  const draft = await draftOf(bench, which);
  const there = draft.says(key);
  if (there) await draft.save([{ key, value: undefined }]);
  const { settings } = await load(bench);
  // What has gone whole, such as an agent, has no value any more; what was never there is told as unknown.
  const value = there ? valueOrNull(settings, key) : getSetting(settings, key);
  if (bench.output.json) printJson(bench.output, { key, value, file: draft.file });
  else {
    const now = value === null ? "is gone" : `= ${worded(value)}`;
    say(bench.output, `${key} ${now}  (${there ? "left out of" : "was not in"} ${draft.file})`);
  }
  return EXIT.done;
};

const valueOrNull = (settings: Settings, key: string): unknown => {
  try {
    return getSetting(settings, key);
  } catch (error) {
    if (isLedgerError(error, "unknown_key")) return null;
    throw error;
  }
};

/** What was written may lie below something that says otherwise. */
const sayWhatCounts = async (bench: Bench, key: string, file: string): Promise<number> => {
  const { settings, origins } = await load(bench);
  const value = getSetting(settings, key);
  if (bench.output.json) printJson(bench.output, { key, value, file });
  else {
    say(bench.output, `${key} = ${worded(value)}  (${file})`);
    const origin = origins[key] ?? "default";
    if (origin !== "default" && !origin.endsWith(` ${file}`))
      say(bench.output, `What counts is ${origin}: it lies above that file.`);
  }
  return EXIT.done;
};

export const listConfig = async (bench: Bench, showOrigin: boolean): Promise<number> => {
  const { settings, origins } = await load(bench);
  const rows = Object.entries(origins).map(([key, origin]) => ({
    key,
    value: getSetting(settings, key),
    origin,
  }));
  if (bench.output.json) printJson(bench.output, { settings: rows });
  else
    await printTable(bench.output, {
      head: ["KEY", "VALUE", ...(showOrigin ? ["ORIGIN"] : [])],
      rows: rows.map(({ key, value, origin }) => [key, worded(value), ...(showOrigin ? [origin] : [])]),
      empty: "",
    });
  return EXIT.done;
};

/** Indented, because people read it too; it is one document for programs all the same. */
export const printSchema = ({ output }: Bench): number => {
  printLine(output, JSON.stringify(settingsJsonSchema(), null, output.json ? undefined : 2));
  return EXIT.done;
};

export type Migrating = Which & { readonly dryRun: boolean; readonly leaveOutOthers: boolean };

export const migrateConfig = async (bench: Bench, options: Migrating): Promise<number> => {
  const { output, terminal } = bench;
  const projectDir = await findProject(bench.directory);
  const target = targetOf(options);
  const { dryRun, leaveOutOthers } = options;
  const done = await migrateSettings({ projectDir, env: terminal.env, target, dryRun, leaveOutOthers });
  const { file, moved, others, backup } = done;
  if (output.json) {
    printJson(output, { file, dryRun, moved, others, backup: backup ?? null });
    return EXIT.done;
  }
  for (const { key, how } of moved) printLine(output, `${key} ${how}`);
  if (dryRun && others.length > 0 && !leaveOutOthers)
    say(output, `Not RunLedger's, and left out with --leave-out-others: ${others.join(", ")}.`);
  if (moved.length === 0) say(output, `Nothing in ${file} is from before.`);
  else if (backup === undefined) say(output, "Nothing was written: that was a dry run.");
  else say(output, `${file} is of today; the old text is in ${backup}.`);
  return EXIT.done;
};

const worded = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
