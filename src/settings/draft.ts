import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { stringify } from "yaml";
import { type Flaw, isRecord, toDefects } from "../core/defects.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { isKeyOf } from "./agent-keys.js";
import { changed, replaceFile, type SettingEdit } from "./edit.js";
import { namedGroups } from "./groups.js";
import { ANY_NAME, type SettingKey, settingKeys } from "./keys.js";
import {
  fileLayer,
  type Judged,
  judgeLayers,
  type Layer,
  mergeLayers,
  originOf,
  refusal,
  writerOf,
} from "./layers.js";
import { inheritedFrom, readPlaces, type SettingsPlaces } from "./load.js";
import { keepOldText, type Moved, migrated, refuseOthers } from "./migrate.js";
import { dataFolder, type Env } from "./project.js";

export type SettingsTarget = "project" | "user";

/** One key as it would be with the changes of a draft. */
export type SettingRow = SettingKey & {
  readonly value: unknown;
  /** The value as people type it, in one line of YAML. */
  readonly text: string;
  /** `default`, `user PATH`, `project PATH` or `env NAME`. */
  readonly origin: string;
  /** Why it cannot be changed in this file; undefined when it can. */
  readonly locked: string | undefined;
  readonly changed: boolean;
  /** What is wrong with it, as loading the file would say. */
  readonly defects: readonly string[];
};

export type SettingsPreview = {
  readonly rows: readonly SettingRow[];
  /** All that keeps the draft from being saved: of the rows, and of what has no row. */
  readonly defects: readonly string[];
};

/** Changes of one settings file, looked at before they are written. */
export interface SettingsDraft {
  readonly target: SettingsTarget;
  readonly file: string;
  /** Whether the file itself has this key. */
  says(key: string): boolean;
  preview(changes: readonly SettingEdit[]): SettingsPreview;
  /** Writes all of them or none; throws `settings_invalid` with every defect. */
  save(changes: readonly SettingEdit[]): Promise<void>;
}

export const openSettingsDraft = async (input: {
  readonly projectDir: string;
  readonly env: Env;
  readonly target?: SettingsTarget;
}): Promise<SettingsDraft> => {
  const { projectDir, env, target = "project" } = input;
  const places = await readPlaces(projectDir, env);
  const { file } = placeOf(places, target);
  const judge = await judgeOfDrafts();
  return {
    target,
    file,
    says: (key) => {
      const { layer } = changedIn(places, target, []);
      return originOf(key.split("."), [layer]) !== undefined;
    },
    preview: (changes) => previewOf(places, target, changes, judge),
    // What others wrote into the file since it was read stays.
    save: async (changes) => {
      const now = await readPlaces(projectDir, env);
      const after = changedIn(now, target, changes);
      requireFit(now, target, after, { judge, hint: NOTHING_WRITTEN });
      await replaceFile(file, after.text);
    },
  };
};

export type SettingsMigration = {
  readonly file: string;
  readonly moved: readonly Moved[];
  /** Sections of some other program, by key. */
  readonly others: readonly string[];
  /** Where the old text is kept; undefined when nothing was written. */
  readonly backup: string | undefined;
};

/** Makes a settings file of before one of today; what is written is valid, and the old text is kept first. */
export const migrateSettings = async (input: {
  readonly projectDir: string;
  readonly env: Env;
  readonly target?: SettingsTarget;
  readonly leaveOutOthers?: boolean;
  /** Only says what would change, and whether the result would be valid. */
  readonly dryRun?: boolean;
}): Promise<SettingsMigration> => {
  const { projectDir, env, target = "project", leaveOutOthers = false, dryRun = false } = input;
  const places = await readPlaces(projectDir, env);
  const { file, text: before } = placeOf(places, target);
  if (before === undefined)
    throw new LedgerError("file_not_found", `There is no settings file ${file}.`, {
      hint: "runledger init writes one to start from.",
    });
  const { text, moved, others } = migrated(before, file, { leaveOutOthers });
  if (others.length > 0 && !leaveOutOthers && !dryRun) throw refuseOthers(file, others);
  if (others.length === 0 || leaveOutOthers)
    requireFit(places, target, { text, layer: fileLayer(text, file, `${target} ${file}`) });
  if (dryRun || moved.length === 0) return { file, moved, others, backup: undefined };
  const folder = target === "user" ? dirname(file) : await dataFolder(projectDir, env);
  const backup = await keepOldText(folder, file, before);
  await replaceFile(file, text);
  return { file, moved, others, backup };
};

