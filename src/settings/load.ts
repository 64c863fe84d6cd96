import { isAbsolute, join } from "node:path";
import { isRecord, nearestOf, quoted } from "../core/defects.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import {
  checkLayers,
  fileLayer,
  type Layer,
  originOf,
  parseValue,
  readSettingsText,
  valueLayer,
} from "./layers.js";
import { isOfBefore } from "./migrate.js";
import { type Env, SETTINGS_FILE } from "./project.js";
import { type Settings, settingsListed } from "./schema.js";

type LoadedSettings = {
  readonly settings: Settings;
  /** Dotted key to `default`, `user PATH`, `project PATH` or `env NAME`; one for every value. */
  readonly origins: Readonly<Record<string, string>>;
  /** The project's settings file, whether or not it exists. */
  readonly file: string;
};

/** A value counts from the nearest place that names it: environment, then project, then user, then the default. */
export const loadSettings = async (projectDir: string, env: Env): Promise<LoadedSettings> => {
  const { user, project, env: variables } = await readPlaces(projectDir, env);
  const layers = [...layerOf(user, "user"), ...layerOf(project, "project"), ...variables];
  const settings = mindingTheOld([user, project], () => checkLayers(layers));
  return { settings, origins: originsOf(settings, layers), file: project.file };
};

/** No program of before had more sections and keys. */
const DEFECTS_OF_BEFORE = 500;

/** What is refused may only be old. */
const mindingTheOld = <T>(files: readonly (Place | undefined)[], check: () => T): T => {
  try {
    return check();
  } catch (error) {
    if (!isLedgerError(error) || error.hint !== undefined) throw error;
    // Nonsense by the thousand is not old, and is not to be read a second time.
    if (Number(error.details.count) > DEFECTS_OF_BEFORE) throw error;
    const old = files.findIndex((place) => place?.text !== undefined && isOfBefore(place.text, place.file));
    if (old === -1) throw error;
    const hint = `It may be from before, or another program's: runledger config migrate${old === 0 ? " --user" : ""}`;
    throw new LedgerError(error.code, error.message, { details: error.details, hint });
  }
};

type Place = {
  readonly file: string /** undefined: there is no such file. */;
  readonly text: string | undefined;
};

/** Where settings come from, as it was read. */
export type SettingsPlaces = {
  /** undefined: nobody's home. */
  readonly user: Place | undefined;
  readonly project: Place;
  readonly env: readonly Layer[];
};

export const readPlaces = async (projectDir: string, env: Env): Promise<SettingsPlaces> => {
  const userFile = userSettingsFile(env);
  const file = join(projectDir, SETTINGS_FILE);
  return {
    user: userFile === undefined ? undefined : { file: userFile, text: await readSettingsText(userFile) },
    project: { file, text: await readSettingsText(file) },
    env: envLayers(env),
  };
};

/** The value at a dotted key as it would stand in the file, default included. */
export const getSetting = (settings: Settings, key: string): unknown => {
  let value: unknown = settingsListed(settings);
  for (const segment of key.split(".")) {
    if (isRecord(value) && Object.hasOwn(value, segment)) value = value[segment];
    else throw unknownKey(key, segment, isRecord(value) ? Object.keys(value) : []);
  }
  return value;
};

/** `RUNLEDGER_SET_runLedger__staleTtl=2h`: the key with `__` for its dots, the value in YAML. */
const ENV_PREFIX = "RUNLEDGER_SET_";

const layerOf = (place: Place | undefined, origin: "user" | "project"): Layer[] =>
  place?.text === undefined ? [] : [fileLayer(place.text, place.file, `${origin} ${place.file}`)];

/** The XDG rules: a relative folder is none, and without a home there is no user file. */
const userSettingsFile = (env: Env): string | undefined => {
  const configHome = env.XDG_CONFIG_HOME;
  if (configHome !== undefined && isAbsolute(configHome)) return join(configHome, "runledger", "config.yaml");
  return env.HOME ? join(env.HOME, ".config", "runledger", "config.yaml") : undefined;
};

const envLayers = (env: Env): Layer[] =>
  Object.entries(env)
    .filter(([name]) => name.startsWith(ENV_PREFIX))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text = ""]) => {
      const keys = name.slice(ENV_PREFIX.length).split("__");
      return valueLayer(keys, parseValue(text, name), `env ${name}`);
    });

const originsOf = (settings: Settings, layers: readonly Layer[]): Record<string, string> => {
  const origins: Record<string, string> = {};
  const walk = (value: unknown, keys: readonly string[]): void => {
    if (isRecord(value) && Object.keys(value).length > 0) {
      for (const [key, inner] of Object.entries(value)) walk(inner, [...keys, key]);
    } else origins[keys.join(".")] = originOf(keys, layers) ?? inheritedFrom(keys, layers) ?? "default";
  };
  walk(settingsListed(settings), []);
  return origins;
};

/** An agent without a limit of its own has that of all agents. */
export const inheritedFrom = (
  [first, , last]: readonly string[],
  layers: readonly Layer[],
): string | undefined =>
  first === "agents" && last === "timeout" ? originOf(["agentTimeout"], layers) : undefined;

const unknownKey = (key: string, segment: string, known: readonly string[]): LedgerError => {
  const nearest = nearestOf(segment, known);
  const hint =
    nearest === undefined ? {} : { hint: `Did you mean ${quoted(key.replace(segment, nearest))}?` };
  return new LedgerError("unknown_key", `There is no setting ${quoted(key)}.`, hint);
};