const placeOf = (places: SettingsPlaces, target: SettingsTarget) => {
  const place = places[target];
  if (place !== undefined) return place;
  throw new LedgerError("settings_invalid", "There is no place for a user's settings file.", {
    hint: "Set HOME or XDG_CONFIG_HOME.",
  });
};

type After = { readonly text: string; readonly layer: Layer };

const changedIn = (
  places: SettingsPlaces,
  target: SettingsTarget,
  changes: readonly SettingEdit[],
): After => {
  const { file, text } = placeOf(places, target);
  return changed(text ?? "", { file, origin: `${target} ${file}`, changes });
};

type Judge = (layers: readonly Layer[]) => Pick<Judged, "flaws" | "contradictions">;

/** Stricter than loading is, and loaded when somebody edits: few commands need to read cron expressions. */
const judgeOfDrafts = async (): Promise<Judge> => {
  const { neverDue } = await import("./due.js");
  return (layers) => {
    const { flaws, contradictions } = judgeLayers(layers);
    return { flaws: [...flaws, ...neverDue(mergeLayers(layers), flaws)], contradictions };
  };
};

/** All files, with the changed one in its place. */
const filesWith = (places: SettingsPlaces, target: SettingsTarget, own: Layer): readonly Layer[] => {
  const user = target === "user" ? own : fileOf(places.user, "user");
  const project = target === "project" ? own : fileOf(places.project, "project");
  return [user, project].filter((one) => one !== undefined);
};

const fileOf = (place: SettingsPlaces["user"], origin: SettingsTarget): Layer | undefined =>
  place?.text === undefined ? undefined : fileLayer(place.text, place.file, `${origin} ${place.file}`);

/** The file has no place to mend: what was wrong is the change. */
const NOTHING_WRITTEN =
  "Nothing was written. `runledger config list` shows every key, and docs/settings.md what each takes.";

/** Throws unless the file fits with what lies below it, with all files, and with the environment above them. */
const requireFit = (
  places: SettingsPlaces,
  target: SettingsTarget,
  { layer: own }: After,
  { judge = judgeLayers, hint }: { readonly judge?: Judge; readonly hint?: string } = {},
): void => {
  const files = filesWith(places, target, own);
  for (const stack of [files.slice(0, files.indexOf(own) + 1), files, [...files, ...places.env]]) {
    const flaws = flawsOfOwn(judge, stack, own);
    if (flaws.length > 0) throw refusal(flaws, stack, hint);
  }
};

/** What another place says wrong is told when it is loaded, and must not keep anyone from mending this one. */
const flawsOfOwn = (judge: Judge, stack: readonly Layer[], own: Layer): readonly Flaw[] => {
  const { flaws, contradictions } = judge(stack);
  return [...flaws.filter(({ at }) => writerOf(at, stack) === own), ...contradictions];
};

const previewOf = (
  places: SettingsPlaces,
  target: SettingsTarget,
  changes: readonly SettingEdit[],
  judge: Judge,
): SettingsPreview => {
  const problems = changes.map((change) => refusedBy(() => changedIn(places, target, [change])));
  const unread = new Map(changes.flatMap(({ key }, at) => (problems[at] === undefined ? [] : [[key, at]])));
  const readable = changes.filter((_, at) => problems[at] === undefined);
  const stack = (own: Layer) => [...filesWith(places, target, own), ...places.env];
  const before = mergeLayers(stack(changedIn(places, target, []).layer));
  const after = changedIn(places, target, readable);
  const all = stack(after.layer);
  const now = mergeLayers(all);
  const flaws = flawsNow(all, judge);
  const rows = keysIn(now).map((about): SettingRow => {
    const keys = about.key.split(".");
    const at = unread.get(about.key);
    const value = valueIn(now, about);
    const origin = originOf(keys, all) ?? inheritedFrom(keys, all) ?? "default";
    return {
      ...about,
      value,
      text: at === undefined ? settingText(value) : (changes[at]?.value ?? ""),
      origin,
      locked: lockOf(origin, after.layer),
      changed: at !== undefined || !isDeepStrictEqual(value, valueIn(before, about)),
      defects: at === undefined ? flawsAt(flaws, about.key) : [problems[at] ?? ""],
    };
  });
  const refused = refusedBy(() => requireFit(places, target, after, { judge }));
  const told = problems.filter((problem) => problem !== undefined);
  return { rows, defects: refused === undefined ? told : [...told, refused] };
};

const refusedBy = (attempt: () => unknown): string | undefined => {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (isLedgerError(error)) return error.message;
    throw error;
  }
};

type ToldFlaw = { readonly key: string; readonly line: string };

const flawsNow = (layers: readonly Layer[], judge: Judge): readonly ToldFlaw[] => {
  const judged = judge(layers);
  const flaws = [...judged.flaws, ...judged.contradictions];
  return toDefects(flaws, "settings").map(({ found, expected }, index) => ({
    key: flaws[index]?.at.map(String).join(".") ?? "",
    line: `found ${found}, expected ${expected}`,
  }));
};

/** What is wrong inside a value is told with it, and with each of them what is wrong of some together. */
const flawsAt = (flaws: readonly ToldFlaw[], key: string): readonly string[] =>
  flaws
    .filter((flaw) => flaw.key === key || flaw.key.startsWith(`${key}.`) || key.startsWith(`${flaw.key}.`))
    .map(({ line }) => line);

/** Every key with the names there are put in: an agent has as many rows as an agent has settings. */
const keysIn = (tree: Readonly<Record<string, unknown>>): readonly SettingKey[] => {
  const known = settingKeys();
  const ofAny = (group: string) => `${group}.${ANY_NAME}.`;
  const namedIn = (group: string): readonly SettingKey[] => {
    const below = tree[group];
    return Object.entries(isRecord(below) ? below : {}).flatMap(([name, entry]) =>
      known
        .filter(({ key }) => key.startsWith(ofAny(group)))
        .filter(({ key }) => group !== "agents" || isOfAgent(entry, key.slice(ofAny(group).length)))
        .map((about) => ({
          ...about,
          key: about.key.replace(ofAny(group), `${group}.${name}.`),
          default: about.key === `${ofAny("agents")}timeout` ? limitOfAll(known, tree) : about.default,
        })),
    );
  };
  const alone = known.filter(({ key }) => !namedGroups.some((group) => key.startsWith(ofAny(group))));
  return [...alone, ...namedGroups.flatMap(namedIn)];
};

/** What its kind refuses is shown only where it stands, to be taken out. */
const isOfAgent = (agent: unknown, key: string): boolean =>
  !isRecord(agent) || Object.hasOwn(agent, key) || isKeyOf(agent.kind, key);

/** An agent without a limit of its own has that of all agents. */
const limitOfAll = (known: readonly SettingKey[], tree: Readonly<Record<string, unknown>>): unknown =>
  tree.agentTimeout ?? known.find(({ key }) => key === "agentTimeout")?.default;

const valueIn = (
  tree: Readonly<Record<string, unknown>>,
  { key, default: byDefault }: SettingKey,
): unknown => {
  let value: unknown = tree;
  for (const part of key.split(".")) {
    value = isRecord(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }
  return value ?? byDefault;
};

/** One line of YAML, as `config set` takes it. */
const settingText = (value: unknown): string => {
  if (value === undefined) return "";
  if (typeof value === "string" && /[\n\r]/.test(value)) return JSON.stringify(value);
  return stringify(value, { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 }).trimEnd();
};

const lockOf = (origin: string, own: Layer): string | undefined => {
  const [place = "", ...name] = origin.split(" ");
  if (place === "env") return `${name.join(" ")} is set, and what the environment says counts`;
  if (place !== "project" || origin === own.origin) return undefined;
  return `${name.join(" ")} says it, and the project's file counts before the user's`;
};
